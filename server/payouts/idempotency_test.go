package payouts_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	send := func(body string, keys ...string) testserver.Answer {
		return m.Do(t, http.MethodPost, "/v1/beneficiaries", http.Header{"Idempotency-Key": keys}, body)
	}
	for i, key := range []string{"invoice-1042-maria", "Rechnung für Österreich №7", strings.Repeat("é", 255)} {
		body := strings.ReplaceAll(testserver.Maria, "9876543210", "98765"+strings.Repeat("1", i+1))
		first, again := send(body, key), send(body, key)
		if first.Status != http.StatusCreated || again.Status != http.StatusCreated || string(first.Raw) != string(again.Raw) ||
			again.Header.Get("X-Idempotent-Replayed") != "true" || first.Header.Get("X-Idempotent-Replayed") != "" {
			t.Errorf("%q: %d %s\nand %d %s", key, first.Status, first.Raw, again.Status, again.Raw)
		}
	}
	for name, keys := range map[string][]string{
		"empty":               {""},
		"twice":               {"one", "other"},
		"too long":            {strings.Repeat("é", 256)},
		"not UTF-8":           {"\xff\xfe"},
		"a control character": {"a\tb"},
	} {
		if a := send(testserver.Maria, keys...); a.Status != http.StatusUnprocessableEntity || a.Fields()[0] != "Idempotency-Key" {
			t.Errorf("a key that is %s: %d %s", name, a.Status, a.Raw)
		}
	}
}

// TestKeysAreForgottenAfterADay but a payout's is not: the same invoice a week later is no second payment.
func TestKeysAreForgottenAfterADay(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	first := m.Post(t, "/v1/beneficiaries", "shared", testserver.Maria)
	payout := m.Payout(t, first.Data()["id"].(string), "10.00", "invoice")
	s.Clock.Advance(24*time.Hour - time.Second)
	if again := m.Post(t, "/v1/beneficiaries", "shared", testserver.Maria); string(again.Raw) != string(first.Raw) {
		t.Errorf("within a day: %d %s", again.Status, again.Raw)
	}
	s.Clock.Advance(time.Second)
	if again := m.Post(t, "/v1/beneficiaries", "shared", testserver.Maria); again.Code() != "duplicate_beneficiary" {
		t.Errorf("after a day the key is free, and the beneficiary is there already: %d %s", again.Status, again.Raw)
	}
	s.Clock.Advance(7 * 24 * time.Hour)
	if again := m.Payout(t, first.Data()["id"].(string), "10.00", "invoice"); again != payout {
		t.Errorf("a week later the invoice was paid again, by %s", again)
	}
}
