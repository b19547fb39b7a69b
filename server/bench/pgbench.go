package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// floorScript has pgbench call the floor's function as the bare handler does.
const floorScript = `\set merchant random(1, %d)
\set amount random(100, 9999)
select anton_bench.create_payout(:merchant, gen_random_uuid()::text, :amount, 'ben_00000000000000000000', 'INV-1042');
`

// findPgbench finds pgbench beside the programs of the PostgreSQL that runs, or else on the PATH.
func findPgbench(ctx context.Context, admin string) (string, error) {
	if admin != "" {
		if conn, err := pgx.Connect(ctx, admin); err == nil {
			defer conn.Close(ctx)
			var dir string
			if conn.QueryRow(ctx, "select setting from pg_config where name = 'BINDIR'").Scan(&dir) == nil {
				if path, err := exec.LookPath(filepath.Join(dir, "pgbench")); err == nil {
					return path, nil
				}
			}
		}
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		return "", errors.New("there is no pgbench beside PostgreSQL's programs or on the PATH (Debian has it in postgresql, Fedora in postgresql-contrib)")
	}
	return path, nil
}

// runPgbench drives the floor's function without any server of ours.
func (b *bench) runPgbench(ctx context.Context) (*Measure, error) {
	dir, err := os.MkdirTemp(b.Dir, "pgbench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "floor.sql")
	if err := os.WriteFile(script, fmt.Appendf(nil, floorScript, b.Merchants), 0o600); err != nil {
		return nil, fmt.Errorf("write the script: %w", err)
	}
	seconds := int(math.Ceil(b.Duration.Seconds())) // it counts in whole ones
	environment, err := libpqEnvironment(b.Owner)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.pgbench, "--no-vacuum", "--protocol=prepared", "--log", "--log-prefix=took", "--jobs=2",
		fmt.Sprint("--client=", b.Clients), fmt.Sprint("--time=", seconds), "--file="+script)
	cmd.Dir, cmd.Env = dir, environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is ours to answer
	before, err := b.meter.read()
	if err != nil {
		return nil, err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("run pgbench: %w: %s", err, bytes.TrimSpace(out))
	}
	after, err := b.meter.read()
	if err != nil {
		return nil, err
	}
	took, err := readLogs(dir)
	if err != nil {
		return nil, err
	}
	load := newLoad(time.Duration(seconds)*time.Second, took, nil)
	return &Measure{Load: *load, Cost: after.since(before, load.Done, false)}, nil
}

// libpqEnvironment says in libpq's variables where the database is: a password in an argument could be read by anybody.
func libpqEnvironment(dsn string) ([]string, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database's address: %w", err)
	}
	ssl := "disable"
	if config.TLSConfig != nil {
		ssl = "require"
	}
	return append(os.Environ(), "PGHOST="+config.Host, fmt.Sprint("PGPORT=", config.Port), "PGUSER="+config.User,
		"PGPASSWORD="+config.Password, "PGDATABASE="+config.Database, "PGSSLMODE="+ssl), nil
}

// readLogs reads what every transaction took from pgbench's logs, one file a thread.
func readLogs(dir string) ([]time.Duration, error) {
	files, err := filepath.Glob(filepath.Join(dir, "took.*"))
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: %w", err)
		}
		each, err := parseLog(text)
		if err != nil {
			return nil, err
		}
		took = append(took, each...)
	}
	return took, nil
}

// parseLog reads lines of client, number, microseconds, script, and the time it ended (see pgbench's manual, per-transaction logging).
func parseLog(text []byte) ([]time.Duration, error) {
	var took []time.Duration
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 3 {
			return nil, fmt.Errorf("pgbench's log has the line %q", lines.Text())
		}
		micros, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("pgbench's log has the line %q", lines.Text())
		}
		took = append(took, time.Duration(micros)*time.Microsecond)
	}
	return took, lines.Err()
}
