package contract_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/antonpayments/anton/gen/openapi"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

// A document is one of the OpenAPI documents that partners read.
type document struct {
	path string // where the server shows it
	text []byte
	tree map[string]any
}

func documents(t *testing.T) map[bool]document {
	t.Helper()
	all := map[bool]document{
		false: {path: "/openapi.json", text: openapi.Merchants},
		true:  {path: "/openapi-ops.json", text: openapi.Operators},
	}
	for operators, d := range all {
		tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.text))
		if err != nil {
			t.Fatal(err)
		}
		d.tree = tree.(map[string]any)
		all[operators] = d
	}
	return all
}

// in follows the names into a tree; nil when one is missing.
func in(tree any, names ...string) any {
	for _, name := range names {
		object, _ := tree.(map[string]any)
		tree = object[name]
	}
	return tree
}

func TestTheDocumentsHaveTheRoutesOfTheContractAndNoOthers(t *testing.T) {
	t.Parallel()
	documented, routes := map[string]bool{}, map[string]bool{}
	for operators, d := range documents(t) {
		for path, item := range in(d.tree, "paths").(map[string]any) {
			for verb := range item.(map[string]any) {
				if slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, verb) {
					documented[fmt.Sprintf("%s %s operators=%t", strings.ToUpper(verb), path, operators)] = true
				}
			}
		}
	}
	for _, m := range contract.Methods() {
		routes[fmt.Sprintf("%s %s operators=%t", m.Verb, m.Path, m.ForOperators())] = true
	}
	if len(routes) != len(contract.Methods()) {
		t.Error("two methods have the same route")
	}
	if !maps.Equal(documented, routes) {
		for route := range routes {
			if !documented[route] {
				t.Errorf("%s is in no document", route)
			}
		}
		for route := range documented {
			if !routes[route] {
				t.Errorf("%s is documented and not in the contract", route)
			}
		}
	}
}

func TestTheDocumentsSayWhatTheContractSays(t *testing.T) {
	t.Parallel()
	all := documents(t)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		operation := in(all[m.ForOperators()].tree, "paths", m.Path, strings.ToLower(m.Verb))
		if in(operation, "operationId") != string(m.Descriptor.Name()) {
			t.Errorf("its operationId is %v", in(operation, "operationId"))
		}
		status := "200"
		if m.Creates {
			status = "201"
		}
		for _, code := range []string{status, "401", "403", "429", "500", "503"} {
			if in(operation, "responses", code) == nil {
				t.Errorf("it does not document the answer %s", code)
			}
		}
		if m.ForOperators() {
			if got := in(operation, "x-anton-role"); got != m.Rule.GetRole().String() {
				t.Errorf("its role is %v", got)
			}
		} else if got := in(operation, "x-anton-scope"); got != m.Rule.GetScope() {
			t.Errorf("its scope is %v", got)
		}
		parameters, _ := in(operation, "parameters").([]any)
		places := map[string]any{}
		for _, p := range parameters {
			name := in(p, "name").(string)
			places[name] = in(p, "in")
			if name == "Idempotency-Key" && (in(p, "required") == true) != m.Rule.GetIdempotencyKeyRequired() {
				t.Errorf("the Idempotency-Key is documented as required=%v", in(p, "required"))
			}
		}
		want := map[string]any{}
		if !m.ReadOnly {
			want["Idempotency-Key"] = "header"
		}
		for i := range m.Descriptor.Input().Fields().Len() {
			name := string(m.Descriptor.Input().Fields().Get(i).Name())
			switch placeOf(m, name) {
			case inPath:
				want[name] = "path"
			case inQuery:
				want[name] = "query"
			}
		}
		if !maps.Equal(places, want) {
			t.Errorf("its parameters are %v, want %v", places, want)
		}
	})
}

// Every method is called in the way that succeeds, over both transports: it is served where the contract says, and its answer is
// what the document promises. It is also what shows that the fixtures, in which other tests put one thing that is wrong, are right.
func TestEveryMethodIsServedAndAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	s, both := withTenants(t, 2)
	overREST, overGRPC := both[0], both[1]
	restClients, grpcClients := callers(t, s, overREST), callers(t, s, overGRPC)
	all := documents(t)
	for _, d := range all {
		if got := s.With("nobody").Get(t, d.path); !bytes.Equal(got.Raw, d.text) {
			t.Errorf("GET %s does not show the document", d.path)
		}
	}
	methods := contract.Methods()
	slices.SortStableFunc(methods, func(a, b *contract.Method) int { return strings.Compare(suspends(a), suspends(b)) })
	for _, m := range methods {
		got := call(t, restClients[m.Name], m, fixture(t, m, overREST), m.Name)
		status := http.StatusOK
		if m.Creates {
			status = http.StatusCreated
		}
		if got.Status != status {
			t.Errorf("%s over REST: %d %s", m.Name, got.Status, got.Raw)
			continue
		}
		conforms(t, all[m.ForOperators()], m, got)
		r := invoke(t, s, grpcClients[m.Name].Key, m, message(t, m, fixture(t, m, overGRPC)), "idempotency-key", m.Name)
		if r.err != nil {
			t.Errorf("%s over gRPC: %v", m.Name, r.err)
		}
	}
}

// suspends sorts the method after which a merchant can change nothing behind all others.
func suspends(m *contract.Method) string {
	if strings.HasSuffix(m.Name, "/SuspendMerchant") {
		return "last"
	}
	return ""
}

// conforms holds a success to the schema that the document gives it, and to the headers that it promises.
func conforms(t *testing.T, d document, m *contract.Method, a testserver.Answer) {
	t.Helper()
	if isFile(m) {
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: a file with the headers %v", m.Name, a.Header)
		}
		return
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(d.path, d.tree); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("%s#/paths/%s/%s/responses/%d/content/application~1json/schema",
		d.path, strings.ReplaceAll(m.Path, "/", "~1"), strings.ToLower(m.Verb), a.Status)
	schema, err := compiler.Compile(at)
	if err != nil {
		t.Errorf("%s: %v", m.Name, err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: the answer is not what the document says: %v\n%s", m.Name, err, a.Raw)
	}
	for _, header := range []string{"X-Request-Id", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		if a.Header.Get(header) == "" {
			t.Errorf("%s: the answer has no %s", m.Name, header)
		}
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: the Content-Type is %q", m.Name, kind)
	}
}
