package balances_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/server/testserver"
)

// pages reads a list from its first page to its last, with between called after each page.
func pages(t *testing.T, c *testserver.Client, path string, between func()) []map[string]any {
	t.Helper()
	var all []map[string]any
	cursor := ""
	for {
		address := path
		if cursor != "" {
			address += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "cursor=" + url.QueryEscape(cursor)
		}
		got := c.Get(t, address)
		if got.Status != http.StatusOK {
			t.Fatalf("GET %s: %d %s", address, got.Status, got.Raw)
		}
		all = append(all, got.List()...)
		if got.Body["has_more"] != true {
			return all
		}
		cursor = got.Body["next_cursor"].(string)
		if between != nil {
			between()
		}
	}
}

func sum(t *testing.T, texts ...any) string {
	t.Helper()
	var total apd.Decimal
	for _, text := range texts {
		d, _, err := apd.NewFromString(text.(string))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apd.BaseContext.WithPrecision(60).Add(&total, &total, d); err != nil {
			t.Fatal(err)
		}
	}
	return total.Text('f')
}

// checkChain fails unless the transactions of the currency, newest first, lead from nothing to the top one without a gap.
func checkChain(t *testing.T, what string, all []map[string]any, currency string) {
	t.Helper()
	available, held := "0", "0"
	for _, txn := range slices.Backward(all) {
		if txn["currency"] != currency {
			continue
		}
		available, held = sum(t, available, txn["available_delta"]), sum(t, held, txn["held_delta"])
		if available != txn["available_after"] || held != txn["held_after"] {
			t.Fatalf("%s: %s breaks the chain of %s: it leaves %v and %v, what came before it makes %s and %s",
				what, txn["id"], currency, txn["available_after"], txn["held_after"], available, held)
		}
	}
}

func deposit(t *testing.T, s *testserver.Server, m *testserver.Client, currency, amount, key string) {
	t.Helper()
	got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", key, `{"amount":"`+amount+`","currency":"`+currency+`","reference":"`+key+`"}`)
	if got.Status != http.StatusCreated {
		t.Fatalf("deposit: %d %s", got.Status, got.Raw)
	}
}

func TestTransactionsAddUpToTheBalances(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria, joe := m.Beneficiary(t, "Garcia", "9876543210"), m.Beneficiary(t, "Brown", "9876540002")
	m.Payout(t, maria, "2500.00", "completes")
	m.Payout(t, joe, "700.00", "comes back")
	cancelled := m.Payout(t, maria, "99.99", "is cancelled")
	if got := m.Post(t, "/v1/payouts/"+cancelled+"/cancel", "", `{"reason":"twice"}`); got.Status != http.StatusOK {
		t.Fatalf("cancel: %d %s", got.Status, got.Raw)
	}
	for range 4 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	deposit(t, s, m, "USD", "12.34", "wire 1")
	deposit(t, s, m, "KWD", "0.001", "wire 2")
	m.Payout(t, maria, "1.00", "is under way")

	all := pages(t, m, "/v1/transactions?limit=3", nil)
	for _, balance := range m.Get(t, "/v1/balances").List() {
		currency := balance["currency"].(string)
		checkChain(t, "all", all, currency)
		own := pages(t, m, "/v1/balances/"+currency+"/transactions?limit=2", nil)
		checkChain(t, "its own list", own, currency)
		if own[0]["available_after"] != balance["available"] || own[0]["held_after"] != balance["held"] {
			t.Errorf("%s ends with %v, the balance is %v", currency, own[0], balance)
		}
		filtered := pages(t, m, "/v1/transactions?limit=2&currency="+currency, nil)
		if fmt.Sprint(filtered) != fmt.Sprint(own) {
			t.Errorf("%s by filter and by path differ:\n%v\n%v", currency, filtered, own)
		}
	}
	if got := m.Get(t, "/v1/balances/CHF/transactions"); got.Status != http.StatusNotFound {
		t.Errorf("a balance that was never opened: %d %s", got.Status, got.Raw)
	}
	if got := m.Get(t, "/v1/transactions?currency=CHF"); got.Status != http.StatusOK || len(got.List()) != 0 {
		t.Errorf("a currency without a balance: %d %s", got.Status, got.Raw)
	}
}

func TestTransactionsAreFoundByWhatTheyAre(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	s.Clock.Advance(time.Hour)
	payout := m.Payout(t, maria, "25.00", "first")
	m.Payout(t, maria, "26.00", "second")
	for range 3 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	s.Clock.Advance(time.Hour)
	deposit(t, s, m, "EUR", "10.00", "late wire")

	types := func(path string) string {
		var got []string
		for _, txn := range pages(t, m, path, nil) {
			got = append(got, txn["currency"].(string)+" "+txn["type"].(string))
		}
		return strings.Join(got, ", ")
	}
	for path, want := range map[string]string{
		"/v1/transactions?payout_id=" + payout:                                  "USD payout_settlement, USD payout_hold",
		"/v1/transactions?limit=1&payout_id=" + payout:                          "USD payout_settlement, USD payout_hold",
		"/v1/balances/USD/transactions?payout_id=" + payout:                     "USD payout_settlement, USD payout_hold",
		"/v1/balances/EUR/transactions?payout_id=" + payout:                     "",
		"/v1/transactions?payout_id=pay_none":                                   "",
		"/v1/transactions?type=payout_hold":                                     "USD payout_hold, USD payout_hold",
		"/v1/transactions?type=payout_hold&payout_id=" + payout:                 "USD payout_hold",
		"/v1/balances/EUR/transactions":                                         "EUR deposit, EUR deposit",
		"/v1/balances/EUR/transactions?created_after=2026-02-14T11:30:00Z":      "EUR deposit",
		"/v1/transactions?created_before=2026-02-14T10:30:00Z&currency=JPY":     "JPY deposit",
		"/v1/transactions?created_before=2026-02-14T10:30:00Z&type=payout_hold": "",
		"/v1/transactions?type=return":                                          "",
		"/v1/transactions?limit=1&created_after=2026-02-14T10:30:00Z":           "EUR deposit, USD payout_settlement, USD payout_settlement, USD payout_hold, USD payout_hold",
	} {
		if got := types(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := other.Get(t, "/v1/transactions?payout_id="+payout); len(got.List()) != 0 {
		t.Errorf("another merchant finds %s", got.Raw)
	}
	newest := m.Get(t, "/v1/transactions?limit=1").List()[0]
	want := map[string]any{
		"type": "deposit", "currency": "EUR", "available_delta": "10.00", "held_delta": "0.00", "available_after": "30010.00",
		"held_after": "0.00", "description": "late wire", "created_at": "2026-02-14T12:00:03Z", "value_date": "2026-02-14",
	}
	for field, value := range want {
		if newest[field] != value {
			t.Errorf("%s is %v, want %v", field, newest[field], value)
		}
	}
	if newest["payout_id"] != nil || newest["exchange_id"] != nil || !strings.HasPrefix(newest["id"].(string), "txn_") {
		t.Errorf("the deposit is %v", newest)
	}
}

func TestForeignCursorsOfTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	first := m.Get(t, "/v1/transactions?limit=2")
	cursor := first.Body["next_cursor"].(string)
	changed := []byte(cursor)
	changed[3] ^= 1
	for what, got := range map[string]testserver.Answer{
		"another merchant's":  other.Get(t, "/v1/transactions?limit=2&cursor="+cursor),
		"another filter's":    m.Get(t, "/v1/transactions?limit=2&type=deposit&cursor="+cursor),
		"another list's":      m.Get(t, "/v1/balances/USD/transactions?limit=2&cursor="+cursor),
		"a changed one":       m.Get(t, "/v1/transactions?limit=2&cursor="+string(changed)),
		"half of it":          m.Get(t, "/v1/transactions?limit=2&cursor="+cursor[:len(cursor)/2]),
		"one of another form": m.Get(t, "/v1/transactions?limit=2&cursor=cGF5XzEyMw"),
	} {
		if got.Status != http.StatusUnprocessableEntity || !slices.Contains(got.Fields(), "cursor") {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	if got := m.Get(t, "/v1/transactions?limit=100&cursor="+cursor); got.Status != http.StatusOK || len(got.List()) != 3 {
		t.Errorf("its own, with another limit: %d %s", got.Status, got.Raw)
	}
}

// A transaction that took its time early and committed late is above what a reader has seen, and not between.
func TestALateTransactionWithAnEarlyTimeIsNotSkipped(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	deposit(t, s, m, "USD", "1.00", "before")
	s.Clock.Advance(time.Minute)
	deposit(t, s, m, "USD", "2.00", "newest so far")
	first := m.Get(t, "/v1/balances/USD/transactions?limit=1")
	top := first.List()[0]["id"]

	// It carries the time between the two deposits, as if it had waited for the balance since then.
	late := s.Clock.Now().Add(-30 * time.Second)
	_, err := s.Pool.Exec(t.Context(), `select ledger_post($1, $2, '{txn_late}', '{deposit}', '{USD}', '{""}', '{late}', '{1}', '{funding}', '{available}', '{4.00}')`, m.Merchant, late)
	if err != nil {
		t.Fatal(err)
	}
	rest := pages(t, m, "/v1/balances/USD/transactions?limit=1", nil)
	checkChain(t, "the next walk", rest, "USD")
	if rest[0]["id"] != "txn_late" || rest[1]["id"] != top {
		t.Errorf("the late one is not above what was seen: %v, then %v", rest[0]["id"], rest[1]["id"])
	}
	second := m.Get(t, "/v1/balances/USD/transactions?limit=1&cursor="+first.Body["next_cursor"].(string))
	if got := second.List()[0]["description"]; got != "before" {
		t.Errorf("the walk that had begun goes on with %v", got)
	}
}

// While writers book in two currencies on two servers, every walk sees each balance without a gap from where it began.
func TestWalksAreWholeWhileWritersBook(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	other := testserver.On(t, s.Database, s.Clock)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")

	done := make(chan struct{})
	var writers sync.WaitGroup
	book := func(c *testserver.Client, path, body string) {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
				if got := c.Post(t, path, fmt.Sprint(c.Merchant, body, n), body); got.Status != http.StatusCreated {
					t.Errorf("POST %s: %d %s", path, got.Status, got.Raw)
					return
				}
				s.Clock.Advance(time.Microsecond)
			}
		}
	}
	wire := "/ops/v1/merchants/" + m.Merchant + "/deposits"
	for i, server := range []*testserver.Server{s, other} {
		writers.Go(func() { book(server.Ops(), wire, fmt.Sprintf(`{"amount":"0.0%d","currency":"USD"}`, i+1)) })
		writers.Go(func() { book(server.Ops(), wire, fmt.Sprintf(`{"amount":"0.0%d","currency":"EUR"}`, i+1)) })
		writers.Go(func() {
			book(m.At(server), "/v1/payouts", fmt.Sprintf(`{"beneficiary_id":"%s","amount":"0.0%d","currency":"USD"}`, maria, i+1))
		})
	}
	seen := 0
	for round := 0; seen < 300 && !t.Failed(); round++ {
		all := pages(t, m, "/v1/transactions?limit=7", nil)
		for _, currency := range []string{"USD", "EUR", "JPY"} {
			checkChain(t, fmt.Sprint("round ", round), all, currency)
		}
		own := pages(t, m.At(other), "/v1/balances/USD/transactions?limit=5", nil)
		checkChain(t, fmt.Sprint("round ", round, ", dollars"), own, "USD")
		ids := map[any]bool{}
		for _, txn := range all {
			if ids[txn["id"]] {
				t.Fatalf("%v came twice", txn["id"])
			}
			ids[txn["id"]] = true
		}
		if len(all) < seen { // as many: nobody booked since
			t.Errorf("round %d saw %d transactions, the one before %d", round, len(all), seen)
		}
		seen = len(all)
	}
	close(done)
	writers.Wait()
	t.Logf("the last walk saw %d transactions", seen)
}
