package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

const underWay = 8

// A busy server has calls under way that wait for a lock, until let go.
type busy struct {
	*process
	answers chan string // one a call, when it is answered
	letGo   func()
}

// keepBusy starts a server, locks its merchant's balance, and calls it until so many calls wait for the lock.
func keepBusy(t *testing.T) *busy {
	t.Helper()
	database := testserver.Database(t)
	owner := testserver.DSN(t, "anton_owner", database)
	b := &busy{answers: make(chan string, underWay)}
	b.process = start(t, t.TempDir(), "DATABASE_URL="+testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL="+owner)
	maria := b.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	pool, err := postgres.OpenPool(t.Context(), testserver.DSN(t, "postgres", database)) // who may see what others wait for
	if err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.letGo = sync.OnceFunc(func() { _ = tx.Rollback(context.Background()); pool.Close() })
	t.Cleanup(b.letGo)
	if _, err := tx.Exec(t.Context(), "select from balances for update"); err != nil {
		t.Fatal(err)
	}
	for i := range underWay {
		go func() {
			status, text, err := b.send("POST", "/v1/payouts", fmt.Sprint("under way ", i), `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`)
			if status != http.StatusCreated || err != nil {
				text = fmt.Sprintf("%d %s %v", status, text, err)
			} else {
				text = "created"
			}
			b.answers <- text
		}()
	}
	eventually(t, "the calls wait for the lock", func() bool {
		var waiting int
		err := pool.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		return waiting == underWay
	})
	return b
}

// terminate sends SIGTERM and waits until the server says that it leaves, and takes nothing new.
func (b *busy) terminate(t *testing.T) {
	t.Helper()
	b.signal(t)
	eventually(t, "the admin's address says that the server leaves", func() bool {
		resp, err := get(t, b.admin+"/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(text), "the server is stopping")
	})
	eventually(t, "the server takes no new connections", func() bool {
		resp, err := get(t, b.sandbox.URL+"/healthz")
		if err == nil {
			_ = resp.Body.Close() // nothing is read of it
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

func (b *busy) signal(t *testing.T) {
	t.Helper()
	if err := b.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// get asks on a connection of its own.
func get(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	return http.DefaultClient.Do(req)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestWhatIsUnderWayIsFinishedWhenTheServerStops(t *testing.T) {
	t.Parallel()
	b := keepBusy(t)
	b.terminate(t)
	b.letGo()
	for range underWay {
		if answer := <-b.answers; answer != "created" {
			t.Errorf("a call that was under way: %s", answer)
		}
	}
	if err := b.command.Wait(); err != nil || strings.Contains(b.output.String(), `"level":"ERROR"`) {
		t.Errorf("the server ended with %v and said %s", err, b.output)
	}
}

// Balancers look every few seconds: until they have, requests still come.
func TestAServerThatLeavesServesOnForItsDrainDelay(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir(), "DATABASE_URL="+testserver.DSN(t, "anton_owner", testserver.Database(t)), "ANTON_DRAIN_DELAY=1h")
	if err := b.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "REST says that the server leaves", func() bool {
		resp, err := get(t, b.sandbox.URL+"/readyz")
		if err != nil {
			t.Fatal("it takes no new connections: ", err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	b.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)
	if err := b.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := b.command.Wait()
	if ended, _ := errors.AsType[*exec.ExitError](err); ended == nil || !ended.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("the second signal ended it with %v: %s", err, b.output)
	}
}

// Ctrl-C in the middle of the first start is told as that, and not as the fault of whatever was under way.
func TestAnInterruptedStartSaysSo(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "serve")
	command.Env = append(os.Environ(), "DATABASE_URL=", "ANTON_MIGRATE_URL=", "ANTON_DATA="+t.TempDir(), "ANTON_LOG_FORMAT=json",
		"ANTON_HTTP_ADDR=127.0.0.1:0", "ANTON_GRPC_ADDR=127.0.0.1:0", "ANTON_ADMIN_ADDR=127.0.0.1:0")
	told, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	last := ""
	for lines := bufio.NewScanner(told); lines.Scan(); {
		if last = lines.Text(); strings.Contains(last, "creating the database cluster") {
			if err := command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := command.Wait(); err == nil || last != "anton: interrupted, before it was done" {
		t.Errorf("it ended with %v and said %q", err, last)
	}
}

func TestTheDrainDelay(t *testing.T) {
	t.Parallel()
	second, before := time.Second, -time.Second
	for _, tt := range []struct {
		s    settings
		want time.Duration
	}{
		{settings{Environment: "test"}, 0},
		{settings{Environment: "live"}, 10 * time.Second},
		{settings{Environment: "live", DrainDelay: &second}, time.Second},
	} {
		if got := tt.s.drainDelay(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.s.Environment, got, tt.want)
		}
	}
	s := settings{Environment: "test", DrainDelay: &before, ReviewWithin: time.Hour, ScreeningMaxAge: time.Hour, FxMaxAge: 4}
	if err := s.check(); err == nil || !strings.Contains(err.Error(), "--drain-delay") {
		t.Errorf("a negative one: %v", err)
	}
}

func TestASecondSignalEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	b := keepBusy(t)
	b.terminate(t)
	b.signal(t)
	began := time.Now()
	err := b.command.Wait() // the calls under way cannot end: the lock is held
	ended, _ := errors.AsType[*exec.ExitError](err)
	if ended == nil || !ended.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("the server ended with %v, %s after the second signal: %s", err, time.Since(began), b.output)
	}
	b.letGo()
	for range underWay {
		if answer := <-b.answers; answer == "created" {
			t.Error("a call was answered by a server that was ended")
		}
	}
}
