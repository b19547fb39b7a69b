package payouts_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// tell enters what a bank said of a payout and gives the answer.
func tell(t *testing.T, s *testserver.Server, m *testserver.Client, payout, fields string) testserver.Answer {
	t.Helper()
	return s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/payouts/"+payout+"/rail-events", payout+fields, `{"note":"By telephone",`+fields+`}`)
}

// came is what an event came to, and that it names its case.
func came(a testserver.Answer) string {
	id, _ := a.Data()["case_id"].(string)
	return strings.TrimSpace(fmt.Sprintf("%v %.4s", a.Data()["outcome"], id))
}

func TestWhatABankTelephonesIsAnEntryOfItsFile(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.AllRails)
	m := s.Merchant(t)
	garcia := m.Beneficiary(t, "Garcia", "9876543210")
	var payouts, traces []string
	for i := range 4 {
		payouts = append(payouts, m.Payout(t, garcia, "100.00", fmt.Sprint("told ", i)))
	}
	s.Work()
	early := tell(t, s, m, payouts[3], `"kind":"returned","code":"R03","bank_reference":"021000020000009"`)
	if early.Status != http.StatusCreated || came(early) != "case rcs_" {
		t.Errorf("before its file left: %d %s", early.Status, early.Raw)
	}
	cutOff(t, s)
	for _, p := range payouts {
		traces = append(traces, m.Get(t, "/v1/payouts/"+p).Data()["rail_reference"].(string))
	}
	for _, try := range []struct {
		payout, fields, outcome, status string
	}{
		{payouts[0], `"kind":"returned","code":"R03","bank_reference":"021000020000001"`, "applied", "returned"},
		{payouts[0], `"kind":"returned","code":"R03","bank_reference":"021000020000001","settled_on":"2026-02-18"`, "duplicate", "returned"},
		{payouts[0], `"kind":"settled"`, "case rcs_", "returned"},
		{payouts[1], `"kind":"settled"`, "applied", "completed"},
		{payouts[1], `"kind":"failed"`, "case rcs_", "completed"},
		{payouts[2], `"kind":"returned","code":"R02","bank_reference":"021000020000002","amount":"99.00"`, "case rcs_", "sent"},
		{payouts[2], `"kind":"failed"`, "applied", "failed"},
	} {
		got := tell(t, s, m, try.payout, try.fields)
		if got.Status != http.StatusCreated || got.Data()["status"] != "executed" || came(got) != try.outcome {
			t.Errorf("%s: %d %s", try.fields, got.Status, got.Raw)
		}
		again := s.Ops().Get(t, "/ops/v1/rail-events/"+got.Data()["id"].(string))
		if again.Data()["outcome"] != got.Data()["outcome"] || again.Data()["case_id"] != got.Data()["case_id"] {
			t.Errorf("it answers %s, and shows %s", got.Raw, again.Raw)
		}
		if status := m.Status(t, try.payout); status != try.status {
			t.Errorf("after %s the payout is %s", try.fields, status)
		}
	}
	// The file comes late, and says what is known.
	s.BankBrings(t, "ach", "1.ach", testserver.ACHFile(t, testserver.ACHAnswer{Code: "R03", Trace: traces[0], Message: 1, Cents: 10000}))
	s.WorkRails(t)
	if got := outcomes(t, s); !maps.Equal(got, map[string]int{"applied": 3, "duplicate": 2, "case": 4}) {
		t.Errorf("the entries were decided as %v", got)
	}
	var suspended []string
	for _, c := range s.Ops().Get(t, "/ops/v1/rails/cases").List() {
		if c["held_in_suspense"] == true {
			suspended = append(suspended, fmt.Sprintf("%v %v", c["kind"], c["amount"]))
		}
	}
	if !slices.Equal(suspended, []string{"different_amount 99.00", "not_sent 100.00"}) {
		t.Errorf("the cases with money are %v", suspended)
	}
	var executed, files int
	if err := s.Owner.QueryRow(t.Context(), "select (select count(*) from rail_event_requests where status = 'executed'), (select count(*) from rail_files where name like 'told-%' and processed_at is not null)").
		Scan(&executed, &files); err != nil || executed != 8 || files != 8 {
		t.Errorf("%d events in %d files, %v", executed, files, err)
	}
}

func TestAReturnIsToldByItsDayWhereItsSchemeKnowsItByThat(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00", "20.00")
	if got := recall(t, s, m, payouts[0], "CUST"); got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	for fields, want := range map[string]string{
		`"kind":"returned","code":"FOCR"`:                                "settled_on",
		`"kind":"returned","settled_on":"2026-02-31"`:                    "settled_on",
		`"kind":"settled","amount":"1.00"`:                               "amount",
		`"kind":"returned","settled_on":"2026-02-17","amount":"0.001"`:   "amount",
		`"kind":"returned","settled_on":"2026-02-17","amount":"0"`:       "amount",
		`"kind":"accepted"`:                                              "kind",
		`"kind":"returned","settled_on":"2026-02-17","code":"no spaces"`: "code",
	} {
		got := tell(t, s, m, payouts[0], fields)
		if (got.Status != http.StatusUnprocessableEntity && got.Status != http.StatusBadRequest) || !strings.Contains(string(got.Raw), `"field":"`+want) {
			t.Errorf("%s: %d %s", fields, got.Status, got.Raw)
		}
	}
	if got := tell(t, s, m, payouts[0], `"kind":"returned","code":"FOCR","settled_on":"2026-02-17"`); came(got) != "applied" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := recalls(t, s, payouts[0]); got != "returned" || m.Status(t, payouts[0]) != "returned" {
		t.Errorf("the payout is %s, and its recall %s", m.Status(t, payouts[0]), got)
	}
	s.BankBrings(t, "interbank", "a.xml", testserver.SEPAReturns("A", testserver.SEPAReturn{EndToEnd: references[0], Amount: "10.00", Code: "FOCR", Day: "2026-02-17"}))
	s.WorkRails(t)
	if got := outcomes(t, s); !maps.Equal(got, map[string]int{"applied": 1, "duplicate": 1}) {
		t.Errorf("the entries were decided as %v", got)
	}
	other := testserver.New(t)
	sandboxed := other.Merchant(t)
	paid := sandboxed.Payout(t, sandboxed.Beneficiary(t, "Garcia", "9876543210"), "1.00", "sandbox")
	if got := tell(t, other, sandboxed, paid, `"kind":"settled"`); got.Status != http.StatusConflict || !strings.Contains(string(got.Raw), "does not work by files") {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
}

// In live an event that is entered by hand needs another person, and in 72 hours.
func TestInLiveAnotherPersonApprovesAnEvent(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t, lists.UN)
	list := &lists.List{Authority: lists.UN, Published: "2026-02-13", Parser: lists.Parser, Hash: strings.Repeat("ab", 32)}
	for i := range 500 {
		list.Entries = append(list.Entries, lists.Entry{
			ID: fmt.Sprintf("X.%03d", i), Kind: lists.Person, Names: []lists.Name{{Text: fmt.Sprintf("Filler Nobody%c%c", 'a'+i%26, 'a'+i/26)}},
		})
	}
	s.TakeList(t, list)
	s.LookForLists(t)
	m := s.Merchant(t)
	second := s.With(s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"Second","role":"operator"}`).Data()["key"].(string))
	deposit := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "wire", `{"amount":"100.00","currency":"USD"}`)
	second.Post(t, "/ops/v1/adjustments/"+deposit.Data()["adjustment_id"].(string)+"/approve", "", "")
	body := strings.NewReplacer(`"country": "US"`, `"country": "GU"`, "Garcia", "Cruz").Replace(testserver.Maria)
	payout := m.Payout(t, m.Post(t, "/v1/beneficiaries", "", body).Data()["id"].(string), "60.00", "by file")
	s.Work()
	cutOff(t, s)
	if got := m.Status(t, payout); got != "sent" {
		t.Fatalf("the payout is %s", got)
	}
	const back = `"kind":"returned","code":"R03","bank_reference":"021000020000001"`
	waits := tell(t, s, m, payout, back)
	path := "/ops/v1/rail-events/" + waits.Data()["id"].(string)
	if waits.Data()["status"] != "pending_approval" || waits.Data()["outcome"] != nil || m.Status(t, payout) != "sent" {
		t.Fatalf("%d %s", waits.Status, waits.Raw)
	}
	if got := s.Ops().Post(t, path+"/approve", "", ""); got.Status != http.StatusConflict || !strings.Contains(string(got.Raw), "another operator") {
		t.Errorf("approved by whoever entered it: %d %s", got.Status, got.Raw)
	}
	withdrawn := tell(t, s, m, payout, back+`,"code":"R02"`)
	if withdrawn.Status != http.StatusBadRequest {
		t.Errorf("a field twice: %d", withdrawn.Status)
	}
	withdrawn = tell(t, s, m, payout, `"kind":"settled"`)
	for range 2 {
		if got := s.Ops().Post(t, "/ops/v1/rail-events/"+withdrawn.Data()["id"].(string)+"/reject", "", ""); got.Data()["status"] != "rejected" {
			t.Errorf("%d %s", got.Status, got.Raw)
		}
	}
	if got := second.Post(t, "/ops/v1/rail-events/"+withdrawn.Data()["id"].(string)+"/approve", "", ""); got.Status != http.StatusConflict {
		t.Errorf("approved after it was rejected: %d %s", got.Status, got.Raw)
	}
	for range 2 {
		if got := second.Post(t, path+"/approve", "", ""); got.Data()["status"] != "executed" || came(got) != "applied" {
			t.Errorf("%d %s", got.Status, got.Raw)
		}
	}
	if available := m.Get(t, "/v1/balances/USD").Data()["available"]; available != "100.00" || m.Status(t, payout) != "returned" {
		t.Errorf("the payout is %s, with %v", m.Status(t, payout), available)
	}
	late := tell(t, s, m, payout, `"kind":"failed"`)
	s.Clock.Advance(73 * time.Hour)
	if got := second.Post(t, "/ops/v1/rail-events/"+late.Data()["id"].(string)+"/approve", "", ""); got.Status != http.StatusConflict || !strings.Contains(string(got.Raw), "is expired") {
		t.Errorf("approved too late: %d %s", got.Status, got.Raw)
	}
	if got := s.Ops().Get(t, "/ops/v1/rail-events?status=expired").List(); len(got) != 1 {
		t.Errorf("%d events are expired", len(got))
	}
}
