package main

import (
	"fmt"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wellKnown gives the schema of Google's messages with a JSON form of their own (ProtoJSON); nil for every other message.
func wellKnown(name protoreflect.FullName) *schema {
	switch name {
	case "google.protobuf.Timestamp":
		return &schema{Type: "string", Format: "date-time"}
	case "google.protobuf.Duration":
		return &schema{Type: "string", Pattern: `^-?[0-9]+(\.[0-9]{1,9})?s$`}
	case "google.protobuf.Struct":
		return &schema{Type: "object", AdditionalProperties: true}
	case "google.protobuf.Value":
		return &schema{}
	case "google.protobuf.ListValue":
		return &schema{Type: "array", Items: &schema{}}
	case "google.protobuf.FieldMask":
		return &schema{Type: "string"}
	case "google.protobuf.Empty":
		return &schema{Type: "object"}
	}
	return nil
}

// text describes a string and its bounds. Lengths are counted in characters by buf.validate and by JSON Schema alike, and the
// patterns are of RE2, whose syntax means the same in ECMAScript as long as it has no flags or classes of RE2's own.
func (s *schemas) text(f *protogen.Field, rules *validate.FieldRules) *schema {
	r := rules.GetString()
	made := &schema{Type: "string", Pattern: r.GetPattern()}
	if r == nil {
		return made
	}
	if r.Const != nil {
		made.Const = r.GetConst()
	}
	for _, word := range r.GetIn() {
		made.Enum = append(made.Enum, word)
	}
	made.MinLength, made.MaxLength = bound(r.MinLen), bound(r.MaxLen)
	if r.Len != nil {
		made.MinLength, made.MaxLength = bound(r.Len), bound(r.Len)
	}
	switch {
	case r.GetEmail():
		made.Format = "email"
	case r.GetUri():
		made.Format = "uri"
	case r.GetUriRef():
		made.Format = "uri-reference"
	case r.GetUuid():
		made.Format = "uuid"
	case r.GetHostname():
		made.Format = "hostname"
	case r.GetIpv4():
		made.Format = "ipv4"
	case r.GetIpv6():
		made.Format = "ipv6"
	case r.GetWellKnown() != nil:
		s.unknown(f, "a well-known form of string")
	}
	if r.MinBytes != nil || r.LenBytes != nil || r.Prefix != nil || r.Suffix != nil || r.Contains != nil ||
		r.NotContains != nil || len(r.GetNotIn()) > 0 {
		s.unknown(f, "a rule for strings")
	}
	return made
}

// number describes an integer or a floating-point number and its bounds. 64-bit integers are strings in ProtoJSON.
func (s *schemas) number(f *protogen.Field, rules *validate.FieldRules) *schema {
	switch f.Desc.Kind() {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		made := &schema{Type: "integer", Format: "int32"}
		if f.Desc.Kind() == protoreflect.Uint32Kind || f.Desc.Kind() == protoreflect.Fixed32Kind {
			made.Format, made.Minimum = "int64", 0 // a uint32 does not fit an int32
		}
		s.limits(made, f, rules)
		return made
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		made := &schema{Type: "number", Format: "double"}
		s.limits(made, f, rules)
		return made
	default:
		return &schema{Type: "string", Format: "int64", Pattern: "^-?[0-9]+$"}
	}
}

// limits adds what the rules of a number say. The rules of all number types have the same fields, so they are read by name.
func (s *schemas) limits(made *schema, f *protogen.Field, rules *validate.FieldRules) {
	if rules == nil || rules.GetType() == nil {
		return
	}
	all := rules.ProtoReflect()
	one := all.WhichOneof(all.Descriptor().Oneofs().ByName("type"))
	all.Get(one).Message().Range(func(rule protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch rule.Name() {
		case "gte":
			made.Minimum = v.Interface()
		case "gt":
			made.ExclusiveMinimum = v.Interface()
		case "lte":
			made.Maximum = v.Interface()
		case "lt":
			made.ExclusiveMaximum = v.Interface()
		case "const":
			made.Const = v.Interface()
		case "in":
			for i := range v.List().Len() {
				made.Enum = append(made.Enum, v.List().Get(i).Interface())
			}
		case "finite": // JSON has no other numbers
		default:
			s.unknown(f, "the rule "+string(rule.Name()))
		}
		return true
	})
}

// unknown notes a rule that would be left out silently.
func (s *schemas) unknown(f *protogen.Field, what string) {
	s.problems = append(s.problems, fmt.Errorf("%s has %s that the generator cannot write as JSON Schema", f.Desc.FullName(), what))
}

// bound leaves out a lower bound of zero, which says nothing.
func bound(n *uint64) *uint64 {
	if n == nil || *n == 0 {
		return nil
	}
	return n
}
