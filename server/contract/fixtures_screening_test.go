package contract_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

// screened is what screening found of a tenant: two beneficiaries that may be listed, each with two payouts in review. Of each one alert
// is open, and one is resolved, which made a pair.
type screened struct{ listed, alerted, alert, pair, sparePair, blocking, blocked, rescreen string }

// payListed pays beneficiaries whose names are much like those on the sandbox's list.
func payListed(t *testing.T, m *testserver.Client, account string) screened {
	t.Helper()
	var found screened
	for _, name := range [][2]string{{"Ormond", "Drax"}, {"Victor", "Blackmarch"}} {
		body := strings.NewReplacer("Maria", name[0], "Garcia", name[1], "9876543210", account).Replace(testserver.Maria)
		found.listed = made(t, m, "/v1/beneficiaries", body)
		for _, key := range []string{"first", "second"} {
			found.alerted = m.Payout(t, found.listed, "1.00", name[1]+key)
		}
	}
	return found
}

// review resolves the later alert of each beneficiary.
func (f *screened) review(t *testing.T, s *testserver.Server, merchant string) {
	t.Helper()
	alerts := s.Ops().Get(t, "/ops/v1/screening/alerts?status=open&merchant_id="+merchant).List()
	if len(alerts) != 4 {
		t.Fatalf("%d alerts", len(alerts))
	}
	seen := map[any]bool{}
	for _, a := range alerts {
		id := a["id"].(string)
		if !seen[a["beneficiary_id"]] {
			seen[a["beneficiary_id"]] = true
			if a["beneficiary_id"] == f.listed {
				f.alert, f.alerted = id, a["payout_id"].(string)
			}
			continue
		}
		got := s.Ops().Post(t, "/ops/v1/screening/alerts/"+id+"/resolve", "", `{"decision":"false_positive","reason":"Somebody else"}`)
		if got.Status != http.StatusOK {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
		pair := got.Data()["pair_id"].(string)
		if a["beneficiary_id"] == f.listed {
			f.pair = pair
		} else {
			f.sparePair = pair
		}
	}
	f.rescreen = s.Ops().Get(t, "/ops/v1/screening/rescreens?authority=un").List()[0]["id"].(string)
}

// block makes two beneficiaries that nothing else uses, and blocks one of them.
func (f *screened) block(t *testing.T, s *testserver.Server, m *testserver.Client, account int) {
	t.Helper()
	f.blocking, f.blocked = m.Beneficiary(t, "Blocking", fmt.Sprint(account)), m.Beneficiary(t, "Blocked", fmt.Sprint(account))
	got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/beneficiaries/"+f.blocked+"/block", "", `{"reason":"A court ordered it"}`)
	if got.Status != http.StatusOK {
		t.Fatalf("block: %d %s", got.Status, got.Raw)
	}
}

func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.ops.v1.ScreeningAlertsService/ListScreeningAlerts": func(tn tenant) fields {
			return fields{
				"merchant_id": tn.Merchant, "beneficiary_id": tn.listed, "payout_id": tn.alerted, "status": "open", "limit": 10,
				"created_after": "2026-02-13T00:00:00Z",
			}
		},
		"/anton.ops.v1.ScreeningAlertsService/GetScreeningAlert": func(tn tenant) fields { return fields{"id": tn.alert} },
		"/anton.ops.v1.ScreeningAlertsService/ResolveScreeningAlert": func(tn tenant) fields {
			return fields{"id": tn.alert, "decision": "false_positive", "reason": "Another birthday"}
		},
		"/anton.ops.v1.ScreeningAlertsService/ListScreeningPairs": func(tn tenant) fields {
			return fields{
				"merchant_id": tn.Merchant, "subject_id": tn.listed, "decision": "false_positive", "limit": 10,
				"include_revoked": true, "created_after": "2026-02-13T00:00:00Z",
			}
		},
		"/anton.ops.v1.ScreeningAlertsService/ApproveScreeningPair": func(tn tenant) fields { return fields{"id": tn.sparePair} },
		"/anton.ops.v1.ScreeningService/ListRescreens": func(tenant) fields {
			return fields{"authority": "un", "status": "pending", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.ops.v1.ScreeningService/GetRescreen": func(tn tenant) fields { return fields{"id": tn.rescreen} },
		"/anton.ops.v1.BeneficiariesService/BlockBeneficiary": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "id": tn.blocking, "reason": "A court ordered it"}
		},
		"/anton.ops.v1.BeneficiariesService/UnblockBeneficiary": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "id": tn.blocked, "reason": "The court took it back"}
		},
		"/anton.ops.v1.ScreeningAlertsService/RevokeScreeningPair": func(tn tenant) fields {
			return fields{"id": tn.pair, "reason": "Looked at once more"}
		},
	})
}
