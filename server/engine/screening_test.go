package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// listed are invented parties: a man whose name is nobody else's, one with a common name, of whom the birthday is known, and a business.
func listed() []lists.Entry {
	return []lists.Entry{
		{ID: "T.1", Kind: lists.Person, Names: []lists.Name{{Text: "Zoltrazar Quimbwell"}}},
		{ID: "T.2", Kind: lists.Person, Names: []lists.Name{{Text: "Ivan Petrov"}}, Births: []lists.Birth{{From: "1970-03-04"}}},
		{ID: "T.3", Kind: lists.Organisation, Names: []lists.Name{{Text: "Grelbane Vostorkian Metals Ltd"}}},
	}
}

// asList is a list of the entries and of as many others as make a list plausible.
func asList(published string, entries ...lists.Entry) *lists.List {
	list := &lists.List{Authority: lists.UN, Published: published, Parser: lists.Parser, Entries: entries}
	for i := range 500 {
		list.Entries = append(list.Entries, lists.Entry{
			ID: fmt.Sprintf("X.%03d", i), Kind: lists.Person, Names: []lists.Name{{Text: fmt.Sprintf("Filler Nobody%c%c", 'a'+i%26, 'a'+i/26)}},
		})
	}
	list.Hash = fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, list.Entries, published)))
	return list
}

// screeningServer is a sandbox that screens with the UN's list, which names the invented parties.
func screeningServer(t *testing.T) (s *testserver.Server, version string) {
	t.Helper()
	s = testserver.Screening(t, lists.UN)
	version = s.TakeList(t, asList("2026-02-13", listed()...))
	s.LookForLists(t)
	return s, version
}

// person makes a beneficiary with further fields and gives its id.
func person(t *testing.T, m *testserver.Client, first, last, fields string) string {
	t.Helper()
	account := fmt.Sprint(time.Now().UnixNano() % 10_000_000_000)
	body := strings.NewReplacer("Maria", first, "Garcia", last, "9876543210", "5"+account, `"currency"`, fields+`"currency"`).Replace(testserver.Maria)
	created := m.Post(t, "/v1/beneficiaries", "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("create %s %s: %d %s", first, last, created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

// verdict is what a payout's verdict says of its screening.
func verdict(t *testing.T, s *testserver.Server, payout string) (v struct {
	Decision, Model string
	Lists           []struct{ Authority, Version, Published, Hash, Parser string }
	Parties         []struct {
		Role, Subject, Decision string
		Hits                    []struct {
			Decision, Authority, Version string
			EntryID                      string `json:"entry_id"`
			EntryName                    string `json:"entry_name"`
			ReleasedBy                   any    `json:"released_by"`
			Score                        float64
			Words                        []map[string]any
			Parts                        []struct {
				What, Says string
				Weight     float64
			}
		}
	}
},
) {
	t.Helper()
	var text []byte
	err := s.Owner.QueryRow(t.Context(), `select stages -> 'screening' from verdicts where payout_id = $1 order by created_at desc limit 1`, payout).Scan(&text)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPayoutsAreJudgedByTheListsInForce(t *testing.T) {
	t.Parallel()
	s, version := screeningServer(t)
	m := s.Merchant(t)
	for i, tt := range []struct {
		first, last, fields, sender string
		status, reason, decision    string
		entry                       string // that was found, of whom
	}{
		{first: "Maria", last: "Garcia", status: "completed", decision: "none"},
		{first: "Zoltrazar", last: "Quimbwell", status: "screening_failed", reason: "compliance_block", decision: "certain", entry: "beneficiary T.1"},
		// Cyrillic letters that look like Latin ones.
		{first: "Zоltrаzаr", last: "Quimbwеll", status: "screening_failed", reason: "compliance_block", decision: "certain", entry: "beneficiary T.1"},
		{first: "Zoltrazar", last: "Quimbwel", status: "manual_review", reason: "under_review", decision: "possible", entry: "beneficiary T.1"},
		{first: "Zoltrazar", last: "Quimbwell", fields: `"middle_name":"Anselm",`, status: "screening_failed", reason: "compliance_block", decision: "certain", entry: "beneficiary T.1"},
		// The date of birth lies encrypted beside the name.
		{first: "Ivan", last: "Petrov", status: "manual_review", reason: "under_review", decision: "possible", entry: "beneficiary T.2"},
		{first: "Ivan", last: "Petrov", fields: `"date_of_birth":"1970-03-04",`, status: "screening_failed", reason: "compliance_block", decision: "certain", entry: "beneficiary T.2"},
		{first: "Ivan", last: "Petrov", fields: `"date_of_birth":"1991-08-17",`, status: "manual_review", reason: "under_review", decision: "possible", entry: "beneficiary T.2"},
		{first: "Maria", last: "Gomez", sender: "Grelbane Vostorkian Metals Limited", status: "screening_failed", reason: "compliance_block", decision: "certain", entry: "sender T.3"},
		{first: "Maria", last: "Lopez", sender: "Grelbane Vostorkan Metals", status: "manual_review", reason: "under_review", decision: "possible", entry: "sender T.3"},
	} {
		t.Log(i, tt.decision)
		order := `{"beneficiary_id":"` + person(t, m, tt.first, tt.last, tt.fields) + `","amount":"10.00","currency":"USD"`
		if tt.sender != "" {
			order += `,"on_behalf_of":{"name":"` + tt.sender + `","type":"business","country":"AT"}`
		}
		made := m.Post(t, "/v1/payouts", fmt.Sprint("judged ", i), order+"}")
		if made.Status != http.StatusCreated {
			t.Fatalf("%d %s", made.Status, made.Raw)
		}
		id := made.Data()["id"].(string)
		settle(s)
		payout := m.Get(t, "/v1/payouts/"+id).Data()
		why, _ := payout["status_reason"].(map[string]any)
		if payout["status"] != tt.status || (tt.reason != "" && why["code"] != tt.reason) {
			t.Errorf("the payout is %v because %v, want %s because %s", payout["status"], why, tt.status, tt.reason)
		}
		v := verdict(t, s, id)
		if v.Decision != tt.decision || v.Model == "" || len(v.Lists) != 2 || v.Lists[1].Version != version ||
			v.Lists[1].Published != "2026-02-13" || v.Lists[1].Authority != "un" || len(v.Lists[1].Hash) != 64 || v.Lists[1].Parser == "" {
			t.Errorf("the verdict keeps %+v", v)
		}
		found := ""
		for _, party := range v.Parties {
			for _, hit := range party.Hits {
				found += party.Role + " " + hit.EntryID
				if hit.Authority != "un" || hit.Version != version || hit.EntryName == "" || hit.Score < 0.5 || len(hit.Words) == 0 || len(hit.Parts) == 0 || hit.Parts[0].Says == "" {
					t.Errorf("a hit is kept as %+v", hit)
				}
			}
		}
		if found != tt.entry {
			t.Errorf("found %q, want %q", found, tt.entry)
		}
		merchantReads := string(m.Get(t, "/v1/payouts/"+id).Raw) + string(m.Get(t, "/v1/payouts/"+id+"/timeline").Raw) + string(m.Get(t, "/v1/events?limit=100").Raw)
		for _, secret := range []string{"T.1", "T.2", "T.3", version, "possible", "certain", "sanction"} {
			if strings.Contains(merchantReads, secret) {
				t.Errorf("the merchant reads %q", secret)
			}
		}
	}
}

// The merchant itself is screened, with every payout.
func TestAMerchantIsScreened(t *testing.T) {
	t.Parallel()
	s, _ := screeningServer(t)
	created := s.Ops().Post(t, "/ops/v1/merchants", "", `{"name":"Grelbane Vostorkian Metals Ltd","country":"AT"}`)
	m := s.KeyFor(t, created.Data()["id"].(string))
	payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "one")
	settle(s)
	if status := m.Status(t, payout); status != "screening_failed" {
		t.Errorf("the payout is %s", status)
	}
}

func TestANewVersionTakesEffectWithoutARestart(t *testing.T) {
	t.Parallel()
	s, _ := screeningServer(t)
	m := s.Merchant(t)
	beneficiary := person(t, m, "Yolanthe", "Krambusch", "")
	before := m.Payout(t, beneficiary, "10.00", "before")
	settle(s)
	version := s.TakeList(t, asList("2026-02-14", append(listed(), lists.Entry{ID: "T.9", Kind: lists.Person, Names: []lists.Name{{Text: "Yolanthe Krambusch"}}})...))
	s.LookForLists(t)
	after := m.Payout(t, beneficiary, "10.00", "after")
	settle(s)
	if was, is := m.Status(t, before), m.Status(t, after); was != "completed" || is != "screening_failed" {
		t.Errorf("before the payout was %s, now it is %s", was, is)
	}
	if v := verdict(t, s, after); v.Lists[1].Version != version {
		t.Errorf("judged with %+v", v.Lists)
	}

	// Half of the list is refused, and what was in force stays.
	half := asList("2026-02-14", lists.Entry{ID: "T.1", Kind: lists.Person, Names: []lists.Name{{Text: "Somebody Else"}}})
	half.Entries = half.Entries[:250]
	half.Hash = fmt.Sprintf("%x", sha256.Sum256([]byte("half")))
	store := &sanctions.Store{Runner: s.Runner}
	if _, err := store.Take(t.Context(), half, sanctions.Origin{Source: "a test", By: "test"}, sanctions.Waiver{}); err == nil {
		t.Error("half of a list was taken")
	}
	s.LookForLists(t)
	again := m.Payout(t, beneficiary, "10.00", "again")
	settle(s)
	if status := m.Status(t, again); status != "screening_failed" {
		t.Errorf("after half of a list was refused the payout is %s", status)
	}
}

// waits has the worker work once, which must fail, and says what the payout is then.
func waits(t *testing.T, s *testserver.Server, m *testserver.Client, payout, cause string) {
	t.Helper()
	if _, err := s.Worker.RunOnce(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Sanctions.Usable(); err == nil || !strings.Contains(err.Error(), cause) {
		t.Errorf("the lists: %v, want %q", err, cause)
	}
	if status := m.Status(t, payout); status != "created" {
		t.Errorf("the payout is %s", status)
	}
	if _, metrics := s.Admin(t, "/metrics"); !strings.Contains(metrics, "\nanton_screening_lists 0\n") {
		t.Error("the metric does not say that no payout can be screened")
	}
}

// In live nobody is cleared while a list of an authority is missing or too old: payouts wait, and go on by themselves.
func TestPayoutsWaitForTheLists(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t, lists.UN, lists.EU)
	*s.Worker.Rails = *rails.NewRegistry(&sandbox.Rail{Pool: s.Pool, Clock: s.Clock.Now}) // live has no rail of its own
	m := s.Merchant(t)
	deposit := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "wire", `{"amount":"100.00","currency":"USD"}`)
	second := s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"Second","role":"operator"}`)
	s.With(second.Data()["key"].(string)).Post(t, "/ops/v1/adjustments/"+deposit.Data()["adjustment_id"].(string)+"/approve", "", "")
	payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "waiting")
	waits(t, s, m, payout, "no list of un is loaded; no list of eu is loaded")

	s.TakeList(t, asList("2026-02-13", listed()...))
	s.LookForLists(t)
	s.Clock.Advance(time.Minute)
	waits(t, s, m, payout, "no list of eu is loaded")

	eu := asList("2026-02-13")
	eu.Authority = lists.EU
	for i := range 2000 {
		eu.Entries = append(eu.Entries, lists.Entry{ID: fmt.Sprint("E.", i), Names: []lists.Name{{Text: fmt.Sprintf("Other Nobody%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676)}}})
	}
	s.TakeList(t, eu)
	s.LookForLists(t)
	s.Clock.Advance(8 * 24 * time.Hour)
	waits(t, s, m, payout, "the list of eu was last refreshed")

	stale := s.Clock.Now().Add(-time.Hour)
	for _, authority := range []string{"un", "eu"} {
		_, err := s.Owner.Exec(t.Context(), `insert into screening_list_refreshes (authority, id, at, outcome, list_id, source, by)
			select authority, 'ref_' || authority, $2, 'unchanged', list_id, 'a test', 'test' from screening_list_activations where authority = $1`, authority, stale)
		if err != nil {
			t.Fatal(err)
		}
	}
	s.LookForLists(t)
	s.Clock.Advance(5 * time.Minute)
	s.Work()
	if status := m.Status(t, payout); status != "processing" && status != "sent" && status != "completed" {
		t.Errorf("with all lists the payout is %s", status)
	}
	if _, metrics := s.Admin(t, "/metrics"); !strings.Contains(metrics, "\nanton_screening_lists 2\n") {
		t.Error("the metric does not count the lists")
	}
}

// A list that cannot be prepared leaves the one before in force.
func TestAListThatCannotBePreparedIsNotScreenedWith(t *testing.T) {
	t.Parallel()
	s, version := screeningServer(t)
	prepare := s.Sanctions.Prepare
	s.Sanctions.Prepare = func(*sanctions.Set) error { return fmt.Errorf("no memory") }
	s.TakeList(t, asList("2026-02-14", listed()[1:]...))
	if err := s.Sanctions.RunOnce(t.Context()); err == nil {
		t.Error("nothing was said")
	}
	m := s.Merchant(t)
	payout := m.Payout(t, person(t, m, "Zoltrazar", "Quimbwell", ""), "10.00", "one")
	settle(s)
	if v := verdict(t, s, payout); v.Lists[1].Version != version || v.Decision != "certain" {
		t.Errorf("judged with %+v: %s", v.Lists, v.Decision)
	}
	s.Sanctions.Prepare = prepare
	s.LookForLists(t)
}
