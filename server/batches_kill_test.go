package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

// TestAKilledServersBatchIsPaidByTheNext kills a server as soon as it has paid a part of a batch: the next one pays the rest, and no row
// twice.
func TestAKilledServersBatchIsPaidByTheNext(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database)}
	data := t.TempDir()
	const rows = 600
	server := start(t, data, env...)
	id := sendBatch(t, server, rows)
	server.await(t, id, func(b batchState) bool { return b.Status == "validated" })
	server.must(t, "POST", "/v1/batches/"+id+"/confirm", "confirm", "")
	server.await(t, id, func(b batchState) bool { return b.Created > 0 })
	if err := server.command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = server.command.Wait() // it was killed
	server = start(t, data, env...)
	server.await(t, id, func(b batchState) bool { return b.Status == "completed" && b.Created == rows })
	pool, err := postgres.OpenPool(t.Context(), testserver.DSN(t, "anton_app", database))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var payouts, different int
	err = pool.QueryRow(t.Context(), "select count(*), count(distinct reference) from payouts where batch_id = $1", id).Scan(&payouts, &different)
	if err != nil || payouts != rows || different != rows {
		t.Errorf("%d payouts of %d rows, %v", payouts, different, err)
	}
	server.stop(t)
	breaches, err := invariants.Check(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range breaches {
		t.Errorf("invariant broken: %s", breach)
	}
}

// sendBatch sends a batch of so many rows of a cent, each under its own reference.
func sendBatch(t *testing.T, server *process, rows int) string {
	t.Helper()
	maria := server.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	var body strings.Builder
	for i := range rows {
		fmt.Fprintf(&body, `,{"beneficiary_id":%q,"amount":"0.01","currency":"USD","reference":"row %d"}`, maria, i+1)
	}
	return server.must(t, "POST", "/v1/batches", "", `{"rows":[`+body.String()[1:]+`]}`)["id"].(string)
}

// batchState is how far a batch is.
type batchState struct {
	Status  string
	Created int `json:"created_rows"`
}

// await waits until the batch is as far as reached says.
func (p *process) await(t *testing.T, id string, reached func(batchState) bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		status, text, err := p.send("GET", "/v1/batches/"+id, "", "")
		var got struct{ Data batchState }
		if err == nil {
			err = json.Unmarshal([]byte(text), &got)
		}
		if err != nil || status != 200 {
			t.Fatalf("read the batch: %d %s %v", status, text, err)
		}
		if reached(got.Data) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the batch does not go on: %s", text)
		}
	}
}
