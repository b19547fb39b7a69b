package gateway

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/rules"
)

// A form is what a JSON value looks like, in the words of error messages.
type form string

const (
	aString    form = "a string"
	aNumber    form = "a number"
	aBoolean   form = "true or false"
	anObject   form = "an object"
	aList      form = "a list"
	aNull      form = "null"
	unreadable form = ""
)

// formAt tells the form of the value that begins with c. What begins no value is unreadable, and reading it is a syntax error.
func formAt(c byte) form {
	switch c {
	case '"':
		return aString
	case '{':
		return anObject
	case '[':
		return aList
	case 't', 'f':
		return aBoolean
	case 'n':
		return aNull
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return aNumber
	}
	return unreadable
}

const (
	timestampName = "google.protobuf.Timestamp"
	structName    = "google.protobuf.Struct"
)

// formOf is the form of the field's values (of each item, of each map value). The types that no request of ours may have are
// unreadable: floats, 64-bit integers and bytes have no form that every JSON library keeps, and the other well-known types no need.
func formOf(fd protoreflect.FieldDescriptor) form {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.EnumKind:
		return aString
	case protoreflect.BoolKind:
		return aBoolean
	case protoreflect.Int32Kind:
		return aNumber
	case protoreflect.MessageKind:
		switch name := fd.Message().FullName(); {
		case name == timestampName:
			return aString
		case name == structName || name.Parent() != "google.protobuf":
			return anObject
		}
	}
	return unreadable
}

// fromText reads a value as a JSON string, a JSON number, true or false, or a query parameter writes it. The problem is empty, or
// says what the text must be; then there is no value.
func fromText(fd protoreflect.FieldDescriptor, text string) (v protoreflect.Value, problem string) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		if rules.Control(text, true) { // whether this field may have tabs and line ends is for package rules, over gRPC too
			return v, noControl
		}
		return protoreflect.ValueOfString(text), ""
	case protoreflect.EnumKind:
		if word := fd.Enum().Values().ByName(protoreflect.Name(text)); word != nil && word.Number() != 0 {
			return protoreflect.ValueOfEnum(word.Number()), ""
		}
	case protoreflect.BoolKind:
		if text == "true" || text == "false" {
			return protoreflect.ValueOfBool(text == "true"), ""
		}
	case protoreflect.Int32Kind:
		return wholeNumber(fd, text)
	case protoreflect.MessageKind:
		if t, ok := moment(text); ok {
			return protoreflect.ValueOfMessage(t.ProtoReflect()), ""
		}
	}
	return v, "must be " + describe(fd)
}

// wholeNumber takes JSON's own way of writing a whole number: no plus, no leading zero, no point, no exponent.
func wholeNumber(fd protoreflect.FieldDescriptor, text string) (v protoreflect.Value, problem string) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || (digits[0] == '0' && digits != "0") {
		return v, "must be " + describe(fd)
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return v, fmt.Sprintf("must be a whole number from %d to %d", -1<<31, 1<<31-1)
	}
	return protoreflect.ValueOfInt32(int32(n)), ""
}

// rfc3339 is stricter than time.Parse, which takes a comma for the point, one digit for the hour, offsets of 24 hours, and cuts off
// what is finer than nanoseconds.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// moment reads a time with its zone. A protobuf Timestamp ends with the years 1 and 9999, in UTC.
func moment(text string) (*timestamppb.Timestamp, bool) {
	if !rfc3339.MatchString(text) {
		return nil, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, false
	}
	ts := timestamppb.New(t)
	return ts, ts.IsValid()
}

// describe completes "must be …" for a value of the field: in the contract's own words where it has some.
func describe(fd protoreflect.FieldDescriptor) string {
	if says, ok := proto.GetExtension(fd.Options(), antonv1.E_MustBe).(string); ok && says != "" {
		return says
	}
	switch form := formOf(fd); {
	case fd.Kind() == protoreflect.EnumKind:
		return "one of " + words(fd.Enum())
	case fd.Kind() == protoreflect.Int32Kind:
		return "a whole number, such as 20"
	case fd.Kind() == protoreflect.MessageKind && form == aString:
		return "a time in RFC 3339 form with its zone, such as 2026-02-14T10:00:00Z, in the years 1 to 9999"
	default:
		return string(form)
	}
}

// mismatch says what stands where another form is wanted. It shows nothing of the value, which may be an account number.
func mismatch(fd protoreflect.FieldDescriptor, want, got form) string {
	is := describe(fd)
	if want == aString && is != string(aString) {
		return fmt.Sprintf("must be a string, not %s: %s", got, is)
	}
	return fmt.Sprintf("must be %s, not %s", is, got)
}

// words lists an enum's values. The zero value says that nothing was said, so nobody can say it.
func words(enum protoreflect.EnumDescriptor) string {
	var all []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			all = append(all, string(value.Name()))
		}
	}
	return strings.Join(all, ", ")
}

const noControl = rules.NoControl

// rival is the field of the same oneof that m holds already; nil when fd may be set.
func rival(m protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if one := fd.ContainingOneof(); one != nil && !one.IsSynthetic() {
		return m.WhichOneof(one)
	}
	return nil
}
