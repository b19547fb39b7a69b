package rescreen_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// The invented parties that versions of the list name or do not name.
var (
	zoltrazar = lists.Entry{ID: "T.1", Kind: lists.Person, Names: []lists.Name{{Text: "Zoltrazar Quimbwell"}}}
	petrov    = lists.Entry{ID: "T.2", Kind: lists.Person, Names: []lists.Name{{Text: "Ivan Petrov"}}, Births: []lists.Birth{{From: "1970-03-04"}}}
	metals    = lists.Entry{ID: "T.3", Kind: lists.Organisation, Names: []lists.Name{{Text: "Grelbane Vostorkian Metals Ltd"}}}
)

// asList is a version of the UN's list with these entries and as many others as make it plausible.
func asList(day int, entries ...lists.Entry) *lists.List {
	published := fmt.Sprintf("2026-02-%02d", day)
	list := &lists.List{Authority: lists.UN, Published: published, Parser: lists.Parser, Entries: entries}
	for i := range 500 {
		list.Entries = append(list.Entries, lists.Entry{ID: fmt.Sprintf("X.%03d", i), Kind: lists.Person, Names: []lists.Name{{Text: filler(i)}}})
	}
	list.Hash = fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, list.Entries, published)))
	return list
}

func filler(i int) string { return fmt.Sprintf("Filler Nobody%c%c", 'a'+i%26, 'a'+i/26) }

// take puts a version in force, beside the server, and has the server see it.
func take(t *testing.T, s *testserver.Server, day int, entries ...lists.Entry) {
	t.Helper()
	s.TakeList(t, asList(day, entries...))
	s.LookForLists(t)
}

// rescreened has the server do all runs and gives what the newest one came to.
func rescreened(t *testing.T, s *testserver.Server) map[string]any {
	t.Helper()
	if _, err := s.Rescreen.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Ops().Get(t, "/ops/v1/screening/rescreens").List()[0]
}

// refreshed writes a list of persons into a file, in the UN's format, and has it loaded from there as an operator would.
func refreshed(t *testing.T, s *testserver.Server, day int, persons ...string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "<CONSOLIDATED_LIST dateGenerated=\"2026-02-%02dT00:00:00Z\"><INDIVIDUALS>", day)
	for i := range 500 {
		fmt.Fprintf(&b, "<INDIVIDUAL><FIRST_NAME>%s</FIRST_NAME><REFERENCE_NUMBER>X.%03d</REFERENCE_NUMBER></INDIVIDUAL>", filler(i), i)
	}
	for i, name := range persons {
		fmt.Fprintf(&b, "<INDIVIDUAL><FIRST_NAME>%s</FIRST_NAME><REFERENCE_NUMBER>T.%d</REFERENCE_NUMBER></INDIVIDUAL>", name, i+1)
	}
	path := filepath.Join(t.TempDir(), "un.xml")
	if err := os.WriteFile(path, []byte(b.String()+"</INDIVIDUALS></CONSOLIDATED_LIST>"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &sanctions.Refresher{Store: &sanctions.Store{Runner: s.Runner}}
	if _, err := r.Refresh(t.Context(), sanctions.Source{Authority: lists.UN, From: []string{path}}, "Dana", sanctions.Waiver{}); err != nil {
		t.Fatal(err)
	}
	s.LookForLists(t)
}

var account atomic.Int64

// person makes a beneficiary with further fields and gives its id.
func person(t *testing.T, m *testserver.Client, first, last, fields string) string {
	t.Helper()
	body := strings.NewReplacer("Maria", first, "Garcia", last, "9876543210", fmt.Sprint(5_000_000_009+10*account.Add(1)), `"currency"`, fields+`"currency"`).Replace(testserver.Maria)
	created := m.Post(t, "/v1/beneficiaries", "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("create %s %s: %d %s", first, last, created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

func statusOf(t *testing.T, m *testserver.Client, beneficiary string) any {
	t.Helper()
	return m.Get(t, "/v1/beneficiaries/"+beneficiary).Data()["status"]
}

// alerts are those that match the query, as operators read them.
func alerts(t *testing.T, s *testserver.Server, query string) []map[string]any {
	t.Helper()
	return wantOK(t, s.Ops().Get(t, "/ops/v1/screening/alerts?limit=100&"+query)).List()
}

func resolve(t *testing.T, by *testserver.Client, alert any, decision string) testserver.Answer {
	t.Helper()
	return by.Post(t, "/ops/v1/screening/alerts/"+alert.(string)+"/resolve", "", `{"decision":"`+decision+`","reason":"Compared the passports"}`)
}

func blocks(t *testing.T, by, m *testserver.Client, beneficiary, verb string) testserver.Answer {
	t.Helper()
	return by.Post(t, "/ops/v1/merchants/"+m.Merchant+"/beneficiaries/"+beneficiary+"/"+verb, "", `{"reason":"A court said so"}`)
}

func wantOK(t *testing.T, got testserver.Answer) testserver.Answer {
	t.Helper()
	if got.Status >= 300 {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	return got
}

func wantRefused(t *testing.T, what string, got testserver.Answer, status int, code, says string) {
	t.Helper()
	if got.Status != status || !strings.Contains(string(got.Raw), `"`+code+`"`) || !strings.Contains(string(got.Raw), says) {
		t.Errorf("%s: %d %s, want %d %s with %q", what, got.Status, got.Raw, status, code, says)
	}
}

func must(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
