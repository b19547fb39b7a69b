package payouts_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

// anIBAN creates a beneficiary with the IBAN and returns its id.
func anIBAN(t *testing.T, m *testserver.Client, country, account string) string {
	t.Helper()
	created := m.Post(t, "/v1/beneficiaries", "", `{"type":"individual","first_name":"Jürgen","last_name":"Groß","country":"`+country+
		`","currency":"EUR","bank_account":{`+account+`}}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("create a beneficiary: %d %s", created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

// euros makes a payout in euros.
func euros(t *testing.T, m *testserver.Client, beneficiary, amount, key string) string {
	t.Helper()
	created := m.Post(t, "/v1/payouts", key, `{"beneficiary_id":"`+beneficiary+`","amount":"`+amount+`","currency":"EUR","reference":"Invoice 12/34 & more"}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("create a payout: %d %s", created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

// sentBySEPA makes a payout of each amount and has them go out in one file, on Monday 16 February 2026 at 14:00 in Frankfurt.
func sentBySEPA(t *testing.T, s *testserver.Server, m *testserver.Client, amounts ...string) (payouts, references []string) {
	t.Helper()
	groß := anIBAN(t, m, "DE", `"iban":"DE89370400440532013000","bic":"COBADEFFXXX"`)
	for i, amount := range amounts {
		payouts = append(payouts, euros(t, m, groß, amount, fmt.Sprintf("p%d", i)))
		references = append(references, strings.ReplaceAll(payouts[i], "_", "-"))
	}
	s.Work()
	s.Clock.Advance(time.Date(2026, 2, 16, 13, 0, 0, 0, time.UTC).Sub(s.Clock.Now()))
	s.WorkRails(t)
	s.Clock.Advance(5 * time.Second)
	s.Work()
	return payouts, references
}

func statuses(t *testing.T, m *testserver.Client, payouts []string) string {
	t.Helper()
	var all []string
	for _, p := range payouts {
		got := m.Get(t, "/v1/payouts/"+p).Data()
		status := got["status"].(string)
		if reason, ok := got["status_reason"].(map[string]any); ok {
			status += fmt.Sprintf(" %v", reason["code"])
		}
		all = append(all, status)
	}
	return strings.Join(all, ", ")
}

func TestEurosGoOutBySEPA(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.SEPA)
	m := s.Merchant(t)
	swiss := euros(t, m, anIBAN(t, m, "CH", `"iban":"CH9300762011623852957"`), "5.00", "swiss")
	payouts, references := sentBySEPA(t, s, m, "100.00", "200.50", "0.01")
	if got := statuses(t, m, append(payouts, swiss)); got != "sent, sent, sent, failed bic_required" {
		t.Fatalf("they are %s", got)
	}
	got := m.Get(t, "/v1/payouts/"+payouts[0]).Data()
	// Cut on Monday, with the beneficiary on Tuesday.
	if got["rail_reference"] != references[0] || got["estimated_arrival"] != "2026-02-17T17:00:00Z" {
		t.Errorf("its reference is %v, and it should arrive at %v", got["rail_reference"], got["estimated_arrival"])
	}
	out := s.RailOut(t, "sepa")
	content := string(out["sepa-20260216-01.xml"])
	xsd.Holds(t, "schema", out["sepa-20260216-01.xml"])
	for _, want := range []string{"<CtrlSum>300.51</CtrlSum>", "<Nm>Jurgen Gross</Nm>", "<Ustrd>Invoice 12/34 + more</Ustrd>", "<Nm>Test Merchant Ltd</Nm>"} {
		if len(out) != 1 || !strings.Contains(content, want) {
			t.Errorf("the files %v have no %s:\n%s", slices.Collect(maps.Keys(out)), want, content)
		}
	}
	// The bank takes the file, rejects one payment, and has one credited; nobody says more of the third.
	s.BankBrings(t, "sepa", "status.xml", testserver.SEPAStatus("SEPA-20260216-01", "PART", "",
		[3]string{references[0], "ACSC", ""}, [3]string{references[1], "RJCT", "AC04"}, [3]string{references[2], "ACCC", ""}))
	s.WorkRails(t)
	if got := statuses(t, m, payouts); got != "sent, failed account_closed, completed" {
		t.Errorf("they are %s", got)
	}
	s.Clock.Advance(3 * 24 * time.Hour) // Thursday: three banking days after Tuesday are not over
	s.Work()
	if got := m.Status(t, payouts[0]); got != "sent" {
		t.Errorf("it is %s while it can come back", got)
	}
	s.Clock.Advance(24 * time.Hour * 2)
	s.Work()
	if got := m.Status(t, payouts[0]); got != "completed" {
		t.Errorf("it is %s after it could come back", got)
	}
}

func TestAReturnIsOneInWhateverMessages(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.SEPA)
	m := s.Merchant(t)
	before := m.Get(t, "/v1/balances/EUR").Data()["available"]
	payouts, references := sentBySEPA(t, s, m, "100.00", "200.00")
	first := testserver.SEPAReturn{EndToEnd: references[0], Amount: "100.00", Code: "AC06", Day: "2026-02-18"}
	second := testserver.SEPAReturn{EndToEnd: references[1], Amount: "200.00", Code: "MD07", Day: "2026-02-18"}
	s.BankBrings(t, "sepa", "a-camt.xml", testserver.SEPANotification("C1", "300.00", first, second))
	s.BankBrings(t, "sepa", "b-pacs.xml", testserver.SEPAReturns("P1", second, first))
	s.WorkRails(t)
	if got := statuses(t, m, payouts); got != "returned account_frozen, returned account_holder_deceased" {
		t.Errorf("they are %s", got)
	}
	if got := outcomes(t, s); !maps.Equal(got, map[string]int{"applied": 2, "duplicate": 2}) {
		t.Errorf("the entries were decided as %v", got)
	}
	if after := m.Get(t, "/v1/balances/EUR").Data()["available"]; after != before {
		t.Errorf("available is %v, and was %v", after, before)
	}
	// Another return of the same money, on another day or twice in one message, is a person's to look at.
	first.Day = "2026-02-19"
	s.BankBrings(t, "sepa", "c-camt.xml", testserver.SEPANotification("C2", "400.00", first, second, first))
	s.WorkRails(t)
	if got := cases(t, s); !slices.Equal(got, []string{"contradiction 100.00", "contradiction 100.00"}) {
		t.Errorf("the cases are %v", got)
	}
	if after := m.Get(t, "/v1/balances/EUR").Data()["available"]; after != before {
		t.Errorf("available is %v, and was %v", after, before)
	}
}

func TestAFileThatIsRejectedRejectsAllInIt(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.SEPA)
	m := s.Merchant(t)
	before := m.Get(t, "/v1/balances/EUR").Data()["available"]
	payouts, references := sentBySEPA(t, s, m, "1.00", "2.00", "3.00")
	rejected := testserver.SEPAStatus("SEPA-20260216-01", "RJCT", "AM04", [3]string{references[1], "RJCT", "AC01"})
	s.BankBrings(t, "sepa", "a.xml", rejected)
	s.BankBrings(t, "sepa", "b.xml", append(rejected, '\n')) // and says so again
	s.BankBrings(t, "sepa", "c.xml", testserver.SEPAStatus("SEPA-20260101-07", "RJCT", "FF01"))
	s.WorkRails(t)
	if got := statuses(t, m, payouts); got != "failed rail_rejected, failed invalid_account_number, failed rail_rejected" {
		t.Errorf("they are %s", got)
	}
	if after := m.Get(t, "/v1/balances/EUR").Data()["available"]; after != before {
		t.Errorf("available is %v, and was %v", after, before)
	}
	if got := outcomes(t, s); !maps.Equal(got, map[string]int{"applied": 3, "duplicate": 3, "case": 1}) {
		t.Errorf("the entries were decided as %v", got)
	}
}

func TestAParticipantPaysInTheClearing(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	before := m.Get(t, "/v1/balances/EUR").Data()["available"]
	payouts, references := sentBySEPA(t, s, m, "1.00", "2.00")
	if got := statuses(t, m, payouts); got != "sent, sent" || len(s.RailOut(t, "interbank")) != 1 {
		t.Fatalf("they are %s in %d files", got, len(s.RailOut(t, "interbank")))
	}
	s.BankBrings(t, "interbank", "a.xml", testserver.SEPAReturns("P", testserver.SEPAReturn{EndToEnd: references[0], Amount: "1.00", Code: "AC04", Day: "2026-02-18"}))
	s.WorkRails(t)
	s.BankBrings(t, "interbank", "b.xml", testserver.InterbankStatus("INTERBANK-20260216-01", "RJCT", "AM05"))
	s.WorkRails(t)
	// What came back cannot be rejected too: that is for a person to see.
	if got := statuses(t, m, payouts); got != "returned account_closed, failed duplicate" {
		t.Errorf("they are %s", got)
	}
	if got := outcomes(t, s); !maps.Equal(got, map[string]int{"applied": 2, "case": 1}) {
		t.Errorf("the entries were decided as %v", got)
	}
	if after := m.Get(t, "/v1/balances/EUR").Data()["available"]; after != before {
		t.Errorf("available is %v, and was %v", after, before)
	}
}
