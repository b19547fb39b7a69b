package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	_ "google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/antonpayments/anton/server/testserver/raced"
)

// things is a file of package anton.v1 that uses what the real ones may not use yet. VERB, OPTIONS and FIELDS are replaced.
const things = `
name: "anton/v1/things.proto" package: "anton.v1" syntax: "proto3"
options { go_package: "github.com/antonpayments/anton/gen/anton/v1;antonv1" }
dependency: ["anton/v1/options.proto", "anton/v1/payouts.proto", "buf/validate/validate.proto", "google/api/annotations.proto",
             "google/api/httpbody.proto", "google/protobuf/any.proto", "google/protobuf/struct.proto", "google/protobuf/timestamp.proto"]
message_type {
  name: "Thing"
  field { name: "name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { min_len: 1 } } } }
  field { name: "note" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL proto3_optional: true oneof_index: 0
          options { [anton.v1.sensitive]: true } }
  field { name: "part" number: 3 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".anton.v1.Thing" }
  oneof_decl { name: "_note" }
}
message_type {
  name: "ChangeThingRequest"
  field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { len: 24 } } } }
  FIELDS
}
message_type {
  name: "ChangeThingResponse"
  field { name: "data" number: 1 type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".anton.v1.Thing" }
}
message_type { name: "GetFileRequest" }
service {
  name: "ThingsService"
  method { name: "ChangeThing" input_type: ".anton.v1.ChangeThingRequest" output_type: ".anton.v1.ChangeThingResponse" options { OPTIONS } }
  method { name: "GetFile" input_type: ".anton.v1.GetFileRequest" output_type: ".google.api.HttpBody"
           options { idempotency_level: NO_SIDE_EFFECTS [google.api.http] { get: "/v1/file" } [anton.v1.rule] { scope: "things:read" } } }
  method { name: "Watch" input_type: ".anton.v1.GetFileRequest" output_type: ".anton.v1.Thing" server_streaming: true }
}`

const (
	patch = `[google.api.http] { patch: "/v1/things/{id}" body: "*" } [anton.v1.rule] { scope: "things:write" }
	         [anton.v1.example] { request: '{"id":"thi_1","a":"x","thing":{"name":"n"}}' }`
	thingField = `field { name: "thing" number: 9 type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".anton.v1.Thing"
	                      options { [buf.validate.field] { required: true } } }`
)

// run generates from the one file of the test and what it needs, and gives the document of merchants.
func run(t *testing.T, options, fields string) (string, error) {
	t.Helper()
	return runWith(t, func(add func(protoreflect.FileDescriptor)) {
		for _, path := range []string{
			"anton/v1/errors.proto", "anton/v1/options.proto", "anton/v1/payouts.proto", "buf/validate/validate.proto", "google/api/annotations.proto",
			"google/api/httpbody.proto", "google/protobuf/any.proto", "google/protobuf/struct.proto", "google/protobuf/timestamp.proto",
		} {
			f, err := protoregistry.GlobalFiles.FindFileByPath(path)
			if err != nil {
				t.Fatal(err)
			}
			add(f)
		}
	}, options, fields)
}

// runWith is run with the compiled files that others adds, beside those that they import.
func runWith(t *testing.T, others func(add func(protoreflect.FileDescriptor)), options, fields string) (string, error) {
	t.Helper()
	extra := &descriptorpb.FileDescriptorProto{}
	text := strings.NewReplacer("OPTIONS", options, "FIELDS", fields).Replace(things)
	if err := prototext.Unmarshal([]byte(text), extra); err != nil {
		t.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(f))
		request.FileToGenerate = append(request.FileToGenerate, f.Path())
	}
	others(add)
	request.ProtoFile = append(request.ProtoFile, extra)
	request.FileToGenerate = append(request.FileToGenerate, extra.GetName())

	// The plugin gets bytes, and the extensions in them are unknown to it.
	raw, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	request.Reset()
	if err := proto.Unmarshal(raw, request); err != nil {
		t.Fatal(err)
	}
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := generate(plugin); err != nil {
		return "", err
	}
	for _, f := range plugin.Response().GetFile() {
		if f.GetName() == "openapi.json" {
			return f.GetContent(), nil
		}
	}
	t.Fatal("there is no openapi.json")
	return "", nil
}

func TestTheSameFilesAlwaysGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	everything := func(add func(protoreflect.FileDescriptor)) {
		protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
			add(f)
			return true
		})
	}
	first, err := runWith(t, everything, patch, thingField)
	if err != nil {
		t.Fatal(err)
	}
	runs := 3
	if raced.On {
		runs = 1 // it takes seconds, in one goroutine
	}
	for range runs {
		again, err := runWith(t, everything, patch, thingField)
		if err != nil {
			t.Fatal(err)
		}
		if again != first {
			t.Fatal("two runs differ")
		}
	}
}

// at gives the part of the document below the names, as compact JSON.
func at(t *testing.T, document string, names ...string) string {
	t.Helper()
	part := json.RawMessage(document)
	for _, name := range names {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(part, &object); err != nil {
			t.Fatalf("%s in %v: %v", name, names, err)
		}
		part = object[name]
	}
	if part == nil {
		return ""
	}
	var whole any
	if err := json.Unmarshal(part, &whole); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMessagesBecomeSchemasByWhatIsDoneWithThem(t *testing.T) {
	t.Parallel()
	document, err := run(t, patch, thingField)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		at   []string
		want string
	}{
		"an answer has every field that is not optional": {
			[]string{"components", "schemas", "Thing", "required"},
			`["name","part"]`,
		},
		"a request needs what validation needs": {
			[]string{"components", "schemas", "ThingInput", "required"},
			`["name"]`,
		},
		"a request refuses fields it does not know": {
			[]string{"components", "schemas", "ThingInput", "additionalProperties"},
			`false`,
		},
		"a message may contain itself": {
			[]string{"components", "schemas", "ThingInput", "properties", "part", "items"},
			`{"$ref":"#/components/schemas/ThingInput"}`,
		},
		"a secret that comes back is not write-only": {
			[]string{"components", "schemas", "ThingInput", "properties", "note"},
			`{"type":"string","x-anton-sensitive":true}`,
		},
		"a body is without what is in the path": {
			[]string{"components", "schemas", "ChangeThingRequest", "properties"},
			`{"thing":{"$ref":"#/components/schemas/ThingInput"}}`,
		},
		"a body must be sent when one of its fields must": {
			[]string{"paths", "/v1/things/{id}", "patch", "requestBody", "required"},
			`true`,
		},
		"the example is taken apart": {
			[]string{"paths", "/v1/things/{id}", "patch", "requestBody", "content", "application/json", "example"},
			`{"thing":{"name":"n"}}`,
		},
		"a file is no JSON": {
			[]string{"paths", "/v1/file", "get", "responses", "200", "content"},
			`{"application/octet-stream":{"schema":{"format":"binary","type":"string"}}}`,
		},
	} {
		if got := at(t, document, test.at...); got != test.want {
			t.Errorf("%s: %v is %s, want %s", name, test.at, got, test.want)
		}
	}
	if strings.Contains(document, "Watch") {
		t.Error("a stream without an HTTP binding is in the document")
	}
}

func TestFieldsBecomeSchemasWithTheirBounds(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, field, want string }{
		{
			"text",
			`type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { pattern: "^[a-z]*$" max_len: 9 } } }`,
			`{"maxLength":9,"pattern":"^[a-z]*$","type":"string"}`,
		},
		{
			"text of one length",
			`type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { len: 3 } } }`,
			`{"maxLength":3,"minLength":3,"type":"string"}`,
		},
		{
			"words",
			`type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { in: ["a", "b"] } } }`,
			`{"enum":["a","b"],"type":"string"}`,
		},
		{
			"an e-mail address that is a secret and never answered",
			`type: TYPE_STRING label: LABEL_OPTIONAL options { [anton.v1.sensitive]: true [anton.v1.must_be]: "an address"
			 [buf.validate.field] { string { email: true } } }`,
			`{"description":"Must be an address.","format":"email","type":"string","writeOnly":true,"x-anton-sensitive":true}`,
		},
		{
			"an integer",
			`type: TYPE_INT32 label: LABEL_OPTIONAL options { [buf.validate.field] { int32 { gte: 0 lt: 10 } } }`,
			`{"exclusiveMaximum":10,"format":"int32","minimum":0,"type":"integer"}`,
		},
		{
			"an unsigned integer",
			`type: TYPE_UINT32 label: LABEL_OPTIONAL options { [buf.validate.field] { uint32 { lte: 5 } } }`,
			`{"format":"int64","maximum":5,"minimum":0,"type":"integer"}`,
		},
		{
			"a long integer",
			`type: TYPE_INT64 label: LABEL_OPTIONAL`,
			`{"format":"int64","pattern":"^-?[0-9]+$","type":"string"}`,
		},
		{
			"a list",
			`type: TYPE_STRING label: LABEL_REPEATED options { [buf.validate.field] { repeated { min_items: 1 max_items: 3 unique: true
			 items { string { max_len: 4 } } } } }`,
			`{"items":{"maxLength":4,"type":"string"},"maxItems":3,"minItems":1,"type":"array","uniqueItems":true}`,
		},
		{
			"an enum with a word left out",
			`type: TYPE_ENUM label: LABEL_OPTIONAL type_name: ".anton.v1.FeeBearer.Value" options { [buf.validate.field] { enum { not_in: [2] } } }`,
			`{"$ref":"#/components/schemas/FeeBearer","description":"- ` + "`merchant`: " + `","enum":["merchant"]}`,
		},
		{
			"a moment",
			`type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".google.protobuf.Timestamp"`,
			`{"format":"date-time","type":"string"}`,
		},
		{
			"a free object",
			`type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".google.protobuf.Struct"`,
			`{"additionalProperties":true,"type":"object"}`,
		},
		{
			"an optional text, which null clears",
			`type: TYPE_STRING label: LABEL_OPTIONAL proto3_optional: true oneof_index: 1`,
			`{"type":["string","null"]}`,
		},
		{
			"an optional message, which null clears",
			`type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".anton.v1.Thing" proto3_optional: true oneof_index: 2`,
			`{"anyOf":[{"$ref":"#/components/schemas/ThingInput"},{"type":"null"}]}`,
		},
		{
			"one of several",
			`type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0`,
			"{\"description\":\"Only one of `ITSELF`, `other` can be set.\",\"type\":\"string\"}",
		},
	}
	var fields strings.Builder
	for i, c := range cases {
		name := fmt.Sprintf("field_%d", i)
		fmt.Fprintf(&fields, "field { name: %q number: %d %s }\n", name, 20+i, c.field)
	}
	fields.WriteString(`field { name: "other" number: 10 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
		oneof_decl { name: "side" } oneof_decl { name: "_text" } oneof_decl { name: "_message" }`)
	document, err := run(t, patch, fields.String())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		got := at(t, document, "components", "schemas", "ChangeThingRequest", "properties", fmt.Sprintf("field_%d", i))
		if want := strings.ReplaceAll(c.want, "ITSELF", fmt.Sprintf("field_%d", i)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
		}
	}
}

func TestWhatCannotBeDocumentedStopsTheGeneration(t *testing.T) {
	t.Parallel()
	const http, rule = `[google.api.http] { post: "/v1/things/{id}" body: "*" } `, `[anton.v1.rule] { scope: "things:write" } `
	for name, test := range map[string]struct{ options, fields, want string }{
		"no rule":            {http, "", "ChangeThing: it needs the option rule"},
		"two paths":          {`[google.api.http] { get: "/v1/a" additional_bindings { get: "/v1/b" } } ` + rule, "", "give a method one path"},
		"an unknown place":   {`[google.api.http] { get: "/v1/{nobody}" } ` + rule, "", "not every variable of the path"},
		"a path taken twice": {`[google.api.http] { get: "/v1/file" } ` + rule, "", "another method of this path"},
		"a broken example":   {http + rule + `[anton.v1.example] { request: "{" }`, "", "example request"},
		"a broken answer":    {http + rule + `[anton.v1.example] { response: "{" }`, "", "example response"},
		"an unknown message": {
			http + rule, `field { name: "a" number: 2 type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".google.protobuf.Any" }`,
			"google.protobuf.Any: the generator does not know its JSON form",
		},
		"an unknown rule": {
			http + rule, `field { name: "a" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL options { [buf.validate.field] { string { prefix: "x" } } } }`,
			"ChangeThingRequest.a has a rule for strings",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := run(t, test.options, test.fields); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
}
