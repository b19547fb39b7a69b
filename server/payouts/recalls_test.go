package payouts_test

import (
	"bytes"
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

// recall asks for a payout back and gives the answer.
func recall(t *testing.T, s *testserver.Server, m *testserver.Client, payout, code string) testserver.Answer {
	t.Helper()
	return s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/payouts/"+payout+"/recalls", payout+code+s.Clock.Now().String(),
		`{"reason_code":"`+code+`","text":"Invoice 7 was paid before"}`)
}

// recalls are the statuses of the recalls of payouts, oldest first, each with its answer.
func recalls(t *testing.T, s *testserver.Server, payouts ...string) string {
	t.Helper()
	var all []string
	for _, p := range payouts {
		list := s.Ops().Get(t, "/ops/v1/recalls?payout_id="+p).List()
		slices.Reverse(list)
		for _, r := range list {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%v %v", r["status"], or(r["answer_code"], ""))))
		}
	}
	return strings.Join(all, ", ")
}

func or(value, otherwise any) any {
	if value == nil {
		return otherwise
	}
	return value
}

// cutRecalls has the recalls that wait go out, at 14:00 in Frankfurt of the day.
func cutRecalls(t *testing.T, s *testserver.Server, day int) {
	t.Helper()
	s.Clock.Advance(time.Date(2026, 2, day, 13, 0, 0, 0, time.UTC).Sub(s.Clock.Now()))
	s.WorkRails(t)
}

func TestARecallIsSentAndAnswered(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	before := m.Get(t, "/v1/balances/EUR").Data()["available"]
	payouts, references := sentBySEPA(t, s, m, "10.00", "20.00", "30.00", "40.00")
	for i, code := range []string{"DUPL", "AM09", "FRAD", "CUST"} {
		got := recall(t, s, m, payouts[i], code)
		if got.Status != http.StatusCreated || got.Data()["status"] != "waiting" || got.Data()["cut_at"] != "2026-02-17T13:00:00Z" {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
	}
	if again := recall(t, s, m, payouts[0], "TECH"); again.Status != http.StatusConflict || !strings.Contains(string(again.Raw), "is open already") {
		t.Errorf("a second recall: %d %s", again.Status, again.Raw)
	}
	s.WorkRails(t)
	if len(s.RailOut(t, "interbank")) != 1 {
		t.Error("the recalls did not wait for their cut-off")
	}
	cutRecalls(t, s, 17)
	s.WorkRails(t) // and are in one file
	out := s.RailOut(t, "interbank")
	content := string(out["interbank-20260217-01.xml"])
	for _, want := range []string{
		"camt.056.001.08", "<NbOfTxs>4</NbOfTxs>", "<CtrlSum>100.00</CtrlSum>", "<OrgnlMsgId>INTERBANK-20260216-01</OrgnlMsgId>",
		"<OrgnlTxId>" + references[0] + "</OrgnlTxId>", "<AddtlInf>Invoice 7 was paid before</AddtlInf>",
	} {
		if len(out) != 2 || !strings.Contains(content, want) {
			t.Errorf("the files %v have no %s:\n%s", slices.Collect(maps.Keys(out)), want, content)
		}
	}
	xsd.Holds(t, "schema of recalls", out["interbank-20260217-01.xml"])
	xsd.Holds(t, "schema of payments", out["interbank-20260216-01.xml"])
	// Two banks answer, one does not know yet, and one sends the money without a word.
	s.BankBrings(t, "interbank", "a.xml", testserver.Resolution("A", [3]string{references[0], "ACCR", ""}, [3]string{references[1], "RJCR", "NOAS"}))
	s.BankBrings(t, "interbank", "b.xml", testserver.Resolution("B", [3]string{references[2], "PDCR", ""}))
	s.BankBrings(t, "interbank", "c.xml", testserver.SEPAReturns("C", testserver.SEPAReturn{EndToEnd: references[3], Amount: "40.00", Code: "FOCR", Day: "2026-02-17"}))
	s.WorkRails(t)
	if got := recalls(t, s, payouts...); got != "accepted, rejected NOAS, sent, returned" {
		t.Errorf("the recalls are %s", got)
	}
	// The bank's yes moved nothing.
	if got := statuses(t, m, payouts); got != "sent, sent, sent, returned returned_on_request" {
		t.Errorf("the payouts are %s", got)
	}
	// What is told twice counts once, in the same words and in others.
	yes := testserver.Resolution("A", [3]string{references[0], "ACCR", ""}, [3]string{references[1], "RJCR", "NOAS"})
	s.BankBrings(t, "interbank", "d.xml", append(yes, '\n'))
	s.BankBrings(t, "interbank", "e.xml", bytes.ReplaceAll(yes, []byte("A-"), []byte("E-")))
	s.BankBrings(t, "interbank", "f.xml", testserver.SEPAReturns("F", testserver.SEPAReturn{EndToEnd: references[0], Amount: "10.00", Code: "FOCR", Day: "2026-02-17"}))
	s.WorkRails(t)
	if got := recalls(t, s, payouts...); got != "returned, rejected NOAS, sent, returned" {
		t.Errorf("the recalls are %s", got)
	}
	if got := outcomes(t, s); !maps.Equal(got, map[string]int{"applied": 4, "noted": 3, "duplicate": 2}) {
		t.Errorf("the entries were decided as %v", got)
	}
	// One that was rejected can be recalled again.
	if got := recall(t, s, m, payouts[1], "AC03"); got.Status != http.StatusCreated {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	cutRecalls(t, s, 18)
	s.BankBrings(t, "interbank", "g.xml", testserver.Resolution("G", [3]string{references[1], "ACCR", ""}))
	s.BankBrings(t, "interbank", "h.xml", testserver.SEPAReturns("H", testserver.SEPAReturn{EndToEnd: references[1], Amount: "20.00", Code: "FOCR", Day: "2026-02-18"},
		testserver.SEPAReturn{EndToEnd: references[2], Amount: "30.00", Code: "FOCR", Day: "2026-02-18"}))
	s.WorkRails(t)
	if got := recalls(t, s, payouts...); got != "returned, rejected NOAS, returned, returned, returned" {
		t.Errorf("the recalls are %s", got)
	}
	if after := m.Get(t, "/v1/balances/EUR").Data()["available"]; after != before {
		t.Errorf("available is %v, and was %v", after, before)
	}
}

func TestARecallEndsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00", "20.00", "30.00", "40.00")
	for _, p := range payouts {
		if got := recall(t, s, m, p, "CUST"); got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
	}
	// One comes back and one is refused before the recalls go out, and one is closed by a person: none of them is sent.
	s.BankBrings(t, "interbank", "a.xml", testserver.SEPAReturns("A", testserver.SEPAReturn{EndToEnd: references[0], Amount: "10.00", Code: "AC04", Day: "2026-02-17"}))
	refused := testserver.InterbankStatus("INTERBANK-20260216-01", "PART", "AC01", [3]string{references[1], "RJCT", ""})
	s.BankBrings(t, "interbank", "b.xml", refused)
	s.WorkRails(t)
	id := s.Ops().Get(t, "/ops/v1/recalls?payout_id="+payouts[2]).List()[0]["id"].(string)
	for range 2 { // and once more, which changes nothing
		closed := s.Ops().Post(t, "/ops/v1/recalls/"+id+"/close", "", `{"note":"A mistake"}`)
		if closed.Status != http.StatusOK || closed.Data()["status"] != "closed" || closed.Data()["note"] != "A mistake" {
			t.Errorf("%d %s", closed.Status, closed.Raw)
		}
	}
	cutRecalls(t, s, 17)
	content := string(s.RailOut(t, "interbank")["interbank-20260217-01.xml"])
	if !strings.Contains(content, "<NbOfTxs>1</NbOfTxs>") || !strings.Contains(content, references[3]) {
		t.Errorf("the file is\n%s", content)
	}
	if got := recalls(t, s, payouts...); got != "returned, closed, closed, sent" {
		t.Errorf("the recalls are %s", got)
	}
	// The clearing passes the recall on, and then refuses the message.
	s.BankBrings(t, "interbank", "c.xml", testserver.RecallStatus("INTERBANK-20260217-01", "ACSP", "FF01"))
	s.BankBrings(t, "interbank", "d.xml", testserver.RecallStatus("INTERBANK-20260217-01", "RJCT", "FF01"))
	s.WorkRails(t)
	if got := recalls(t, s, payouts[3]); got != "rejected FF01" {
		t.Errorf("the recall is %s", got)
	}
	if got := m.Status(t, payouts[3]); got != "sent" {
		t.Errorf("the payout is %s", got)
	}
	returned := s.Ops().Get(t, "/ops/v1/recalls?status=returned").List()
	if conflict := s.Ops().Post(t, "/ops/v1/recalls/"+returned[0]["id"].(string)+"/close", "", `{"note":"A mistake"}`); conflict.Status != http.StatusConflict {
		t.Errorf("closing what ended: %d %s", conflict.Status, conflict.Raw)
	}
}

func TestAnswersThatFitNoRecallAreCases(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00", "20.00")
	if got := recall(t, s, m, payouts[0], "TECH"); got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	// Before it was sent, of what was never recalled, of nothing of ours; and another bank wants money from us.
	s.BankBrings(t, "interbank", "a.xml", testserver.Resolution("A", [3]string{references[0], "ACCR", ""}, [3]string{references[1], "RJCR", "CUST"},
		[3]string{"pay-nobody", "RJCR", "CUST"}))
	s.BankBrings(t, "interbank", "b.xml", testserver.RecallOfTheirs("X", "THEIRS", "DUPL"))
	s.WorkRails(t)
	cutRecalls(t, s, 17)
	s.BankBrings(t, "interbank", "c.xml", testserver.Resolution("C", [3]string{references[0], "RJCR", "LEGL"}))
	s.BankBrings(t, "interbank", "d.xml", testserver.Resolution("D", [3]string{references[0], "ACCR", ""}))
	s.BankBrings(t, "interbank", "e.xml", testserver.Resolution("E", [3]string{references[0], "WHAT", ""}))
	s.WorkRails(t)
	var kinds []string
	for _, c := range s.Ops().Get(t, "/ops/v1/rails/cases").List() {
		kinds = append(kinds, fmt.Sprintf("%v %v", c["kind"], c["entry_kind"]))
		if c["held_in_suspense"] != false {
			t.Errorf("a case holds money: %v", c)
		}
	}
	slices.Sort(kinds)
	want := []string{
		"contradiction recall_accepted", "unknown_recall recall_accepted", "unknown_recall recall_rejected", "unknown_reference recall_rejected",
		"unknown_reference unreadable", "unreadable unreadable",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the cases are %q", kinds)
	}
	if got := recalls(t, s, payouts...); got != "rejected LEGL" {
		t.Errorf("the recalls are %s", got)
	}
}

func TestOnlyWhatCanComeBackIsRecalled(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, strings.Replace(testserver.Interbank, `"interbank":{`, testserver.ACHMember+`,"interbank":{`, 1))
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00", "20.00")
	s.BankBrings(t, "interbank", "a.xml", testserver.SEPAReturns("A", testserver.SEPAReturn{EndToEnd: references[1], Amount: "20.00", Code: "AC04", Day: "2026-02-17"}))
	s.WorkRails(t)
	byACH := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "5.00", "by ACH")
	s.Work()
	for _, try := range []struct {
		payout, code, want string
		status             int
	}{
		{payouts[0], "XXXX", "DUPL, TECH, FRAD, AC03, AM09, CUST", http.StatusUnprocessableEntity},
		{payouts[1], "CUST", "is returned", http.StatusConflict},
		{byACH, "CUST", "sends no recalls", http.StatusConflict},
		{"pay_nobody", "CUST", "not_found", http.StatusNotFound},
	} {
		if got := recall(t, s, m, try.payout, try.code); got.Status != try.status || !strings.Contains(string(got.Raw), try.want) {
			t.Errorf("%s for %s: %d %s", try.payout, try.code, got.Status, got.Raw)
		}
	}
	// Settled on 17 February. Ten banking days later are 3 March, thirteen months later is 17 March 2027. The day's last file leaves at 14:00
	// in Berlin, and what misses it would come too late.
	for _, try := range []struct {
		at     time.Time
		code   string
		status int
	}{
		{time.Date(2026, 3, 3, 12, 59, 0, 0, time.UTC), "TECH", http.StatusCreated},
		{time.Date(2026, 3, 3, 13, 0, 0, 0, time.UTC), "DUPL", http.StatusConflict},
		{time.Date(2027, 3, 17, 12, 59, 0, 0, time.UTC), "FRAD", http.StatusCreated},
		{time.Date(2027, 3, 17, 13, 0, 0, 0, time.UTC), "FRAD", http.StatusConflict},
	} {
		s.Clock.Advance(try.at.Sub(s.Clock.Now()))
		got := recall(t, s, m, payouts[0], try.code)
		if got.Status != try.status {
			t.Errorf("at %s for %s: %d %s", try.at, try.code, got.Status, got.Raw)
		}
		if got.Status == http.StatusCreated {
			s.Ops().Post(t, "/ops/v1/recalls/"+got.Data()["id"].(string)+"/close", "", `{"note":"Only a test of the time"}`)
		}
	}
}

// A bank that says once more, in another file, what it said of the recall before, may mean that one or this one: a person has to look. So
// has somebody where an answer is about another amount.
func TestAnAnswerToAnEarlierRecallIsACase(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00")
	no := testserver.Resolution("A", [3]string{references[0], "RJCR", "CUST"})
	for i, code := range []string{"CUST", "FRAD"} {
		if got := recall(t, s, m, payouts[0], code); got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
		cutRecalls(t, s, 17+i)
		s.BankBrings(t, "interbank", fmt.Sprintf("%d.xml", i), append(no, strings.Repeat("\n", i)...))
		s.WorkRails(t)
	}
	if got := recalls(t, s, payouts[0]); got != "rejected CUST, sent" {
		t.Errorf("the recalls are %s", got)
	}
	other := strings.ReplaceAll(strings.Replace(string(no), "</CxlStsRsnInf>", `</CxlStsRsnInf><OrgnlIntrBkSttlmAmt Ccy="EUR">9.00</OrgnlIntrBkSttlmAmt>`, 1), "A-", "B-")
	s.BankBrings(t, "interbank", "other.xml", []byte(other))
	s.WorkRails(t)
	var kinds []string
	for _, c := range s.Ops().Get(t, "/ops/v1/rails/cases").List() {
		kinds = append(kinds, fmt.Sprintf("%v %v", c["kind"], c["held_in_suspense"]))
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, []string{"contradiction false", "different_amount false"}) {
		t.Errorf("the cases are %q", kinds)
	}
	s.BankBrings(t, "interbank", "right.xml", []byte(strings.ReplaceAll(strings.Replace(other, ">9.00<", ">10.00<", 1), "B-", "C-")))
	s.WorkRails(t)
	if got := recalls(t, s, payouts[0]); got != "rejected CUST, rejected CUST" {
		t.Errorf("the recalls are %s", got)
	}
}

// The database refuses what no code of ours does: a recall that goes where no arrow leads, or without a step; steps that change.
func TestTheDatabaseGuardsRecalls(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00")
	if got := recall(t, s, m, payouts[0], "DUPL"); got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	cutRecalls(t, s, 17)
	s.BankBrings(t, "interbank", "a.xml", testserver.Resolution("A", [3]string{references[0], "RJCR", "CUST"}))
	s.WorkRails(t)
	const step = `insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
		select merchant_id, id, seq + %d, '%s', '%s', now(), 'x' from rail_recalls`
	for _, c := range []struct{ want, statement string }{
		{"recall_arrow_exists", fmt.Sprintf(step, 1, "rejected", "accepted")},
		{"recall_step_starts_where_the_last_one_ended", fmt.Sprintf(step, 1, "sent", "accepted")},
		{"recall_step_starts_where_the_last_one_ended", fmt.Sprintf(step, 2, "sent", "closed")},
		{"recall_moves_one_step_at_a_time", fmt.Sprintf(step, 0, "sent", "accepted")},
		{"recall_status_is_its_last_step", "update rail_recalls set status = 'sent', ended_at = null"},
		{"recall_status_is_its_last_step", "update rail_recalls set seq = seq - 1"},
		{"permission denied", "update rail_recall_steps set to_status = 'accepted'"},
		{"permission denied", "delete from rail_recall_steps"},
	} {
		if _, err := s.Pool.Exec(t.Context(), c.statement); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %s, got %v", c.want, err)
		}
	}
}
