package contract_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

// paged says whether the method answers with pages.
func paged(m *contract.Method) bool { return m.Descriptor.Input().Fields().ByName("cursor") != nil }

func TestEveryBadQueryIsRefused(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if placeOf(m, "") != inQuery {
			return
		}
		good, _ := restForm(t, m, fixture(t, m, tn))
		ask := func(query string) testserver.Answer {
			separator := "?"
			if strings.Contains(good, "?") {
				separator = "&"
			}
			return clients[m.Name].Do(t, m.Verb, good+separator+query, nil, "")
		}
		for _, name := range []string{"nothing", "Limit", "LIMIT", "limit[]", "limit.value", "data", "page", "offset", "a.b", "", "%00", "%ff", "é"} {
			if got := ask(name + "=1"); got.Code() != "validation_error" {
				t.Errorf("the unknown parameter %q: %d %s", name, got.Status, got.Raw)
			}
		}
		checkREST(t, "an unknown parameter", ask("no_such_parameter=1"), want{"validation_error", "no_such_parameter"})
		checkREST(t, "half an escape", ask("a=%"), want{code: "validation_error"})
		checkREST(t, "a semicolon", ask("a=1;b=2"), want{code: "validation_error"})
		for i := range m.Descriptor.Input().Fields().Len() {
			fd := m.Descriptor.Input().Fields().Get(i)
			name := string(fd.Name())
			if placeOf(m, name) != inQuery || fd.IsList() {
				continue
			}
			checkREST(t, name+" twice", ask(name+"=a&"+name+"=b"), want{"validation_error", name})
			checkREST(t, name+" without a value", ask(name), want{"validation_error", name})
			checkREST(t, name+" in brackets", ask(name+"[]=a"), want{"validation_error", name + "[]"})
		}
	})
}

// A page has a cursor for the next one; it is of that list alone, of that caller and of those filters.
func TestACursorIsOfItsOwnQueryOnly(t *testing.T) {
	t.Parallel()
	s, both := withTenants(t, 2)
	a, b := both[0], both[1]
	clients := callers(t, s, a)
	twoOfEverything(t, a)
	storesNothing(t, s)
	cursors := map[string]string{}
	for _, m := range contract.Methods() {
		if paged(m) {
			cursors[m.Name] = cursorOf(t, clients[m.Name], m, a)
		}
	}
	if len(cursors) == 0 {
		t.Fatal("no method has pages")
	}
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if !paged(m) {
			return
		}
		ask := func(c *testserver.Client, cursor string, filters fields) testserver.Answer {
			req := fields{"limit": 1, "cursor": cursor}
			maps.Copy(req, filters)
			for name, value := range fixture(t, m, a) {
				if placeOf(m, name) == inPath {
					req[name] = value
				}
			}
			return call(t, c, m, req, "")
		}
		refused := want{"validation_error", "cursor"}
		mine := cursors[m.Name]
		if got := ask(clients[m.Name], mine, nil); got.Status != 200 || len(got.List()) != 1 {
			t.Fatalf("its own cursor: %d %s", got.Status, got.Raw)
		}
		for other, cursor := range cursors {
			if other != m.Name {
				checkREST(t, "the cursor of "+other, ask(clients[m.Name], cursor, nil), refused)
			}
		}
		for i := range m.Descriptor.Input().Fields().Len() {
			fd := m.Descriptor.Input().Fields().Get(i)
			if name := string(fd.Name()); name != "limit" && name != "cursor" && placeOf(m, name) == inQuery {
				checkREST(t, "filtered by "+name, ask(clients[m.Name], mine, fields{name: filterBy(fd)}), refused)
			}
		}
		if !m.ForOperators() && len(idFields(m.Descriptor.Input())) == 0 {
			checkREST(t, "another merchant's", ask(b.Client, mine, nil), refused)
		}
		for what, cursor := range forged(t, mine) {
			checkREST(t, what, ask(clients[m.Name], cursor, nil), refused)
		}
	})
}

// filterBy is a value that the field takes.
func filterBy(fd protoreflect.FieldDescriptor) any {
	switch {
	case fd.Kind() == protoreflect.EnumKind:
		return string(fd.Enum().Values().Get(1).Name())
	case fd.Kind() == protoreflect.BoolKind:
		return true
	case fd.Kind() == protoreflect.MessageKind:
		return "2026-02-14T09:00:00Z"
	case strings.HasSuffix(string(fd.Name()), "_amount"):
		return "1.00"
	case fd.Name() == "currency":
		return "USD"
	case fd.Name() == "country":
		return "US"
	}
	return "x"
}

// twoOfEverything gives every list a second page.
func twoOfEverything(t *testing.T, tn tenant) {
	t.Helper()
	for i := range 2 {
		tn.Beneficiary(t, "Second", fmt.Sprint(8_100_000_000+i))
		made(t, tn.Client, "/v1/documents", `{"category":"other","file_name":"a.pdf","content":"`+smallPDF+`"}`)
		got := tn.Post(t, "/v1/beneficiaries/"+tn.beneficiary+"/instruments", "", `{"currency":"EUR","bank_account":{"iban":"DE89370400440532013000"}}`)
		if got.Status != 201 {
			t.Fatalf("add an instrument: %d %s", got.Status, got.Raw)
		}
	}
}

// cursorOf is the cursor of the second page of everything.
func cursorOf(t *testing.T, c *testserver.Client, m *contract.Method, tn tenant) string {
	t.Helper()
	req := fields{"limit": 1}
	for name, value := range fixture(t, m, tn) {
		if placeOf(m, name) == inPath {
			req[name] = value
		}
	}
	got := call(t, c, m, req, "")
	next, _ := got.Body["next_cursor"].(string)
	if got.Status != 200 || next == "" || got.Body["has_more"] != true {
		t.Fatalf("%s has no second page: %d %s", m.Name, got.Status, got.Raw)
	}
	return next
}

// forged are cursors that no answer holds. What a cursor is made of is nobody's business, but who forges one has read the source.
func forged(t *testing.T, cursor string) map[string]string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) < 16 {
		t.Fatalf("the cursor %q is of another form than this test knows: %v", cursor, err)
	}
	bind, at, id := string(raw[:8]), string(raw[8:16]), string(raw[16:])
	all := map[string]string{"a word": "abc", "no base64": "!!!", "with padding": cursor + "==", "cut off": cursor[:8], "in plain letters": url.QueryEscape(cursor) + "%"}
	for what, text := range map[string]string{
		"a bit of the binding changed": string([]byte{bind[0] ^ 1}) + bind[1:] + at + id,
		"no id":                        bind + at,
		"no time":                      bind,
	} {
		if text == string(raw) {
			continue // a cursor of the feed is a number and nothing else
		}
		all[what] = base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	return all
}
