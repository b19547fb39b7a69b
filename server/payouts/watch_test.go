package payouts_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

// overdue is the line of the metric that alarms.
func overdue(t *testing.T, s *testserver.Server) string {
	t.Helper()
	_, text := s.Admin(t, "/metrics")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "anton_payouts_screening_overdue ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func TestAPayoutThatWaitsTooLongForItsScreeningIsToldOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	var log bytes.Buffer
	s.Watcher.Log = slog.New(slog.NewJSONHandler(&log, nil))
	m := s.Merchant(t)
	id := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "25.00", "waits")
	payout, err := db.New(s.Pool).PayoutGet(t.Context(), m.Merchant, id)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Runner.Do(t.Context(), unit.Who{Actor: "test"}, false, func(ctx context.Context, u *unit.Unit) error {
		p := payout
		return s.Worker.MoveOnce(ctx, u, &p, db.PayoutStatusPendingScreening, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range []struct {
		after time.Duration
		gauge string
		told  int
	}{
		{10 * time.Minute, "anton_payouts_screening_overdue 0", 0},
		{time.Second, "anton_payouts_screening_overdue 1", 1},
		{time.Hour, "anton_payouts_screening_overdue 1", 1},
	} {
		s.Clock.Advance(look.after)
		if err := s.Watcher.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := overdue(t, s); got != look.gauge {
			t.Errorf("%s later the metric is %q, want %q", look.after, got, look.gauge)
		}
		if told := strings.Count(log.String(), id); told != look.told || (told > 0 && !strings.Contains(log.String(), `"level":"ERROR"`)) {
			t.Errorf("%s later the log has told it %d times, want %d: %s", look.after, told, look.told, log.String())
		}
	}
	if got := m.Post(t, "/v1/payouts/"+id+"/cancel", "", `{}`); got.Status >= 300 {
		t.Fatalf("cancel: %d %s", got.Status, got.Raw)
	}
	if err := s.Watcher.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := overdue(t, s); got != "anton_payouts_screening_overdue 0" {
		t.Errorf("when it has left the state, the metric is %q", got)
	}
}
