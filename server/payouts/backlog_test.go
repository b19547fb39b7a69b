package payouts_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMetricsTellWhatWaitsOfRails(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, _ := sentBySEPA(t, s, m, "10.00", "20.00")
	if got := recall(t, s, m, payouts[0], "CUST"); got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	s.BankBrings(t, "interbank", "a.xml", testserver.InterbankStatus("INTERBANK-20260101-01", "RJCT", "AM05"))
	s.WorkRails(t)
	if got := recall(t, s, m, payouts[1], "CUST"); got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	s.Clock.Advance(time.Date(2026, 2, 17, 13, 0, 0, 0, time.UTC).Sub(s.Clock.Now()))
	inTheWay := filepath.Join(s.RailDir("interbank"), "out", "interbank-20260217-01.xml")
	if err := os.WriteFile(inTheWay, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Server.Rails.RunOnce(t.Context()); !errors.Is(err, files.ErrOtherContent) {
		t.Fatalf("a name that is taken: %v", err)
	}
	s.Clock.Advance(time.Hour)
	opened := time.Date(2026, 2, 16, 13, 0, 5, 0, time.UTC)
	waited := fmt.Sprint(s.Clock.Now().Sub(opened).Seconds())
	want := map[string]string{
		"anton_rail_files_undelivered": "1", "anton_rail_files_undelivered_oldest_seconds": "3600", "anton_rail_cases_open": "1",
		"anton_rail_cases_oldest_seconds": waited, "anton_rail_recalls_open": "2", "anton_rail_recalls_oldest_seconds": waited,
		"anton_batches_in_work": "0", "anton_batches_due_oldest_seconds": "0",
	}
	told(t, s, want)
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	s.WorkRails(t)
	want["anton_rail_files_undelivered"], want["anton_rail_files_undelivered_oldest_seconds"] = "0", "0"
	told(t, s, want)
}

// told holds metrics, read anew, against what they should say; and that there are rates, of some day.
func told(t *testing.T, s *testserver.Server, want map[string]string) {
	t.Helper()
	if err := s.Watcher.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, text := s.Admin(t, "/metrics")
	for name, value := range want {
		if !strings.Contains(text, "\n"+name+" "+value+"\n") {
			t.Errorf("%s is not %s", name, value)
		}
	}
	if strings.Contains(text, "\nanton_fx_rates_age_seconds -1\n") || !strings.Contains(text, "\nanton_fx_rates_age_seconds ") {
		t.Error("the metrics do not tell how old the rates are")
	}
}
