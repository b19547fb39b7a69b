package contract_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

// A trial is one bad value in one field of a request that is otherwise good.
type trial struct {
	what string
	path string // of the field, with dots
	top  string // the request's own field, which it is or is in
	kind kind
	want want
	req  fields
}

// trials are all bad values of all fields of the method's request, one at a time.
func trials(m *contract.Method, good fields) []trial {
	var all []trial
	var below func(md protoreflect.MessageDescriptor, at []string)
	below = func(md protoreflect.MessageDescriptor, at []string) {
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			path := append(slices.Clone(at), string(fd.Name()))
			for _, b := range badValues(fd) {
				all = append(all, newTrial(good, path, b))
			}
			if fd.Kind() == protoreflect.MessageKind && !fd.IsMap() && !fd.IsList() && fd.Message().FullName().Parent() != "google.protobuf" {
				below(fd.Message(), path)
			}
		}
	}
	below(m.Descriptor.Input(), nil)
	return all
}

func newTrial(good fields, path []string, b bad) trial {
	dotted := strings.Join(path, ".")
	req := copied(good)
	in := req
	for _, name := range path[:len(path)-1] {
		inner, ok := in[name].(fields)
		if !ok {
			inner = fields{}
			in[name] = inner
		}
		in = inner
	}
	if b.value == nil {
		delete(in, path[len(path)-1])
	} else {
		in[path[len(path)-1]] = b.value
	}
	w := want{"validation_error", dotted + b.tail}
	if b.noJSON {
		w = want{code: "invalid_json"}
	}
	return trial{what: dotted + ": " + b.what, path: dotted, top: path[0], kind: b.kind, want: w, req: req}
}

func TestEveryBadValueIsRefusedOverREST(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		good, c := fixture(t, m, tn), clients[m.Name]
		for i, trial := range trials(m, good) {
			if sayable(trial, placeOf(m, trial.top)) {
				checkREST(t, trial.what, call(t, c, m, trial.req, fmt.Sprint("trial ", i)), trial.want)
			}
		}
	})
}

// sayable says whether REST can put the value where the field is.
func sayable(tr trial, at place) bool {
	switch at {
	case inBody:
		return tr.kind != asText
	case inQuery:
		return tr.kind == anywhere || tr.kind == asText
	}
	text, ok := tr.req[tr.top].(string)
	return ok && tr.kind == anywhere && text != "" && !strings.Contains(text, "/")
}

func TestUnknownFieldsAreRefusedAtEveryLevel(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		good, c := fixture(t, m, tn), clients[m.Name]
		for _, name := range []string{"no_such_field", "Amount", "data", "merchant", "status", "constructor", "__proto__", "$where", "a.b", "0", "é"} {
			if m.Descriptor.Input().Fields().ByName(protoreflect.Name(name)) != nil {
				continue
			}
			req := copied(good)
			req[name] = "x"
			checkREST(t, "unknown "+name, call(t, c, m, req, "unknown"), want{"validation_error", name})
		}
		// What the server decides is not the caller's to say: the answer's own fields are unknown in the request.
		if answer := m.Descriptor.Output().Fields().ByName("data").Message(); answer != nil {
			for i := range answer.Fields().Len() {
				name := answer.Fields().Get(i).Name()
				if m.Descriptor.Input().Fields().ByName(name) == nil {
					req := copied(good)
					req[string(name)] = "x"
					checkREST(t, "the answer's "+string(name), call(t, c, m, req, "answer"), want{"validation_error", string(name)})
				}
			}
		}
		for i := range m.Descriptor.Input().Fields().Len() {
			fd := m.Descriptor.Input().Fields().Get(i)
			name := string(fd.Name())
			if camel := fd.JSONName(); camel != name {
				req := copied(good)
				delete(req, name)
				if placeOf(m, name) != inPath {
					req[camel] = "x"
					checkREST(t, camel+" for "+name, call(t, c, m, req, "camel"), want{"validation_error", camel})
				}
			}
			if inner, ok := good[name].(fields); ok && !fd.IsMap() {
				req := copied(good)
				req[name].(fields)["no_such_field"] = fields{"deeper": []any{1, 2}}
				if len(inner) == 0 {
					t.Errorf("the fixture has nothing in %s", name)
				}
				checkREST(t, "unknown in "+name, call(t, c, m, req, "unknown"), want{"validation_error", name + ".no_such_field"})
			}
			if placeOf(m, name) == inPath { // what the path says, neither the body nor the query says again
				address, body := restForm(t, m, good)
				again := fmt.Sprintf("{%q:%q}", name, good[name])
				if placeOf(m, "") == inQuery {
					separator := "?"
					if strings.Contains(address, "?") {
						separator = "&"
					}
					address, again = address+separator+name+"=x", body
				}
				checkREST(t, name+" again", c.Do(t, m.Verb, address, nil, again), want{"validation_error", name})
			}
		}
	})
}

// Every wrong field is named at once, so that a form can be corrected in one go.
func TestAllWrongFieldsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	for name, test := range map[string]struct {
		body   string
		fields []string
	}{
		"unknown and mistyped": {
			`{"beneficiary_id":1,"amount":true,"currency":[],"foo":1,"on_behalf_of":{"name":2,"bar":3},"metadata":{"k":4}}`,
			[]string{"beneficiary_id", "amount", "currency", "foo", "on_behalf_of.name", "on_behalf_of.bar", "on_behalf_of.type", "on_behalf_of.country", "metadata.k"},
		},
		"against the rules": {
			`{"beneficiary_id":"","amount":"-1","currency":"usd","reference":"` + strings.Repeat("r", 101) + `","on_behalf_of":{"country":"gb"}}`,
			[]string{"beneficiary_id", "amount", "currency", "reference", "on_behalf_of.name", "on_behalf_of.type", "on_behalf_of.country"},
		},
	} {
		got := tn.Post(t, "/v1/payouts", "all at once", test.body)
		checkREST(t, name, got, want{code: "validation_error"})
		slices.Sort(test.fields)
		if refused := slices.Sorted(slices.Values(got.Fields())); !slices.Equal(refused, test.fields) {
			t.Errorf("%s: refused %v, want %v", name, refused, test.fields)
		}
	}
}

// Whatever the rules admit, the database and the banks' formats can hold: at its bound, a text of the widest characters is stored or
// refused for what it says, never for its length, and never by a fault.
func TestTextsAtTheirBoundAreHeld(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if placeOf(m, "") != inBody {
			return
		}
		tried := 0
		hold := func(what string, req fields) {
			tried++
			got := call(t, clients[m.Name], m, req, fmt.Sprint(m.Name, tried))
			if got.Status >= 500 || strings.Contains(got.Message(), "characters long") || strings.Contains(got.Message(), "entries") {
				t.Errorf("%s: %d %s", what, got.Status, shortened(got.Raw))
			}
		}
		var below func(md protoreflect.MessageDescriptor, at []string)
		below = func(md protoreflect.MessageDescriptor, at []string) {
			for i := range md.Fields().Len() {
				fd := md.Fields().Get(i)
				path := append(slices.Clone(at), string(fd.Name()))
				rules := rulesOf(fd).GetString()
				switch {
				case fd.IsMap():
					pairs := fields{}
					for i := range rulesOf(fd).GetMap().GetMaxPairs() {
						number := fmt.Sprintf("%02d", i)
						key := strings.Repeat("😀", int(rulesOf(fd).GetMap().GetKeys().GetString().GetMaxLen())-len(number)) + number
						pairs[key] = strings.Repeat("😀", int(rulesOf(fd).GetMap().GetValues().GetString().GetMaxLen()))
					}
					hold(path[0], newTrial(fixture(t, m, tn), path, bad{value: pairs}).req)
				case fd.Kind() == protoreflect.StringKind && !fd.IsList() && rules.HasMaxLen() && placeOf(m, path[0]) == inBody:
					text := strings.Repeat("😀", int(rules.GetMaxLen()))
					hold(strings.Join(path, "."), newTrial(fixture(t, m, tn), path, bad{value: text}).req)
				case fd.Kind() == protoreflect.MessageKind && !fd.IsList() && fd.Message().FullName().Parent() != "google.protobuf":
					below(fd.Message(), path)
				}
			}
		}
		below(m.Descriptor.Input(), nil)
	})
}

// The edges of time that the contract admits are no fault either.
func TestListsTakeEveryTimeOfTheContract(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for _, name := range []string{"created_after", "created_before"} {
			if m.Descriptor.Input().Fields().ByName(protoreflect.Name(name)) == nil {
				continue
			}
			for _, text := range []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z", "2026-02-14T12:00:00.5+02:00"} {
				req := fixture(t, m, tn)
				req[name] = text
				if got := call(t, clients[m.Name], m, req, ""); got.Status != 200 {
					t.Errorf("%s=%s: %d %s", name, text, got.Status, got.Raw)
				}
				if r := invoke(t, s, clients[m.Name].Key, m, message(t, m, req)); r.err != nil {
					t.Errorf("%s=%s over gRPC: %v", name, text, r.err)
				}
			}
		}
	})
}

// mapFields are the request's own maps.
func mapFields(m *contract.Method) []string {
	var names []string
	for i := range m.Descriptor.Input().Fields().Len() {
		if fd := m.Descriptor.Input().Fields().Get(i); fd.IsMap() && fd.MapKey().Kind() == protoreflect.StringKind {
			names = append(names, string(fd.Name()))
		}
	}
	return names
}

// One rule holds for every text of every request: no control characters, and tabs and line ends only where the contract allows them.
func TestControlCharactersAreRefusedInEveryText(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for i := range m.Descriptor.Input().Fields().Len() {
			fd := m.Descriptor.Input().Fields().Get(i)
			if fd.Kind() != protoreflect.StringKind || fd.IsList() || fd.IsMap() {
				continue
			}
			texts := map[string]string{"NUL": "a\x00b", "escape": "a\x1bb", "DEL": "a\x7fb", "C1": "a\u0085b", "a tab": "a\tb", "a line end": "a\nb"}
			if lines, _ := proto.GetExtension(fd.Options(), antonv1.E_Lines).(bool); lines {
				delete(texts, "a tab")
				delete(texts, "a line end")
			}
			for what, text := range texts {
				req := copied(fixture(t, m, tn))
				req[string(fd.Name())] = text
				refused := want{"validation_error", string(fd.Name())}
				checkREST(t, what, call(t, clients[m.Name], m, req, what), refused)
				checkGRPC(t, what, invoke(t, s, clients[m.Name].Key, m, message(t, m, req), "idempotency-key", what+" over gRPC"), refused)
			}
		}
	})
}

func TestLinesMayStandWhereTheContractSaysSo(t *testing.T) {
	t.Parallel()
	m := testserver.New(t).Merchant(t)
	order := `{"beneficiary_id":"` + m.Beneficiary(t, "Garcia", "9876543210") + `","amount":"1.00","currency":"USD",` +
		`"description":"Two\n\tlines","metadata":{"note":"Two\r\nlines"}}`
	if got := m.Post(t, "/v1/payouts", "lines", order); got.Status != http.StatusCreated || got.Data()["description"] != "Two\n\tlines" {
		t.Errorf("lines in a description: %d %s", got.Status, got.Raw)
	}
}

// PostgreSQL cannot keep a NUL in a key either, and the other control characters have no more place there than in a value.
func TestControlCharactersInKeysAreRefused(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for _, name := range mapFields(m) {
			for what, key := range map[string]string{"NUL": "a\x00b", "escape": "a\x1bb", "a delete": "a\x7fb", "a tab": "a\tb", "C1": "a\u0085b"} {
				req := copied(fixture(t, m, tn))
				req[name] = fields{key: "v"}
				refused := want{"validation_error", name + "*"}
				checkREST(t, what, call(t, tn.Client, m, req, what), refused)
				checkGRPC(t, what, invoke(t, s, tn.Key, m, message(t, m, req), "idempotency-key", what+" over gRPC"), refused)
			}
		}
	})
}
