package contract_test

import (
	"encoding/base64"
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
}

// payByFile pays somebody in Guam, where the tests' ACH goes.
func payByFile(t *testing.T, m *testserver.Client, account string) byFile {
	t.Helper()
	body := strings.NewReplacer(`"country": "US"`, `"country": "GU"`, "Garcia", "Cruz", "9876543210", account).Replace(testserver.Maria)
	f := byFile{guam: made(t, m, "/v1/beneficiaries", body)}
	f.waiting = m.Payout(t, f.guam, "3.00", "by file")
	return f
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
		"/anton.ops.v1.RailsService/GetRailReconciliation": func(tenant) fields { return fields{"rail": "ach", "day": "2026-02-14"} },
	})
}
