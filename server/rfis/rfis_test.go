package rfis_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/testserver"
)

// open opens a request about the merchant itself, with the questions as JSON, and returns its id.
func open(t testing.TB, s *testserver.Server, m *testserver.Client, questions string) string {
	t.Helper()
	opened := s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+m.Merchant+`","category":"identity","entity_type":"merchant","entity_id":"`+
		m.Merchant+`","subject":"Who are you?","note":"Looks odd","questions":`+questions+`}`)
	if opened.Status != http.StatusCreated {
		t.Fatalf("open: %d %s", opened.Status, opened.Raw)
	}
	return opened.Data()["rfi"].(map[string]any)["id"].(string)
}

func upload(t testing.TB, m *testserver.Client) string {
	t.Helper()
	made := m.Post(t, "/v1/documents", "", `{"category":"other","file_name":"a.pdf","content":"JVBERi0xLjQKc3RhcnR4cmVmCjAKJSVFT0YK"}`)
	if made.Status != http.StatusCreated {
		t.Fatalf("upload: %d %s", made.Status, made.Raw)
	}
	return made.Data()["id"].(string)
}

func TestAnswersMustFitTheirQuestions(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	foreign := upload(t, s.Merchant(t))
	rfi := open(t, s, m, `[{"id":"why","prompt":"Why?","type":"text","required":true},{"id":"when","prompt":"When?","type":"date"},
		{"id":"which","prompt":"Which?","type":"choice","choices":["this","that"]},{"id":"file","prompt":"File?","type":"document"}]`)
	path := "/v1/rfis/" + rfi + "/respond"
	for body, fields := range map[string][]string{
		`{}`:                  {"answers"},
		`{"response":"Said"}`: {"answers"},
		`{"answers":[{"question":"why","value":"  "}]}`:                                                                         {"answers[0].value"},
		`{"answers":[{"question":"why","value":"x"},{"question":"when","value":"2026-02-30"}]}`:                                 {"answers[1].value"},
		`{"answers":[{"question":"why","value":"x"},{"question":"which","value":"other"}]}`:                                     {"answers[1].value"},
		`{"answers":[{"question":"why","value":"x"},{"question":"file","value":"` + foreign + `"}]}`:                            {"answers[1].value"},
		`{"answers":[{"question":"why","value":"x"},{"question":"why","value":"y"},{"question":"nope","value":"z"}]}`:           {"answers[1].question", "answers[2].question"},
		`{"answers":[{"question":"when","value":"soon"},{"question":"which","value":"x"},{"question":"file","value":"doc_x"}]}`: {"answers[0].value", "answers[1].value", "answers"},
	} {
		got := m.Post(t, path, "", body)
		if got.Status != http.StatusUnprocessableEntity || !slices.Equal(got.Fields(), fields) {
			t.Errorf("%s: %d %s, want %v", body, got.Status, got.Raw, fields)
		}
	}
	if got := m.Post(t, path, "", `{"answers":[{"question":"why","value":"x"}],"document_ids":["`+foreign+`"]}`); got.Code() != "not_found" {
		t.Errorf("another merchant's document: %d %s", got.Status, got.Raw)
	}
	mine := upload(t, m)
	good := m.Post(t, path, "", `{"response":"As asked","answers":[{"question":"why","value":"Because"},{"question":"when","value":"2026-02-28"},
		{"question":"which","value":"that"},{"question":"file","value":"`+mine+`"}],"document_ids":["`+mine+`"]}`)
	d := good.Data()
	if good.Status != http.StatusOK || d["status"] != "responded" || fmt.Sprint(d["document_ids"]) != "["+mine+"]" || len(d["answers"].([]any)) != 4 {
		t.Errorf("a good answer: %d %s", good.Status, good.Raw)
	}
	if got := m.Post(t, path, "", `{"answers":[{"question":"why","value":"x"}]}`); got.Code() != "state_conflict" {
		t.Errorf("a second answer: %d %s", got.Status, got.Raw)
	}
}

func TestAFormMustBePossible(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for questions, field := range map[string]string{
		`[{"id":"a","prompt":"A?","type":"text"},{"id":"a","prompt":"B?","type":"text"}]`: "questions[1].id",
		`[{"id":"a","prompt":"A?","type":"choice","choices":["one"]}]`:                    "questions[0].choices",
		`[{"id":"a","prompt":"A?","type":"text","choices":["one","two"]}]`:                "questions[0].choices",
		`[{"id":"A b","prompt":"A?","type":"text"}]`:                                      "questions[0].id",
	} {
		got := s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+m.Merchant+`","category":"other","entity_type":"merchant","entity_id":"`+m.Merchant+
			`","subject":"Why?","questions":`+questions+`}`)
		if got.Status != http.StatusUnprocessableEntity || !slices.Contains(got.Fields(), field) {
			t.Errorf("%s: %d %s", questions, got.Status, got.Raw)
		}
	}
	maria := s.Merchant(t).Beneficiary(t, "Garcia", "9876543210")
	for entity, code := range map[string]string{
		`"entity_type":"beneficiary","entity_id":"` + maria + `"`:  "not_found",
		`"entity_type":"payout","entity_id":"pay_none"`:            "not_found",
		`"entity_type":"merchant","entity_id":"mer_none"`:          "validation_error",
		`"entity_type":"merchant","due_at":"2026-02-14T09:00:00Z"`: "validation_error",
	} {
		got := s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+m.Merchant+`","category":"other","subject":"Why?",`+entity+`}`)
		if got.Code() != code {
			t.Errorf("%s: %d %s", entity, got.Status, got.Raw)
		}
	}
}

// What a merchant writes is about people: it is in the answer to the merchant and to staff, and nowhere else.
func TestAnswersAreNowhereInTheClear(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	rfi := open(t, s, m, `[]`)
	const canary = "Maria was born in Springfield"
	if got := m.Post(t, "/v1/rfis/"+rfi+"/respond", "", `{"response":"`+canary+`"}`); !strings.Contains(string(got.Raw), canary) {
		t.Fatalf("respond: %d %s", got.Status, got.Raw)
	}
	shown := s.Ops().Get(t, "/ops/v1/rfis/"+rfi)
	if !strings.Contains(string(shown.Raw), canary) || shown.Data()["note"] != "Looks odd" {
		t.Errorf("staff reads %s", shown.Raw)
	}
	if mine := m.Get(t, "/v1/rfis/"+rfi); strings.Contains(string(mine.Raw), "odd") {
		t.Errorf("the merchant reads staff's note: %s", mine.Raw)
	}
	var dump string
	err := s.Owner.QueryRow(t.Context(), `select query_to_xml('select * from rfis', true, false, '')::text || query_to_xml('select * from rfi_steps', true, false, '')::text
		|| query_to_xml('select * from events', true, false, '')::text || query_to_xml('select * from audit_log', true, false, '')::text`).Scan(&dump)
	if err != nil || strings.Contains(dump, "Springfield") || !strings.Contains(dump, rfi) {
		t.Errorf("the database holds the answer in the clear, or %v", err)
	}
}

func TestLateRequestsAreToldOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	rfi, answered := open(t, s, m, `[]`), open(t, s, m, `[]`)
	m.Post(t, "/v1/rfis/"+answered+"/respond", "", `{"response":"Me"}`)
	late := func(want int) {
		t.Helper()
		if n, err := s.RfiAlarm.RunOnce(t.Context()); n != want || err != nil {
			t.Errorf("%d alarms, want %d: %v", n, want, err)
		}
	}
	late(0)
	s.Clock.Advance(72 * time.Hour)
	late(1)
	late(0)
	rows := s.Ops().Get(t, "/ops/v1/rfis?overdue=true").List()
	if len(rows) != 1 || rows[0]["overdue"] != true || rows[0]["rfi"].(map[string]any)["id"] != rfi {
		t.Errorf("overdue are %v", rows)
	}
	if audited := s.Ops().Get(t, "/ops/v1/audit?action=rfi.overdue").List(); len(audited) != 1 {
		t.Errorf("%d audit rows", len(audited))
	}
	s.Ops().Post(t, "/ops/v1/rfis/"+rfi+"/escalate", "", `{"note":"They do not answer"}`)
	s.Ops().Post(t, "/ops/v1/rfis/"+rfi+"/reopen", "", `{"note":"Once more"}`)
	late(0)
	s.Clock.Advance(72 * time.Hour)
	late(1)
}

func TestWhatWasEscalatedComplianceResolves(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	rfi := open(t, s, m, `[]`)
	keys := map[string]*testserver.Client{}
	for _, role := range []string{"viewer", "operator", "compliance"} {
		keys[role] = s.With(s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"K","role":"`+role+`"}`).Data()["key"].(string))
	}
	for _, step := range []struct {
		role, verb string
		status     int
	}{
		{"viewer", "escalate", 403}, {"operator", "escalate", 200}, {"operator", "resolve", 403}, {"compliance", "resolve", 200}, {"compliance", "resolve", 409},
	} {
		body := `{"note":"N"}`
		if step.verb == "resolve" {
			body = `{"note":"N","outcome":"cleared"}`
		}
		if got := keys[step.role].Post(t, "/ops/v1/rfis/"+rfi+"/"+step.verb, "", body); got.Status != step.status {
			t.Errorf("%s by %s: %d %s", step.verb, step.role, got.Status, got.Raw)
		}
	}
}

// Any steps in any order: what the model allows happens and is told, with the next number; what it does not is refused and changes
// nothing.
func TestRequestsLiveAsTheModelSays(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	leads := map[string][]string{
		"open": {"respond", "resolve", "escalate"}, "responded": {"reopen", "resolve", "escalate"},
		"escalated": {"respond", "reopen", "resolve"}, "resolved": {"reopen"},
	}
	ends := map[string]string{"respond": "responded", "resolve": "resolved", "escalate": "escalated", "reopen": "open"}
	told := map[string]string{"respond": "rfi.responded", "resolve": "rfi.resolved", "escalate": "rfi.escalated", "reopen": "rfi.reopened"}
	rapid.Check(t, func(rt *rapid.T) {
		rfi := open(t, s, m, `[]`)
		status, events := "open", []string{"rfi.created"}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			verb := rapid.SampledFrom([]string{"respond", "resolve", "escalate", "reopen"}).Draw(rt, "verb")
			var got testserver.Answer
			switch verb {
			case "respond":
				got = m.Post(t, "/v1/rfis/"+rfi+"/respond", "", `{"response":"Me"}`)
			case "resolve":
				outcome := rapid.SampledFrom([]string{"cleared", "blocked"}).Draw(rt, "outcome")
				got = s.Ops().Post(t, "/ops/v1/rfis/"+rfi+"/resolve", "", `{"note":"N","outcome":"`+outcome+`"}`)
			default:
				got = s.Ops().Post(t, "/ops/v1/rfis/"+rfi+"/"+verb, "", `{"note":"N"}`)
			}
			if allowed := slices.Contains(leads[status], verb); allowed != (got.Status == http.StatusOK) || (!allowed && got.Code() != "state_conflict") {
				rt.Fatalf("%s while %s: %d %s", verb, status, got.Status, got.Raw)
			} else if allowed {
				status, events = ends[verb], append(events, told[verb])
			}
		}
		var seen []string
		for _, e := range m.Get(t, "/v1/events?limit=100&object_id="+rfi).List() {
			seen = append(seen, fmt.Sprint(e["sequence"], " ", e["type"]))
		}
		slices.Sort(seen)
		var want []string
		for i, e := range events {
			want = append(want, fmt.Sprint(i+1, " ", e))
		}
		if now := m.Get(t, "/v1/rfis/"+rfi).Data()["status"]; now != status || !slices.Equal(seen, want) {
			rt.Fatalf("it is %v, want %s; told %v, want %v", now, status, seen, want)
		}
	})
}
