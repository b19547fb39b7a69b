package contract_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A kind says where a bad value can be said.
type kind int

const (
	anywhere kind = iota // in a body, in a query, in a path, and over gRPC
	asJSON               // only in a body: another JSON type, or JSON that only a body can hold
	asText               // only in a query: text that is no value of the field's type
	notText              // in a body and over gRPC
	unknown              // as notText, of methods with a body only: a list filtered by what does not exist is empty
)

// A bad value of one field. A nil value leaves the field out. The tail is what follows the field's path in the answer.
type bad struct {
	what  string
	value any
	kind  kind
	tail  string
	// noJSON marks what makes the whole body unreadable.
	noJSON bool
}

// badValues are the values that the contract refuses in the field, whatever the method does.
func badValues(fd protoreflect.FieldDescriptor) []bad {
	rules := rulesOf(fd)
	switch {
	case fd.IsMap():
		return badMaps(rules.GetMap())
	case fd.IsList():
		return badLists(fd, rules.GetRepeated())
	}
	all := badScalars(fd, rules)
	if required(fd, rules) {
		all = append(all, bad{what: "left out", kind: notText})
	}
	return all
}

// required says whether the field's rules refuse a request without it.
func required(fd protoreflect.FieldDescriptor, rules *validate.FieldRules) bool {
	text, words := rules.GetString(), rules.GetEnum()
	switch {
	case rules.GetRequired():
		return true
	case rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE || fd.HasPresence():
		return false
	case fd.Kind() == protoreflect.StringKind:
		return text.GetMinLen() > 0 || text.GetLen() > 0 || (text.HasPattern() && !regexp.MustCompile(text.GetPattern()).MatchString(""))
	case fd.Kind() == protoreflect.EnumKind:
		return slices.Contains(words.GetNotIn(), 0)
	}
	return false
}

func badScalars(fd protoreflect.FieldDescriptor, rules *validate.FieldRules) []bad {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return badStrings(string(fd.Name()), rules.GetString())
	case protoreflect.EnumKind:
		return append(otherTypes("string"), badWords(fd.Enum())...)
	case protoreflect.BoolKind:
		return append(otherTypes("bool"),
			bad{what: "yes", value: "yes", kind: asText}, bad{what: "1", value: "1", kind: asText}, bad{what: "nothing", value: "", kind: asText})
	case protoreflect.Int32Kind:
		return append(otherTypes("number"), badNumbers(rules.GetInt32())...)
	case protoreflect.MessageKind:
		if fd.Message().FullName() == "google.protobuf.Timestamp" {
			return append(otherTypes("string"), badTimes()...)
		}
		if fd.Message().FullName() == "google.protobuf.FieldMask" {
			return otherTypes("object") // over REST the body's own names are the mask
		}
		return append(otherTypes("object"),
			bad{what: "an unknown field inside", value: fields{"no_such_field": 1}, kind: asJSON, tail: ".no_such_field"})
	}
	panic("no bad values are known for fields of the type " + fd.Kind().String() + ": add some")
}

// otherTypes are values of all JSON types but the one named.
func otherTypes(but string) []bad {
	all := []bad{
		{what: "a string", value: "x"},
		{what: "a number", value: 7},
		{what: "a bool", value: true},
		{what: "an object", value: fields{}},
		{what: "an object with a field", value: fields{"value": 7}},
		{what: "an array", value: []any{}},
		{what: "an array of one", value: []any{"x"}},
	}
	all = slices.DeleteFunc(all, func(b bad) bool {
		return b.what[strings.Index(b.what, " ")+1:] == but || (but == "object" && strings.HasPrefix(b.what, "an object"))
	})
	for i := range all {
		all[i].kind = asJSON
	}
	return all
}

func badStrings(name string, rules *validate.StringRules) []bad {
	longest, _ := longest(rules)
	all := append(otherTypes("string"),
		bad{what: "one character too many", value: strings.Repeat("1", longest+1)},
		bad{what: "one two-byte character too many", value: strings.Repeat("é", longest+1)},
		bad{what: "100,000 characters", value: strings.Repeat("a", 100_000), kind: notText},
		bad{what: "NUL", value: "a\x00b"}, bad{what: "a NUL at the end", value: "USD\x00"},
		bad{what: "escape", value: "a\x1b[2Jb"}, bad{what: "a backspace", value: "a\bb"}, bad{what: "a delete", value: "a\x7fb"},
		bad{what: "nothing", value: "", kind: asText},
		bad{what: "half a character", value: json.RawMessage(`"\ud800"`), kind: asJSON, noJSON: true},
	)
	if rules.HasPattern() {
		pattern := regexp.MustCompile(rules.GetPattern())
		for _, text := range []string{
			"!", "-", "x", " ", "USD ", " USD", "USD\n", "usd", "Usd", "ＵＳＤ", "US", "U", "１２３", "2026-13-45", "12/04/1985", "1985-4-12", "+0", "++1415",
			"0x10", "%", "null", "'; drop table payouts; --", "../../etc/passwd", "\u202eUSD", "ÜSD", "U\u0301S",
		} {
			if !pattern.MatchString(text) {
				all = append(all, bad{what: fmt.Sprintf("%q", text), value: text})
			}
		}
	}
	if rules.GetEmail() {
		for _, text := range []string{"x", "@", "a@", "@b.com", "a b@c.com", "a@b..com", "a@b.com, c@d.com", "a@b.com\n", "<a@b.com>"} {
			all = append(all, bad{what: fmt.Sprintf("%q", text), value: text})
		}
	}
	if name == "amount" || strings.HasSuffix(name, "_amount") {
		for _, text := range []string{
			"1e9", "1E2", "NaN", "Infinity", "inf", "-0", "-1", "+1", "-0.00", "2500.001", "２５００", "٢٥٠٠", " 1", "1 ", "1.", ".5", ".", "1..0", "1.2.3", "0",
			"0.00", "00", "000000000000", "1000000000000", "9999999999999", "0x10", "1,000.00", "1_000", "1'000", "USD 1", "1USD", "$1", "0b1", "1/2", "1.0e0",
			"999999999999999999999999", "0.000000001", "1.00000000",
		} {
			all = append(all, bad{what: fmt.Sprintf("%q", text), value: text})
		}
	}
	if name == "country" || name == "nationality" {
		for _, code := range []string{"ZZ", "XX", "AA", "EU", "UK"} {
			all = append(all, bad{what: "the unknown country " + code, value: code, kind: unknown})
		}
	}
	if name == "currency" {
		for _, code := range []string{"ZZZ", "XXX", "XTS", "XAU", "AAA"} {
			all = append(all, bad{what: "the unknown currency " + code, value: code, kind: unknown})
		}
	}
	return all
}

func badWords(enum protoreflect.EnumDescriptor) []bad {
	first := string(enum.Values().Get(1).Name())
	return []bad{
		{what: "an unknown word", value: "no_such_word", kind: asJSON},
		{what: "an unknown word", value: "no_such_word", kind: asText},
		{what: "the zero word", value: string(enum.Values().Get(0).Name()), kind: asJSON},
		{what: "the zero word", value: string(enum.Values().Get(0).Name()), kind: asText},
		{what: "capitals", value: strings.ToUpper(first), kind: asJSON},
		{what: "capitals", value: strings.ToUpper(first), kind: asText},
		{what: "a space", value: first + " ", kind: asJSON},
		{what: "a space", value: " " + first, kind: asText},
		{what: "an empty string", value: "", kind: asJSON},
		{what: "an empty string", value: "", kind: asText},
		{what: "its number", value: "1", kind: asText},
		{what: "NUL", value: first + "\x00", kind: asJSON},
		{what: "NUL", value: first + "\x00", kind: asText},
		{what: "an unknown number", value: 999, kind: notText},
	}
}

func badNumbers(rules *validate.Int32Rules) []bad {
	var all []bad
	for _, text := range []string{"1.5", "1e1", "1E400", "2147483648", "-2147483649", "99999999999999999999", "0.1"} {
		all = append(all, bad{what: text, value: json.RawMessage(text), kind: asJSON}, bad{what: text, value: text, kind: asText})
	}
	for _, text := range []string{"abc", "", " 1", "1 ", "+1", "01", "1.0", "0x1", "１", "NaN", "1,2", "-0x", "\x00"} {
		all = append(all, bad{what: fmt.Sprintf("%q", text), value: text, kind: asText})
	}
	if rules.HasGte() {
		all = append(all, bad{what: "one below the least", value: rules.GetGte() - 1}, bad{what: "the least number there is", value: -1 << 31})
	}
	if rules.HasLte() {
		all = append(all, bad{what: "one above the most", value: rules.GetLte() + 1}, bad{what: "the largest number there is", value: 1<<31 - 1})
	}
	return all
}

func badTimes() []bad {
	var all []bad
	for _, text := range []string{
		"", "yesterday", "2026-02-14", "2026-02-14T10:00:00", "2026-02-14 10:00:00Z", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-02-14T25:00:00Z",
		"2026-02-14T10:00:60Z", "2026-02-14T10:00:00+25:00", "2026-02-14T10:00:00 01:00", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "1771063200",
		"-2026-02-14T10:00:00Z", "2026-02-14T10:00:00Z\x00", "infinity", "now",
	} {
		all = append(all, bad{what: fmt.Sprintf("%q", text), value: text, kind: asJSON}, bad{what: fmt.Sprintf("%q", text), value: text, kind: asText})
	}
	return all
}

func badLists(fd protoreflect.FieldDescriptor, rules *validate.RepeatedRules) []bad {
	all := slices.DeleteFunc(otherTypes("array"), func(b bad) bool { return strings.HasPrefix(b.what, "an array") })
	var good any
	switch fd.Kind() {
	case protoreflect.StringKind:
		good = "balances:read"
	case protoreflect.MessageKind:
		good = fields{}
	case protoreflect.EnumKind:
		good = string(fd.Enum().Values().Get(1).Name())
	default:
		panic("no list of " + fd.Kind().String() + " is known: add an item that is good")
	}
	many := make([]any, rules.GetMaxItems()+1)
	for i := range many {
		many[i] = good
		if text, ok := good.(string); ok && fd.Kind() == protoreflect.StringKind {
			many[i] = fmt.Sprint(text, i)
		}
	}
	all = append(all, bad{what: "one item too many", value: many, kind: notText}, bad{what: "null as an item", value: []any{nil}, kind: asJSON, tail: "[0]"})
	if rules.GetMinItems() > 0 {
		all = append(all, bad{what: "no items", value: []any{}, kind: notText}, bad{what: "left out", kind: notText})
	}
	if rules.GetUnique() {
		all = append(all, bad{what: "an item twice", value: []any{good, good}, kind: notText})
	}
	for _, item := range badScalars(fd, rules.GetItems()) {
		if item.kind != asText && item.value != nil {
			item.value, item.tail = []any{item.value}, "[0]"+item.tail
			if item.kind == anywhere {
				item.kind = notText
			}
			all = append(all, item)
		}
	}
	return all
}

func badMaps(rules *validate.MapRules) []bad {
	all := otherTypes("object")
	many := fields{}
	for i := range rules.GetMaxPairs() + 1 {
		many[fmt.Sprint("key", i)] = "value"
	}
	key, value := rules.GetKeys().GetString(), rules.GetValues().GetString()
	all = append(all,
		bad{what: "one pair too many", value: many, kind: notText},
		bad{what: "a key one character too long", value: fields{strings.Repeat("k", int(key.GetMaxLen())+1): "v"}, kind: notText, tail: "*"},
		bad{what: "a value one character too long", value: fields{"k": strings.Repeat("v", int(value.GetMaxLen())+1)}, kind: notText, tail: "*"},
		bad{what: "NUL in a value", value: fields{"k": "a\x00b"}, kind: notText, tail: "*"},
		bad{what: "escape in a value", value: fields{"k": "a\x1bb"}, kind: notText, tail: "*"},
	)
	if key.GetMinLen() > 0 {
		all = append(all, bad{what: "an empty key", value: fields{"": "v"}, kind: notText, tail: "*"})
	}
	for _, other := range otherTypes("string") {
		all = append(all, bad{what: other.what + " as a value", value: fields{"k": other.value}, kind: asJSON, tail: ".k"})
	}
	return all
}
