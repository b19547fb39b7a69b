package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/raced"
)

// kills is how often a server is killed, and fewest while the race detector watches; ANTON_KILLS=20 is the long form. The killed are
// processes of their own, built without the detector, which sees nothing of them: then each kind of kill is tried once.
func kills(t *testing.T, usual, fewest int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("ANTON_KILLS")); err == nil {
		return max(n, usual)
	}
	if raced.On {
		return fewest
	}
	return usual
}

// TestKilledServersLoseNothing kills a server under load again and again, every second time together with its PostgreSQL. Whatever
// was acknowledged is there, once; whatever was not is there once after a retry; every payout ends; the books balance.
func TestKilledServersLoseNothing(t *testing.T) {
	t.Parallel()
	if lost := killUnderLoad(t, kills(t, 3, 2), false); lost != 0 {
		t.Errorf("%d acknowledged payouts are lost", lost)
	}
}

// TestKillNoticesLoss is the control of the test above: with commits that do not wait for the disk, acknowledged payouts must be
// lost, or the test proves nothing.
func TestKillNoticesLoss(t *testing.T) {
	t.Parallel()
	if killUnderLoad(t, 1, true) == 0 {
		t.Error("nothing was lost although nothing waited for the disk")
	}
}

// A book is what the clients know: the payout that each key was acknowledged with; empty while the outcome is unknown.
type book struct {
	mu   sync.Mutex
	acks map[string]string
}

func (b *book) note(key, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.acks[key] == "" {
		b.acks[key] = id
	}
}

func (b *book) acknowledged() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range b.acks {
		if id != "" {
			n++
		}
	}
	return n
}

// killUnderLoad returns how many acknowledged payouts the database does not have in the end. Reckless commits do not wait for the
// disk, and nothing writes the log in the background: the kernel keeps what a killed process wrote, so only what never left
// PostgreSQL's memory can be lost.
func killUnderLoad(t *testing.T, kills int, reckless bool) (lost int) {
	t.Helper()
	data := t.TempDir()
	server := start(t, data, "DATABASE_URL=")
	if reckless {
		if _, err := superuser(t, data).Exec(t.Context(), "alter role anton_app set synchronous_commit = off"); err != nil {
			t.Fatal(err)
		}
		server.stop(t) // the role's setting counts for new connections
		server = start(t, data, "DATABASE_URL=")
	}
	merchant := newPayer(t, server)
	b := &book{acks: map[string]string{}}
	for kill := range kills {
		endFrozen := func() {}
		if reckless {
			endFrozen = freezeWALWriter(t, data)
		}
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for client := range 8 {
			clients.Go(func() { pay(server, merchant, b, fmt.Sprint("kill ", kill, " client ", client), stop) })
		}
		before := b.acknowledged()
		time.Sleep(time.Duration(150+97*kill%200) * time.Millisecond) // the load before the kill is the subject, not a wait for something
		for b.acknowledged() < before+8 {                             // a machine so busy that nothing was acknowledged yet would prove nothing
			time.Sleep(10 * time.Millisecond)
		}
		if kill%2 == 1 || reckless {
			killPostgres(t, data)
			endFrozen()
		}
		if err := server.command.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = server.command.Wait() // it was killed
		close(stop)
		clients.Wait()
		server = start(t, data, "DATABASE_URL=")
	}
	lost = settleBook(t, server, merchant, b)
	if !reckless {
		checkBooks(t, data)
	}
	server.stop(t)
	return lost
}

// A payer is a merchant with a beneficiary.
type payer struct{ key, beneficiary string }

func newPayer(t *testing.T, p *process) payer {
	t.Helper()
	ops := *p
	ops.sandbox = &sandboxFile{URL: p.sandbox.URL, APIKey: p.sandbox.OpsKey}
	merchant := ops.must(t, "POST", "/ops/v1/merchants", "", `{"name":"Killed Ltd","country":"GB","rate_limit_multiplier":1000}`)["id"].(string)
	key := ops.must(t, "POST", "/ops/v1/merchants/"+merchant+"/api-keys", "", `{"name":"load","scopes":["full"]}`)["key"].(string)
	as := *p
	as.sandbox = &sandboxFile{URL: p.sandbox.URL, APIKey: key}
	return payer{key, as.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)}
}

// create sends one payout and notes what became of it.
func create(p *process, who payer, b *book, key string) error {
	as := process{sandbox: &sandboxFile{URL: p.sandbox.URL, APIKey: who.key}}
	status, text, err := as.send("POST", "/v1/payouts", key, `{"beneficiary_id":"`+who.beneficiary+`","amount":"0.01","currency":"USD"}`)
	if err != nil {
		return err
	}
	var answer struct{ Data struct{ ID string } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusCreated {
		return fmt.Errorf("%d %s", status, text)
	}
	b.note(key, answer.Data.ID)
	return nil
}

func pay(p *process, who payer, b *book, name string, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		key := fmt.Sprint(name, " payout ", i)
		b.note(key, "")
		if create(p, who, b, key) != nil {
			return // the server is gone; whether it paid is to be seen
		}
	}
}

// settleBook retries every key, waits until every payout ended, and counts the acknowledged payouts that are not there.
func settleBook(t *testing.T, p *process, who payer, b *book) (lost int) {
	t.Helper()
	t.Logf("%d payouts acknowledged, %d unknown", b.acknowledged(), len(b.acks)-b.acknowledged())
	after := &book{acks: map[string]string{}}
	for key, id := range b.acks {
		if err := create(p, who, after, key); err != nil {
			t.Fatalf("retry %q: %v", key, err)
		}
		if id != "" && after.acks[key] != id {
			lost++
		}
	}
	as := *p
	as.sandbox = &sandboxFile{URL: p.sandbox.URL, APIKey: who.key}
	deadline := time.Now().Add(2 * time.Minute)
	for range time.Tick(200 * time.Millisecond) {
		pending := 0
		for _, status := range []string{"created", "pending_screening", "pending_approval", "approved", "processing", "sent"} {
			_, text, err := as.send("GET", "/v1/payouts?limit=1&status="+status, "", "")
			if err != nil {
				t.Fatal(err)
			}
			pending += strings.Count(text, `"id"`)
		}
		if pending == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("payouts are still under way after two minutes")
		}
	}
	distinct := map[string]bool{}
	for _, id := range after.acks {
		distinct[id] = true
	}
	if len(distinct) != len(after.acks) {
		t.Errorf("%d keys share %d payouts", len(after.acks), len(distinct))
	}
	return lost
}

// socket is where the private PostgreSQL of the data directory listens.
func socket(t *testing.T, data, role string) string {
	t.Helper()
	private, err := postgres.StartPrivate(t.Context(), postgres.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return private.DSN(role, "anton")
}

func superuser(t *testing.T, data string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), socket(t, data, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// freezeWALWriter has PostgreSQL write everything so far, and then stops the process that writes its log in the background. The
// function it gives ends that process, which can no longer end by itself.
func freezeWALWriter(t *testing.T, data string) (end func()) {
	t.Helper()
	conn := superuser(t, data)
	if _, err := conn.Exec(t.Context(), "checkpoint"); err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := conn.QueryRow(t.Context(), "select pid from pg_stat_activity where backend_type = 'walwriter'").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	t.Cleanup(end)
	return end
}

// killPostgres kills the postmaster of the data directory, which takes its children with it.
func killPostgres(t *testing.T, data string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "pg", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 { // root's temporary directories are closed to the user that runs PostgreSQL, so it lives elsewhere
		location, err := os.ReadFile(filepath.Join(data, "pg.location"))
		if err != nil {
			t.Fatal(err)
		}
		files = []string{filepath.Join(strings.TrimSpace(string(location)), "pg", "postmaster.pid")}
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func checkBooks(t *testing.T, data string) {
	t.Helper()
	pool, err := postgres.OpenPool(t.Context(), socket(t, data, "anton_app"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	breaches, err := invariants.Check(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range breaches {
		t.Errorf("invariant broken: %s", breach)
	}
}
