package postgres

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// aptScript installs PostgreSQL on Debian and its kin; it runs as root.
//
//go:embed install_apt.sh
var aptScript string

// findOrInstall returns PostgreSQL's programs, which it installs when the
// machine has none that fits: by the system's package manager if we may, else by
// downloading them into a cache. It installs nothing beside another major
// version than the data's: choosing between them is for the operator.
func (c *cluster) findOrInstall(ctx context.Context) (binaries, error) {
	if c.major != 0 && c.major < oldestMajor {
		return binaries{}, fmt.Errorf("the database in %s was made by PostgreSQL %d and Anton needs %d or newer: convert it with pg_upgrade, or set DATABASE_URL", c.data(), c.major, oldestMajor)
	}
	cache, err := downloadCache()
	if err != nil {
		return binaries{}, err
	}
	places := append([]string{filepath.Join(globQuote(cache), "[0-9]*", "bin")}, usualPlaces...)
	b, err := find(ctx, c.major, c.as, places)
	if !errors.Is(err, errNotFound) {
		return b, err
	}
	// Several programs may want it at once, as the tests of several packages do.
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return binaries{}, fmt.Errorf("make a place for PostgreSQL's programs: %w", err)
	}
	lock, err := lockFileAloud(ctx, filepath.Join(cache, "install.lock"), c.Log, "waiting for another process that is installing PostgreSQL…")
	if err != nil {
		return binaries{}, err
	}
	defer lock.release()
	b, err = find(ctx, c.major, c.as, places) // it may have been installed meanwhile
	if !errors.Is(err, errNotFound) {
		return b, err
	}
	return c.install(ctx, err, places, cache)
}

// install tries what can be tried here. missing says what the machine has.
func (c *cluster) install(ctx context.Context, missing error, places []string, cache string) (binaries, error) {
	var tried []string
	advice := installAdvice(c.major)
	rootShell, ok := mayInstall(ctx)
	if ok {
		c.Log.Info("installing PostgreSQL with apt-get (about a minute)…")
		err := c.runInstaller(ctx, rootShell)
		if err == nil {
			// The package brings the user that PostgreSQL should run as.
			err = c.chooseUser()
		}
		if err == nil {
			return find(ctx, c.major, c.as, places)
		}
		if ctx.Err() != nil {
			return binaries{}, fmt.Errorf("install PostgreSQL: %w", ctx.Err())
		}
		c.Log.Warn("apt-get could not install PostgreSQL", "error", err)
		tried = append(tried, "apt-get: "+err.Error())
		if errors.Is(err, errNoPackage) {
			advice = "install it from https://www.postgresql.org/download/"
		}
	}
	err := c.download(ctx, mavenCentral, cache)
	if err == nil {
		return find(ctx, c.major, c.as, places)
	}
	if ctx.Err() != nil {
		return binaries{}, fmt.Errorf("install PostgreSQL: %w", ctx.Err())
	}
	tried = append(tried, "download: "+err.Error())
	return binaries{}, fmt.Errorf("%w: %s and start again, or set DATABASE_URL to a database that exists (%s)",
		missing, advice, strings.Join(tried, "; "))
}

// mayInstall returns the command that runs a script as root, when this is a
// Debian or its kin and we are root or may become it without a password.
func mayInstall(ctx context.Context) (rootShell []string, ok bool) {
	for _, program := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, false
		}
	}
	if os.Geteuid() == 0 {
		return []string{"/bin/sh"}, true
	}
	if exec.CommandContext(ctx, "sudo", "-n", "true").Run() != nil {
		return nil, false
	}
	return []string{"sudo", "-n", "/bin/sh"}, true
}

// runInstaller runs the script to its end, with its output in install.log. When
// ctx ends first we leave and the script goes on: a package manager that is
// killed half way leaves the system in need of repair.
func (c *cluster) runInstaller(ctx context.Context, rootShell []string) error {
	name := filepath.Join(c.Dir, "install.log")
	out, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the installation's log: %w", err)
	}
	defer out.Close()
	want := ""
	if c.major != 0 {
		want = strconv.Itoa(c.major)
	}
	command := slices.Concat(rootShell, []string{"-c", aptScript, "install", want, strconv.Itoa(oldestMajor)})
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ended:
		if err == nil {
			_ = os.Remove(name)
			return nil
		}
		var status *exec.ExitError
		if errors.As(err, &status) && status.ExitCode() == 3 {
			return errNoPackage
		}
		said, _ := os.ReadFile(name)
		return fmt.Errorf("%w: %s (more in %s)", err, gist(said), name)
	}
}

// errNoPackage says that the system's package manager cannot help.
var errNoPackage = errors.New("the package sources of this system have no PostgreSQL that fits")

// installAdvice says what an operator types on this system.
func installAdvice(major int) string {
	version := ""
	if major != 0 {
		version = strconv.Itoa(major)
	}
	for _, manager := range []struct{ program, command string }{
		{"apt-get", "sudo apt-get install postgresql" + strings.TrimSuffix("-"+version, "-")},
		{"dnf", "sudo dnf install postgresql" + version + "-server"},
		{"yum", "sudo yum install postgresql" + version + "-server"},
		{"zypper", "sudo zypper install postgresql" + version + "-server"},
		{"apk", "sudo apk add postgresql" + version},
		{"pacman", "sudo pacman -S postgresql"},
		{"brew", "brew install postgresql@" + cmp.Or(version, strconv.Itoa(newestDownload))},
	} {
		if _, err := exec.LookPath(manager.program); err == nil {
			return "install it with " + manager.command
		}
	}
	return "install it from https://www.postgresql.org/download/"
}
