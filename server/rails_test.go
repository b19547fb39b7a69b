package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/testserver"
)

func TestRailsThatAreSetUpWrongDoNotStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rails.json")
	for text, want := range map[string]string{
		`{"ach":{"routing_number":"1"}}`: "the rail ach: routing_number: must be",
		`{"swift":{}}`:                   `unknown field "swift"`,
		`{"ach":{"cutoffs":["16:45"]}}`:  `unknown field "cutoffs"`,
		`{"sepa":{"iban":"1"}}`:          "the rail sepa: iban: must be",
		`ach: {}`:                        "it is no JSON",
		strings.Replace(testserver.AllRails, "{\"ach\":{", `{"ach":{"countries":["usa"],`, 1): `"usa" is no ISO 3166-1`,
		testserver.AllRails + "{}": "something follows",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := settings{Rails: file}
		err := s.check()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
	s := settings{Rails: filepath.Join(t.TempDir(), "missing.json")}
	if err := s.check(); err == nil || !strings.Contains(err.Error(), "ANTON_RAILS") {
		t.Errorf("a file that is missing: %v", err)
	}
}

func TestFilesAreTakenAndComparedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "25.00", "once")
	s.Work()
	s.Clock.Advance(4 * 24 * time.Hour)
	s.WorkRails(t)
	s.Clock.Advance(time.Minute)
	s.Work()
	trace, _ := m.Get(t, "/v1/payouts").List()[0]["rail_reference"].(string)
	path := filepath.Join(t.TempDir(), "returns.ach")
	answers := testserver.ACHFile(t,
		testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 1, Cents: 2500}, testserver.ACHAnswer{Code: "R02", Trace: trace, Message: 2, Cents: 2500})
	if err := os.WriteFile(path, answers, 0o600); err != nil {
		t.Fatal(err)
	}
	rail, err := railNamed(s.Server, "")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := takeFile(t.Context(), &out, s.Server, rail, path); err != nil {
		t.Fatal(err)
	}
	if want := "2 entries, 1 applied, 0 known already, 0 from another file, 1 for a person to look at.\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("it says %q", out.String())
	}
	if err := takeFile(context.WithoutCancel(t.Context()), &out, s.Server, rail, path); err == nil || !strings.Contains(err.Error(), "was taken on") {
		t.Errorf("taken again: %v", err)
	}
	out.Reset()
	// It was cut long after its cut-off, because no server ran: it is of the next banking day.
	found, err := rail.Reconcile(t.Context(), db.New(s.Pool), time.Date(2026, 2, 18, 0, 0, 0, 0, time.UTC), s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := printReconciliation(&out, found); err != nil || !strings.Contains(out.String(), "1 differ.") || !strings.Contains(out.String(), trace) {
		t.Errorf("%v %s", err, out.String())
	}
	if _, err := railNamed(s.Server, "sepa"); err == nil || !strings.Contains(err.Error(), "ach") {
		t.Errorf("a rail that is not set up: %v", err)
	}
}

func TestRecallsAreListedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	created := m.Post(t, "/v1/beneficiaries", "", `{"type":"individual","first_name":"Ada","last_name":"Groß","country":"DE","currency":"EUR",
		"bank_account":{"iban":"DE89370400440532013000","bic":"COBADEFFXXX"}}`)
	for _, key := range []string{"open", "closed"} {
		m.Post(t, "/v1/payouts", key, `{"beneficiary_id":"`+created.Data()["id"].(string)+`","amount":"25.00","currency":"EUR"}`)
	}
	s.Work()
	s.Clock.Advance(3 * 24 * time.Hour)
	s.WorkRails(t)
	s.Clock.Advance(time.Minute)
	s.Work()
	var recalls []string
	for _, p := range m.Get(t, "/v1/payouts").List() {
		got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/payouts/"+p["id"].(string)+"/recalls", p["id"].(string), `{"reason_code":"DUPL"}`)
		recalls = append(recalls, got.Data()["id"].(string))
	}
	s.Ops().Post(t, "/ops/v1/recalls/"+recalls[0]+"/close", "", `{"note":"A mistake"}`)
	s.Clock.Advance(time.Hour)
	for _, try := range []struct {
		all, asJSON bool
		has, hasNot string
	}{
		{false, false, recalls[1], recalls[0]},
		{true, false, recalls[0], "{"},
		{false, true, `"status":`, recalls[0]},
	} {
		var out strings.Builder
		if err := listRecalls(t.Context(), &out, s.Server, try.all, try.asJSON); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), try.has) || strings.Contains(out.String(), try.hasNot) || (!try.asJSON && !strings.Contains(out.String(), "1h0m0s")) {
			t.Errorf("%+v: it prints\n%s", try, out.String())
		}
	}
}
