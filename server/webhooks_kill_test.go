package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// told is what an endpoint was told: each payout's events, in the order of their first arrival.
type told struct {
	mu      sync.Mutex
	events  map[string]bool
	objects map[string][]int
	wrong   []string
}

func (e *told) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its sender was killed
	}
	var event struct {
		ID       string
		ObjectID string `json:"object_id"`
		Sequence int
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return // half of it, by a sender that was killed
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.events[event.ID] {
		return
	}
	e.events[event.ID] = true
	if came := len(e.objects[event.ObjectID]); event.Sequence != came+1 {
		e.wrong = append(e.wrong, fmt.Sprintf("%s: %d came after %v", event.ObjectID, event.Sequence, e.objects[event.ObjectID]))
	}
	e.objects[event.ObjectID] = append(e.objects[event.ObjectID], event.Sequence)
}

func (e *told) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.events)
}

// TestAKilledServersDeliveriesAreMadeByAnother has two servers deliver, kills one in the middle, then the other, and starts one again:
// every event comes at least once, and those of each payout in order.
func TestAKilledServersDeliveriesAreMadeByAnother(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database)}
	data := t.TempDir()
	one, other := start(t, data, env...), start(t, data, env...)
	e := &told{events: map[string]bool{}, objects: map[string][]int{}}
	endpoint := httptest.NewServer(e)
	t.Cleanup(endpoint.CloseClientConnections)
	t.Cleanup(endpoint.Close)
	other.must(t, "POST", "/v1/webhooks", "", fmt.Sprintf(`{"url":%q,"events":["payout.*"]}`, endpoint.URL))
	maria := other.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	const payouts = 30
	pay := func(p *process, from, to int) {
		for i := from; i < to; i++ {
			p.must(t, "POST", "/v1/payouts", fmt.Sprint("told ", i), `{"beneficiary_id":"`+maria+`","amount":"0.01","currency":"USD"}`)
		}
	}
	wait := func(n int) {
		for deadline := time.Now().Add(3 * time.Minute); e.count() < n; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d events came", e.count(), n)
			}
		}
	}
	kill := func(p *process) {
		if err := p.command.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = p.command.Wait() // it was killed
	}
	pay(other, 0, payouts/2)
	wait(10)
	kill(one)
	pay(other, payouts/2, payouts)
	wait(20)
	kill(other)
	last := start(t, data, env...)
	wait(7 * payouts)
	last.stop(t)
	if len(e.wrong) > 0 {
		t.Errorf("out of order: %v", e.wrong)
	}
}
