//go:build !linux

package postgres

import (
	"errors"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// alive reports whether process pid runs.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// workingDir cannot be asked for without privileges here.
func workingDir(int) (fs.FileInfo, error) { return nil, errors.ErrUnsupported }

// processName is the path of a process's program.
func processName(pid int) (string, error) {
	out, err := exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "comm=").Output()
	return strings.TrimSpace(string(out)), err
}
