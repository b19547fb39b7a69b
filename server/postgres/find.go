package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// oldestMajor is the first release whose public schema is closed to roles that
// do not own the database, which the two roles of the server rely on.
const oldestMajor = 15

// binaries are one installation's programs.
type binaries struct {
	dir   string // holds postgres and initdb
	major int
}

// usualPlaces are where packages put PostgreSQL outside the PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // PostgreSQL's own packages for Fedora, RHEL
	"/usr/lib64/pgsql*/bin",
	"/usr/libexec/postgresql*", // Alpine
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
}

// errNotFound says that the machine has no fitting PostgreSQL; what it wants, and
// what it has, is in the text around it. Installing one may help.
var errNotFound = errors.New("was not found")

// find returns the newest usable PostgreSQL, or the one of major want when want
// is not 0. ANTON_PG_BIN, when set, is the only place looked at. The programs
// are tried as the user that will run them.
func find(ctx context.Context, want int, as *syscall.Credential, places []string) (binaries, error) {
	if dir := os.Getenv("ANTON_PG_BIN"); dir != "" {
		b, err := probe(ctx, dir, as)
		switch {
		case err != nil:
			return binaries{}, fmt.Errorf("ANTON_PG_BIN=%s: %w", dir, err)
		case want != 0 && b.major != want:
			return binaries{}, fmt.Errorf("ANTON_PG_BIN=%s is PostgreSQL %d, and the database was made by PostgreSQL %d: %s", dir, b.major, want, otherMajorAdvice(want))
		case b.major < oldestMajor:
			return binaries{}, fmt.Errorf("ANTON_PG_BIN=%s is PostgreSQL %d, and Anton needs %d or newer", dir, b.major, oldestMajor)
		}
		return b, nil
	}
	var best binaries
	var seen []int
	for _, dir := range candidates(places) {
		b, err := probe(ctx, dir, as)
		if err != nil {
			continue // half an installation, or one for another user: the next may be whole
		}
		seen = append(seen, b.major)
		if fits := want == 0 && b.major >= oldestMajor || b.major == want; fits && b.major > best.major {
			best = b
		}
	}
	switch {
	case ctx.Err() != nil:
		return binaries{}, ctx.Err()
	case best.major != 0:
		return best, nil
	case len(seen) > 0 && want != 0:
		return binaries{}, fmt.Errorf("the database was made by PostgreSQL %d and this machine has %s: %s", want, majors(seen), otherMajorAdvice(want))
	case len(seen) > 0:
		return binaries{}, fmt.Errorf("PostgreSQL %d or newer %w (this machine has %s)", oldestMajor, errNotFound, majors(seen))
	case want != 0:
		return binaries{}, fmt.Errorf("PostgreSQL %d, which made the database, %w", want, errNotFound)
	default:
		return binaries{}, fmt.Errorf("PostgreSQL %d or newer %w", oldestMajor, errNotFound)
	}
}

func otherMajorAdvice(want int) string {
	return fmt.Sprintf("install postgresql-%d, or convert the database with pg_upgrade", want)
}

func majors(seen []int) string {
	slices.Sort(seen)
	words := make([]string, 0, len(seen))
	for _, major := range slices.Compact(seen) {
		words = append(words, strconv.Itoa(major))
	}
	return "PostgreSQL " + strings.Join(words, " and ")
}

// candidates lists directories to look at, best known first, each once.
func candidates(places []string) []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		// A link in a PATH directory has no initdb beside it; its target has.
		if target, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	for _, place := range places {
		found, _ := filepath.Glob(place) // the only error is a malformed pattern
		for _, dir := range found {
			if target, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
				dirs = append(dirs, filepath.Dir(target))
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(dirs, func(dir string) bool {
		again := seen[dir]
		seen[dir] = true
		return again
	})
}

// probe runs "postgres --version" in dir, which says "postgres (PostgreSQL) 15.18 (Debian …)".
func probe(ctx context.Context, dir string, as *syscall.Credential) (binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, fmt.Errorf("look for initdb: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return binaries{}, fmt.Errorf("run postgres --version: %w", err)
	}
	major, ok := parseMajor(string(out))
	if !ok {
		return binaries{}, fmt.Errorf("postgres --version said %q", firstLine(string(out)))
	}
	return binaries{dir: dir, major: major}, nil
}

// parseMajor reads the major version out of postgres --version: 15.18, 18beta1, 19devel.
func parseMajor(text string) (int, bool) {
	_, rest, ok := strings.Cut(text, "(PostgreSQL) ")
	if !ok {
		return 0, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, err := strconv.Atoi(rest[:end])
	if err != nil || major == 0 {
		return 0, false
	}
	return major, true
}
