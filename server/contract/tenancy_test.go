package contract_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/xid"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

// idFields are the paths, below a message, of the fields that name objects. A tax_id names a person and is marked as sensitive.
func idFields(md protoreflect.MessageDescriptor) [][]string {
	var found [][]string
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		name := string(fd.Name())
		switch {
		case proto.GetExtension(fd.Options(), antonv1.E_Sensitive).(bool):
		case fd.Message() != nil && fd.Message().FullName() == "anton.v1.BatchRow":
			// What a row names is looked for when the batch is checked: the tests of batches show that another merchant's is like nobody's.
		case fd.Kind() == protoreflect.StringKind && (name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")):
			found = append(found, []string{name})
		case fd.Kind() == protoreflect.MessageKind && !fd.IsMap() && fd.Message().FullName().Parent() != "google.protobuf":
			for _, below := range idFields(fd.Message()) {
				found = append(found, append([]string{name}, below...))
			}
		}
	}
	return found
}

// at is the id that stands in the request at the path; the first one of a list.
func at(t *testing.T, req fields, path []string) string {
	t.Helper()
	var value any = req
	for _, name := range path {
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		object, _ := value.(fields)
		value = object[name]
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	id, _ := value.(string)
	if id == "" {
		t.Fatalf("the fixture does not set %s: it must, so that another merchant's object can stand there", strings.Join(path, "."))
	}
	return id
}

// swapped is the request with one id replaced by another, wherever it stands.
func swapped(t *testing.T, req fields, old, replacement string) fields {
	t.Helper()
	text, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	out := fields{}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), strconv.Quote(old), strconv.Quote(replacement))), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// likeNobodys is an id of the same form that names nothing.
func likeNobodys(t *testing.T, id string) string {
	t.Helper()
	prefix, rest, ok := strings.Cut(id, "_")
	if !ok || len(rest) != 20 {
		t.Fatalf("%q is not an id of the form prefix_xid", id)
	}
	return prefix + "_" + xid.New().String()
}

func TestAnotherMerchantsObjectIsLikeOneThatDoesNotExist(t *testing.T) {
	t.Parallel()
	s, both := withTenants(t, 2)
	a, b := both[0], both[1]
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if m.ForOperators() {
			return // operators see all merchants; merchants do not get in, which the tests of scopes show
		}
		mine, theirs := fixture(t, m, b), fixture(t, m, a)
		for _, path := range idFields(m.Descriptor.Input()) {
			own, foreign := at(t, mine, path), at(t, theirs, path)
			nobodys := likeNobodys(t, foreign)
			if own == foreign {
				t.Fatalf("%s: both tenants have %s", strings.Join(path, "."), own)
			}
			compare(t, s, b, m, strings.Join(path, "."), swapped(t, mine, own, foreign), foreign, swapped(t, mine, own, nobodys), nobodys)
		}
		// All of A's request at once: what belongs together there must not open what each part alone does not.
		if paths := idFields(m.Descriptor.Input()); len(paths) > 0 {
			got := call(t, b.Client, m, theirs, "all of it")
			nothing := len(got.List()) == 0 && got.Status == http.StatusOK && !strings.Contains(string(got.Raw), "has_more\":true")
			if got.Code() != "not_found" && !nothing {
				t.Errorf("the whole request of another merchant: %d %s", got.Status, got.Raw)
			}
		}
	})
}

// compare holds the answer for another's object to the answer for none: the same in everything but the id.
func compare(t *testing.T, s *testserver.Server, b tenant, m *contract.Method, path string, forTheirs fields, theirs string, forNone fields, none string) {
	t.Helper()
	got, want := call(t, b.Client, m, forTheirs, "theirs"), call(t, b.Client, m, forNone, "none")
	if got.Status != want.Status || anonymous(got, theirs) != anonymous(want, none) {
		t.Errorf("%s over REST: another's is %d %s, none is %d %s", path, got.Status, got.Raw, want.Status, want.Raw)
	}
	gotNames, wantNames := slices.Sorted(maps.Keys(got.Header)), slices.Sorted(maps.Keys(want.Header))
	if !slices.Equal(gotNames, wantNames) || got.Header.Get("Content-Length") != want.Header.Get("Content-Length") {
		t.Errorf("%s over REST: the headers differ: %v, %v", path, got.Header, want.Header)
	}
	isFilter := m.ReadOnly && placeOf(m, path) == inQuery // a filter finds nothing; everything else is not found
	if isFilter && (got.Status != http.StatusOK || len(got.List()) != 0) {
		t.Errorf("%s over REST: filtering by another's answered %d %s", path, got.Status, got.Raw)
	}
	if !isFilter && got.Code() != "not_found" {
		t.Errorf("%s over REST: another's answered %d %s", path, got.Status, got.Raw)
	}

	r := invoke(t, s, b.Key, m, message(t, m, forTheirs), "idempotency-key", "theirs")
	q := invoke(t, s, b.Key, m, message(t, m, forNone), "idempotency-key", "none")
	if text, other := inWords(t, r, theirs), inWords(t, q, none); text != other {
		t.Errorf("%s over gRPC: another's is %s, none is %s", path, text, other)
	}
	if !isFilter && reason(r.err) != "not_found" {
		t.Errorf("%s over gRPC: another's answered %v", path, r.err)
	}
}

// anonymous is an answer without what must differ: the id that was asked for and the request's own.
func anonymous(a testserver.Answer, id string) string {
	return strings.NewReplacer(id, "<id>", a.Header.Get("X-Request-ID"), "<request>").Replace(string(a.Raw))
}

func inWords(t *testing.T, r reply, id string) string {
	t.Helper()
	if r.err != nil {
		st := status.Convert(r.err)
		return strings.ReplaceAll(st.Code().String()+" "+reason(r.err)+" "+st.Message(), id, "<id>")
	}
	text, err := protojson.Marshal(r.message)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(text), " ", ""), id, "<id>")
}

// idsOf are the ids of everything that the merchant has.
func idsOf(t *testing.T, s *testserver.Server, merchant string) []string {
	t.Helper()
	rows, err := s.Owner.Query(t.Context(), `
		select id from beneficiaries where merchant_id = $1 union all select id from instruments where merchant_id = $1
		union all select id from payouts where merchant_id = $1 union all select id from events where merchant_id = $1
		union all select id from ledger_transactions where merchant_id = $1 union all select id from api_keys where merchant_id = $1
		union all select id from audit_log where merchant_id = $1 union all select id from verdicts where merchant_id = $1
		union all select $1`, merchant)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil || len(all) < 20 {
		t.Fatalf("found %d ids: %v", len(all), err)
	}
	return all
}

// Every method, called by B in the way that succeeds, with A's Idempotency-Keys: B's own answer, and nothing of A's in it.
func TestNoAnswerHoldsAnythingOfAnotherMerchant(t *testing.T) {
	t.Parallel()
	s, both := withTenants(t, 2)
	a, b := both[0], both[1]
	for _, m := range contract.Methods() {
		if m.ForOperators() || m.ReadOnly {
			continue
		}
		got := call(t, a.Client, m, fixture(t, m, a), m.Name)
		if got.Status >= 300 {
			t.Fatalf("%s: the fixture's request failed: %d %s", m.Name, got.Status, got.Raw)
		}
		if again := call(t, a.Client, m, fixture(t, m, a), m.Name); string(again.Raw) != string(got.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
			t.Fatalf("%s: the key was not kept: %d %s", m.Name, again.Status, again.Raw)
		}
	}
	foreign := idsOf(t, s, a.Merchant)
	placed(t, s)
	before := contentsOf(t, s, a.Merchant)
	for _, m := range contract.Methods() {
		if m.ForOperators() {
			continue
		}
		if !m.ReadOnly { // A's very request with A's key is B's first use of that key, and fails for want of the objects
			got := call(t, b.Client, m, fixture(t, m, a), m.Name)
			if len(idFields(m.Descriptor.Input())) > 0 && got.Code() != "not_found" {
				t.Errorf("%s: another merchant's request and key: %d %s", m.Name, got.Status, got.Raw)
			}
			checkForeign(t, m.Name+" with another merchant's request and key", got.Raw, askedFor(fixture(t, m, a)), foreign)
		}
		got := call(t, b.Client, m, fixture(t, m, b), m.Name)
		created := !m.ReadOnly && len(idFields(m.Descriptor.Input())) == 0 // by the request above, which names nobody's objects
		if got.Status >= 300 || (got.Header.Get("X-Idempotent-Replayed") != "") != created {
			t.Errorf("%s: B's own request: %d %s, replayed %q", m.Name, got.Status, got.Raw, got.Header.Get("X-Idempotent-Replayed"))
		}
		checkForeign(t, m.Name, got.Raw, nil, foreign)
	}
	if after := contentsOf(t, s, a.Merchant); after != before {
		t.Error("B's calls changed rows of A's")
	}
}

// askedFor are the ids that a request names itself.
func askedFor(req fields) []string {
	var ids []string
	for _, value := range req {
		if id, ok := value.(string); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func checkForeign(t *testing.T, what string, raw []byte, asked, foreign []string) {
	t.Helper()
	for _, id := range foreign {
		if !slices.Contains(asked, id) && strings.Contains(string(raw), id) {
			t.Errorf("%s: the answer holds another merchant's %s: %s", what, id, shortened(raw))
		}
	}
}

// contentsOf is a fingerprint of all rows that belong to the merchant.
func contentsOf(t *testing.T, s *testserver.Server, merchant string) string {
	t.Helper()
	rows, err := s.Owner.Query(t.Context(), `select table_name from information_schema.columns where table_schema = 'public' and column_name = 'merchant_id'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if err := rows.Err(); err != nil || len(tables) < 10 {
		t.Fatalf("found %d tables: %v", len(tables), err)
	}
	slices.Sort(tables)
	var all strings.Builder
	for _, table := range tables {
		var text string
		query := `select coalesce(string_agg(r::text, '' order by r::text), '') from ` + table + ` r where merchant_id = $1`
		if err := s.Owner.QueryRow(t.Context(), query, merchant).Scan(&text); err != nil {
			t.Fatal(err)
		}
		all.WriteString(table + ":" + text + "\n")
	}
	return all.String()
}

// Two operators have keys of their own: one's key and request give the other a change of its own, not a replay.
func TestAnOperatorsIdempotencyKeysAreItsOwn(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	first, second := s.With(operatorKey(t, s, "admin")), s.With(operatorKey(t, s, "admin"))
	for _, m := range contract.Methods() {
		if !m.ForOperators() || m.ReadOnly {
			continue
		}
		got, other := call(t, first, m, fixture(t, m, tn), m.Name), call(t, second, m, fixture(t, m, tn), m.Name)
		// What can be done once is done: the other operator reads that, and no replay.
		if got.Status >= 300 || (other.Status >= 300 && other.Code() != "state_conflict") || other.Header.Get("X-Idempotent-Replayed") != "" || (m.Creates && string(got.Raw) == string(other.Raw)) {
			t.Errorf("%s: %d %s, then by another operator %d %s", m.Name, got.Status, got.Raw, other.Status, other.Raw)
		}
	}
}
