package contract_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/testserver"
)

// adjustments are what a tenant needs for the operators' calls about its money: a deposit, and two adjustments that wait for a second
// person. In test none waits by itself, so these are written as if live had asked for them.
type adjustments struct{ deposit, approving, rejecting string }

func newAdjustments(t *testing.T, s *testserver.Server, m *testserver.Client) adjustments {
	t.Helper()
	deposits := m.Get(t, "/v1/transactions?type=deposit&currency=USD").List()
	if len(deposits) != 1 {
		t.Fatalf("%d deposits in dollars", len(deposits))
	}
	waiting := func() string {
		id := ids.New(ids.Adjustment, s.Clock.Now())
		_, err := s.Owner.Exec(t.Context(), `
			insert into adjustments (merchant_id, id, type, currency, amount, transaction_id, reason, environment, requested_by, requested_at, expires_at)
			values ($1, $2, 'credit', 'USD', 1, $3, 'Waits', 'test', 'key_somebody', $4::timestamptz, $4::timestamptz + interval '72 hours')`,
			m.Merchant, id, ids.New(ids.Transaction, s.Clock.Now()), s.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	return adjustments{deposits[0]["id"].(string), waiting(), waiting()}
}

// bringBack has the bank send a payout under way back.
func bringBack(t *testing.T, m *testserver.Client, payout string) {
	t.Helper()
	got := m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"returned"}`)
	if got.Status != http.StatusOK || got.Data()["status"] != "returned" {
		t.Fatalf("send the payout back: %d %s", got.Status, got.Raw)
	}
}

func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.ops.v1.AdjustmentsService/ReverseDeposit": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "deposit_id": tn.deposit, "amount": "10.00", "currency": "USD", "reason": "Recalled"}
		},
		"/anton.ops.v1.AdjustmentsService/ReverseReturn": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "payout_id": tn.returned, "amount": "5.00", "currency": "USD", "reason": "Dishonoured"}
		},
		"/anton.ops.v1.AdjustmentsService/CreateAdjustment": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "type": "debit", "amount": "2.00", "currency": "USD", "reason": "Credited twice"}
		},
		"/anton.ops.v1.AdjustmentsService/GetAdjustment": func(tn tenant) fields { return fields{"id": tn.approving} },
		"/anton.ops.v1.AdjustmentsService/ListAdjustments": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "status": "pending_approval", "type": "credit", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.ops.v1.AdjustmentsService/ApproveAdjustment": func(tn tenant) fields { return fields{"id": tn.approving} },
		"/anton.ops.v1.AdjustmentsService/RejectAdjustment":  func(tn tenant) fields { return fields{"id": tn.rejecting} },
	})
}
