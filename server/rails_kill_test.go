package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

// TestKilledServersSendEachPayoutInOneFile kills a server again and again while it cuts and delivers files under load. The bank gets each file
// once and whole, and each payout in one of them.
func TestKilledServersSendEachPayoutInOneFile(t *testing.T) {
	t.Parallel()
	for _, problem := range killWhileFilesLeave(t, kills(t, 10, len(killPoints)), false) {
		t.Error(problem)
	}
}

// TestTheBankNoticesASecondFile is the control of the test above: a server that forgets what it delivered must be noticed.
func TestTheBankNoticesASecondFile(t *testing.T) {
	t.Parallel()
	if len(killWhileFilesLeave(t, 1, true)) == 0 {
		t.Error("a file was delivered twice, and nobody noticed")
	}
}

// killPoints are where a server is killed: when something of this kind appears on the stage or the bank fetched another file, or at any
// time. Each is followed by up to some milliseconds.
var killPoints = []struct {
	name string
	seen func(dir string, fetched int) func(*bank) bool
}{
	{"while it writes a file", func(dir string, _ int) func(*bank) bool {
		return func(*bank) bool { return matches(filepath.Join(dir, "staged", ".writing-*")) }
	}},
	{"with a file on the stage", func(dir string, _ int) func(*bank) bool {
		return func(*bank) bool { return matches(filepath.Join(dir, "staged", "ach-*")) }
	}},
	{"once a file was fetched", func(_ string, fetched int) func(*bank) bool {
		return func(b *bank) bool { return b.count() > fetched }
	}},
	{"at any time", func(string, int) func(*bank) bool {
		at := time.Now().Add(rand.N(2 * time.Second))
		return func(*bank) bool { return time.Now().After(at) }
	}},
}

func matches(pattern string) bool {
	found, _ := filepath.Glob(pattern)
	return len(found) > 0
}

// killWhileFilesLeave kills servers, has the last one finish, and says what is wrong with what the bank has. forget has the database forget
// that a file was delivered.
func killWhileFilesLeave(t *testing.T, kills int, forget bool) []string {
	t.Helper()
	database, data, files := testserver.Database(t), t.TempDir(), t.TempDir()
	settings := filepath.Join(data, "rails.json")
	if err := os.WriteFile(settings, []byte(testserver.AllRails), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database),
		"ANTON_RAILS=" + settings, "ANTON_RAIL_FILES=" + files,
	}
	server := start(t, data, env...)
	owner, err := postgres.OpenPool(t.Context(), testserver.DSN(t, "anton_owner", database))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	dir := filepath.Join(files, "ach")
	fetching := startBank(t, filepath.Join(dir, "out"))
	stopHurry := hurry(t, owner)
	merchant := newPayer(t, server)
	b := &book{acks: map[string]string{}}
	for kill := range kills {
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for client := range 2 {
			clients.Go(func() { payGently(server, merchant, b, fmt.Sprint("kill ", kill, " client ", client), stop) })
		}
		point := killPoints[kill%len(killPoints)]
		seen := point.seen(dir, fetching.count())
		for late := time.Now().Add(30 * time.Second); !seen(fetching) && time.Now().Before(late); {
			time.Sleep(200 * time.Microsecond)
		}
		time.Sleep(rand.N(4 * time.Millisecond)) // where exactly it is killed is the subject, and not a wait
		if err := server.command.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = server.command.Wait() // it was killed
		close(stop)
		clients.Wait()
		server = start(t, data, env...)
	}
	settleFiles(t, server, merchant, b, owner, fetching)
	if forget {
		if _, err := owner.Exec(t.Context(), "update rail_files set staged_at = null, delivered_at = null where number = 1"); err != nil {
			t.Fatal(err)
		}
		settleFiles(t, server, merchant, b, owner, fetching)
	}
	stopHurry()
	server.stop(t)
	problems := append(fetching.stop(), misdelivered(t, owner, fetching.files())...)
	breaches, err := invariants.Check(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range breaches {
		problems = append(problems, fmt.Sprintf("invariant broken: %s", breach))
	}
	return problems
}

// payGently sends payouts until it is stopped or the server is gone: some dozens in a life of it, which is enough to be under way at each
// point.
func payGently(p *process, who payer, b *book, name string, stop <-chan struct{}) {
	for i := range 40 {
		select {
		case <-stop:
			return
		case <-time.After(25 * time.Millisecond):
		}
		key := fmt.Sprint(name, " payout ", i)
		b.note(key, "")
		if create(p, who, b, key) != nil {
			return // whether it paid is to be seen
		}
	}
}

// hurry has every order wait for no cut-off but now, whatever the day is.
func hurry(t *testing.T, owner *pgxpool.Pool) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
				if _, err := owner.Exec(t.Context(), "update rail_orders set cut_at = now() where cut_at > now()"); err != nil && t.Context().Err() == nil {
					t.Errorf("hurry the orders: %v", err)
					return
				}
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// settleFiles retries every key, and waits until every payout left and the bank has every file.
func settleFiles(t *testing.T, p *process, who payer, b *book, owner *pgxpool.Pool, fetching *bank) {
	t.Helper()
	after := &book{acks: map[string]string{}}
	for key, id := range b.acks {
		if err := create(p, who, after, key); err != nil {
			t.Fatalf("retry %q: %v", key, err)
		}
		if id != "" && after.acks[key] != id {
			t.Errorf("payout %s of %q is lost", id, key)
		}
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var under, waiting, undelivered int
		err := owner.QueryRow(t.Context(), `select (select count(*) from payouts p where not exists (
			    select from rail_orders o where o.merchant_id = p.merchant_id and o.payout_id = p.id)),
			(select count(*) from rail_orders where cut_at is not null), (select count(*) from rail_files where delivered_at is null)`).
			Scan(&under, &waiting, &undelivered)
		if err != nil {
			t.Fatal(err)
		}
		if under+waiting+undelivered == 0 && !matches(filepath.Join(fetching.out, "*")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after three minutes %d payouts were not handed over, %d wait for a file, and %d files for their delivery: %s",
				under, waiting, undelivered, p.output)
		}
	}
}

// misdelivered says which files and payouts the bank does not have exactly once, as the database has them.
func misdelivered(t *testing.T, owner *pgxpool.Pool, fetched map[string][]byte) (problems []string) {
	t.Helper()
	rows, err := owner.Query(t.Context(), "select name, sha256 from rail_files where direction = 'out'")
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		Name string
		Hash []byte
	}
	cut, err := pgx.CollectRows(rows, pgx.RowToStructByPos[file])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range cut {
		content, ok := fetched[f.Name]
		if hash := sha256.Sum256(content); !ok || string(hash[:]) != string(f.Hash) {
			problems = append(problems, fmt.Sprintf("%s is not with the bank as it was cut", f.Name))
		}
	}
	if len(fetched) != len(cut) {
		problems = append(problems, fmt.Sprintf("the bank has %d files, and %d were cut", len(fetched), len(cut)))
	}
	inFiles := map[string]int{}
	for _, content := range fetched {
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimRight(line, "\r\n"); len(line) == 94 && line[0] == '6' { // an entry, whose trace number is its last field
				inFiles[line[79:]]++
			}
		}
	}
	rows, err = owner.Query(t.Context(), "select bank_reference from rail_orders where refusal = ''")
	if err != nil {
		t.Fatal(err)
	}
	orders, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d payouts in %d files", len(orders), len(cut))
	for _, reference := range orders {
		if n := inFiles[reference]; n != 1 {
			problems = append(problems, fmt.Sprintf("payment %s is in %d files", reference, n))
		}
	}
	if len(inFiles) != len(orders) || len(orders) == 0 {
		problems = append(problems, fmt.Sprintf("the files have %d payments, and %d were ordered", len(inFiles), len(orders)))
	}
	return problems
}

// A bank fetches files as soon as they appear, and takes them away.
type bank struct {
	out, home string
	done      chan struct{}
	running   sync.WaitGroup

	mu      sync.Mutex
	fetched map[string]int
	failed  []string
}

func startBank(t *testing.T, out string) *bank {
	t.Helper()
	b := &bank{out: out, home: t.TempDir(), done: make(chan struct{}), fetched: map[string]int{}}
	b.running.Go(func() {
		for {
			select {
			case <-b.done:
				return
			case <-time.After(rand.N(3 * time.Millisecond)): // sometimes it is slow
				b.fetch()
			}
		}
	})
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *bank) fetch() {
	entries, err := os.ReadDir(b.out)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.failed = append(b.failed, err.Error())
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		if b.fetched[name]++; b.fetched[name] > 1 {
			b.failed = append(b.failed, fmt.Sprintf("%s came %d times", name, b.fetched[name]))
		}
		if err := os.Rename(filepath.Join(b.out, name), filepath.Join(b.home, name)); err != nil {
			b.failed = append(b.failed, err.Error())
		}
	}
}

func (b *bank) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.fetched)
}

// stop ends the bank's day, and says what was wrong with it.
func (b *bank) stop() []string {
	b.mu.Lock()
	select {
	case <-b.done:
	default:
		close(b.done)
	}
	b.mu.Unlock()
	b.running.Wait()
	return b.failed
}

// files are those that the bank has.
func (b *bank) files() map[string][]byte {
	all := map[string][]byte{}
	for name := range b.fetched {
		all[name], _ = os.ReadFile(filepath.Join(b.home, name)) // one that cannot be read is missed by who asks
	}
	return all
}
