package balances_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

// lows are the balances that balance.low told of, oldest first.
func lows(t *testing.T, m *testserver.Client) (available []string) {
	t.Helper()
	for i, e := range slices.Backward(m.Get(t, "/v1/events?type=balance.low").List()) {
		data := e["data"].(map[string]any)
		available = append(available, fmt.Sprint(data["available"]))
		if want := float64(len(available)); e["sequence"] != want || data["low_threshold"] != "49000.00" || e["object_id"] != "USD" {
			t.Errorf("event %d is %v", i, e)
		}
	}
	return available
}

func TestABalanceThatFallsIsToldOnceAndAgainAfterItRecovered(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	other := testserver.On(t, s.Database, s.Clock)
	m := s.Merchant(t)
	beneficiary := m.Beneficiary(t, "Garcia", "9876543210")
	watch := func() {
		t.Helper()
		for _, server := range []*testserver.Server{s, other} {
			if _, err := server.Balances.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.Clock.Advance(1e9)
	}
	set := func(body string) testserver.Answer { return m.Do(t, http.MethodPatch, "/v1/balances/USD", nil, body) }
	if got := set(`{"low_threshold":"49000"}`); got.Status != http.StatusOK || got.Data()["low_threshold"] != "49000.00" || got.Data()["available"] != "50000.00" {
		t.Fatalf("set: %d %s", got.Status, got.Raw)
	}
	watch()
	first := m.Payout(t, beneficiary, "1000.00", "to the threshold")
	watch()
	if got := lows(t, m); len(got) != 0 {
		t.Errorf("at the threshold it told %v", got)
	}
	second := m.Payout(t, beneficiary, "0.01", "below")
	m.Payout(t, beneficiary, "100.00", "further below")
	watch()
	if got := lows(t, m); !slices.Equal(got, []string{"48999.99"}) {
		t.Errorf("below it told %v", got)
	}
	for _, payout := range []string{first, second} { // it recovers, and falls again before anybody looks
		m.Post(t, "/v1/payouts/"+payout+"/cancel", "", `{"reason":"Test"}`)
	}
	m.Payout(t, beneficiary, "2000.00", "again")
	deposit := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "up", `{"amount":"9000.00","currency":"USD"}`)
	if deposit.Status != http.StatusCreated {
		t.Fatalf("deposit: %d %s", deposit.Status, deposit.Raw)
	}
	watch()
	if got := lows(t, m); !slices.Equal(got, []string{"48999.99", "47900.00"}) {
		t.Errorf("after it fell again it told %v", got)
	}
	if got := set(`{"low_threshold":null}`); got.Status != http.StatusOK || got.Data()["low_threshold"] != nil {
		t.Errorf("clear: %d %s", got.Status, got.Raw)
	}
	m.Payout(t, beneficiary, "20000.00", "unwatched")
	watch()
	if got := set(`{"low_threshold":"49000.00"}`); got.Status != http.StatusOK {
		t.Errorf("set again: %d %s", got.Status, got.Raw)
	}
	watch()
	if got := lows(t, m); len(got) != 3 {
		t.Errorf("set below the threshold it told %v", got)
	}
	for body, field := range map[string]string{
		`{"low_threshold":"0.00"}`: "low_threshold", `{"low_threshold":"1.001"}`: "low_threshold", `{"low_threshold":"-1"}`: "low_threshold",
	} {
		if got := set(body); got.Code() != "validation_error" || !slices.Equal(got.Fields(), []string{field}) {
			t.Errorf("%s: %d %s", body, got.Status, got.Raw)
		}
	}
	if got := m.Do(t, http.MethodPatch, "/v1/balances/CHF", nil, `{"low_threshold":"1.00"}`); got.Code() != "not_found" {
		t.Errorf("a balance that there is not: %d %s", got.Status, got.Raw)
	}
}
