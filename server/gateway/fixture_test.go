package gateway

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rules"
)

// everything is a message with a field of each type that a request may have, so that the reader's rules are proved before a
// product message needs them; `big` is of a type that none may have.
var everything = func() protoreflect.MessageDescriptor {
	const file = `
	  name: "gateway_test.proto" package: "gateway.test" syntax: "proto3"
	  dependency: ["google/protobuf/timestamp.proto", "google/protobuf/struct.proto", "anton/v1/options.proto"]
	  enum_type { name: "Color" value { name: "unspecified" number: 0 } value { name: "red" number: 1 } value { name: "green" number: 2 } }
	  message_type {
	    name: "Part"
	    field { name: "id" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
	    field { name: "weight" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
	    field { name: "child" number: 3 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".gateway.test.Part" }
	  }
	  message_type {
	    name: "Everything"
	    field { name: "text" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
	    field { name: "amount" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING options { [anton.v1.must_be]: "a decimal string such as \"2500.00\"" } }
	    field { name: "count" number: 3 label: LABEL_OPTIONAL type: TYPE_INT32 proto3_optional: true oneof_index: 1 }
	    field { name: "flag" number: 4 label: LABEL_OPTIONAL type: TYPE_BOOL }
	    field { name: "color" number: 5 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".gateway.test.Color" }
	    field { name: "tags" number: 6 label: LABEL_REPEATED type: TYPE_STRING }
	    field { name: "colors" number: 7 label: LABEL_REPEATED type: TYPE_ENUM type_name: ".gateway.test.Color" }
	    field { name: "parts" number: 8 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".gateway.test.Part" }
	    field { name: "metadata" number: 9 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".gateway.test.Everything.MetadataEntry" }
	    field { name: "by_name" number: 10 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".gateway.test.Everything.ByNameEntry" }
	    field { name: "at" number: 11 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" }
	    field { name: "times" number: 12 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" }
	    field { name: "extra" number: 13 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Struct" }
	    field { name: "sell_amount" number: 14 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
	    field { name: "buy_amount" number: 15 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
	    field { name: "big" number: 17 label: LABEL_OPTIONAL type: TYPE_INT64 }
	    field { name: "part" number: 18 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".gateway.test.Part" }
	    oneof_decl { name: "side" } oneof_decl { name: "_count" }
	    nested_type {
	      name: "MetadataEntry" options { map_entry: true }
	      field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
	      field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING }
	    }
	    nested_type {
	      name: "ByNameEntry" options { map_entry: true }
	      field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
	      field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".gateway.test.Part" }
	    }
	  }`
	fd := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(file), fd); err != nil {
		panic(err)
	}
	built, err := protodesc.NewFile(fd, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	// The gateway's own query parser, which ours is held against, looks enums up by name.
	if err := protoregistry.GlobalTypes.RegisterEnum(dynamicpb.NewEnumType(built.Enums().ByName("Color"))); err != nil {
		panic(err)
	}
	return built.Messages().ByName("Everything")
}()

func newEverything() proto.Message { return dynamicpb.NewMessage(everything) }

// fromProtojson makes the message that protobuf's own JSON reader makes of the text.
func fromProtojson(t *testing.T, m proto.Message, text string) proto.Message {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("protojson refuses %s: %v", text, err)
	}
	return m
}

// refusal is the error that a customer would read, which every error of a reader must have.
func refusal(t *testing.T, err error) *apierr.Error {
	t.Helper()
	e, ok := carried(err)
	if !ok {
		t.Fatalf("the error %v holds no error of the contract", err)
	}
	checkBounds(t, e)
	return e
}

// checkBounds holds the error against what errors.proto promises about it.
func checkBounds(t *testing.T, e *apierr.Error) {
	t.Helper()
	if n := len([]rune(e.Message)); n == 0 || n > 1000 || rules.Control(e.Message, true) {
		t.Errorf("a message of %d characters: %q", n, e.Message)
	}
	if len(e.Fields) > 100 {
		t.Errorf("%d fields are named", len(e.Fields))
	}
	for _, f := range e.Fields {
		if len([]rune(f.Path)) > 256 || rules.Control(f.Path, false) || f.Path == "" {
			t.Errorf("the path %q is no path", f.Path)
		}
		if n := len([]rune(f.Message)); n == 0 || n > 500 || rules.Control(f.Message, true) {
			t.Errorf("%s: a message of %d characters: %q", f.Path, n, f.Message)
		}
	}
	if (e.Code == antonv1.ErrorCode_validation_error) != (len(e.Fields) > 0) {
		t.Errorf("%s with %d fields", e.Code, len(e.Fields))
	}
}
