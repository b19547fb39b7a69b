// Package postgres connects the server to its database. When no database is
// given it runs a private PostgreSQL of its own: found on the machine or
// installed, created once in a directory, started on a Unix socket only, shared
// by every server of that directory and stopped by the last of them.
//
// It never deletes data, never listens on TCP for the private cluster, and never
// touches a cluster it cannot prove to be the one in its own directory.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say where a private cluster lives and how careful it has to be.
type Options struct {
	Dir       string       // a directory of our own, created if absent; the cluster is in Dir/pg, its log in Dir/postgres.log
	Throwaway bool         // for tests: no durability at all, small memory, many connections
	Log       *slog.Logger // told in words what takes time; nil is silent
}

// Private is one user's hold on a private cluster. Its methods may be called
// from several goroutines.
type Private struct {
	users    *fileLock // shared while we use the cluster: the last holder stops it
	endWatch context.CancelFunc
	watching sync.WaitGroup

	mu      sync.Mutex
	cluster *cluster // replaced when PostgreSQL had to be started again
	stopped bool
}

// StartPrivate finds or installs PostgreSQL 15 or newer, creates the cluster
// once, starts it or joins the one that already runs there, and returns when it
// accepts connections and has the roles anton_owner and anton_app and the
// database anton. A PostgreSQL that ends before Stop is started again. Every
// error is one sentence that says what to do; the directory is then as usable as
// it was before.
func StartPrivate(ctx context.Context, o Options) (*Private, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := ownDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	// Starts and stops of one directory take turns, whichever process they are in.
	turn, err := takeTurn(ctx, o)
	if err != nil {
		return nil, err
	}
	defer turn.release()
	users, err := lockFile(ctx, filepath.Join(dir, "users.lock"), shared)
	if err != nil {
		return nil, err
	}
	c, err := bringUp(ctx, o)
	if err != nil {
		if last, _ := users.tryExclusive(); last && c != nil && c.started != nil {
			c.abandon()
		}
		users.release()
		return nil, err
	}
	p := &Private{users: users, cluster: c}
	var watch context.Context
	watch, p.endWatch = context.WithCancel(context.Background())
	p.watching.Go(func() { p.watch(watch, o) })
	return p, nil
}

// bringUp joins the PostgreSQL that serves our directory, or starts it. The
// caller has its turn.
func bringUp(ctx context.Context, o Options) (*cluster, error) {
	c, err := locate(o)
	if err != nil {
		return nil, err
	}
	joined, err := c.join(ctx)
	if err != nil {
		return c, err
	}
	if !joined {
		if err := c.start(ctx); err != nil {
			return c, err
		}
	}
	return c, c.prepare(ctx)
}

// DSN returns a keyword/value connection string for one of the roles postgres
// (superuser), anton_owner or anton_app. There is no password: the directory of
// the socket is closed to other users.
func (p *Private) DSN(role, database string) string {
	return dsn(p.current().sockets, role, database)
}

// Version returns the server's version, such as "15.18".
func (p *Private) Version() string { return p.current().version }

func (p *Private) current() *cluster {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cluster
}

// Stop gives up our hold, and stops the cluster when nobody else holds it. It
// asks for a fast shutdown (sessions are ended, everything committed is on disk)
// and waits for its end; when ctx ends first, PostgreSQL finishes by itself. A
// second call does nothing.
func (p *Private) Stop(ctx context.Context) error {
	p.mu.Lock()
	again := p.stopped
	p.stopped = true
	p.mu.Unlock()
	if again {
		return nil
	}
	p.endWatch()
	p.watching.Wait()
	defer p.users.release()

	c := p.current()
	turn, err := takeTurn(ctx, c.Options)
	if err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	defer turn.release()
	if last, err := p.users.tryExclusive(); err != nil || !last {
		return err
	}
	if err := c.stop(ctx); err != nil {
		return err
	}
	return c.tidy()
}

// watch starts PostgreSQL again when it has ended without our doing: killed for
// want of memory, or by hand. Sessions break then, as in any crash, and what was
// committed is there again. Several servers of one directory take turns, and the
// second finds it running.
func (p *Private) watch(ctx context.Context, o Options) {
	for p.current().awaitEnd(ctx) {
		o.Log.Warn("PostgreSQL has ended, starting it again", "dir", o.Dir)
		for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
			err := p.restart(ctx, o)
			if err == nil {
				break
			}
			if ctx.Err() == nil {
				o.Log.Error("PostgreSQL did not start again", "error", err, "next_attempt_in", wait)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}
}

func (p *Private) restart(ctx context.Context, o Options) error {
	turn, err := takeTurn(ctx, o)
	if err != nil {
		return err
	}
	defer turn.release()
	// A database that was removed under us must not come back empty.
	if _, err := os.Stat(filepath.Join(p.current().data(), "PG_VERSION")); err != nil {
		return fmt.Errorf("the database is gone: %w", err)
	}
	c, err := bringUp(ctx, o)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cluster = c
	return nil
}

// dsn quotes every value, because a directory may hold spaces and quotes. The
// port is named so that PGPORT cannot change it.
func dsn(sockets, role, database string) string {
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", quote(sockets), socketPort, quote(role), quote(database))
}

// prepare makes the roles and the database that the server relies on. Each
// statement is skipped when its object is there, so a start that was cut short
// here is completed by the next one.
func (c *cluster) prepare(ctx context.Context) error {
	conn, err := c.connect(ctx, c.sockets)
	if err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	defer closeSoon(conn)
	err = conn.QueryRow(ctx, "select split_part(current_setting('server_version'), ' ', 1)").Scan(&c.version)
	if err != nil {
		return fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	const missing = `
select statement from (values
  (1, 'create role anton_owner login', (select count(*) from pg_roles where rolname = 'anton_owner')),
  (2, 'create role anton_app login', (select count(*) from pg_roles where rolname = 'anton_app')),
  (3, 'create database anton owner anton_owner template template0', (select count(*) from pg_database where datname = 'anton'))
) as wanted (step, statement, present) where present = 0 order by step`
	rows, err := conn.Query(ctx, missing)
	if err != nil {
		return fmt.Errorf("look for Anton's roles and database: %w", err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for Anton's roles and database: %w", err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// closeSoon ends a session even when the caller's context has ended.
func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
