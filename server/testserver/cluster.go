// Package testserver runs the real server for tests: the real chain, REST and gRPC on real sockets, a real PostgreSQL with a database
// of its own for every test, and a clock that the test turns. When a test ends, the invariants are checked over whatever it left.
package testserver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver/raced"
)

// A cluster is the PostgreSQL of one test binary, with a migrated template that databases are cloned from.
type cluster struct {
	private *postgres.Private
	dir     string
	clones  atomic.Int64
	// PostgreSQL copies a template only while nobody is connected to it, and one copy at a time.
	turn  sync.Mutex
	super *pgx.Conn // of the superuser, who makes and drops every test's database: to connect takes as long as to copy
}

const template = "anton_template"

var (
	shared     *cluster
	sharedErr  error
	sharedOnce sync.Once
)

// Main is a package's TestMain: it runs the tests, then stops the PostgreSQL that the first of them started. Tests that draw their cases
// draw a fifth of the usual hundred while the race detector watches, unless -rapid.checks says how many. Garbage is collected at a quarter
// of the usual rate then: it takes a tenth of the time, and the detector learns nothing from it.
func Main(m *testing.M) {
	if raced.On && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if draws := flag.Lookup("rapid.checks"); draws != nil && raced.On {
		if err := draws.Value.Set("20"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if err := stopCluster(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' PostgreSQL:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stopCluster() error {
	if shared == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(shared.private.Stop(ctx), os.RemoveAll(shared.dir))
}

func clusterOf(t testing.TB) *cluster {
	t.Helper()
	sharedOnce.Do(func() { shared, sharedErr = startCluster() })
	if sharedErr != nil {
		t.Fatalf("start the tests' PostgreSQL: %v", sharedErr)
	}
	return shared
}

func startCluster() (*cluster, error) {
	dir, err := makePlace()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // the first test of a bare machine installs PostgreSQL
	defer cancel()
	m, err := openMold()
	if err != nil {
		return runCluster(ctx, dir) // there is no place to keep one
	}
	defer m.close()
	poured, err := m.pour(dir)
	if err != nil {
		return nil, fmt.Errorf("copy the mold of the tests' clusters: %w", err)
	}
	if poured {
		if c, err := runCluster(ctx, dir); err == nil {
			return c, nil
		}
		// The PostgreSQL that made it is gone, or something damaged it: it is made anew.
		if err := errors.Join(os.RemoveAll(m.dir), os.RemoveAll(filepath.Join(dir, "pg"))); err != nil {
			return nil, fmt.Errorf("remove a mold that does not start: %w", err)
		}
	}
	c, err := runCluster(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := c.private.Stop(ctx); err != nil {
		return nil, err
	}
	if err := m.keep(dir); err != nil {
		return nil, fmt.Errorf("keep a mold of the tests' clusters: %w", err)
	}
	return runCluster(ctx, dir)
}

// runCluster starts the cluster of the directory, and makes what it does not have.
func runCluster(ctx context.Context, dir string) (*cluster, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	private, err := postgres.StartPrivate(ctx, postgres.Options{Dir: dir, Throwaway: true, Log: log})
	if err != nil {
		return nil, err
	}
	c := &cluster{private: private, dir: dir}
	has, err := c.hasTemplate(ctx)
	if has || err != nil {
		return c, err
	}
	if err := c.superuser(ctx, "create database "+template+" owner anton_owner"); err != nil {
		return nil, err
	}
	_, err = postgres.Migrate(ctx, private.DSN("anton_owner", template), log)
	return c, err
}

func (c *cluster) hasTemplate(ctx context.Context) (has bool, err error) {
	conn, err := pgx.Connect(ctx, c.private.DSN("postgres", "postgres"))
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", template).Scan(&has)
	return has, err
}

// superuser runs a statement when it is its turn.
func (c *cluster) superuser(ctx context.Context, sql string) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.super == nil || c.super.IsClosed() {
		conn, err := pgx.Connect(ctx, c.private.DSN("postgres", "postgres"))
		if err != nil {
			return err
		}
		c.super = conn
	}
	_, err := c.super.Exec(ctx, sql)
	return err
}

// Database clones the migrated template and returns the clone's name. It is dropped when the test
// ends.
func Database(t testing.TB) string {
	t.Helper()
	return cloneOf(t, template)
}

func cloneOf(t testing.TB, original string) string {
	t.Helper()
	name := newClone(t, original)
	t.Cleanup(func() {
		if err := clusterOf(t).superuser(context.Background(), "drop database "+name+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return name
}

// newClone makes a clone that stays until the cluster ends.
func newClone(t testing.TB, original string) string {
	t.Helper()
	c := clusterOf(t)
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), c.clones.Add(1))
	err := c.superuser(t.Context(), "create database "+name+" template "+original+" owner anton_owner strategy file_copy")
	if err != nil {
		t.Fatalf("clone the template: %v", err)
	}
	return name
}

// Superuser runs a statement on the tests' PostgreSQL, for what no role of the server may do.
func Superuser(t testing.TB, statement string) {
	t.Helper()
	if err := clusterOf(t).superuser(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// PostgresLog is everything that the tests' PostgreSQL has logged.
func PostgresLog(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(clusterOf(t).dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// DSN reaches a database of the tests' PostgreSQL as one of its roles: anton_app, anton_owner or postgres.
func DSN(t testing.TB, role, database string) string {
	t.Helper()
	return clusterOf(t).private.DSN(role, database)
}
