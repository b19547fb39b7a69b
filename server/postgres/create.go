package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// create makes the cluster beside its place and moves it there when it is whole
// and on disk, so a data directory is never half made. What an interrupted
// attempt left is removed by the next.
func (c *cluster) create(ctx context.Context, b binaries) error {
	leftovers, _ := filepath.Glob(filepath.Join(globQuote(c.home), "pg.new-*"))
	for _, leftover := range leftovers {
		_ = os.RemoveAll(leftover)
	}
	c.Log.Info("creating the database cluster", "directory", c.data())
	fresh, err := os.MkdirTemp(c.home, "pg.new-*")
	if err != nil {
		return fmt.Errorf("create the database's directory: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := c.give(fresh); err != nil {
		return fmt.Errorf("hand the database's directory to %s: %w", userName(*c.as), err)
	}
	args := []string{
		"-D", fresh, "-U", "postgres", "-E", "UTF8", "--no-locale", "--data-checksums",
		"--auth-local=trust", "--auth-host=reject",
	}
	if c.Throwaway {
		args = append(args, "--no-sync")
	}
	cmd := c.command(filepath.Join(b.dir, "initdb"), c.home, args...)
	if out, err := runGroup(ctx, cmd); err != nil {
		return fmt.Errorf("create the database cluster in %s: %w: %s", c.home, err, gist(out))
	}
	_ = os.Remove(c.data()) // an empty directory is no obstacle; inspect has seen that there is no more
	if err := os.Rename(fresh, c.data()); err != nil {
		return fmt.Errorf("put the new database in its place: %w", err)
	}
	if err := syncDir(c.home); err != nil {
		return fmt.Errorf("put the new database in its place: %w", err)
	}
	return nil
}

// globQuote takes the meaning from the characters that filepath.Glob knows.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// repairOwner hands over a cluster that root copied: its files are root's then,
// and PostgreSQL refuses them.
func (c *cluster) repairOwner() error {
	if c.as == nil {
		return nil
	}
	info, err := os.Stat(filepath.Join(c.data(), "PG_VERSION"))
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if ownerOf(info).Uid == c.as.Uid {
		return nil
	}
	err = filepath.WalkDir(c.data(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return c.give(path)
	})
	if err != nil {
		return fmt.Errorf("hand the database to %s: %w", userName(*c.as), err)
	}
	return nil
}

// command prepares one of PostgreSQL's programs: as the user that may run it, in
// a session of its own (the terminal's Ctrl-C is ours to answer, not
// PostgreSQL's), without PG… variables that would change what it does.
func (c *cluster) command(program, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") && !strings.HasPrefix(variable, "LANG") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.as}
	return cmd
}

// runGroup runs cmd to its end and returns what it said. When ctx ends first,
// cmd and everything it started is killed.
func runGroup(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.Bytes(), err
}
