package webhooks_test

import (
	"net/http"
	"testing"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

func counted(t *testing.T, s *testserver.Server, query string, args ...any) (n int) {
	t.Helper()
	if err := s.Owner.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Events are kept for 90 days and attempts for 30. What is removed leaves no gap behind, and the invariants hold.
func TestWhatIsTooOldIsRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, beneficiary := payer(t, s)
	r := newReceiver(t, nil)
	subscribe(t, m, r.URL, "*")
	watching := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true})
	cursor := watching.next(t).GetCursor()
	old := m.Payout(t, beneficiary, "25.00", "old")
	complete(s)
	s.Deliver()
	s.Clock.Advance(60 * 24 * time.Hour)
	young := m.Payout(t, beneficiary, "26.00", "young")
	complete(s)
	s.Deliver()
	if n, err := s.Deliverer.Prune(t.Context()); err != nil || n == 0 {
		t.Fatalf("%d slices, %v", n, err)
	}
	if n := counted(t, s, "select count(*) from webhook_attempts"); n != 7 {
		t.Errorf("%d attempts are left after 60 days", n)
	}
	if n := counted(t, s, "select count(*) from events where object_id = $1", old); n != 7 {
		t.Errorf("%d events are left after 60 days", n)
	}
	s.Clock.Advance(31 * 24 * time.Hour)
	if _, err := s.Deliverer.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := counted(t, s, "select count(*) from events where object_id = $1", old); n != 7 {
		t.Errorf("%d events are left that the dashboards have not counted", n)
	}
	if _, err := s.Tallier.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		if _, err := s.Deliverer.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := counted(t, s, "select count(*) from events where object_id = $1", old); n != 0 {
		t.Errorf("%d events are left after 91 days", n)
	}
	if n := counted(t, s, "select count(*) from webhook_deliveries where object_id = $1", old); n != 0 {
		t.Errorf("%d deliveries are left after 91 days", n)
	}
	if n := len(m.Get(t, "/v1/events?object_id="+young).List()); n != 7 {
		t.Errorf("the younger payout has %d events", n)
	}
	expect(t, "the payout itself", m.Get(t, "/v1/payouts/"+old), http.StatusOK, "")
	late := watch(t, s, m, &antonv1.WatchEventsRequest{Cursor: cursor})
	if _, err := late.Recv(); reason(err) != "validation_error" {
		t.Errorf("a cursor from before: %v", err)
	}
}

func TestTheApplicationCannotRemoveWhatIsYoung(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	for _, query := range []string{
		"select webhooks_prune(now() - interval '89 days', now() - interval '31 days', 10)",
		"select webhooks_prune(now() - interval '91 days', now() - interval '29 days', 10)",
		"delete from events where true",
		"delete from webhook_attempts where true",
		"update event_feeds set pruned_position = 1",
	} {
		if _, err := s.Pool.Exec(t.Context(), query); err == nil {
			t.Errorf("it may: %s", query)
		}
	}
}
