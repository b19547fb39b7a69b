package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// TestAKilledServersRescreeningIsFinishedByAnother kills a server in the middle of holding a new version of a list against the
// beneficiaries: the next one examines those that are left, each is examined once, and nobody is alerted about or blocked twice.
func TestAKilledServersRescreeningIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	s := testserver.On(t, testserver.Database(t), testserver.NewClock())
	s.Clock.Advance(time.Since(testserver.Start).Truncate(time.Second)) // as it is for the servers
	const beneficiaries = 420                                           // three slices
	listed := sevenListed(t, s, beneficiaries)

	// The fourth of the listed, in the second slice, is held, so that its block has to wait.
	hold, err := s.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := hold.Exec(t.Context(), "select from beneficiaries where id = $1 for update", listed[3]); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	env := []string{
		"DATABASE_URL=" + testserver.DSN(t, "anton_app", s.Database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", s.Database),
		"ANTON_SCREENING_LISTS=un",
	}
	server := start(t, data, env...)
	awaitRow(t, s, `select exists (select from screening_rescreen_slices) and exists (
		select from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database() and usename = 'anton_app')`)
	if err := server.command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = server.command.Wait() // it was killed
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	var finished bool
	// The killed server has the run for two minutes; they are over.
	err = s.Owner.QueryRow(t.Context(), "update screening_rescreens set leased_until = now() - interval '1 second' where started_at is not null returning finished_at is not null").Scan(&finished)
	if err != nil || finished {
		t.Fatalf("the run was not killed in its middle: finished %t, %v", finished, err)
	}
	server = start(t, data, env...)
	awaitRow(t, s, "select bool_and(finished_at is not null) from screening_rescreens")
	server.stop(t)

	var examined, alerts, alerted, blocks, blocked int
	err = s.Owner.QueryRow(t.Context(), `select (select sum(examined) from screening_rescreen_slices),
		(select count(*) from screening_alerts), (select count(distinct beneficiary_id) from screening_alerts where beneficiary_id = any($1)),
		(select count(*) from beneficiary_blocks), (select count(*) from beneficiaries where status = 'blocked' and id = any($1))`, listed).
		Scan(&examined, &alerts, &alerted, &blocks, &blocked)
	if err != nil || examined != beneficiaries || alerts != len(listed) || alerted != len(listed) || blocks != len(listed) || blocked != len(listed) {
		t.Errorf("%d of %d examined, %d alerts about %d, %d blocks of %d: %v", examined, beneficiaries, alerts, alerted, blocks, blocked, err)
	}
	s.CheckInvariants(t)
}

// sevenListed makes beneficiaries, every sixtieth of a name that a new version of the UN's list adds, and gives those. The version is in force.
func sevenListed(t *testing.T, s *testserver.Server, beneficiaries int) (listed []string) {
	t.Helper()
	list := &lists.List{Authority: lists.UN, Published: s.Clock.Now().Format(time.DateOnly), Parser: lists.Parser}
	for i := range 500 {
		name := fmt.Sprintf("Filler Nobody%c%c", 'a'+i%26, 'a'+i/26)
		list.Entries = append(list.Entries, lists.Entry{ID: fmt.Sprintf("X.%03d", i), Kind: lists.Person, Names: []lists.Name{{Text: name}}})
	}
	list.Entries = append(list.Entries, lists.Entry{ID: "T.1", Kind: lists.Person, Names: []lists.Name{{Text: "Zoltrazar Quimbwell"}}})
	list.Hash = fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, list.Entries)))
	m := s.Merchant(t)
	zoltrazar := strings.NewReplacer("Maria", "Zoltrazar")
	for i := range beneficiaries {
		body := strings.NewReplacer("Garcia", "Plainname", "9876543210", fmt.Sprint(5_000_000_000+i)).Replace(testserver.Maria)
		if i%60 == 30 {
			body = strings.ReplaceAll(zoltrazar.Replace(body), "Plainname", "Quimbwell")
		}
		created := m.Post(t, "/v1/beneficiaries", "", body)
		if created.Status != 201 {
			t.Fatalf("create a beneficiary: %d %s", created.Status, created.Raw)
		}
		if i%60 == 30 {
			listed = append(listed, created.Data()["id"].(string))
		}
	}
	s.TakeList(t, list)
	return listed
}

// awaitRow waits until the query says true.
func awaitRow(t *testing.T, s *testserver.Server, query string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var so *bool
		if err := s.Owner.QueryRow(t.Context(), query).Scan(&so); err != nil {
			t.Fatal(err)
		}
		if so != nil && *so {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not become true: %s", query)
		}
	}
}
