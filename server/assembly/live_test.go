package assembly_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/testserver"
)

func want(t *testing.T, what string, a testserver.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Code() != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Raw, status, code)
	}
}

func TestLiveHasNothingOfTheSandbox(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t)
	m := s.Merchant(t)
	if !strings.HasPrefix(m.Key, "ak_live_") {
		t.Errorf("a live merchant's key is %.8s…", m.Key)
	}
	if got := m.Get(t, "/v1/balances"); got.Status != http.StatusOK || len(got.List()) != 0 {
		t.Errorf("a live merchant begins with %s", got.Raw)
	}
	if got := m.Get(t, "/v1/merchant"); got.Data()["environment"] != "live" {
		t.Errorf("the merchant reads %s", got.Raw)
	}
	made := m.Post(t, "/v1/api-keys", "", `{"name":"Live","scopes":["full"]}`)
	if key, _ := made.Data()["key"].(string); !strings.HasPrefix(key, "ak_live_") {
		t.Errorf("a key that a merchant makes: %d, it begins with %.8s", made.Status, key)
	}
	want(t, "a test key", s.With(strings.Replace(m.Key, "ak_live_", "ak_test_", 1)).Get(t, "/v1/balances"), http.StatusUnauthorized, "wrong_environment")
	want(t, "the sandbox's own call", m.Post(t, "/v1/sandbox/payouts/pay_none/advance", "", `{"outcome":"approved"}`), http.StatusForbidden, "sandbox_only")
	want(t, "the sandbox's reset", m.Post(t, "/v1/sandbox/reset", "", `{"scope":"all"}`), http.StatusForbidden, "sandbox_only")
	want(t, "the sandbox's seed", m.Post(t, "/v1/sandbox/seed", "", `{}`), http.StatusForbidden, "sandbox_only")

	deposit := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "wire", `{"amount":"100.00","currency":"USD"}`)
	want(t, "a deposit", deposit, http.StatusCreated, "")
	approve := "/ops/v1/adjustments/" + deposit.Data()["adjustment_id"].(string) + "/approve"
	want(t, "a deposit approved by whoever asked for it", s.Ops().Post(t, approve, "", ""), http.StatusConflict, "state_conflict")
	second := s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"Second","role":"operator"}`)
	want(t, "a deposit approved by another", s.With(second.Data()["key"].(string)).Post(t, approve, "", ""), http.StatusOK, "")
	order := `{"beneficiary_id":"` + m.Beneficiary(t, "Garcia", "9876543210") + `","amount":"10.00","currency":"USD"}`
	want(t, "a payout without a real rail", m.Post(t, "/v1/payouts", "first", order), http.StatusUnprocessableEntity, "corridor_not_enabled")
	if got := m.Get(t, "/v1/balances/USD"); got.Data()["available"] != "100.00" || got.Data()["held"] != "0.00" {
		t.Errorf("the refused payout left %s", got.Raw)
	}
}

func TestATestServerKnowsNoLiveKeys(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	key := strings.Replace(s.Merchant(t).Key, "ak_test_", "ak_live_", 1)
	want(t, "a live key", s.With(key).Get(t, "/v1/balances"), http.StatusUnauthorized, "wrong_environment")
}

func TestFundingAccountsAreInventedInTestAndSetInLive(t *testing.T) {
	t.Parallel()
	test, live := testserver.New(t), testserver.Live(t)
	m, n := test.Merchant(t), live.Merchant(t)

	list := m.Get(t, "/v1/accounts").List()
	references := map[any]bool{}
	for _, account := range append(list, test.Merchant(t).Get(t, "/v1/accounts").List()...) {
		if account["sandbox"] != true || !strings.Contains(account["bank_name"].(string), "invented") || references[account["reference"]] {
			t.Errorf("an account of the sandbox: %v", account)
		}
		references[account["reference"]] = true
	}
	if len(list) != 5 || len(references) != 10 {
		t.Errorf("%d accounts, %d references", len(list), len(references))
	}
	if got := m.Get(t, "/v1/accounts/USD").Data(); got["routing_number"] != "110000000" || got["iban"] != nil {
		t.Errorf("the dollar account: %v", got)
	}
	if got := m.Get(t, "/v1/accounts/SEK").Data(); got["currency"] != "SEK" || got["sandbox"] != true {
		t.Errorf("an account for a balance that is not open yet: %v", got)
	}
	want(t, "no currency", m.Get(t, "/v1/accounts/ZZZ"), http.StatusNotFound, "not_found")

	want(t, "live, before it was set", n.Get(t, "/v1/accounts/EUR"), http.StatusNotFound, "not_found")
	if got := n.Get(t, "/v1/accounts"); got.Status != http.StatusOK || len(got.List()) != 0 {
		t.Errorf("live has accounts: %s", got.Raw)
	}
	set := func(body string) testserver.Answer {
		return live.Ops().Post(t, "/ops/v1/funding-accounts/EUR", "", body)
	}
	want(t, "a wrong IBAN", set(`{"country":"DE","bank_name":"First Bank","account_holder":"Anton","iban":"DE88370400440532013000"}`), http.StatusUnprocessableEntity, "validation_error")
	want(t, "no account", set(`{"country":"DE","bank_name":"First Bank","account_holder":"Anton"}`), http.StatusUnprocessableEntity, "validation_error")
	want(t, "the account", set(`{"country":"DE","bank_name":"First Bank","account_holder":"Anton","iban":"DE89 3704 0044 0532 0130 00"}`), http.StatusOK, "")
	got := n.Get(t, "/v1/accounts/EUR").Data()
	if got["iban"] != "DE89370400440532013000" || got["sandbox"] != false || got["account_number"] != nil ||
		got["reference"] != strings.ToUpper(strings.TrimPrefix(n.Merchant, "mer_"))+"EUR" {
		t.Errorf("the live account: %v", got)
	}
	if list := live.Ops().Get(t, "/ops/v1/funding-accounts").List(); len(list) != 1 || list[0]["updated_at"] != "2026-02-14T10:00:00Z" {
		t.Errorf("the operator's list: %v", list)
	}
}

func TestADatabaseIsOfOneEnvironment(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before   string // what the owner did to the fresh database
		first    string
		refused  string
		mentions string
	}{
		"a sandbox's":                      {"", "test", "live", "belongs to test"},
		"a live server's":                  {"", "live", "test", "belongs to live"},
		"an old sandbox's with its keys":   {"insert into sandbox_keyset (keyset) values ('\\x00')", "", "live", "was a sandbox's"},
		"an old sandbox's with a payment":  {"insert into sandbox_bank_payments values ('m', 'k', 'r', 'settled', now())", "", "live", "was a sandbox's"},
		"an old sandbox's, taken on again": {"insert into sandbox_keyset (keyset) values ('\\x00')", "test", "live", "sandbox's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testserver.Idle(t)
			if tt.before != "" {
				if _, err := s.Owner.Exec(t.Context(), tt.before); err != nil {
					t.Fatal(err)
				}
			}
			if tt.first != "" {
				for range 2 { // the same server starts again
					if err := assembly.Claim(t.Context(), s.Pool, tt.first, time.Now()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := assembly.Claim(t.Context(), s.Pool, tt.refused, time.Now()); err == nil || !strings.Contains(err.Error(), tt.mentions) {
				t.Errorf("%s was let in: %v", tt.refused, err)
			}
		})
	}
}

func TestLiveRefusesASandboxsKeyset(t *testing.T) {
	t.Parallel()
	s := testserver.Idle(t)
	for environment, taken := range map[string]bool{"test": true, "live": false} {
		text, err := crypto.GenerateSandbox()
		if err != nil {
			t.Fatal(err)
		}
		keys, err := crypto.Load(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = assembly.New(assembly.Config{
			Pool: s.Pool, Keys: keys, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Environment: environment,
		})
		if (err == nil) != taken {
			t.Errorf("%s with a sandbox's keyset: %v", environment, err)
		}
	}
}
