package payouts_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/rails/files"
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
		testserver.ACHAnswer{Code: "R07", Trace: trace, Message: 3, Cents: 10000},
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

// A server that stops anywhere between the cut of a file and the note of its delivery leaves what another one goes on from, and the bank
// gets the file once.
func TestAFileIsDeliveredOnceWhereverAServerStops(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "5.00", "once")
	s.Work()
	s.Clock.Advance(4 * 24 * time.Hour)
	// It stops after the commit of the cut.
	if n, err := s.Server.Rails.Rails[0].Cut(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d payments were cut: %v", n, err)
	}
	s.WorkRails(t)
	out := s.RailOut(t, "ach")
	if len(out) != 1 {
		t.Fatalf("%d files", len(out))
	}
	name := slices.Collect(maps.Keys(out))[0]
	outPath, staged := filepath.Join(s.RailDir("ach"), "out", name), filepath.Join(s.RailDir("ach"), "staged", name)
	for _, stop := range []struct {
		when  string
		notes string // what the database still says
		disk  func() error
		there bool // whether the file must lie in out/ afterwards
	}{
		{"after it was written to the stage", "staged_at = null, delivered_at = null", func() error { return os.Rename(outPath, staged) }, true},
		{"half through writing it", "staged_at = null, delivered_at = null", func() error { return errors.Join(os.Remove(outPath), os.WriteFile(staged, []byte("101"), 0o600)) }, true},
		{"after it was noted as staged", "delivered_at = null", func() error { return os.Rename(outPath, staged) }, true},
		{"after the rename", "delivered_at = null", func() error { return nil }, true},
		{"after the rename, and the bank has fetched it", "delivered_at = null", func() error { return os.Remove(outPath) }, false},
	} {
		if err := stop.disk(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Owner.Exec(t.Context(), "update rail_files set "+stop.notes); err != nil {
			t.Fatal(err)
		}
		s.WorkRails(t)
		s.WorkRails(t)
		now := s.RailOut(t, "ach")
		if got, ok := now[name]; ok != stop.there || len(now) > 1 || ok && !bytes.Equal(got, out[name]) {
			t.Errorf("%s: the bank finds %d files, this one: %v", stop.when, len(now), ok)
		}
		var undelivered int
		if err := s.Owner.QueryRow(t.Context(), "select count(*) from rail_files where delivered_at is null").Scan(&undelivered); err != nil || undelivered > 0 {
			t.Errorf("%s: %d files are not delivered: %v", stop.when, undelivered, err)
		}
		if err := os.WriteFile(outPath, out[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Another file of the same name is never written over.
	if err := os.WriteFile(outPath, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owner.Exec(t.Context(), "update rail_files set staged_at = null, delivered_at = null"); err != nil {
		t.Fatal(err)
	}
	if err := s.Server.Rails.RunOnce(t.Context()); !errors.Is(err, files.ErrOtherContent) {
		t.Errorf("a name that is taken gives %v", err)
	}
	if got := s.RailOut(t, "ach")[name]; string(got) != "another" {
		t.Error("it was written over")
	}
	info, err := os.Stat(staged)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info, err)
	}
}

// Servers that cut at once put no payout into two files; the invariants say so too.
func TestServersThatCutAtOnceShareThePayouts(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	other := testserver.RailsOn(t, s.Database, s.Clock, testserver.AllRails)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	const payouts = 8
	for i := range payouts {
		m.Payout(t, maria, "1.00", fmt.Sprint("payout ", i))
	}
	s.Work()
	s.Clock.Advance(4 * 24 * time.Hour)
	var cutting sync.WaitGroup
	for _, server := range []*testserver.Server{s, other, s, other} {
		cutting.Go(func() {
			if err := server.Server.Rails.RunOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	cutting.Wait()
	var in, distinct int
	if err := s.Owner.QueryRow(t.Context(), "select count(*), count(distinct payout_id) from rail_file_orders").Scan(&in, &distinct); err != nil {
		t.Fatal(err)
	}
	if in != payouts || distinct != payouts {
		t.Errorf("%d payouts are in files, %d different ones", in, distinct)
	}
}

// The database refuses what no code of ours does: an order in a second file, a number left out, bytes that change.
func TestTheDatabaseGuardsFiles(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	sent(t, s, m, "5.00")
	const another = `insert into rail_files (rail, id, direction, name, sha256, size, entries, amount, currency, day, number, settles_on, created_at, created_by)
		select rail, 'rfl_x', direction, 'other.ach', sha256('x'), size, entries, amount, currency, day, %d, settles_on, created_at, created_by from rail_files`
	for what, statement := range map[string]string{
		"file_follows_the_one_before": fmt.Sprintf(another, 3),
		"file_number_is_used_once":    fmt.Sprintf(another, 1),
		"order_is_in_one_file":        "insert into rail_file_orders select merchant_id, payout_id, rail, file_id, 2 from rail_file_orders",
		"rail_takes_a_payout_once":    "insert into rail_orders select merchant_id, payout_id, rail, 'x', 'x', amount, currency, details, '', accepted_at, null from rail_orders",
		"permission denied":           "update rail_file_contents set content = 'x'",
		"denied for table":            "delete from rail_files",
	} {
		if _, err := s.Pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %s, got %v", what, err)
		}
	}
}

func TestARefusedPaymentFailsAtOnce(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	created := m.Post(t, "/v1/beneficiaries", "", strings.NewReplacer("Maria", "☂", "Garcia", "☂").Replace(testserver.Maria))
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	payout := m.Payout(t, created.Data()["id"].(string), "5.00", "no letter")
	over := m.Post(t, "/v1/payouts", "over", `{"beneficiary_id":"`+m.Beneficiary(t, "Garcia", "9876543210")+`","amount":"100000000.00","currency":"USD"}`)
	if over.Code() != "amount_out_of_range" {
		t.Errorf("%d %s", over.Status, over.Raw)
	}
	s.Work()
	got := m.Get(t, "/v1/payouts/"+payout).Data()
	reason, _ := got["status_reason"].(map[string]any)
	if got["status"] != "failed" || reason["code"] != "name_not_supported" {
		t.Errorf("it is %v because of %v", got["status"], got["status_reason"])
	}
}

func TestOperatorsSeeFilesAndEndCases(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, strings.Replace(testserver.AllRails, `"ach":{`, `"ach":{"confirms":true,`, 1))
	m := s.Merchant(t)
	payout, trace := sent(t, s, m, "100.00")
	compare := func(want string) {
		t.Helper()
		got := s.Ops().Get(t, "/ops/v1/rails/reconciliation?rail=ach&day=2026-02-17").Data()
		if found := fmt.Sprint(got["payments"], got["matched"], got["missing"], got["different"]); found != want {
			t.Errorf("payments, matched, missing, different are %s, want %s", found, want)
		}
	}
	compare("1 0 1 0")
	file := testserver.ACHFile(t, testserver.ACHAnswer{Trace: trace, Cents: 10000}, testserver.ACHAnswer{Code: "R03", Trace: "121042889999999", Message: 2, Cents: 5000})
	body := `{"file_name":"a.ach","content":"` + base64.StdEncoding.EncodeToString(file) + `"}`
	taken := s.Ops().Post(t, "/ops/v1/rails/ach/files", "", body)
	if taken.Status != http.StatusCreated {
		t.Fatalf("%d %s", taken.Status, taken.Raw)
	}
	if again := s.Ops().Post(t, "/ops/v1/rails/ach/files", "", body); again.Code() != "state_conflict" || !strings.Contains(again.Message(), taken.Data()["id"].(string)) {
		t.Errorf("the same file again: %d %s", again.Status, again.Raw)
	}
	s.WorkRails(t)
	compare("1 1 0 0")
	odd := testserver.ACHFile(t, testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 3, Cents: 9000})
	s.BankBrings(t, "ach", "odd.ach", odd)
	s.BankBrings(t, "ach", "broken.ach", odd[:300])
	s.WorkRails(t)
	compare("1 0 0 1")
	if refused, err := os.ReadDir(filepath.Join(s.RailDir("ach"), "refused")); err != nil || len(refused) != 1 {
		t.Errorf("%d files were put aside: %v", len(refused), err)
	}
	down := s.Ops().Do(t, http.MethodGet, "/ops/v1/rails/files/"+taken.Data()["id"].(string)+"/download", nil, "")
	if !bytes.Equal(down.Raw, file) {
		t.Errorf("the download is %d %q", down.Status, down.Raw)
	}
	open := s.Ops().Get(t, "/ops/v1/rails/cases?open=true").List()
	if len(open) != 2 {
		t.Fatalf("%d cases", len(open))
	}
	for _, c := range open {
		path := "/ops/v1/rails/cases/" + c["id"].(string) + "/resolve"
		if c["kind"] == "unknown_reference" {
			if got := s.Ops().Post(t, path, "", `{"resolution":"unallocated","note":"x"}`); got.Code() != "validation_error" {
				t.Errorf("money of nobody: %d %s", got.Status, got.Raw)
			}
			continue
		}
		if c["held_in_suspense"] != true || c["payout_id"] != payout {
			t.Errorf("the case is %v", c)
		}
		for range 2 { // the second time changes nothing
			if got := s.Ops().Post(t, path, "", `{"resolution":"unallocated","note":"The bank kept its charge"}`); got.Status != http.StatusOK || got.Data()["held_in_suspense"] != false {
				t.Errorf("%d %s", got.Status, got.Raw)
			}
		}
		if got := s.Ops().Post(t, path, "", `{"resolution":"dismissed","note":"x"}`); got.Code() != "state_conflict" {
			t.Errorf("%d %s", got.Status, got.Raw)
		}
	}
	if available := m.Get(t, "/v1/balances/USD").Data()["available"]; available != "49900.00" {
		t.Errorf("available is %v", available)
	}
	if listed := m.Get(t, "/v1/transactions?payout_id="+payout).List(); len(listed) != 1 {
		t.Errorf("the merchant sees %v", listed)
	}
}

func TestABankAdvisesOfACorrection(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	payout, trace := sent(t, s, m, "100.00")
	before := m.Get(t, "/v1/instruments").Raw
	file := testserver.ACHFile(t, testserver.ACHAnswer{Code: "C01", Trace: trace, Message: 1, Corrected: "1918171614"})
	s.BankBrings(t, "ach", "1.ach", file)
	s.WorkRails(t)
	told := m.Get(t, "/v1/events?type=instrument.advice")
	if len(told.List()) != 1 || strings.Contains(string(told.Raw), "1918171614") {
		t.Fatalf("%s", told.Raw)
	}
	data, _ := told.List()[0]["data"].(map[string]any)
	if data["payout_id"] != payout || data["subject"] != "account_number" || data["scheme_code"] != "C01" {
		t.Errorf("it says %v", data)
	}
	if after := m.Get(t, "/v1/instruments").Raw; !bytes.Equal(before, after) || m.Status(t, payout) != "sent" {
		t.Error("the advice changed something")
	}
}
