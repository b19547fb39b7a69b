package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

func TestABadIdempotencyKeyIsRefused(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if m.ReadOnly {
			return
		}
		address, body := restForm(t, m, fixture(t, m, tn))
		for what, keys := range map[string][]string{
			"256 characters":           {strings.Repeat("k", 256)},
			"100,000 characters":       {strings.Repeat("k", 100_000)},
			"two keys":                 {"one", "two"},
			"the same key twice":       {"one", "one"},
			"an empty and another key": {"", "two"},
			"a tab":                    {"a\tb"},
			"bytes that are no text":   {"a\xffb"},
			"256 of two bytes":         {strings.Repeat("é", 256)},
		} {
			got := clients[m.Name].Do(t, m.Verb, address, http.Header{"Idempotency-Key": keys}, body)
			checkREST(t, what, got, want{"validation_error", "Idempotency-Key"})
		}
		if !m.Rule.GetIdempotencyKeyRequired() {
			return
		}
		missing := want{code: "missing_idempotency_key"}
		for what, keys := range map[string][]string{"no key": nil, "an empty key": {""}, "a key of spaces": {"   "}} {
			checkREST(t, what, clients[m.Name].Do(t, m.Verb, address, http.Header{"Idempotency-Key": keys}, body), missing)
		}
		checkGRPC(t, "no key", invoke(t, s, clients[m.Name].Key, m, message(t, m, fixture(t, m, tn))), missing)
		checkGRPC(t, "an empty key", invoke(t, s, clients[m.Name].Key, m, message(t, m, fixture(t, m, tn)), "idempotency-key", ""), missing)
	})
}

// replayed sends the request twice with the key: what was done the first time is not done again, and the answer is the first, byte
// for byte.
func replayed(t *testing.T, c *testserver.Client, m *contract.Method, req fields, key string) {
	t.Helper()
	first, again := call(t, c, m, req, key), call(t, c, m, req, key)
	if first.Status >= 300 || first.Header.Get("X-Idempotent-Replayed") != "" {
		t.Errorf("%s with the key %q: %d %s", m.Name, key, first.Status, first.Raw)
		return
	}
	if again.Status != first.Status || string(again.Raw) != string(first.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
		t.Errorf("%s with the key %q again: %d %s", m.Name, key, again.Status, again.Raw)
	}
}

func TestWhatWasDoneUnderAKeyIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	for _, m := range tried(t) {
		if m.ReadOnly {
			continue
		}
		replayed(t, clients[m.Name], m, fixture(t, m, tn), "key of "+m.Name)
		for _, other := range sample(m.Name, 8, contract.Methods()) {
			if other.ReadOnly || other == m || m.ForOperators() != other.ForOperators() {
				continue
			}
			got := call(t, clients[m.Name], other, fixture(t, other, tn), "key of "+m.Name)
			checkREST(t, other.Name+" with the key of "+m.Name, got, want{code: "idempotency_conflict"})
			r := invoke(t, s, clients[m.Name].Key, other, message(t, other, fixture(t, other, tn)), "idempotency-key", "key of "+m.Name)
			checkGRPC(t, other.Name+" with the key of "+m.Name, r, want{code: "idempotency_conflict"})
		}
		req := fixture(t, m, tn)
		for name, value := range req {
			if text, ok := value.(string); ok && (name == "reference" || name == "label" || name == "first_name" || name == "reason" || name == "name") {
				req[name] = text + " 2"
				checkREST(t, m.Name+" with another body", call(t, clients[m.Name], m, req, "key of "+m.Name), want{code: "idempotency_conflict"})
				break
			}
		}
	}
}

// A key is the caller's own text, such as the number of an invoice, in whatever language that is written.
func TestAnyTextIsAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	_, tn := withTenant(t)
	m := contract.Lookup("/anton.v1.PayoutsService/CreatePayout")
	for _, key := range []string{
		"k", strings.Repeat("k", 255), strings.Repeat("é", 255), "Rechnung 1042 für Müller", "発票 7", "a,b", `"quoted"`, "' or 1=1 --", "%00", "a  b",
	} {
		req := fixture(t, m, tn)
		delete(req, "quote_id") // a quote is good for one payout
		delete(req, "pricing_quote_id")
		replayed(t, tn.Client, m, req, key)
	}
}
