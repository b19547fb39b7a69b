package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	largestLog = 10 << 20 // bytes; a longer log is emptied at the next start
	tailOfLog  = 16 << 10 // bytes read back to explain a failure
)

// start creates the cluster if there is none and runs it until it answers.
func (c *cluster) start(ctx context.Context) error {
	b, err := c.findOrInstall(ctx)
	if err != nil {
		return err
	}
	if c.major == 0 {
		if err := c.settle(); err != nil {
			return err
		}
	} else if !c.reaches(c.home) {
		return fmt.Errorf("%s, which runs PostgreSQL, cannot pass through %s to its database in %s: chmod o+x %[2]s, or move the data directory", userName(*c.as), c.closedParent(c.home), c.home)
	}
	c.sockets = socketDir(c.home)
	if c.major == 0 {
		if err := c.create(ctx, b); err != nil {
			return err
		}
	}
	if err := c.repairOwner(); err != nil {
		return err
	}
	if err := c.openSocketDir(); err != nil {
		return err
	}
	if err := c.freeSocket(ctx); err != nil {
		return err
	}
	// What a killed postmaster left running holds the directory for a moment longer.
	for deadline := time.Now().Add(leavingFor); ; time.Sleep(20 * time.Millisecond) {
		err := c.launch(ctx, b)
		if !errors.Is(err, errStillHeld) || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
	}
}

var errStillHeld = errors.New("another process still holds the database's directory")

// launch starts PostgreSQL and waits until it answers, however long its recovery
// takes. On an error it is not running.
func (c *cluster) launch(ctx context.Context, b binaries) error {
	log, began, err := c.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := c.command(filepath.Join(b.dir, "postgres"), c.data(), c.arguments()...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	run := &child{pid: cmd.Process.Pid, ended: make(chan struct{})}
	go func() {
		run.err = cmd.Wait()
		close(run.ended)
	}()
	slow := time.NewTicker(5 * time.Second)
	defer slow.Stop()
	for {
		conn, err := c.connect(ctx, c.sockets)
		if err == nil {
			closeSoon(conn)
			c.started, c.pid = run, run.pid
			return nil
		}
		select {
		case <-run.ended:
			return c.explain(run.err, began)
		case <-ctx.Done():
			_ = syscall.Kill(run.pid, syscall.SIGINT)
			select {
			case <-run.ended:
			case <-time.After(leavingFor):
				_ = syscall.Kill(run.pid, syscall.SIGQUIT)
				<-run.ended
			}
			return fmt.Errorf("start PostgreSQL: %w", ctx.Err())
		case <-slow.C:
			c.Log.Info("PostgreSQL is still starting; after a crash it replays its log first", "log", c.logFile())
		case <-time.After(pollEvery):
		}
	}
}

// arguments are the settings of a private cluster. They are given at every start
// instead of being written once, so that they follow the program.
func (c *cluster) arguments() []string {
	settings := []string{
		"listen_addresses=", "port=" + socketPort,
		// A list, so a path is quoted as PostgreSQL quotes identifiers.
		`unix_socket_directories="` + strings.ReplaceAll(c.sockets, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"timezone=UTC", "log_timezone=UTC", "lc_messages=C", "jit=off", "logging_collector=off", "log_destination=stderr",
		// What a failed statement says can quote a row: account numbers and names. The server is told of it all the same, and writes
		// what may be written.
		"log_min_messages=log", "log_error_verbosity=terse", "log_min_error_statement=panic", "log_statement=none",
		"log_min_duration_statement=-1", "log_parameter_max_length_on_error=0",
	}
	if c.Throwaway {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0", "shared_buffers=64MB", "max_connections=300")
	} else {
		settings = append(settings, "fsync=on", "synchronous_commit=on", "full_page_writes=on",
			"shared_buffers=128MB", "max_connections=100")
	}
	args := []string{"-D", c.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// openLog opens PostgreSQL's log for appending and returns where it ends now. It
// may quote statements, so it is ours alone to read.
func (c *cluster) openLog() (*os.File, int64, error) {
	f, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > largestLog {
		if err = f.Truncate(0); err == nil {
			info, err = f.Stat()
		}
	}
	if err != nil {
		_ = f.Close() // what failed before says more
		return nil, 0, fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	return f, info.Size(), nil
}

// explain turns the end of a starting PostgreSQL into one sentence, with what it
// wrote since the log was began bytes long.
func (c *cluster) explain(ended error, began int64) error {
	f, err := os.Open(c.logFile())
	if err != nil {
		return fmt.Errorf("PostgreSQL did not start in %s: %w", c.data(), ended)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		began = max(began, info.Size()-tailOfLog)
	}
	said := make([]byte, tailOfLog)
	n, _ := f.ReadAt(said, began)
	said = said[:n]
	for _, held := range []string{"pre-existing shared memory block", `lock file "postmaster.pid" already exists`} {
		if bytes.Contains(said, []byte(held)) {
			return fmt.Errorf("%w: %s", errStillHeld, gist(said))
		}
	}
	return fmt.Errorf("PostgreSQL did not start in %s (%w): %s (more in %s)", c.data(), ended, gist(said), c.logFile())
}

var (
	// logPrefix is what PostgreSQL writes before a message: time and process.
	logPrefix = regexp.MustCompile(`\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] `)
	telling   = regexp.MustCompile(`FATAL|PANIC|ERROR|HINT|DETAIL|error:|hint:|^E: `)
)

// gist puts the last lines that tell why a program failed on one line, or simply
// its last ones.
func gist(out []byte) string {
	var all, reasons []string
	for line := range strings.Lines(string(out)) {
		line = logPrefix.ReplaceAllString(strings.TrimSpace(line), "")
		if line == "" {
			continue
		}
		all = append(all, line)
		if telling.MatchString(line) {
			reasons = append(reasons, line)
		}
	}
	if len(reasons) == 0 {
		reasons = all
	}
	return strings.Join(reasons[max(0, len(reasons)-3):], "; ")
}
