package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/testserver"
)

// TestWhatIsRememberedOfThePastIsStillSo has two servers pay for one merchant, which remember what settled buckets add up to. The past then
// changes in every way it can: a release that is undone, a server whose clock is an hour behind, a payout that is given back.
func TestWhatIsRememberedOfThePastIsStillSo(t *testing.T) {
	t.Parallel()
	first := testserver.New(t)
	slow := testserver.NewClock()
	second := testserver.On(t, first.Database, slow)
	w := newWorld(t, first)
	rule := createRule(t, w.m, map[string]any{
		"name": "Six hours", "type": "amount_per_window", "window": map[string]any{"type": "rolling", "seconds": 6 * 3600}, "threshold": "3000", "currency": "USD",
	})
	pay := func(s *testserver.Server, amount string) string {
		t.Helper()
		slow.Advance(time.Second)
		first.Clock.Advance(time.Second)
		m := w.m.At(s)
		id := m.Payout(t, w.bens[0], amount, fmt.Sprint("settled ", payments.next()))
		s.Work()
		return m.Status(t, id)
	}
	threshold := func(to string) {
		t.Helper()
		if got := w.m.Do(t, "PATCH", "/v1/velocity/rules/"+rule, nil, `{"threshold":"`+to+`"}`); got.Status != http.StatusOK {
			t.Fatalf("change the rule: %d %s", got.Status, got.Raw)
		}
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %s, want %s", what, got, want)
		}
	}
	expect("within the cap", pay(first, "1000"), "processing")
	held := w.m.Payout(t, w.bens[0], "1313.13", "held")
	first.Work()
	slow.Advance(2 * time.Hour)
	first.Clock.Advance(2 * time.Hour)
	for range 2 { // the first settles what is past, the next remembers it
		expect("by the first server", pay(first, "100"), "processing")
		expect("by the second server", pay(second, "100"), "processing")
	}

	threshold("1000")
	if got := w.m.Post(t, "/v1/sandbox/payouts/"+held+"/advance", "", `{"outcome":"approved"}`); got.Status != http.StatusConflict {
		t.Fatalf("released over the cap: %d %s", got.Status, got.Raw)
	}
	threshold("3000")
	slow.Advance(-time.Hour)
	expect("an hour ago", pay(second, "90"), "processing") // 2803.13
	slow.Advance(time.Hour)
	expect("over the cap by what was counted an hour ago", pay(first, "200"), "velocity_blocked")
	expect("over the cap", pay(second, "200"), "velocity_blocked")

	if got := w.m.At(second).Post(t, "/v1/payouts/"+held+"/cancel", "", "{}"); got.Status != http.StatusOK {
		t.Fatalf("cancel: %d %s", got.Status, got.Raw)
	}
	expect("where there is room again", pay(first, "1500"), "processing") // 2990
	expect("over the cap again", pay(second, "10.01"), "velocity_blocked")
	expect("exactly the cap", pay(second, "10"), "processing")
}

// TestAnEvaluationThatDiesLeavesNothing ends the connection of an engine between its reading and its writing, as the end of its process does.
// The payouts are judged again by another engine, which lets through exactly what the cap allows.
func TestAnEvaluationThatDiesLeavesNothing(t *testing.T) {
	t.Parallel()
	first := testserver.New(t)
	w := newWorld(t, first)
	createRule(t, w.m, map[string]any{
		"name": "Five", "type": "count_per_window", "window": map[string]any{"type": "rolling", "seconds": 3600}, "threshold": "5",
	})
	for i := range 8 {
		w.m.Payout(t, w.bens[0], "1.00", fmt.Sprint("dying ", i))
	}
	// The book is taken, so that the evaluation has to wait in the middle of it.
	boss, err := pgx.Connect(t.Context(), testserver.DSN(t, "postgres", first.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer boss.Close(context.WithoutCancel(t.Context()))
	tx, err := first.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "insert into velocity_books (merchant_id) values ($1) on conflict (merchant_id) do update set rules = velocity_books.rules", w.m.Merchant); err != nil {
		t.Fatal(err)
	}
	died := make(chan error, 1)
	go func() {
		_, err := first.Worker.RunOnce(context.Background())
		died <- err
	}()
	for ended := false; !ended; {
		err := boss.QueryRow(t.Context(), `select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity
			where datname = current_database() and usename = 'anton_app' and wait_event_type = 'Lock' and query like '%velocity_books%'`).Scan(&ended)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-died; err == nil {
		t.Error("the evaluation did not notice its end")
	}
	var left int
	err = first.Owner.QueryRow(t.Context(), `select (select count(*) from verdicts) + (select count(*) from velocity_checks) + (select count(*) from velocity_buckets)
		+ (select count(*) from payout_transitions where seq > 1)`).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d rows are left of the judgement, %v", left, err)
	}
	again := testserver.On(t, first.Database, first.Clock)
	again.Work()
	blocked := len(w.m.At(again).Get(t, "/v1/payouts?limit=100&status=velocity_blocked").List())
	if blocked != 3 {
		t.Errorf("%d of 8 payouts are blocked by a cap of 5", blocked)
	}
}
