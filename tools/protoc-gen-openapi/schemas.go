package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A direction tells what a message does: presence, bounds and strictness differ between what is sent and what is answered.
type direction int

const (
	input direction = iota
	output
)

// schemas collects the schemas of one document. A message that is sent as well as answered has two, the sent one with the suffix
// `Input`.
type schemas struct {
	pkg      protoreflect.FullName
	opts     *options
	own      map[string]bool // names of the package's own messages, which need no prefix
	reached  [2]map[protoreflect.FullName]bool
	answered map[protoreflect.Name]bool // names of fields that occur in answers
	out      map[string]*schema
	problems []error
}

func newSchemas(gen *protogen.Plugin, pkg protoreflect.FullName, opts *options, out map[string]*schema) *schemas {
	s := &schemas{
		pkg: pkg, opts: opts, out: out, own: map[string]bool{}, answered: map[protoreflect.Name]bool{},
		reached: [2]map[protoreflect.FullName]bool{{}, {}},
	}
	for m := range allMessages(gen) {
		if m.Desc.ParentFile().Package() == pkg {
			s.own[shortName(m.Desc)] = true
		}
	}
	return s
}

// reach notes the message and everything inside it as sent or as answered.
func (s *schemas) reach(m *protogen.Message, d direction) {
	name := m.Desc.FullName()
	if s.reached[d][name] || wellKnown(name) != nil {
		return
	}
	s.reached[d][name] = true
	for _, f := range m.Fields {
		if d == output {
			s.answered[f.Desc.Name()] = true
		}
		if f.Message != nil {
			s.reach(f.Message, d)
		}
	}
}

// shortName is the name without its package: `PayoutStatus` for the enum anton.v1.PayoutStatus.Value.
func shortName(d protoreflect.Descriptor) string {
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	return strings.ReplaceAll(strings.TrimSuffix(name, ".Value"), ".", "")
}

// nameOf is the name of the definition's schema in this document.
func (s *schemas) nameOf(d protoreflect.Descriptor) string {
	short := shortName(d)
	if d.ParentFile().Package() != s.pkg && s.own[short] {
		return string(d.FullName())
	}
	return short
}

func ref(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

// message gives a reference to the message's schema, and adds that schema to the document when it is not there yet.
func (s *schemas) message(m *protogen.Message, d direction) *schema {
	if known := wellKnown(m.Desc.FullName()); known != nil {
		return known
	}
	if strings.HasPrefix(string(m.Desc.FullName()), "google.") {
		s.problems = append(s.problems, fmt.Errorf("%s: the generator does not know its JSON form", m.Desc.FullName()))
	}
	name := s.nameOf(m.Desc)
	if d == input && s.reached[output][m.Desc.FullName()] {
		name += "Input"
	}
	if s.out[name] == nil {
		made := &schema{}
		s.out[name] = made // before its fields, because a message may contain itself
		s.fill(made, m, m.Fields, d)
	}
	return ref(name)
}

// request gives a reference to the schema of the request's body, without what is in the path, and tells whether a body must be sent.
func (s *schemas) request(m *method) (*schema, bool) {
	name := s.nameOf(m.desc.Input.Desc)
	made := &schema{}
	s.out[name] = made
	s.fill(made, m.desc.Input, m.inBody, input)
	if m.verb == "PATCH" {
		for i, p := range made.Properties {
			if m.inBody[i].Desc.HasOptionalKeyword() {
				made.Properties[i].value = nullable(p.value)
			}
		}
	}
	return ref(name), len(made.Required) > 0
}

// nullable lets null through, which clears a field.
func nullable(s *schema) *schema {
	if word, ok := s.Type.(string); ok && len(s.Enum) == 0 {
		s.Type = []string{word, "null"}
		return s
	}
	outer := &schema{Description: s.Description, AnyOf: []*schema{s, {Type: "null"}}, WriteOnly: s.WriteOnly, Sensitive: s.Sensitive}
	s.Description, s.WriteOnly, s.Sensitive = "", false, false
	return outer
}

// fill describes the fields of the message.
func (s *schemas) fill(made *schema, m *protogen.Message, fields []*protogen.Field, d direction) {
	made.Type, made.Description = "object", markdown(m.Comments.Leading)
	for _, f := range fields {
		made.Properties.add(string(f.Desc.Name()), s.field(f, d))
	}
	if d == output {
		made.Required = alwaysPresent(fields)
		return
	}
	made.AdditionalProperties = false
	for _, name := range s.required(m) {
		if made.Properties.get(name) != nil {
			made.Required = append(made.Required, name)
		}
	}
}

// alwaysPresent names the fields that an answer always has: all but those marked optional and the members of a oneof.
func alwaysPresent(fields []*protogen.Field) []string {
	var names []string
	for _, f := range fields {
		if !f.Desc.HasOptionalKeyword() && f.Desc.ContainingOneof() == nil {
			names = append(names, string(f.Desc.Name()))
		}
	}
	return names
}

// required names the fields without which validation refuses the message. It asks the validator itself, with an empty message.
func (s *schemas) required(m *protogen.Message) []string {
	err := protovalidate.Validate(dynamicpb.NewMessage(m.Desc))
	if err == nil {
		return nil
	}
	refused, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		s.problems = append(s.problems, fmt.Errorf("%s: %w", m.Desc.FullName(), err))
		return nil
	}
	names := map[string]bool{}
	for _, v := range refused.Violations {
		if path := v.Proto.GetField().GetElements(); len(path) == 1 {
			names[path[0].GetFieldName()] = true
		}
	}
	var ordered []string
	for _, f := range m.Fields {
		if name := string(f.Desc.Name()); names[name] {
			ordered = append(ordered, name)
		}
	}
	return ordered
}

// field describes a field: its type, its bounds, and its comment as the description.
func (s *schemas) field(f *protogen.Field, d direction) *schema {
	rules := rulesOf(f)
	var made *schema
	switch {
	case f.Desc.IsMap():
		made = &schema{Type: "object", AdditionalProperties: s.single(f.Message.Fields[1], rules.GetMap().GetValues(), d)}
		if keys := rules.GetMap().GetKeys(); keys != nil {
			made.PropertyNames = s.single(f.Message.Fields[0], keys, d)
		}
		if m := rules.GetMap(); m != nil {
			made.MinProperties, made.MaxProperties = bound(m.MinPairs), bound(m.MaxPairs)
		}
	case f.Desc.IsList():
		list := rules.GetRepeated()
		made = &schema{Type: "array", Items: s.single(f, list.GetItems(), d), UniqueItems: list.GetUnique()}
		if list != nil {
			made.MinItems, made.MaxItems = bound(list.MinItems), bound(list.MaxItems)
		}
	default:
		made = s.single(f, rules, d)
	}
	made.Description = s.fieldText(f, rules)
	if sensitive, ok, err := s.opts.value(f.Desc.Options(), "sensitive"); err != nil {
		s.problems = append(s.problems, err)
	} else if ok && sensitive.Bool() {
		made.Sensitive = true
		made.WriteOnly = d == input && !s.answered[f.Desc.Name()]
	}
	return made
}

// fieldText is the field's comment, what its value must be, and which other fields exclude it.
func (s *schemas) fieldText(f *protogen.Field, rules *validate.FieldRules) string {
	text := markdown(f.Comments.Leading)
	if must, ok, err := s.opts.value(f.Desc.Options(), "must_be"); err != nil {
		s.problems = append(s.problems, err)
	} else if ok {
		text = join(" ", text, "Must be "+strings.TrimSuffix(must.String(), ".")+".")
	}
	for _, c := range rules.GetCel() {
		if c.GetMessage() != "" {
			text = join(" ", text, "Rule: "+strings.TrimSuffix(c.GetMessage(), ".")+".")
		}
	}
	if f.Oneof != nil && !f.Oneof.Desc.IsSynthetic() {
		var names []string
		for _, other := range f.Oneof.Fields {
			names = append(names, "`"+string(other.Desc.Name())+"`")
		}
		text = join(" ", text, "Only one of "+strings.Join(names, ", ")+" can be set.")
	}
	if f.Enum != nil {
		// Viewers show the description beside a reference instead of the enum's own.
		text = join("\n\n", text, meanings(allowed(f.Enum, rules.GetEnum())))
	}
	return text
}

// single describes one value of the field's type, under the rules of the field, of a list's items or of a map's halves.
func (s *schemas) single(f *protogen.Field, rules *validate.FieldRules, d direction) *schema {
	switch f.Desc.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return s.message(f.Message, d)
	case protoreflect.EnumKind:
		return s.enum(f.Enum, rules.GetEnum())
	case protoreflect.StringKind:
		return s.text(f, rules)
	case protoreflect.BoolKind:
		return &schema{Type: "boolean"}
	case protoreflect.BytesKind:
		return &schema{Type: "string", Format: "byte"}
	default:
		return s.number(f, rules)
	}
}

// enum gives a reference to the schema of the enum's words. The zero value is never sent: a field without a value is absent.
func (s *schemas) enum(e *protogen.Enum, rules *validate.EnumRules) *schema {
	name := s.nameOf(e.Desc)
	if s.out[name] == nil {
		made := &schema{Type: "string"}
		var named protoreflect.Descriptor = e.Desc
		if e.Desc.Name() == "Value" {
			named = e.Desc.Parent() // the message around it carries the name and says what it is
		}
		comment := e.Desc.ParentFile().SourceLocations().ByDescriptor(named).LeadingComments
		words := allowed(e, nil)
		made.Description = join("\n\n", markdown(protogen.Comments(comment)), meanings(words))
		made.Enum = names(words)
		s.out[name] = made
	}
	made := ref(name)
	if words := allowed(e, rules); len(words) < len(e.Values)-1 {
		made.Enum = names(words)
	}
	return made
}

// allowed gives the enum's values that the rules let through, without the zero value.
func allowed(e *protogen.Enum, rules *validate.EnumRules) []*protogen.EnumValue {
	var kept []*protogen.EnumValue
	for _, v := range e.Values {
		n := int32(v.Desc.Number())
		in := len(rules.GetIn()) == 0 || slices.Contains(rules.GetIn(), n)
		if n != 0 && in && !slices.Contains(rules.GetNotIn(), n) {
			kept = append(kept, v)
		}
	}
	return kept
}

func names(values []*protogen.EnumValue) []any {
	var words []any
	for _, v := range values {
		words = append(words, string(v.Desc.Name()))
	}
	return words
}

// meanings is the Markdown list of the values and their comments.
func meanings(values []*protogen.EnumValue) string {
	var lines []string
	for _, v := range values {
		lines = append(lines, fmt.Sprintf("- `%s`: %s", v.Desc.Name(), markdown(v.Comments.Leading)))
	}
	return strings.Join(lines, "\n")
}

// rulesOf reads the field's buf.validate rules; nil where there are none.
func rulesOf(f *protogen.Field) *validate.FieldRules {
	rules, _ := proto.GetExtension(f.Desc.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}
