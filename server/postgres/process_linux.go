package postgres

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// alive reports whether process pid runs. One that has ended and that nobody
// buries, as in a container without an init, does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	// The state follows the program's name, which is in parentheses and may hold any.
	_, state, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// workingDir identifies the directory that a process runs in. PostgreSQL runs in
// its data directory. A container may forbid even root to look.
func workingDir(pid int) (fs.FileInfo, error) {
	return os.Stat("/proc/" + strconv.Itoa(pid) + "/cwd")
}

// processName is the short name of a process's program.
func processName(pid int) (string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return strings.TrimSpace(string(text)), err
}
