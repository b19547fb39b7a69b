package payouts_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/testserver"
)

// cutOff turns the clock to the next cut-off of ACH, and has the files cut, delivered and heard of. Tests begin on a Saturday, 14 February
// 2026; Monday the 16th is Presidents' Day, so the first cut-off is on Tuesday.
func cutOff(t *testing.T, s *testserver.Server) {
	t.Helper()
	s.Clock.Advance(time.Date(2026, 2, 17, 21, 45, 0, 0, time.UTC).Sub(s.Clock.Now()))
	s.WorkRails(t)
	s.Clock.Advance(5 * time.Second)
	s.Work()
}

func TestAPayoutGoesOutInAFileOfItsRail(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	payout := m.Payout(t, maria, "2500.00", "once")
	got := m.Get(t, "/v1/payouts/"+payout).Data()
	// Cut on Tuesday at 16:45 in New York, settled on Wednesday.
	if got["estimated_arrival"] != "2026-02-18T22:00:00Z" {
		t.Errorf("it should arrive at %v", got["estimated_arrival"])
	}
	s.Work()
	s.WorkRails(t)
	if status := m.Status(t, payout); status != "processing" || len(s.RailOut(t, "ach")) != 0 {
		t.Fatalf("before the cut-off it is %s, with %d files", status, len(s.RailOut(t, "ach")))
	}
	cutOff(t, s)
	got = m.Get(t, "/v1/payouts/"+payout).Data()
	if got["status"] != "sent" || !strings.HasPrefix(got["rail_reference"].(string), "12104288") {
		t.Fatalf("after the cut-off it is %s with the reference %v", got["status"], got["rail_reference"])
	}
	out := s.RailOut(t, "ach")
	content, ok := out["ach-1234567890-20260217-01.ach"]
	if len(out) != 1 || !ok || !strings.Contains(string(content), got["rail_reference"].(string)) {
		t.Fatalf("the files are %v", out)
	}
	s.WorkRails(t) // nothing is left to do
	if len(s.RailOut(t, "ach")) != 1 {
		t.Error("there is a second file")
	}
	s.Clock.Advance(48 * time.Hour)
	s.Work()
	if status := m.Status(t, payout); status != "sent" {
		t.Fatalf("while it could still come back it is %s", status)
	}
	s.Clock.Advance(48 * time.Hour) // two banking days after Wednesday are over
	s.Work()
	if status := m.Status(t, payout); status != "completed" {
		t.Fatalf("after the time for returns it is %s", status)
	}
}

// sent makes a payout and has it go out; it gives the payout and its trace number.
func sent(t *testing.T, s *testserver.Server, m *testserver.Client, amount string) (payout, trace string) {
	t.Helper()
	payout = m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), amount, "sent")
	s.Work()
	cutOff(t, s)
	got := m.Get(t, "/v1/payouts/"+payout).Data()
	if got["status"] != "sent" {
		t.Fatalf("it is %v", got["status"])
	}
	return payout, got["rail_reference"].(string)
}

func TestABankSendsPaymentsBack(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	payout, trace := sent(t, s, m, "2500.00")
	back := testserver.ACHFile(t, testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 17, Cents: 250000})
	s.BankBrings(t, "ach", "returns-0218.ach", back)
	s.WorkRails(t)
	got := m.Get(t, "/v1/payouts/"+payout).Data()
	reason, _ := got["status_reason"].(map[string]any)
	if got["status"] != "returned" || reason["code"] != "no_account" {
		t.Fatalf("it is %v because of %v", got["status"], got["status_reason"])
	}
	if available := m.Get(t, "/v1/balances/USD").Data()["available"]; available != "50000.00" {
		t.Errorf("available is %v", available)
	}
	// The same return in another file says nothing new; the same file is put away.
	again := testserver.ACHFile(t, testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 17, Cents: 250000},
		testserver.ACHAnswer{Trace: trace, Cents: 250000})
	s.BankBrings(t, "ach", "returns-0219.ach", again)
	s.BankBrings(t, "ach", "returns-0218.ach", back)
	s.WorkRails(t)
	want := map[string]int{"applied": 1, "duplicate": 1, "noted": 1}
	if got := outcomes(t, s); !maps.Equal(got, want) {
		t.Errorf("the entries were decided as %v, want %v", got, want)
	}
	// A second return of the same money cannot be: it waits for a person, and so does the money.
	s.BankBrings(t, "ach", "returns-0220.ach", testserver.ACHFile(t, testserver.ACHAnswer{Code: "R02", Trace: trace, Message: 18, Cents: 250000}))
	s.WorkRails(t)
	if m.Status(t, payout) != "returned" || m.Get(t, "/v1/balances/USD").Data()["available"] != "50000.00" {
		t.Error("the second return was booked")
	}
	if got := cases(t, s); len(got) != 1 || got[0] != "contradiction 2500.00" {
		t.Errorf("the cases are %v", got)
	}
}

func TestAReturnMayComeLate(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	payout, trace := sent(t, s, m, "100.00")
	s.Clock.Advance(7 * 24 * time.Hour)
	s.Work()
	if status := m.Status(t, payout); status != "completed" {
		t.Fatalf("it is %s", status)
	}
	s.BankBrings(t, "ach", "late.ach", testserver.ACHFile(t, testserver.ACHAnswer{Code: "R14", Trace: trace, Message: 5, Cents: 10000}))
	s.WorkRails(t)
	if m.Status(t, payout) != "completed" || m.Get(t, "/v1/balances/USD").Data()["available"] != "50000.00" {
		t.Error("the late return was not booked")
	}
	if late := m.Get(t, "/v1/events?type=payout.late_return").List(); len(late) != 1 {
		t.Errorf("%d events tell of it", len(late))
	}
}

func TestWhatDoesNotFitIsACase(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	payout, trace := sent(t, s, m, "100.00")
	waiting := m.Payout(t, m.Beneficiary(t, "Lopez", "9876543211"), "7.00", "waits")
	s.Work()
	early := m.Get(t, "/v1/payouts/"+waiting).Data()["rail_reference"].(string)
	s.BankBrings(t, "ach", "odd.ach", testserver.ACHFile(t,
		testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 1, Cents: 9900},
		testserver.ACHAnswer{Code: "R03", Trace: "121042889999999", Message: 2, Cents: 5000},
		testserver.ACHAnswer{Code: "R80", Trace: trace, Message: 3, Cents: 10000},
		testserver.ACHAnswer{Code: "R03", Trace: early, Message: 4, Cents: 700},
	))
	s.WorkRails(t)
	want := []string{"different_amount 99.00", "not_sent 7.00", "unknown_reference 50.00", "unreadable 100.00"}
	if got := cases(t, s); !slices.Equal(got, want) {
		t.Errorf("the cases are %v, want %v", got, want)
	}
	if m.Status(t, payout) != "sent" || m.Status(t, waiting) != "processing" {
		t.Error("a payout moved")
	}
}

// outcomes counts how the entries of banks' files were decided.
func outcomes(t *testing.T, s *testserver.Server) map[string]int {
	t.Helper()
	all := map[string]int{}
	rows, err := s.Owner.Query(t.Context(), "select coalesce(outcome, 'pending'), count(*) from rail_entries group by 1")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var outcome string
		var n int
		if err := rows.Scan(&outcome, &n); err != nil {
			t.Fatal(err)
		}
		all[outcome] = n
	}
	return all
}

// cases are the open cases, each with its kind and amount.
func cases(t *testing.T, s *testserver.Server) []string {
	t.Helper()
	rows, err := s.Owner.Query(t.Context(), "select kind || ' ' || amount from rail_cases where resolution is null order by 1")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
