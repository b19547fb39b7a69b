package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "anton-binary-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "anton")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// A process is a real `anton serve`.
type process struct {
	command *exec.Cmd
	sandbox *sandboxFile
	output  *bytes.Buffer
}

// start runs the server with the environment given and waits until it says that it runs.
func start(t *testing.T, data string, env ...string) *process {
	t.Helper()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{command: exec.Command(binary, "serve"), output: &bytes.Buffer{}}
	p.command.Env = append(os.Environ(), "ANTON_DATA="+data, "ANTON_HTTP_ADDR=127.0.0.1:0", "ANTON_GRPC_ADDR=127.0.0.1:0", "ANTON_LOG_LEVEL=warn")
	p.command.Env = append(p.command.Env, env...)
	p.command.Stderr = p.output
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	})
	running := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Ctrl-C stops it") {
				running <- true
			}
		}
		close(running)
	}()
	select {
	case ok := <-running:
		if !ok {
			t.Fatalf("the server ended at once: %s", p.output)
		}
	case <-time.After(5 * time.Minute): // a bare machine installs PostgreSQL first
		t.Fatalf("the server did not start: %s", p.output)
	}
	if p.sandbox, err = readSandboxFile(data); err != nil {
		t.Fatal(err)
	}
	return p
}

// stop asks the server to stop as Ctrl-C does, and expects a clean end.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("the server ended with %v: %s", err, p.output)
	}
}

// send makes a request and gives status and body.
func (p *process) send(method, path, key, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, p.sandbox.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+p.sandbox.APIKey)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func (p *process) must(t *testing.T, method, path, key, body string) map[string]any {
	t.Helper()
	status, text, err := p.send(method, path, key, body)
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
	}
	var envelope struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(text), &envelope); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return envelope.Data
}

// TestTwoProcessesOnOneDatabase races 64 clients over two real processes that share nothing but PostgreSQL.
func TestTwoProcessesOnOneDatabase(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database)}
	data := t.TempDir()
	one := start(t, data, env...)
	other := start(t, data, env...)
	one.sandbox.URL, other.sandbox.URL = portOf(t, one, other)
	maria := one.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)

	answers := race(t, one, other, func(p *process, _ int) (int, string, error) {
		return p.send("POST", "/v1/payouts", "invoice-1042-maria", `{"beneficiary_id":"`+maria+`","amount":"0.01","currency":"USD"}`)
	})
	if len(answers) != 1 {
		t.Errorf("one key gave %d different answers: %v", len(answers), answers)
	}
	answers = race(t, one, other, func(p *process, i int) (int, string, error) {
		status, text, err := p.send("POST", "/v1/payouts", fmt.Sprint("race ", i), `{"beneficiary_id":"`+maria+`","amount":"4999.00","currency":"USD"}`)
		if status == http.StatusBadRequest && strings.Contains(text, "insufficient_balance") {
			text = "insufficient_balance"
		} else if status == http.StatusCreated {
			text = "created"
		}
		return status, text, err
	})
	if answers["201 created"] != 10 || answers["400 insufficient_balance"] != 54 {
		t.Errorf("64 payouts with money for 10: %v", answers)
	}
	one.stop(t)
	other.stop(t)
}

// TestTwoProcessesShareACap has 64 payouts evaluated by two real processes, under a rule that lets 10 pass.
func TestTwoProcessesShareACap(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database)}
	data := t.TempDir()
	one := start(t, data, env...)
	other := start(t, data, env...)
	one.sandbox.URL, other.sandbox.URL = portOf(t, one, other)
	operator := *one
	operator.sandbox = &sandboxFile{URL: one.sandbox.URL, APIKey: one.sandbox.OpsKey}
	operator.must(t, "PATCH", "/ops/v1/velocity/rules/vr_00000000000000000001", "", `{"threshold":"10"}`)
	maria := one.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)

	answers := race(t, one, other, func(p *process, i int) (int, string, error) {
		status, _, err := p.send("POST", "/v1/payouts", fmt.Sprint("cap ", i), `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`)
		return status, "", err
	})
	if answers["201 "] != 64 {
		t.Fatalf("created: %v", answers)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for now := range time.Tick(100 * time.Millisecond) {
		blocked, open := 0, 0
		for _, p := range one.list(t, "/v1/payouts?limit=100") {
			switch p["status"] {
			case "velocity_blocked":
				blocked++
			case "created", "pending_screening", "pending_approval":
				open++
			}
		}
		if open == 0 {
			if blocked != 54 {
				t.Errorf("%d of 64 payouts were blocked by a cap of 10", blocked)
			}
			break
		}
		if now.After(deadline) {
			t.Fatalf("%d payouts are not evaluated", open)
		}
	}
	one.stop(t)
	other.stop(t)
}

// list reads a list.
func (p *process) list(t *testing.T, path string) []map[string]any {
	t.Helper()
	status, text, err := p.send("GET", path, "", "")
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d %s %v", path, status, text, err)
	}
	var envelope struct{ Data []map[string]any }
	if err := json.Unmarshal([]byte(text), &envelope); err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, text)
	}
	return envelope.Data
}

// portOf tells the two apart: both wrote their address into the same sandbox.env, the later one last.
func portOf(t *testing.T, one, other *process) (string, string) {
	t.Helper()
	if one.sandbox.URL == other.sandbox.URL {
		t.Fatal("both processes say the same address")
	}
	if one.sandbox.APIKey != other.sandbox.APIKey {
		t.Fatal("the second start replaced keys that worked")
	}
	return one.sandbox.URL, other.sandbox.URL
}

// race has 64 clients call at once, half on each process, and counts the different answers.
func race(t *testing.T, one, other *process, call func(p *process, i int) (int, string, error)) map[string]int {
	t.Helper()
	answers := map[string]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			status, text, err := call([]*process{one, other}[i%2], i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			answers[fmt.Sprint(status, " ", text)]++
		})
	}
	group.Wait()
	return answers
}

// TestPrivateDatabaseSurvivesKill kills a server that runs its own PostgreSQL while a payout is under way, and starts it again.
func TestPrivateDatabaseSurvivesKill(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first := start(t, data, "DATABASE_URL=")
	maria := first.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	payout := first.must(t, "POST", "/v1/payouts", "killed", `{"beneficiary_id":"`+maria+`","amount":"2500.00","currency":"USD"}`)["id"].(string)
	if err := first.command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.command.Wait() // it was killed

	second := start(t, data, "DATABASE_URL=")
	if second.sandbox.APIKey != first.sandbox.APIKey {
		t.Error("the keys changed")
	}
	again := second.must(t, "POST", "/v1/payouts", "killed", `{"beneficiary_id":"`+maria+`","amount":"2500.00","currency":"USD"}`)
	if again["id"] != payout {
		t.Errorf("the retry made payout %v, the first was %s", again["id"], payout)
	}
	deadline := time.Now().Add(time.Minute)
	for now := range time.Tick(200 * time.Millisecond) {
		status := second.must(t, "GET", "/v1/payouts/"+payout, "", "")["status"].(string)
		if status == "completed" {
			break
		}
		if now.After(deadline) {
			t.Fatalf("the payout is still %s", status)
		}
	}
	if balance := second.must(t, "GET", "/v1/balances/USD", "", ""); balance["total"] != "47500.00" || balance["held"] != "0.00" {
		t.Errorf("the balance is %v", balance)
	}
	second.stop(t)
}

// TestTheCommandsThatInspect runs them beside the server whose database they inspect, and after damage that only the owner of the schema can do.
func TestTheCommandsThatInspect(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	database := testserver.Database(t)
	owner := testserver.DSN(t, "anton_owner", database)
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + owner}
	data := t.TempDir()
	server := start(t, data, env...)
	maria := server.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	server.must(t, "POST", "/v1/payouts", "inspected", `{"beneficiary_id":"`+maria+`","amount":"2500.00","currency":"USD"}`)
	inspect := func(args ...string) (string, int) {
		command := exec.CommandContext(t.Context(), binary, args...)
		command.Env = append(append(os.Environ(), "ANTON_DATA="+data), env...)
		out, err := command.CombinedOutput()
		if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
			t.Fatal(err)
		}
		return string(out), command.ProcessState.ExitCode()
	}
	deadline := time.Now().Add(time.Minute)
	for now := range time.Tick(200 * time.Millisecond) { // the sealer of the server does its work
		out, code := inspect("audit", "verify")
		if code != 0 {
			t.Fatalf("verify ended with %d: %s", code, out)
		}
		if strings.Contains(out, "OK  ") && strings.Contains(out, "; 0 rows wait") {
			break
		}
		if now.After(deadline) {
			t.Fatalf("rows still wait: %s", out)
		}
	}
	heads, export := filepath.Join(data, "heads.json"), filepath.Join(data, "audit.jsonl")
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"audit", "verify", "--heads", heads}, "are as they were sealed"},
		{[]string{"audit", "verify", "--against", heads, "--json"}, `"intact": true`},
		{[]string{"audit", "verify", "--merchant", "platform"}, "the platform"},
		{[]string{"audit", "export", "--out", export}, "were exported"},
		{[]string{"audit", "export"}, `{"end":{"rows":`},
		{[]string{"ledger", "check"}, "OK      balances_are_their_postings"},
		{[]string{"ledger", "check", "--json"}, `"holds": true`},
	} {
		if out, code := inspect(tt.args...); code != 0 || !strings.Contains(out, tt.says) {
			t.Errorf("%v ended with %d: %s", tt.args, code, out)
		}
	}
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"audit", "verify", "--merchant", "mer_nobody"}, "mer_nobody has no audit rows"},
		{[]string{"audit", "verify", "--against", export}, "is not a file that --heads wrote"},
		{[]string{"audit", "export", "--out", filepath.Join(data, "none", "x")}, "no such file"},
	} {
		if out, code := inspect(tt.args...); code != 1 || !strings.Contains(out, tt.says) || strings.Contains(out, "goroutine") {
			t.Errorf("%v ended with %d: %s", tt.args, code, out)
		}
	}
	server.stop(t)
	damage(t, owner, "update audit_log set actor = 'key_other' where action = 'payout.create'; update balances set held = held + 1 where currency = 'USD'")
	for _, tt := range []struct {
		args []string
		says []string
	}{
		{[]string{"audit", "verify"}, []string{"DAMAGED", "the row aud_", "was altered", "1 of 2 chains are damaged"}},
		{[]string{"audit", "verify", "--json", "--against", heads}, []string{`"intact": false`, `"audit_id": "aud_`}},
		{[]string{"ledger", "check"}, []string{"BROKEN  balances_are_their_postings: a balance is the sum of its postings", "invariants are broken"}},
		{[]string{"ledger", "check", "--json"}, []string{`"holds": false`}},
	} {
		out, code := inspect(tt.args...)
		for _, says := range tt.says {
			if code != 1 || !strings.Contains(out, says) {
				t.Errorf("%v ended with %d and does not say %q: %s", tt.args, code, says, out)
			}
		}
	}
}

// damage runs statements as the owner of the schema.
func damage(t *testing.T, owner, statements string) {
	t.Helper()
	pool, err := postgres.OpenPool(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

func TestMistakesEndInOneSentence(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	running := start(t, t.TempDir(), "DATABASE_URL=")
	taken := strings.TrimPrefix(running.sandbox.URL, "http://")
	for name, tt := range map[string]struct {
		env  []string
		says string
	}{
		"a taken port":            {[]string{"ANTON_HTTP_ADDR=" + taken}, "is taken"},
		"no such environment":     {[]string{"ANTON_ENV=staging"}, "must be one of"},
		"live without a keyset":   {[]string{"ANTON_ENV=live"}, "live needs --keyset"},
		"a database that is gone": {[]string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/none"}, "connect"},
	} {
		command := exec.Command(binary, "serve")
		command.Env = append(os.Environ(), "ANTON_DATA="+t.TempDir(), "ANTON_HTTP_ADDR=127.0.0.1:0", "ANTON_GRPC_ADDR=127.0.0.1:0")
		command.Env = append(command.Env, tt.env...)
		out, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tt.says) || strings.Contains(string(out), "goroutine") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	running.stop(t)
}
