package payouts_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// A return that our bank gives back takes the money again; one that the receiving bank contests, and a second dishonour, are for a person.
func TestAReturnCanBeTakenBack(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	payout, trace := sent(t, s, m, "100.00")
	s.BankBrings(t, "ach", "1.ach", testserver.ACHFile(t,
		testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 1, Cents: 10000},
		testserver.ACHAnswer{Code: "R69", Trace: trace, Message: 2, Cents: 10000},
		testserver.ACHAnswer{Code: "R69", Trace: trace, Message: 3, Cents: 10000},
		testserver.ACHAnswer{Code: "R74", Trace: trace, Message: 4, Cents: 10000},
	))
	s.WorkRails(t)
	if m.Status(t, payout) != "returned" || m.Get(t, "/v1/balances/USD").Data()["available"] != "49900.00" {
		t.Errorf("it is %s, with %v", m.Status(t, payout), m.Get(t, "/v1/balances/USD").Data())
	}
	if told := m.Get(t, "/v1/events?type=balance.return_reversed").List(); len(told) != 1 {
		t.Errorf("%d events tell of it", len(told))
	}
	if got := cases(t, s); !slices.Equal(got, []string{"contradiction 100.00", "contradiction 100.00", "taken_back 100.00"}) {
		t.Errorf("the cases are %v", got)
	}
}

// Across currencies the bank takes its dollars again, and the merchant gives what the return had given it, whatever dollars are worth by then.
func TestAReturnAcrossCurrenciesCanBeTakenBack(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	rate := func(dollars string) {
		t.Helper()
		_, err := s.Pool.Exec(t.Context(), `insert into reference_rates (base, quote, as_of, rate, source) values ('EUR', 'USD', $1, $2::numeric, 'test')`, s.Clock.Now(), dollars)
		if err != nil {
			t.Fatal(err)
		}
	}
	created := m.Post(t, "/v1/payouts", "sent", `{"beneficiary_id":"`+m.Beneficiary(t, "Garcia", "9876543210")+`","amount":"100.00","currency":"USD","source_currency":"EUR"}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	payout := created.Data()["id"].(string)
	s.Work()
	cutOff(t, s)
	trace, _ := m.Get(t, "/v1/payouts/"+payout).Data()["rail_reference"].(string)
	before := m.Get(t, "/v1/balances/EUR").Data()["available"]
	rate("1.2")
	s.BankBrings(t, "ach", "1.ach", testserver.ACHFile(t, testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 1, Cents: 10000}))
	s.WorkRails(t)
	back := m.Get(t, "/v1/transactions?type=return&currency=EUR").List()
	if m.Status(t, payout) != "returned" || len(back) != 1 || back[0]["available_delta"] != "83.33" {
		t.Fatalf("it is %s, and %v came back", m.Status(t, payout), back)
	}
	s.Clock.Advance(time.Hour)
	rate("1.25")
	s.BankBrings(t, "ach", "2.ach", testserver.ACHFile(t, testserver.ACHAnswer{Code: "R69", Trace: trace, Message: 2, Cents: 10000}))
	s.WorkRails(t)
	// What was held for the payout was released by its return, and converted; what the return gave is gone.
	if after := m.Get(t, "/v1/balances/EUR").Data(); after["available"] != before || after["held"] != "0.00" || after["receivable"] != nil {
		t.Errorf("the balance is %v, and %v was available", after, before)
	}
	var clearing string
	err := s.Owner.QueryRow(t.Context(), `select sum(case 'rail_clearing'::ledger_account when credit then amount when debit then -amount else 0 end)::text
		from ledger_postings where merchant_id = $1 and currency = 'USD'`, m.Merchant).Scan(&clearing)
	if err != nil || clearing != "100.00" {
		t.Errorf("the bank has USD %s of ours, %v", clearing, err)
	}
	if got := cases(t, s); !slices.Equal(got, []string{"taken_back 100.00"}) {
		t.Errorf("the cases are %v", got)
	}
	open := s.Ops().Get(t, "/ops/v1/rails/cases?open=true").List()
	if open[0]["payout_id"] != payout || open[0]["code"] != "R69" || open[0]["held_in_suspense"] != false {
		t.Errorf("the case is %v", open[0])
	}
	path := "/ops/v1/rails/cases/" + open[0]["id"].(string) + "/resolve"
	if got := s.Ops().Post(t, path, "", `{"resolution":"dismissed","note":"The bank missed its day"}`); got.Status != http.StatusOK {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
}
