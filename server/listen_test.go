package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/webhooks/verify"
)

// TestListenForwardsWhatTriggerMakesHappen runs both commands beside a server that is restarted meanwhile.
func TestListenForwardsWhatTriggerMakesHappen(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	database := testserver.Database(t)
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	data, grpcAddr := t.TempDir(), "ANTON_GRPC_ADDR="+free.Addr().String()
	_ = free.Close()
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database), grpcAddr}
	server := start(t, data, env...)
	secret := make(chan string, 1)
	types := make(chan string, 1000)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		s := <-secret
		secret <- s
		if err == nil {
			err = verify.Verify(r.Header, body, 0, s)
		}
		if err != nil {
			types <- err.Error()
			return
		}
		_, rest, _ := strings.Cut(string(body), `"type":"`)
		eventType, _, _ := strings.Cut(rest, `"`)
		types <- eventType
	}))
	defer receiver.Close()
	listen := exec.Command(binary, "listen", "--forward-to", receiver.URL, "--events", "payout.*")
	listen.Env = append(os.Environ(), "ANTON_DATA="+data, grpcAddr)
	out, err := listen.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listen.Process.Kill() })
	listening := make(chan bool, 10)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "Signing secret: "); ok {
				secret <- text
			}
			if strings.HasPrefix(lines.Text(), "Listening.") {
				listening <- true
			}
		}
	}()
	within(t, listening)
	trigger := func(event string) {
		command := exec.Command(binary, "trigger", event)
		command.Env = append(os.Environ(), "ANTON_DATA="+data)
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), event+" happened to") {
			t.Errorf("trigger %s: %v: %s", event, err, out)
		}
	}
	came := func(event string) {
		for {
			if got := within(t, types); got == event {
				return
			} else if !strings.HasPrefix(got, "payout.") {
				t.Fatalf("it was forwarded %q", got)
			}
		}
	}
	for _, event := range []string{"payout.returned", "payout.cancelled", "payout.screening_failed", "payout.velocity_blocked", "payout.late_return"} {
		trigger(event)
		came(event)
	}
	trigger("beneficiary.archived")
	server.stop(t)
	server = start(t, data, env...)
	within(t, listening)
	trigger("payout.failed")
	came("payout.failed")
	if err := listen.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := listen.Wait(); err != nil {
		t.Errorf("Ctrl-C ends it with %v", err)
	}
	server.must(t, "PATCH", "/v1/balances/USD", "", `{"low_threshold":"10.00"}`)
	for _, event := range []string{"balance.low", "balance.low", "rfi.created", "rfi.responded", "rfi.resolved", "rfi.reopened", "rfi.escalated"} {
		trigger(event)
	}
	if kept := server.must(t, "GET", "/v1/balances/USD", "", "")["low_threshold"]; kept != "10.00" {
		t.Errorf("after balance.low the threshold of USD is %v", kept)
	}
	server.stop(t)
	if out, err := exec.Command(binary, "trigger", "payout.flown").CombinedOutput(); err == nil || !strings.Contains(string(out), "these can: balance.low, beneficiary.archived") {
		t.Errorf("an event that there is not: %v: %s", err, out)
	}
}

// within gives what comes, or fails.
func within[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(2 * time.Minute):
		t.Fatal("it did not come")
		panic("unreachable")
	}
}
