package contract_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

// byFile is what a tenant has of a rail that works by files: a payout that waits for its file, and a file of a bank's that answers it too
// early, which makes cases.
type byFile struct {
	guam, waiting                         string
	railFile, railCase, railCaseResolving string
	railContent                           string // a file that nobody took yet

	told, approvingEvent, rejectingEvent string   // events that were entered by hand: one counts, two are for the tests
	inTheClearing                        []string // payouts that went out in SEPA's clearing
	recall, closing, recalling           string   // two recalls, and a payout that can be recalled
}

// payByFile pays somebody in Guam, where the tests' ACH goes.
func payByFile(t *testing.T, m *testserver.Client, account string) byFile {
	t.Helper()
	body := strings.NewReplacer(`"country": "US"`, `"country": "GU"`, "Garcia", "Cruz", "9876543210", account).Replace(testserver.Maria)
	f := byFile{guam: made(t, m, "/v1/beneficiaries", body)}
	f.waiting = m.Payout(t, f.guam, "3.00", "by file")
	rossi := made(t, m, "/v1/beneficiaries", `{"type":"individual","first_name":"Marino","last_name":"Rossi","country":"SM","currency":"EUR",
		"bank_account":{"iban":"SM86U0322509800000000270100","bic":"BASMSMSMXXX"}}`)
	for i := range 4 {
		f.inTheClearing = append(f.inTheClearing, madeOnce(t, m, "/v1/payouts", fmt.Sprintf(`{"beneficiary_id":%q,"amount":"%d.00","currency":"EUR"}`, rossi, i+1)))
	}
	return f
}

// madeOnce creates an object under an idempotency key, which is its body, and gives its id.
func madeOnce(t *testing.T, c *testserver.Client, path, body string) string {
	t.Helper()
	created := c.Post(t, path, path+body, body)
	if created.Status != http.StatusCreated {
		t.Fatalf("POST %s: %d %s", path, created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

// recalled has the payouts in the clearing go out, without waiting for their cut-off, and recalls two of them.
func (f *byFile) recalled(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	if _, err := s.Owner.Exec(t.Context(), "update rail_orders set cut_at = $1 where rail = 'interbank' and cut_at is not null", s.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	s.WorkRails(t)
	for name := range s.RailOut(t, "interbank") {
		s.BankBrings(t, "interbank", name, testserver.InterbankStatus(strings.ToUpper(strings.TrimSuffix(name, ".xml")), "ACSP", "NARR"))
	}
	s.WorkRails(t)
	for i, to := range []*string{&f.recall, &f.closing} {
		*to = made(t, s.Ops(), "/ops/v1/merchants/"+m.Merchant+"/payouts/"+f.inTheClearing[i]+"/recalls", `{"reason_code":"CUST"}`)
	}
	f.recalling = f.inTheClearing[2]
	path := "/ops/v1/merchants/" + m.Merchant + "/payouts/" + f.inTheClearing[0] + "/rail-events"
	for i, to := range []*string{&f.told, &f.approvingEvent, &f.rejectingEvent} {
		*to = madeOnce(t, s.Ops(), path, fmt.Sprintf(`{"kind":"settled","note":"By telephone, call %d"}`, i+1))
	}
	// In test an event counts at once; so that two can be decided, they wait again.
	if _, err := s.Owner.Exec(t.Context(), `update rail_event_requests set status = 'pending_approval', decided_by = null, decided_at = null, entry_id = null
		where id = any($1)`, []string{f.approvingEvent, f.rejectingEvent}); err != nil {
		t.Fatal(err)
	}
}

// answered has the bank answer the payout, before it could have seen it.
func (f *byFile) answered(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	trace, _ := m.Get(t, "/v1/payouts/"+f.waiting).Data()["rail_reference"].(string)
	content := func(messages ...int) string {
		var answers []testserver.ACHAnswer
		for _, message := range messages {
			answers = append(answers, testserver.ACHAnswer{Code: "R03", Trace: trace, Message: message, Cents: 300})
		}
		return base64.StdEncoding.EncodeToString(testserver.ACHFile(t, answers...))
	}
	f.railFile = made(t, s.Ops(), "/ops/v1/rails/ach/files", `{"file_name":"returns.ach","content":"`+content(1, 2)+`"}`)
	made(t, s.Ops(), "/ops/v1/rails/ach/files", `{"file_name":"returns.ach","content":"`+content(4)+`"}`) // so that the list has a second page
	s.WorkRails(t)
	cases := s.Ops().Get(t, "/ops/v1/rails/cases?payout_id="+f.waiting).List()
	if len(cases) != 3 {
		t.Fatalf("%d cases", len(cases))
	}
	f.railCase, f.railCaseResolving = cases[0]["id"].(string), cases[1]["id"].(string) // two of three
	if got := s.Ops().Get(t, "/ops/v1/rails/files/"+f.railFile); got.Status != http.StatusOK || got.Data()["cases"] != 2.0 {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	f.railContent = content(3)
}

func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.ops.v1.RailsService/CreateRailFile": func(tn tenant) fields {
			return fields{"rail": "ach", "file_name": "returns-2.ach", "content": tn.railContent}
		},
		"/anton.ops.v1.RailsService/ListRailFiles": func(tenant) fields {
			return fields{"rail": "ach", "direction": "in", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.ops.v1.RailsService/GetRailFile":      func(tn tenant) fields { return fields{"id": tn.railFile} },
		"/anton.ops.v1.RailsService/DownloadRailFile": func(tn tenant) fields { return fields{"id": tn.railFile} },
		"/anton.ops.v1.RailsService/ListRailCases": func(tn tenant) fields {
			return fields{"rail": "ach", "merchant_id": tn.Merchant, "payout_id": tn.waiting, "open": true, "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.ops.v1.RailsService/GetRailCase": func(tn tenant) fields { return fields{"id": tn.railCase} },
		"/anton.ops.v1.RailsService/ResolveRailCase": func(tn tenant) fields {
			return fields{"id": tn.railCaseResolving, "resolution": "unallocated", "note": "The bank says that it is ours"}
		},
		"/anton.ops.v1.RecallsService/CreateRecall": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "payout_id": tn.recalling, "reason_code": "AM09", "text": "The invoice was for 1.00"}
		},
		"/anton.ops.v1.RecallsService/GetRecall": func(tn tenant) fields { return fields{"id": tn.recall} },
		"/anton.ops.v1.RecallsService/ListRecalls": func(tn tenant) fields {
			return fields{
				"rail": "interbank", "merchant_id": tn.Merchant, "payout_id": tn.inTheClearing[0], "status": "waiting", "open": true, "limit": 10,
				"created_after": "2026-02-13T00:00:00Z",
			}
		},
		"/anton.ops.v1.RecallsService/CloseRecall": func(tn tenant) fields { return fields{"id": tn.closing, "note": "The bank does not answer"} },
		"/anton.ops.v1.RailEventsService/CreateRailEvent": func(tn tenant) fields {
			return fields{
				"merchant_id": tn.Merchant, "payout_id": tn.inTheClearing[3], "kind": "returned", "code": "AC04", "bank_reference": "R-1",
				"settled_on": "2026-02-17", "amount": "4.00", "note": "By telephone",
			}
		},
		"/anton.ops.v1.RailEventsService/GetRailEvent": func(tn tenant) fields { return fields{"id": tn.told} },
		"/anton.ops.v1.RailEventsService/ListRailEvents": func(tn tenant) fields {
			return fields{
				"merchant_id": tn.Merchant, "payout_id": tn.inTheClearing[0], "status": "pending_approval", "limit": 10, "created_after": "2026-02-13T00:00:00Z",
			}
		},
		"/anton.ops.v1.RailEventsService/ApproveRailEvent": func(tn tenant) fields { return fields{"id": tn.approvingEvent} },
		"/anton.ops.v1.RailEventsService/RejectRailEvent":  func(tn tenant) fields { return fields{"id": tn.rejectingEvent} },
		"/anton.ops.v1.RailsService/GetRailReconciliation": func(tenant) fields { return fields{"rail": "ach", "day": "2026-02-14"} },
	})
}
