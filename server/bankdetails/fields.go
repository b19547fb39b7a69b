package bankdetails

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/rules"
)

// A Schema is one way to name an account: its method and its fields in the order a form shows them.
type Schema struct {
	Method antonv1.PaymentMethod_Value
	Fields []Field
}

// A Field is one field of a Schema. Pattern (the syntax that Go and JavaScript share) and the lengths, in characters, are those of the
// normal form: without spaces and hyphens, in capitals. Pattern is empty where Choices are given or anything may be written.
type Field struct {
	Name      string
	Label     string
	Help      string
	Example   string
	Required  bool
	Default   string
	Pattern   string
	MinLength int
	MaxLength int
	Choices   []string
}

// A rule is a Field and what a person is told when it is wrong. format completes the sentence "must be …"; check, where there is one,
// says what else is wrong with a value that matches, "" when nothing is.
type rule struct {
	Field
	format  string
	pattern *regexp.Regexp
	check   func(value string) string
}

// A method is one way to name an account. number is the field that holds the Account's Number.
type method struct {
	value  antonv1.PaymentMethod_Value
	number string
	fields []rule
}

func (m method) rule(name string) (rule, bool) {
	i := slices.IndexFunc(m.fields, func(r rule) bool { return r.Name == name })
	if i < 0 {
		return rule{}, false
	}
	return m.fields[i], true
}

// problem says what is wrong with a value that was sent, "" when nothing is. It never repeats the value.
func (r rule) problem(value string) string {
	switch {
	case r.Choices != nil && !slices.Contains(r.Choices, value):
		return "must be " + strings.Join(r.Choices, " or ")
	case r.pattern != nil && !r.pattern.MatchString(value):
		text := "must be " + r.format
		if n := utf8.RuneCountInString(value); n < r.MinLength || n > r.MaxLength {
			text += fmt.Sprintf("; this has %d", n)
		}
		return text
	case r.check != nil:
		return r.check(value)
	}
	return ""
}

// matching completes a rule whose value must match its pattern.
func (r rule) matching() rule {
	r.pattern = regexp.MustCompile(r.Pattern)
	return r
}

// digits makes a required field of so many digits.
func digits(name, label string, shortest, longest int, example, help string) rule {
	pattern, format := fmt.Sprintf("^[0-9]{%d,%d}$", shortest, longest), fmt.Sprintf("%d to %d digits", shortest, longest)
	if shortest == longest {
		pattern, format = fmt.Sprintf("^[0-9]{%d}$", shortest), fmt.Sprintf("%d digits", shortest)
	}
	return rule{
		Field: Field{
			Name: name, Label: label, Help: help, Example: example, Required: true,
			Pattern: pattern, MinLength: shortest, MaxLength: longest,
		},
		format: format,
	}.matching()
}

// checked gives the rule a further check.
func (r rule) checked(check func(string) string) rule {
	r.check = check
	return r
}

// bankName may go with every account. It is for people's eyes, so it keeps its spelling.
var bankName = rule{
	Field: Field{
		Name: "bank_name", Label: "Bank name", Help: "For your own eyes; payments do not depend on it.", Example: "First Example Bank",
		MinLength: 1, MaxLength: 140,
	},
	check: func(value string) string {
		switch {
		case !utf8.ValidString(value) || rules.Control(value, false):
			return "must be text without control characters"
		case utf8.RuneCountInString(value) > 140:
			return "must be at most 140 characters"
		}
		return ""
	},
}

// The message's own fields, in its order, so that a field added to the contract can be refused but never overlooked.
var (
	messageFields = (&antonv1.BankAccount{}).ProtoReflect().Descriptor().Fields()
	fieldNames    = func() []string {
		var names []string
		for i := range messageFields.Len() {
			names = append(names, string(messageFields.Get(i).Name()))
		}
		return names
	}()
)

// read gives each field in normal form, "" for one that was not sent. A value of an enum is its word.
func read(in *antonv1.BankAccount) map[string]string {
	given := map[string]string{}
	message := in.ProtoReflect()
	for i, name := range fieldNames {
		field := messageFields.Get(i)
		switch {
		case field.Kind() == protoreflect.EnumKind:
			given[name] = enumWord(field, message.Get(field).Enum())
		case name == "bank_name":
			given[name] = strings.TrimSpace(message.Get(field).String())
		default:
			given[name] = normal(message.Get(field).String())
		}
	}
	return given
}

func enumWord(field protoreflect.FieldDescriptor, number protoreflect.EnumNumber) string {
	value := field.Enum().Values().ByNumber(number)
	switch {
	case number == 0:
		return ""
	case value == nil:
		return strconv.Itoa(int(number))
	}
	return string(value.Name())
}

// write makes a message of fields that were found right.
func write(kept map[string]string) *antonv1.BankAccount {
	out := &antonv1.BankAccount{}
	message := out.ProtoReflect()
	for i, name := range fieldNames {
		field, text := messageFields.Get(i), kept[name]
		switch {
		case text == "":
		case field.Kind() == protoreflect.EnumKind:
			message.Set(field, protoreflect.ValueOfEnum(field.Enum().Values().ByName(protoreflect.Name(text)).Number()))
		default:
			message.Set(field, protoreflect.ValueOfString(text))
		}
	}
	return out
}

// normal strips spaces and hyphens and makes small letters capitals. Only ASCII is touched: strings.ToUpper would turn a dotless ı
// into an I, and so accept what nobody wrote.
func normal(text string) string {
	var out strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ' || c == '-':
		case 'a' <= c && c <= 'z':
			out.WriteByte(c - 'a' + 'A')
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
