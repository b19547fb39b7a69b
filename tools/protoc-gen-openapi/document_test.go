package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/openapi"
)

// The tests of this file hold the documents that are generated now against their own promises and against the services as compiled.

var packages = map[string]struct {
	pkg  string
	text []byte
}{
	"openapi.json":     {string(antonv1.File_anton_v1_payouts_proto.Package()), openapi.Merchants},
	"openapi-ops.json": {string(opsv1.File_anton_ops_v1_merchants_proto.Package()), openapi.Operators},
}

// eachDocument runs the test once for each document.
func eachDocument(t *testing.T, test func(t *testing.T, name, pkg string, doc map[string]any)) {
	t.Helper()
	for name, d := range packages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.text))
			if err != nil {
				t.Fatal(err)
			}
			test(t, name, d.pkg, parsed.(map[string]any))
		})
	}
}

// an op is one operation of a document; at is its JSON pointer.
type op struct {
	verb, path, at string
	node           map[string]any
}

func operationsOf(doc map[string]any) []op {
	var all []op
	for path, item := range members(doc["paths"]) {
		for verb, node := range members(item) {
			at := "/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(path) + "/" + verb
			all = append(all, op{strings.ToUpper(verb), path, at, node.(map[string]any)})
		}
	}
	return all
}

func members(node any) map[string]any {
	object, _ := node.(map[string]any)
	return object
}

func list(node any) []any {
	items, _ := node.([]any)
	return items
}

// follow gives the node that a reference points at, and its pointer; the node itself where it is no reference.
func follow(doc map[string]any, node any, at string) (map[string]any, string) {
	ref, ok := members(node)["$ref"].(string)
	if !ok {
		return members(node), at
	}
	at = strings.TrimPrefix(ref, "#")
	var found any = doc
	for part := range strings.SplitSeq(strings.TrimPrefix(at, "/"), "/") {
		found = members(found)[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return members(found), at
}

func TestEveryReferenceResolves(t *testing.T) {
	t.Parallel()
	eachDocument(t, func(t *testing.T, _, _ string, doc map[string]any) {
		count := 0
		var walk func(node any, at string)
		walk = func(node any, at string) {
			if object := members(node); object != nil {
				if _, ok := object["$ref"].(string); ok {
					count++
					if found, _ := follow(doc, object, at); found == nil {
						t.Errorf("%s: %v leads nowhere", at, object["$ref"])
					}
				}
				for name, value := range object {
					walk(value, at+"/"+name)
				}
			}
			for i, value := range list(node) {
				walk(value, fmt.Sprintf("%s/%d", at, i))
			}
		}
		walk(doc, "")
		if count == 0 {
			t.Error("there is no reference at all")
		}
	})
}

func TestEveryOperationIsDocumented(t *testing.T) {
	t.Parallel()
	eachDocument(t, func(t *testing.T, _, _ string, doc map[string]any) {
		tags := map[string]bool{}
		for _, node := range list(doc["tags"]) {
			tags[members(node)["name"].(string)] = members(node)["description"] != ""
		}
		for _, o := range operationsOf(doc) {
			for _, key := range []string{"operationId", "summary", "description"} {
				if text, _ := o.node[key].(string); text == "" {
					t.Errorf("%s %s has no %s", o.verb, o.path, key)
				}
			}
			if scope, _ := o.node["x-anton-scope"].(string); len(list(o.node["security"])) != 1 || scope == "" && o.node["x-anton-role"] == nil {
				t.Errorf("%s %s does not say who may call it", o.verb, o.path)
			}
			if mine := list(o.node["tags"]); len(mine) != 1 || !tags[mine[0].(string)] {
				t.Errorf("%s %s: its tags %v are not one with a description", o.verb, o.path, mine)
			}
			for _, p := range list(o.node["parameters"]) {
				if text, _ := members(p)["description"].(string); text == "" {
					t.Errorf("%s %s: parameter %v has no description", o.verb, o.path, members(p)["name"])
				}
			}
			checkAnswers(t, doc, o)
		}
	})
}

// checkAnswers looks for an example of the success and of the request, and for an explanation and an example of every error.
func checkAnswers(t *testing.T, doc map[string]any, o op) {
	t.Helper()
	if body, ok := o.node["requestBody"]; ok && jsonContent(body)["example"] == nil {
		t.Errorf("%s %s has no example of its request", o.verb, o.path)
	}
	for status, node := range members(o.node["responses"]) {
		answer, _ := follow(doc, node, "")
		text, _ := answer["description"].(string)
		if text == "" {
			t.Errorf("%s %s: status %s has no description", o.verb, o.path, status)
		}
		content := jsonContent(answer)
		if strings.HasPrefix(status, "2") {
			if content != nil && content["example"] == nil {
				t.Errorf("%s %s: status %s has no example", o.verb, o.path, status)
			}
			continue
		}
		examples := members(content["examples"])
		if len(examples) == 0 {
			t.Errorf("%s %s: status %s has no example", o.verb, o.path, status)
		}
		for code, example := range examples {
			value := members(members(members(example)["value"])["error"])
			if !strings.Contains(text, "- `"+code+"`: ") || value["code"] != code || value["message"] == "" {
				t.Errorf("%s %s: status %s does not explain %s", o.verb, o.path, status, code)
			}
		}
	}
	for _, status := range []string{"401", "403", "429", "500", "503"} {
		if members(o.node["responses"])[status] == nil {
			t.Errorf("%s %s does not mention status %s", o.verb, o.path, status)
		}
	}
}

func jsonContent(node any) map[string]any {
	return members(members(members(node)["content"])["application/json"])
}

func TestEveryExampleConformsToItsSchema(t *testing.T) {
	t.Parallel()
	eachDocument(t, func(t *testing.T, name, _ string, doc map[string]any) {
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		if err := compiler.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
		checked := 0
		conforms := func(at string, value any) {
			t.Helper()
			schema, err := compiler.Compile(name + "#" + at + "/schema")
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			checked++
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: the example does not conform: %v", at, err)
			}
		}
		for _, o := range operationsOf(doc) {
			for i, p := range list(o.node["parameters"]) {
				if example, ok := members(p)["example"]; ok {
					conforms(fmt.Sprintf("%s/parameters/%d", o.at, i), example)
				}
			}
			const content = "/content/application~1json"
			if body := jsonContent(o.node["requestBody"]); body["example"] != nil {
				conforms(o.at+"/requestBody"+content, body["example"])
			}
			for status, node := range members(o.node["responses"]) {
				answer, at := follow(doc, node, o.at+"/responses/"+status)
				if example := jsonContent(answer)["example"]; example != nil {
					conforms(at+content, example)
				}
				for _, example := range members(jsonContent(answer)["examples"]) {
					conforms(at+content, members(example)["value"])
				}
			}
		}
		if checked == 0 {
			t.Error("there is no example at all")
		}
	})
}

// methodsOf calls f for every method of the package that has an HTTP binding.
func methodsOf(t *testing.T, pkg string, f func(m protoreflect.MethodDescriptor, verb, path string)) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFilesByPackage(protoreflect.FullName(pkg), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				binding, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
				if binding == nil {
					continue
				}
				// The pattern is a oneof whose fields are named after the HTTP methods.
				binding.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
					if fd.ContainingOneof() != nil {
						path := regexp.MustCompile(`=[^}]*}`).ReplaceAllString(v.String(), "}")
						f(m, strings.ToUpper(string(fd.Name())), path)
					}
					return true
				})
			}
		}
		return true
	})
}

func TestTheDocumentsHaveEveryMethodAndNoOther(t *testing.T) {
	t.Parallel()
	eachDocument(t, func(t *testing.T, _, pkg string, doc map[string]any) {
		documented := map[string]string{}
		for _, o := range operationsOf(doc) {
			documented[o.verb+" "+o.path] = o.node["operationId"].(string)
		}
		compiled := map[string]string{}
		methodsOf(t, pkg, func(m protoreflect.MethodDescriptor, verb, path string) { compiled[verb+" "+path] = string(m.Name()) })
		if len(compiled) == 0 {
			t.Fatal("no method is compiled in")
		}
		if !maps.Equal(documented, compiled) {
			t.Errorf("documented:\n%v\ncompiled:\n%v\nRun make gen.", documented, compiled)
		}
	})
}

// The schemas of answers are open, so that they cannot tell a misspelt field in an example; the messages can.
func TestEveryExampleIsItsMessage(t *testing.T) {
	t.Parallel()
	for name, d := range packages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			methodsOf(t, d.pkg, func(m protoreflect.MethodDescriptor, _, _ string) {
				shown, _ := proto.GetExtension(m.Options(), antonv1.E_Example).(*antonv1.Example)
				for text, desc := range map[string]protoreflect.MessageDescriptor{shown.GetRequest(): m.Input(), shown.GetResponse(): m.Output()} {
					if desc.FullName() == "google.api.HttpBody" {
						continue
					}
					if err := protojson.Unmarshal([]byte(text), dynamicpb.NewMessage(desc)); err != nil {
						t.Errorf("%s: the example of %s: %v", m.FullName(), desc.Name(), err)
					}
				}
			})
		})
	}
}

func TestWhatAPartnerReliesOnIsInTheDocument(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	if err := json.Unmarshal(openapi.Merchants, &doc); err != nil {
		t.Fatal(err)
	}
	paths, schemas := members(doc["paths"]), members(members(doc["components"])["schemas"])
	create := members(members(paths["/v1/payouts"])["post"])

	var required []any
	for _, p := range list(create["parameters"]) {
		if members(p)["in"] == "header" {
			required = append(required, members(p)["name"], members(p)["required"], members(p)["example"])
		}
	}
	if !slices.Equal(required, []any{"Idempotency-Key", true, "invoice-1042-maria"}) {
		t.Errorf("the headers of POST /v1/payouts are %v", required)
	}
	for verb, want := range map[string]string{"post": "201", "get": "200"} {
		if members(members(members(paths["/v1/payouts"])[verb])["responses"])[want] == nil {
			t.Errorf("%s /v1/payouts does not answer %s", verb, want)
		}
	}
	insufficient := members(members(members(jsonContent(members(create["responses"])["400"])["examples"])["insufficient_balance"])["value"])
	if got := members(insufficient["error"])["message"]; got != "Insufficient balance: available USD 5000.00, required USD 10000.00" {
		t.Errorf("the message of insufficient_balance is %q", got)
	}
	request := members(schemas["CreatePayoutRequest"])
	if !slices.Equal(list(request["required"]), []any{"beneficiary_id", "amount", "currency"}) || request["additionalProperties"] != false {
		t.Errorf("CreatePayoutRequest requires %v and lets other fields pass: %v", request["required"], request["additionalProperties"])
	}
	if always := list(members(schemas["Payout"])["required"]); slices.Contains(always, any("completed_at")) || !slices.Contains(always, any("metadata")) {
		t.Errorf("a payout always has %v", always)
	}
	if words := list(members(schemas["PayoutStatus"])["enum"]); len(words) != 13 || slices.Contains(words, any("unspecified")) {
		t.Errorf("the statuses of a payout are %v", words)
	}
	introduction, _ := members(doc["info"])["description"].(string)
	for _, code := range sentWords(antonv1.ErrorCode_Value(0).Descriptor().Values()) {
		if !strings.Contains(introduction, "| `"+code+"` | ") {
			t.Errorf("the table of errors lacks %s", code)
		}
	}
	if strings.Contains(string(openapi.Merchants), "/ops/v1") {
		t.Error("the merchants' document names the operators' paths")
	}
}

// sentWords names all values but the first, which is never sent.
func sentWords(values protoreflect.EnumValueDescriptors) []string {
	var words []string
	for i := range values.Len() {
		if v := values.Get(i); v.Number() != 0 {
			words = append(words, string(v.Name()))
		}
	}
	return words
}
