package beneficiaries_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

// listener is a test whose server's log can be read.
type listener struct {
	testing.TB
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *listener) Output() io.Writer { return l }

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *listener) log() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestPiiShowsWhatWasGiven(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	id := create(t, m, full)
	iban := ok(t, m.Post(t, "/v1/beneficiaries/"+id+"/instruments", "", `{"currency":"EUR","bank_account":{"iban":"de89 3704 0044 0532 0130 00","bank_name":"Erste Bank"}}`))["id"]
	first := ok(t, m.Get(t, "/v1/beneficiaries/"+id))["default_instrument_id"]
	path := "/v1/beneficiaries/" + id + "/pii"

	got := ok(t, m.Get(t, path))
	want := map[string]any{
		"id": id, "type": "individual", "first_name": "Maria", "middle_name": "Elena", "last_name": "Garcia", "email": "maria.garcia@example.com",
		"phone": "+14155550123", "date_of_birth": "1985-04-12", "nationality": "ES", "tax_id": "TAX-1",
		"address": map[string]any{"street_line_1": "1 Main Street", "street_line_2": "", "city": "Springfield", "state": "", "postal_code": "", "country": "US"},
		"instruments": []any{
			map[string]any{"id": iban, "method": "iban", "currency": "EUR", "bank_account": map[string]any{
				"iban": "DE89370400440532013000", "bank_name": "Erste Bank", "country": "DE",
			}},
			map[string]any{"id": first, "method": "us_bank", "currency": "USD", "bank_account": map[string]any{
				"account_number": "9876543210", "routing_number": "021000021", "account_type": "checking", "country": "US",
			}},
		},
	}
	slices.SortFunc(got["instruments"].([]any), func(a, b any) int {
		return strings.Compare(a.(map[string]any)["method"].(string), b.(map[string]any)["method"].(string))
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.Get(t, path).Header.Get("Cache-Control") != "no-store" {
		t.Error("a cache may keep it")
	}
	refused(t, "another merchant", other.Get(t, path), http.StatusNotFound, "not_found")
	refused(t, "nobody", m.Get(t, "/v1/beneficiaries/ben_nobody/pii"), http.StatusNotFound, "not_found")
	for _, scopes := range [][]string{{"read_only"}, {"beneficiaries:read", "beneficiaries:write"}} {
		refused(t, fmt.Sprint(scopes), s.KeyFor(t, m.Merchant, scopes...).Get(t, path), http.StatusForbidden, "insufficient_scope")
	}
	ok(t, s.KeyFor(t, m.Merchant, "pii:read").Get(t, path))
}

func TestEveryReadOfPersonalDataLeavesARow(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	id := create(t, m, full)
	path := "/v1/beneficiaries/" + id + "/pii"
	rows := func() []map[string]any {
		return s.Ops().Get(t, "/ops/v1/audit?limit=100&action=beneficiary.pii_read").List()
	}
	first := m.Get(t, path)
	refused(t, "another merchant", other.Get(t, path), http.StatusNotFound, "not_found")
	if all := rows(); len(all) != 1 || all[0]["object_id"] != id || all[0]["merchant_id"] != m.Merchant || all[0]["actor"] == "" ||
		all[0]["request_id"] != first.Header.Get("X-Request-ID") || fmt.Sprint(all[0]["detail"]) != "map[]" {
		t.Errorf("one read and one refusal left %v", all)
	}
	// A key does not make it a replay: the second reader gets an answer and a row of its own, and sees what is true by then.
	header := http.Header{"Idempotency-Key": {"look"}}
	ok(t, m.Do(t, http.MethodGet, path, header, ""))
	ok(t, patch(t, m, "/v1/beneficiaries/"+id, `{"email":"later@example.com"}`))
	again := m.Do(t, http.MethodGet, path, header, "")
	if ok(t, again)["email"] != "later@example.com" || again.Header.Get("X-Idempotent-Replayed") != "" {
		t.Errorf("the second read answered %s", again.Raw)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key, "idempotency-key", "look")
	got, err := antonv1.NewBeneficiariesServiceClient(s.Dial()).GetBeneficiaryPii(ctx, &antonv1.GetBeneficiaryPiiRequest{Id: id})
	if err != nil || got.GetData().GetInstruments()[0].GetBankAccount().GetAccountNumber() != "9876543210" {
		t.Errorf("over gRPC: %v, %v", got, err)
	}
	if n := len(rows()); n != 4 {
		t.Errorf("four reads left %d rows", n)
	}
	// Where the row cannot be written nobody sees anything.
	if _, err := s.Owner.Exec(t.Context(), "alter table audit_log add constraint full_disk check (action <> 'beneficiary.pii_read') not valid"); err != nil {
		t.Fatal(err)
	}
	if got := m.Get(t, path); got.Status != http.StatusInternalServerError || bytes.Contains(got.Raw, []byte("later@example.com")) {
		t.Errorf("without an audit row: %d %s", got.Status, got.Raw)
	}
	if other := m.Get(t, "/v1/beneficiaries/"+id); other.Status != http.StatusOK {
		t.Errorf("a plain read: %d", other.Status)
	}
}

// canaries are personal data that nothing but the one answer may ever show.
var canaries = map[string]string{
	"account number": "99887766554433", "e-mail": "canary.mail@example.com", "birth date": "1961-07-23", "telephone": "+14155557391",
	"street": "17 Canary Wharf Lane", "tax number": "CANARY-TAX-1", "IBAN": "GB82WEST12345698765432", "iban as sent": "GB82 WEST 1234 5698 7654 32",
	"new e-mail": "canary.two@example.com", "new birth date": "1962-08-24", "new street": "99 Nightingale Row", "refused account": "77665544332211",
}

func found(text string) (names []string) {
	for name, canary := range canaries {
		for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:8]} {
			if strings.Contains(text, form) {
				names = append(names, name+" as "+form)
			}
		}
	}
	return names
}

// live takes personal data through everything that can happen to it, and gives all that was answered on the way.
func live(t *testing.T, m *testserver.Client) (id string, answers []testserver.Answer) {
	t.Helper()
	keep := func(a testserver.Answer) testserver.Answer {
		answers = append(answers, a)
		return a
	}
	c := func(name string) string { return canaries[name] }
	body := with(map[string]any{
		"email": c("e-mail"), "phone": c("telephone"), "date_of_birth": c("birth date"), "tax_id": c("tax number"),
		"address": map[string]any{"street_line_1": c("street"), "country": "US"}, "bank_account": account(c("account number")),
	})
	header := http.Header{"Idempotency-Key": {"canary"}}
	for range 2 { // the second is answered from what was stored
		id = ok(t, keep(m.Do(t, http.MethodPost, "/v1/beneficiaries", header, body)))["id"].(string)
	}
	first := ok(t, m.Get(t, "/v1/beneficiaries/"+id))["default_instrument_id"].(string)
	path := "/v1/beneficiaries/" + id
	keep(m.Post(t, "/v1/beneficiaries", "", body)) // a duplicate
	second := ok(t, keep(m.Post(t, path+"/instruments", "i", `{"currency":"GBP","bank_account":{"iban":"`+c("iban as sent")+`"}}`)))["id"].(string)
	ok(t, keep(m.Do(t, http.MethodPatch, path, http.Header{"Idempotency-Key": {"canary 2"}},
		`{"email":"`+c("new e-mail")+`","date_of_birth":"`+c("new birth date")+`","address":{"street_line_1":"`+c("new street")+`"}}`)))
	for _, wrong := range []string{
		`{"bank_account":{"account_number":"` + c("refused account") + `","routing_number":"021000022"}}`,
		`{"bank_account":{"account_number":"` + c("refused account") + `x!","routing_number":"021000021"}}`,
		`{"bank_account":{"account_number":` + c("refused account") + `}}`, `{"bank_account":{"iban":"GB83WEST12345698765432"}}`, `{"` + `bank_account":"` + c("refused account"),
	} {
		if a := keep(m.Post(t, path+"/instruments", "", wrong)); a.Status < 400 || a.Status > 422 {
			t.Errorf("%s: %d", wrong, a.Status)
		}
	}
	keep(patch(t, m, path, `{"date_of_birth":"`+c("new birth date")+`T","email":"`+c("new e-mail")+` "}`))
	ok(t, keep(patch(t, m, "/v1/instruments/"+second, `{"make_default":true,"label":"Second"}`)))
	keep(m.Post(t, "/v1/payouts", "pounds", `{"beneficiary_id":"`+id+`","amount":"5.00","currency":"GBP"}`))
	ok(t, keep(m.Post(t, "/v1/payouts", "dollars", `{"beneficiary_id":"`+id+`","instrument_id":"`+first+`","amount":"5.00","currency":"USD"}`)))
	return id, answers
}

func TestPersonalDataStaysWhereItBelongs(t *testing.T) {
	t.Parallel()
	ear := &listener{TB: t}
	s := testserver.On(ear, testserver.Database(t), testserver.NewClock())
	m := s.Merchant(t)
	id, answers := live(t, m)
	s.Work()
	pii := m.Get(t, "/v1/beneficiaries/"+id+"/pii")
	for _, list := range []string{
		"/v1/beneficiaries", "/v1/beneficiaries/" + id, "/v1/beneficiaries/" + id + "/instruments", "/v1/instruments", "/v1/events?limit=100", "/v1/payouts",
	} {
		a := m.Get(t, list)
		ok(t, a)
		answers = append(answers, a)
	}
	answers = append(answers, s.Ops().Get(t, "/ops/v1/audit?limit=100"))
	for _, a := range answers {
		if names := found(string(a.Raw)); len(names) > 0 {
			t.Errorf("an answer shows %v: %s", names, a.Raw)
		}
	}
	// The control: the search finds what the one answer shows, but for what was replaced or refused.
	var shown []string
	for _, n := range found(string(pii.Raw)) {
		name, _, _ := strings.Cut(n, " as ")
		shown = append(shown, name)
	}
	slices.Sort(shown)
	if want := []string{"IBAN", "account number", "new birth date", "new e-mail", "new street", "tax number", "telephone"}; !slices.Equal(shown, want) {
		t.Errorf("the personal data show %v, want %v", shown, want)
	}
	if log := ear.log(); !strings.Contains(log, "GetBeneficiaryPii") {
		t.Error("the log was not heard")
	} else if names := found(log); len(names) > 0 {
		t.Errorf("the log shows %v", names)
	}
	searchTables(t, s)
}

// searchTables looks for canaries in every row of every table, as the owner.
func searchTables(t *testing.T, s *testserver.Server) {
	t.Helper()
	rows, err := s.Owner.Query(t.Context(), "select tablename from pg_tables where schemaname = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if err := rows.Err(); err != nil || len(tables) < 15 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	read := map[string]int{}
	for _, table := range tables {
		texts, err := s.Owner.Query(t.Context(), "select r::text from "+table+" r")
		if err != nil {
			t.Fatal(err)
		}
		for texts.Next() {
			var text string
			if err := texts.Scan(&text); err != nil {
				t.Fatal(err)
			}
			read[table]++
			if names := found(text); len(names) > 0 {
				t.Errorf("a row of %s holds %v: %.300s", table, names, text)
			}
		}
		if err := texts.Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"beneficiaries", "instruments", "events", "audit_log", "idempotency_keys"} {
		if read[table] == 0 {
			t.Errorf("%s is empty: the search proves nothing", table)
		}
	}
}

// The form of an answer in an event is the public one, field by field.
func TestEventsShowThePublicObject(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	id := create(t, m, full)
	ok(t, patch(t, m, "/v1/beneficiaries/"+id, `{"email":"other@example.com"}`))
	event := m.Get(t, "/v1/events?limit=1&type=beneficiary.updated&object_id="+id).List()[0]
	now, err := json.Marshal(ok(t, m.Get(t, "/v1/beneficiaries/"+id)))
	if err != nil {
		t.Fatal(err)
	}
	told, err := json.Marshal(event["data"])
	if err != nil || !bytes.Equal(now, told) {
		t.Errorf("the event tells %s, the object is %s", told, now)
	}
}
