package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestKilledServersMoveOperatorsMoneyOnce kills a server, and the second time its PostgreSQL too, while operators deposit, take back
// and correct. Every call is sent again with its key until it is answered; in the end each has moved its money once.
func TestKilledServersMoveOperatorsMoneyOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	server := start(t, data, "DATABASE_URL=")
	ops := func() *process {
		return &process{sandbox: &sandboxFile{URL: server.sandbox.URL, APIKey: server.sandbox.OpsKey}}
	}
	merchant := ops().must(t, "POST", "/ops/v1/merchants", "", `{"name":"Killed Ltd","country":"GB"}`)["id"].(string)
	base := "/ops/v1/merchants/" + merchant
	deposit := ops().must(t, "POST", base+"/deposits", "first", `{"amount":"1000.00","currency":"CAD"}`)["id"].(string)
	calls := []struct{ path, body string }{
		{base + "/deposits", `{"amount":"100.00","currency":"CAD"}`},
		{base + "/deposits/" + deposit + "/reverse", `{"amount":"1.00","reason":"Recalled"}`},
		{base + "/adjustments", `{"type":"credit","amount":"3.00","currency":"CAD","reason":"Ours"}`},
		{base + "/adjustments", `{"type":"debit","amount":"2.00","currency":"CAD","reason":"Theirs"}`},
	}
	const rounds = 60 // of each call; what a killed server did not answer is sent again after the last restart
	send := func(p *process, n int) bool {
		c := calls[n%len(calls)]
		status, _, err := p.send("POST", c.path, fmt.Sprint("kill ", n), c.body)
		return err == nil && status < 300
	}
	for kill := range 2 {
		var next, done atomic.Int64
		enough := make(chan bool)
		var clients sync.WaitGroup
		for range 6 {
			clients.Go(func() {
				for p := ops(); ; {
					n := int(next.Add(1) - 1)
					if n >= rounds*len(calls)/2*(kill+1) {
						return
					}
					if send(p, n) && done.Add(1) == int64(20*(kill+1)) {
						close(enough)
					}
				}
			})
		}
		<-enough
		if kill == 1 {
			killPostgres(t, data)
		}
		if err := server.command.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = server.command.Wait() // it was killed
		clients.Wait()
		t.Logf("kill %d after %d answers", kill, done.Load())
		server = start(t, data, "DATABASE_URL=")
	}
	for n := range rounds * len(calls) {
		if p := ops(); !send(p, n) {
			status, text, err := p.send("POST", calls[n%len(calls)].path, fmt.Sprint("kill ", n), calls[n%len(calls)].body)
			if err != nil || status >= http.StatusMultipleChoices {
				t.Fatalf("call %d again: %d %s %v", n, status, text, err)
			}
		}
	}
	key := ops().must(t, "POST", base+"/api-keys", "", `{"name":"reader","scopes":["balances:read"]}`)["key"].(string)
	as := process{sandbox: &sandboxFile{URL: server.sandbox.URL, APIKey: key}}
	// 1000 + 60 × (100 - 1 + 3 - 2)
	if got := as.must(t, "GET", "/v1/balances/CAD", "", ""); got["available"] != "7000.00" || got["receivable"] != nil {
		t.Errorf("in the end the balance is %v, want 7000.00", got)
	}
	checkBooks(t, data)
	server.stop(t)
}
