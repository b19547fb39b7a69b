package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// reachableDir is a temporary directory that the user who runs PostgreSQL can
// enter; the parents of t.TempDir are closed to everybody but root.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "anton-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func options(t *testing.T, dir string) Options {
	return Options{Dir: dir, Throwaway: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// start starts a private cluster and stops it when the test ends.
func start(t *testing.T, o Options) *Private {
	t.Helper()
	p, err := StartPrivate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Private) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// die leaves p as kill -9 of its process would: its locks are free, PostgreSQL runs on.
func (p *Private) die() {
	p.endWatch()
	p.watching.Wait()
	p.users.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}

// halt stops the cluster and keeps it, although it is a throwaway one.
func halt(t *testing.T, p *Private) {
	t.Helper()
	p.die()
	if err := p.current().stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// refuses starts a cluster that must not start and returns why.
func refuses(t *testing.T, o Options) string {
	t.Helper()
	p, err := StartPrivate(t.Context(), o)
	if err == nil {
		stop(t, p)
		t.Fatal("the cluster started, and it should not have")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is not one sentence: %q", err)
	}
	t.Log(err)
	return err.Error()
}

func mustSay(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

// query asks p's database anton, as role, for one value.
func query[T any](t *testing.T, p *Private, role, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.DSN(role, "anton"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeSoon(conn)
	var value T
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// execute changes something in p's database anton as its owner.
func execute(t *testing.T, p *Private, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.DSN("anton_owner", "anton"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeSoon(conn)
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestColdStartMakesRolesAndDatabase(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(reachableDir(t), `it's a "dir"`)
	o := options(t, dir)
	o.Throwaway = false
	began := time.Now()
	p := start(t, o)
	t.Logf("cold start %v", time.Since(began))

	for _, want := range []struct{ role, sql, value string }{
		{"anton_owner", "select current_user::text", "anton_owner"},
		{"anton_app", "select current_user::text", "anton_app"},
		{"anton_app", "select rolsuper::text || pg_has_role('anton_app', 'anton_owner', 'member') from pg_roles where rolname = 'anton_app'", "falsefalse"},
		{"anton_owner", "select rolsuper::text from pg_roles where rolname = 'anton_owner'", "false"},
		{"anton_app", "select pg_get_userbyid(datdba) || ' ' || pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || datctype from pg_database where datname = 'anton'", "anton_owner UTF8 C C"},
		{"anton_app", "select has_schema_privilege('public', 'create')::text", "false"},
		{"anton_app", "show listen_addresses", ""},
		{"anton_app", "show timezone", "UTC"},
		{"anton_app", "show lc_messages", "C"},
		{"anton_app", "show jit", "off"},
		{"anton_app", "show data_checksums", "on"},
		{"anton_app", "show fsync", "on"},
		{"anton_app", "show synchronous_commit", "on"},
		{"anton_app", "show max_connections", "100"},
	} {
		if got := query[string](t, p, want.role, want.sql); got != want.value {
			t.Errorf("%s: got %q, want %q", want.sql, got, want.value)
		}
	}
	if got := query[string](t, p, "anton_app", "show server_version"); !strings.HasPrefix(got, p.Version()) || p.Version() == "" {
		t.Errorf("Version is %q, the server says %q", p.Version(), got)
	}
	// In a session of its own it does not hear the terminal's Ctrl-C.
	if group, err := syscall.Getpgid(p.current().pid); err != nil || group != p.current().pid {
		t.Errorf("PostgreSQL (pid %d) is in process group %d, %v", p.current().pid, group, err)
	}
	info, err := os.Stat(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 || ownerOf(info).Uid == 0 {
		t.Errorf("the socket's directory has mode %v and owner %d", info.Mode().Perm(), ownerOf(info).Uid)
	}
}

func TestThrowawayTradesDurabilityForSpeed(t *testing.T) {
	t.Parallel()
	p := start(t, options(t, reachableDir(t)))
	for setting, want := range map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300",
	} {
		if got := query[string](t, p, "anton_app", "show "+setting); got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
}

func TestWarmStartKeepsDataAndMakesNothing(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	stop(t, start(t, o))
	before := systemID(t, o.Dir)
	began := time.Now()
	p := start(t, o)
	t.Logf("warm start %v", time.Since(began))
	stop(t, p)
	stop(t, p) // a second call does nothing
	if systemID(t, o.Dir) != before {
		t.Error("the cluster was made anew")
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "pg", "postmaster.pid")); err == nil {
		t.Error("PostgreSQL still runs after Stop")
	}
}

// systemID tells one cluster from another: the first bytes of pg_control.
func systemID(t *testing.T, home string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, "pg", "global", "pg_control"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", text[:8])
}

func TestSimultaneousFirstStartsMakeOneCluster(t *testing.T) {
	t.Parallel()
	o := options(t, filepath.Join(reachableDir(t), "new", "data"))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			p, err := StartPrivate(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			conn, err := pgx.Connect(t.Context(), p.DSN("anton_app", "anton"))
			if err != nil {
				t.Error(err)
			} else {
				closeSoon(conn)
			}
			stop(t, p)
		})
	}
	all.Wait()
	left, err := filepath.Glob(filepath.Join(o.Dir, "pg*"))
	if err != nil || len(left) != 1 {
		t.Errorf("there should be one cluster: %v %v", left, err)
	}
}

func TestServersOfOneDirectoryShareTheCluster(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	first, second := start(t, o), start(t, o)
	pid := query[int](t, first, "postgres", "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int")
	stop(t, first)
	if got := query[int](t, second, "postgres", "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int"); got != pid {
		t.Errorf("the second server has PostgreSQL %d, the first had %d", got, pid)
	}
	stop(t, second)
	mustEnd(t, pid)
}

func TestKilledServerLeavesPostgreSQLToTheNext(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	killed := start(t, o)
	pid := killed.current().pid
	killed.die()
	next := start(t, o)
	if next.current().pid != pid {
		t.Errorf("the next server has PostgreSQL %d, want %d", next.current().pid, pid)
	}
	stop(t, next)
	mustEnd(t, pid)
}

// mustEnd waits for a process that has done its work to leave.
func mustEnd(t *testing.T, pid int) {
	t.Helper()
	for began := time.Now(); alive(pid); time.Sleep(pollEvery) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("PostgreSQL (pid %d) still runs", pid)
		}
	}
}

func TestKilledPostmasterIsStartedAgain(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*testing.T, Options) *Private{
		"by the server that started it": start,
		"by a server that joined it": func(t *testing.T, o Options) *Private {
			start(t, o).die()
			return start(t, o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, reachableDir(t))
			p := before(t, o)
			pid := p.current().pid
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for p.current().pid == pid {
				if time.Since(began) > 20*time.Second {
					t.Fatal("PostgreSQL was not started again")
				}
				time.Sleep(pollEvery)
			}
			t.Logf("back after %v", time.Since(began))
			if query[int](t, p, "anton_app", "select 1") != 1 {
				t.Error("no answer")
			}
		})
	}
}

func TestStalePostmasterPidIsNoObstacle(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	killed := start(t, o)
	killed.die()
	if err := syscall.Kill(killed.current().pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop(t, start(t, o))
	t.Logf("started after kill -9 in %v", time.Since(began))
}

// After a restart of the machine, or of a container, the number in
// postmaster.pid belongs to somebody else.
func TestPostmasterPidOfAnotherProcessIsNoObstacle(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	stop(t, start(t, o))
	pidFile := filepath.Join(o.Dir, "pg", "postmaster.pid")
	text := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n", os.Getppid(), filepath.Join(o.Dir, "pg"), filepath.Join(o.Dir, "run"))
	for _, name := range []string{pidFile, filepath.Join(o.Dir, "run", socketName+".lock")} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, o)
}

func TestInterruptedCreationIsRedone(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	half := filepath.Join(o.Dir, "pg.new-123")
	for _, dir := range []string{half, filepath.Join(half, "base"), filepath.Join(o.Dir, "pg")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, o)
	if _, err := os.Stat(half); err == nil {
		t.Error("the half-made cluster is still there")
	}
}

func TestCancelledFirstStartLeavesAUsableDirectory(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond, 350 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			o := options(t, reachableDir(t))
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			if p, err := StartPrivate(ctx, o); err == nil {
				stop(t, p)
			} else {
				t.Log(err)
			}
			start(t, o)
		})
	}
}

func TestMovedDirectoryTakesItsClusterAlong(t *testing.T) {
	t.Parallel()
	base := reachableDir(t)
	for name, leave := range map[string]func(*testing.T, *Private){
		"stopped": stop,
		"running": func(_ *testing.T, p *Private) { p.die() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, filepath.Join(base, name))
			p := start(t, o)
			leave(t, p)
			id := systemID(t, o.Dir)
			moved := filepath.Join(base, name+"-moved")
			if err := os.Rename(o.Dir, moved); err != nil {
				t.Fatal(err)
			}
			o.Dir = moved
			p = start(t, o)
			if systemID(t, moved) != id {
				t.Error("it is another cluster")
			}
			stop(t, p)
		})
	}
}

func TestCopyOfARunningDirectoryIsAClusterOfItsOwn(t *testing.T) {
	t.Parallel()
	base := reachableDir(t)
	original := options(t, filepath.Join(base, "original"))
	p := start(t, original)
	twin := options(t, filepath.Join(base, "copy"))
	copyTree(t, original.Dir, twin.Dir)
	q := start(t, twin)
	if p.current().pid == q.current().pid {
		t.Error("the copy joined the original's PostgreSQL")
	}
	if got := query[string](t, q, "postgres", "show data_directory"); got != filepath.Join(twin.Dir, "pg") {
		t.Errorf("the copy serves %s", got)
	}
	stop(t, q)
	if query[int](t, p, "anton_app", "select 1") != 1 {
		t.Error("stopping the copy stopped the original")
	}
}

// copyTree copies as "cp -r" does: everything belongs to us afterwards, and
// sockets are left out.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			if err := os.Mkdir(target, 0o700); err != nil {
				return err
			}
			return os.Chmod(target, info.Mode().Perm())
		case d.Type().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, text, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeepPathGetsAShortSocketDirectory(t *testing.T) {
	t.Parallel()
	base := reachableDir(t)
	for _, name := range []string{strings.Repeat("deep/", 30) + "data", "with,comma"} {
		o := options(t, filepath.Join(base, name))
		p := start(t, o)
		sockets := p.current().sockets
		if strings.HasPrefix(sockets, base) || len(sockets) > longestSocketDir {
			t.Errorf("the socket's directory is %s", sockets)
		}
		if query[int](t, p, "anton_app", "select 1") != 1 {
			t.Error("no answer")
		}
		p.die()
		stop(t, start(t, o)) // the next server finds it
		if _, err := os.Stat(sockets); err == nil {
			t.Errorf("%s was left behind", sockets)
		}
	}
}

func TestLongLogIsEmptiedAtTheNextStart(t *testing.T) {
	t.Parallel()
	o := options(t, reachableDir(t))
	name := filepath.Join(o.Dir, "postgres.log")
	if err := os.WriteFile(name, make([]byte, largestLog+1), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, o)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 || info.Size() > largestLog {
		t.Errorf("the log has %d bytes", info.Size())
	}
}
