package webhooks_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/testserver"
)

// poll reads the list from its top, page by page, until it meets an event that it has seen, as a program does that asks what is new.
func poll(t *testing.T, m *testserver.Client, seen map[string]bool) (fresh []string) {
	t.Helper()
	for path := "/v1/events?limit=2"; ; {
		got := m.Get(t, path)
		for _, e := range got.List() {
			if id := e["id"].(string); seen[id] {
				return fresh
			} else if slices.Contains(fresh, id) {
				t.Fatalf("%s came twice", id)
			} else {
				fresh = append(fresh, id)
			}
		}
		next, more := got.Body["next_cursor"].(string)
		if !more {
			return fresh
		}
		path = "/v1/events?limit=2&cursor=" + next
	}
}

// lateEvent writes an event in a transaction that is still open.
func lateEvent(t *testing.T, s *testserver.Server, merchant, id string) pgx.Tx {
	t.Helper()
	late, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Rollback(context.Background()) })
	_, err = late.Exec(t.Context(), `insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at)
		values ($1, $2, 'payout.sent', 'payout', $2, 1, '{}', $3)`, merchant, id, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return late
}

// An event whose transaction commits late stands above all that was listed before it, whatever its time: who polls from the top meets it.
func TestAPollerMeetsWhatCommitsLate(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	seen := map[string]bool{}
	look := func() (fresh []string) {
		t.Helper()
		fresh = poll(t, m, seen)
		for _, id := range fresh {
			seen[id] = true
		}
		return fresh
	}
	if n := len(look()); n != 1 {
		t.Fatalf("it begins with %d events", n)
	}
	late := lateEvent(t, s, m.Merchant, "evt_late")
	for round := range 3 {
		s.Clock.Advance(time.Second)
		emit(t, s, m.Merchant, fmt.Sprint("pay_soon", round), 1, 2)
		if n := len(look()); n != 2 {
			t.Errorf("in round %d it found %d new events", round, n)
		}
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := look(); !slices.Equal(got, []string{"evt_late"}) {
		t.Errorf("after the late commit it found %v", got)
	}
}

// A walk down the list, while one transaction is open and others commit, sees everything that it could see at its beginning once.
func TestAWalkNeitherSkipsNorRepeats(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	emit(t, s, m.Merchant, "pay_a", 1, 5)
	late := lateEvent(t, s, m.Merchant, "pay_late")
	s.Clock.Advance(time.Second)
	emit(t, s, m.Merchant, "pay_b", 1, 3)
	var walked []string
	path := "/v1/events?type=payout.sent&limit=2"
	for page := 0; ; page++ {
		got := m.Get(t, path)
		for _, e := range got.List() {
			walked = append(walked, fmt.Sprint(e["object_id"], " ", e["sequence"]))
		}
		switch page {
		case 0:
			if err := late.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 1:
			emit(t, s, m.Merchant, "pay_c", 1, 2)
		}
		next, more := got.Body["next_cursor"].(string)
		if !more {
			break
		}
		if wrong := m.Get(t, "/v1/events?limit=2&cursor="+next); wrong.Code() != "validation_error" {
			t.Errorf("without its filter the cursor gives %d %s", wrong.Status, wrong.Raw)
		}
		path = "/v1/events?type=payout.sent&limit=2&cursor=" + next
	}
	want := []string{"pay_b 3", "pay_b 2", "pay_b 1", "pay_a 5", "pay_a 4", "pay_a 3", "pay_a 2", "pay_a 1"}
	if !slices.Equal(walked, want) {
		t.Errorf("it saw %v", walked)
	}
	if top := m.Get(t, "/v1/events?limit=3").List(); len(top) != 3 || top[2]["id"] != "pay_late" || top[0]["object_id"] != "pay_c" {
		t.Errorf("the next walk begins with %v", top)
	}
}

// Whoever changed something finds its event at once, on whatever server, while other sequencers run.
func TestWhatWasDoneIsListedAtOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	other := testserver.On(t, s.Database, s.Clock)
	m, _ := payer(t, s)
	ctx, stop := contextOf(t)
	defer stop()
	go other.Sequencer.Run(ctx)
	for i := range 20 {
		object := fmt.Sprint("pay_", i)
		emit(t, s, m.Merchant, object, 1, 2)
		if got := m.Get(t, "/v1/events?object_id="+object).List(); len(got) != 2 || got[0]["sequence"] != float64(2) {
			t.Errorf("%s is listed as %v", object, got)
		}
	}
}

func TestTheListIsFilteredByTypeOrFamily(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	emit(t, s, m.Merchant, "pay_a", 1, 2)
	for filter, want := range map[string]int{"payout.sent": 2, "payout.*": 2, "beneficiary.*": 1, "*": 3, "payout.completed": 0, "rfi.reopened": 0} {
		if got := m.Get(t, "/v1/events?type="+filter).List(); len(got) != want {
			t.Errorf("%s finds %v", filter, got)
		}
	}
	for _, wrong := range []string{"payout.flown", "payout", "payout.", "*.sent", "pay*"} {
		if got := m.Get(t, "/v1/events?type="+wrong); got.Code() != "validation_error" || !slices.Equal(got.Fields(), []string{"type"}) {
			t.Errorf("%s: %d %s", wrong, got.Status, got.Raw)
		}
	}
}
