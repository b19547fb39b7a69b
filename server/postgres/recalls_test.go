package postgres_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

// TestAnUpgradeWritesDownTheStepsOfRecalls gives a database from before recalls had steps recalls in every state, and migrates it: the
// steps that it makes of them are those that today's server wrote.
func TestAnUpgradeWritesDownTheStepsOfRecalls(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	created := m.Post(t, "/v1/beneficiaries", "", `{"type":"individual","first_name":"Jo","last_name":"Groß","country":"DE","currency":"EUR",
		"bank_account":{"iban":"DE89370400440532013000","bic":"COBADEFFXXX"}}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	var payouts, references []string
	for i := range 6 {
		paid := m.Post(t, "/v1/payouts", fmt.Sprint("p", i), fmt.Sprintf(`{"beneficiary_id":%q,"amount":"%d.00","currency":"EUR"}`, created.Data()["id"], i+1))
		payouts = append(payouts, paid.Data()["id"].(string))
		references = append(references, strings.ReplaceAll(payouts[i], "_", "-"))
	}
	s.Work()
	s.Clock.Advance(time.Date(2026, 2, 16, 13, 0, 0, 0, time.UTC).Sub(s.Clock.Now()))
	s.WorkRails(t)
	s.Clock.Advance(5 * time.Second)
	s.Work()
	recall := func(payout string) string {
		got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/payouts/"+payout+"/recalls", payout, `{"reason_code":"CUST"}`)
		if got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
		return got.Data()["id"].(string)
	}
	// Those that will be sent, accepted, accepted and returned, rejected, sent and closed; and then one that waits.
	var sent []string
	for _, p := range payouts[:5] {
		sent = append(sent, recall(p))
	}
	s.Clock.Advance(24 * time.Hour)
	s.WorkRails(t)
	day := s.Clock.Now().Format(time.DateOnly)
	s.BankBrings(t, "interbank", "a.xml", testserver.Resolution("A", [3]string{references[1], "ACCR", ""}, [3]string{references[2], "ACCR", ""}, [3]string{references[3], "RJCR", "NOAS"}))
	s.WorkRails(t)
	s.Clock.Advance(time.Minute)
	s.BankBrings(t, "interbank", "b.xml", testserver.SEPAReturns("B", testserver.SEPAReturn{EndToEnd: references[2], Amount: "3.00", Code: "FOCR", Day: day}))
	s.WorkRails(t)
	if got := s.Ops().Post(t, "/ops/v1/recalls/"+sent[4]+"/close", "", `{"note":"A mistake"}`); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	recall(payouts[5])

	const steps = "select recall_id, seq, from_status, to_status, at, actor from rail_recall_steps order by 1, 2"
	want := rowsOf(t, s, steps)
	database, _ := copied(t, s, 29, "goose")
	if _, err := postgres.Migrate(t.Context(), testserver.DSN(t, "anton_owner", database), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	migrated := testserver.On(t, database, s.Clock)
	if got := rowsOf(t, migrated, steps); len(want) != 16 || !slices.Equal(want, got) {
		t.Errorf("the server wrote\n  %s\nthe migration made\n  %s", strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
	migrated.CheckInvariants(t)
}
