package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	pollEvery = 3 * time.Millisecond
	// leavingFor bounds the wait for a PostgreSQL that has been killed or told to
	// stop and still holds the directory.
	leavingFor   = 15 * time.Second
	stateBooting = "57P03" // SQLSTATE cannot_connect_now: starting up, or shutting down
)

// A cluster is one data directory and the PostgreSQL that serves it.
type cluster struct {
	Options                     // Dir is absolute, Log is not nil
	home    string              // where pg and run are: dir, or a place elsewhere
	sockets string              // the socket's directory
	major   int                 // of the data in pg; 0 when there is none yet
	owner   syscall.Credential  // of the data in pg
	as      *syscall.Credential // who runs PostgreSQL; nil is ourselves
	version string
	pid     int    // of the postmaster
	started *child // nil when we joined a PostgreSQL that was running
}

// A child is a PostgreSQL started by this process.
type child struct {
	pid   int
	ended chan struct{} // closed when it has been waited for
	err   error         // how it ended; read after ended
}

func (c *cluster) data() string    { return filepath.Join(c.home, "pg") }
func (c *cluster) logFile() string { return filepath.Join(c.Dir, "postgres.log") }

// join finds a PostgreSQL that serves our directory already: another server's,
// or one whose server was killed. It answers on the socket in our place, or on
// the one that postmaster.pid names, and it proves that it is ours by seeing a
// file that we make in our directory. One that is starting or stopping is waited for.
func (c *cluster) join(ctx context.Context) (bool, error) {
	c.sockets = socketDir(c.home)
	if c.major == 0 {
		return false, nil
	}
	own := c.sockets
	deadline := time.Now().Add(leavingFor)
	for {
		running := c.postmaster()
		busy := false
		places := []string{own}
		if running.sockets != "" && running.sockets != own {
			places = append(places, running.sockets)
		}
		for _, sockets := range places {
			conn, err := c.connect(ctx, sockets)
			if err != nil {
				busy = busy || isBooting(err)
				continue
			}
			same, err := c.sees(ctx, conn)
			closeSoon(conn)
			switch {
			case err != nil:
				return false, err
			case same:
				c.sockets, c.pid = sockets, c.postmaster().pid
				return true, nil
			case sockets == own:
				return false, c.foreignSocket()
			}
		}
		if ctx.Err() != nil {
			return false, fmt.Errorf("join the PostgreSQL that runs in %s: %w", c.data(), ctx.Err())
		}
		if !busy {
			if !c.serves(running) {
				c.clearStale(running.pid)
				return false, nil
			}
			if time.Now().After(deadline) {
				return false, fmt.Errorf("PostgreSQL (pid %d) runs in %s and does not answer on its socket: end it with kill -INT %[1]d and start again", running.pid, c.data())
			}
		}
		time.Sleep(pollEvery)
	}
}

func isBooting(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == stateBooting
}

// sees reports whether the server behind conn runs in our data directory. Paths
// cannot tell: the directory may have been moved, copied, or mounted elsewhere.
func (c *cluster) sees(ctx context.Context, conn *pgx.Conn) (bool, error) {
	name := "anton-was-here-" + rand.Text()
	file := filepath.Join(c.data(), name)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, fmt.Errorf("mark the database's directory: %w", err)
	}
	_ = f.Close() // nothing was written
	defer os.Remove(file)
	var same bool
	if err := conn.QueryRow(ctx, "select (pg_stat_file($1, true)).size is not null", name).Scan(&same); err != nil {
		return false, fmt.Errorf("ask PostgreSQL for its directory: %w", err)
	}
	return same, nil
}

// A pidFile is what postmaster.pid tells of the PostgreSQL that wrote it.
type pidFile struct {
	pid     int    // 0 when there is no such file, or none that makes sense
	data    string // its data directory
	sockets string // its socket's directory
}

func (c *cluster) postmaster() pidFile {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return pidFile{}
	}
	return parsePidFile(string(text))
}

// parsePidFile reads the lines process, data directory, start time, port,
// socket's directory (src/include/utils/pidfile.h). The later ones are written
// later, so they may be missing.
func parsePidFile(text string) pidFile {
	lines := strings.SplitN(text, "\n", 7)
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return pidFile{}
	}
	file := pidFile{pid: pid}
	if len(lines) > 1 {
		file.data = strings.TrimSpace(lines[1])
	}
	if len(lines) > 5 { // the line is whole only when another follows
		file.sockets = strings.TrimSpace(lines[4])
	}
	return file
}

// serves reports whether the process that our postmaster.pid names may be running
// in our directory. The file may be a copy of another directory's, or
// older than the machine's last start. In doubt it may.
func (c *cluster) serves(p pidFile) bool {
	if p.pid == 0 || !alive(p.pid) {
		return false
	}
	here, err := os.Stat(c.data())
	if err != nil {
		return true
	}
	if at, err := workingDir(p.pid); err == nil {
		return os.SameFile(at, here)
	}
	if name, err := processName(p.pid); err == nil && !strings.Contains(name, "postgres") {
		return false
	}
	if there, err := os.Stat(p.data); err == nil {
		return os.SameFile(there, here)
	}
	return true
}

// clearStale removes a postmaster.pid that would keep PostgreSQL from starting
// although nothing runs here. PostgreSQL itself clears up after a process that is
// gone; it does not when the number belongs to another process now.
func (c *cluster) clearStale(pid int) {
	if pid != 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		_ = os.Remove(filepath.Join(c.data(), "postmaster.pid"))
	}
}

// freeSocket makes sure that who answers on our socket will be the PostgreSQL
// that we start, and removes what an earlier one left there.
func (c *cluster) freeSocket(ctx context.Context) error {
	conn, err := c.connect(ctx, c.sockets)
	if err == nil {
		closeSoon(conn)
	}
	if err == nil || isBooting(err) {
		return c.foreignSocket()
	}
	for _, name := range []string{socketName, socketName + ".lock"} {
		if err := os.Remove(filepath.Join(c.sockets, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old socket: %w", err)
		}
	}
	return nil
}

func (c *cluster) foreignSocket() error {
	return fmt.Errorf("the socket in %s belongs to a PostgreSQL with another data directory: stop that one first (it ends by itself within a minute when its directory was removed)", c.sockets)
}

// connect opens a session of the superuser.
func (c *cluster) connect(ctx context.Context, sockets string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn(sockets, "postgres", "postgres"))
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = 5 * time.Second
	return pgx.ConnectConfig(ctx, cfg)
}

// stop asks our PostgreSQL for a fast shutdown and waits for its end or for ctx.
func (c *cluster) stop(ctx context.Context) error {
	running := c.postmaster()
	if !c.serves(running) {
		return nil
	}
	pid := running.pid
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL (pid %d): %w", pid, err)
	}
	for !c.gone(pid) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL (pid %d) in %s is still shutting down: %w", pid, c.data(), ctx.Err())
		case <-time.After(pollEvery):
		}
	}
	return nil
}

// gone reports whether postmaster pid has left. Removing postmaster.pid is the
// last thing it does; our own child is waited for as well.
func (c *cluster) gone(pid int) bool {
	if c.started != nil && c.started.pid == pid {
		select {
		case <-c.started.ended:
			return true
		default:
			return false
		}
	}
	if c.postmaster().pid != pid {
		return true
	}
	return !alive(pid)
}

// awaitEnd returns true when the PostgreSQL that we joined or started has ended,
// and false when ctx has.
func (c *cluster) awaitEnd(ctx context.Context) bool {
	if c.started != nil {
		select {
		case <-c.started.ended:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		}
	}
	// Another process's child cannot be waited for.
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !c.gone(c.pid) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// tidy removes what whoever removes our directory would not find: a socket's
// directory elsewhere, and the home elsewhere of a throwaway cluster.
func (c *cluster) tidy() error {
	if filepath.Dir(c.sockets) != c.home {
		_ = os.Remove(c.sockets) // only when it is empty
	}
	if !c.Throwaway || c.home == c.Dir {
		return nil
	}
	// The pointer first: it must not outlive what it points to.
	if err := os.Remove(filepath.Join(c.Dir, pointerFile)); err != nil {
		return fmt.Errorf("remove the throwaway cluster: %w", err)
	}
	if err := os.RemoveAll(c.home); err != nil {
		return fmt.Errorf("remove the throwaway cluster: %w", err)
	}
	return nil
}

// abandon stops a PostgreSQL that came up but cannot be used.
func (c *cluster) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), leavingFor)
	defer cancel()
	if err := c.stop(ctx); err != nil {
		c.Log.Warn("PostgreSQL was left running", "error", err)
	}
}
