// Package rules holds a message to the bounds that its .proto file gives it, and says in a sentence what is wrong with each field.
// What needs the database or today's rules is not its business.
package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// Check gives every field of the message that breaks a rule; none means that the message is within its bounds. An error is a fault in
// the rules themselves.
func Check(message proto.Message) ([]apierr.Field, error) {
	fields := unstorable(message)
	err := protovalidate.Validate(message)
	if broken, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		for _, v := range broken.Violations {
			fields = append(fields, apierr.Field{Path: dotted(v.Proto.GetField()), Message: sentence(message.ProtoReflect().Descriptor(), v)})
		}
	} else if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return fields, nil
}

// dotted writes a path as the contract has it: `on_behalf_of.name`, `scopes[0]`, and `metadata.team` for a key of a map.
func dotted(path *validate.FieldPath) string {
	var text strings.Builder
	for i, e := range path.GetElements() {
		if i > 0 {
			text.WriteByte('.')
		}
		text.WriteString(e.GetFieldName())
		switch {
		case e.HasStringKey():
			text.WriteString("." + e.GetStringKey())
		case e.HasIndex():
			fmt.Fprintf(&text, "[%d]", e.GetIndex())
		}
	}
	return text.String()
}

// sentence completes "<field> …" for a person. The libraries' own texts speak of values and regular expressions.
func sentence(root protoreflect.MessageDescriptor, v *protovalidate.Violation) string {
	rule, field := v.Proto.GetRuleId(), v.FieldDescriptor
	empty := !v.FieldValue.IsValid() || (field != nil && !field.IsList() && !field.IsMap() && v.FieldValue.Equal(field.Default()))
	if field != nil && field.HasPresence() && field.Kind() == protoreflect.Int32Kind {
		empty = false // a zero that was sent
	}
	bound := func() any { return v.RuleValue.Interface() }
	switch {
	case rule == "required", empty && !strings.HasSuffix(rule, "defined_only"):
		if words := enumWords(field); words != "" {
			return "is required: one of " + words
		}
		return "is required"
	case rule == "string.max_len":
		return fmt.Sprintf("must be at most %v characters long", bound())
	case rule == "string.min_len":
		return fmt.Sprintf("must be at least %v characters long", bound())
	case rule == "string.email":
		return "must be an e-mail address"
	case strings.HasPrefix(rule, "enum."):
		return "must be one of " + enumWords(described(root, v))
	case rule == "string.pattern" && described(root, v) != nil:
		field = described(root, v)
		if must, _ := proto.GetExtension(field.Options(), antonv1.E_MustBe).(string); must != "" {
			return "must be " + must
		}
	case rule == "map.max_pairs":
		return fmt.Sprintf("must have at most %v entries", bound())
	case rule == "repeated.max_items":
		return fmt.Sprintf("must have at most %v items", bound())
	case rule == "repeated.min_items":
		return fmt.Sprintf("must have at least %v items", bound())
	case rule == "repeated.unique":
		return "must not have the same item twice"
	}
	return strings.Replace(v.Proto.GetMessage(), "value must", "must", 1)
}

// described is the field that the violation is in. Of an item of a list the library says only where it is.
func described(root protoreflect.MessageDescriptor, v *protovalidate.Violation) protoreflect.FieldDescriptor {
	if v.FieldDescriptor != nil {
		return v.FieldDescriptor
	}
	var field protoreflect.FieldDescriptor
	for _, e := range v.Proto.GetField().GetElements() {
		if root == nil {
			return nil
		}
		if field = root.Fields().ByName(protoreflect.Name(e.GetFieldName())); field == nil {
			return nil
		}
		root = field.Message()
	}
	return field
}

func enumWords(field protoreflect.FieldDescriptor) string {
	if field == nil || field.Enum() == nil {
		return ""
	}
	var words []string
	for i := range field.Enum().Values().Len() {
		if v := field.Enum().Values().Get(i); v.Number() != 0 {
			words = append(words, string(v.Name()))
		}
	}
	return strings.Join(words, ", ")
}

// NoControl is what a text with a control character is told.
const NoControl = "must not contain control characters"

// unstorable finds what no column can hold though its type is right: strings with control characters, and times that are none.
func unstorable(message proto.Message) (fields []apierr.Field) {
	refuse := func(p protopath.Values, text string) {
		fields = append(fields, apierr.Field{Path: pathOf(p), Message: text})
	}
	_ = protorange.Range(message.ProtoReflect(), func(p protopath.Values) error {
		last := p.Index(-1)
		if last.Step.Kind() == protopath.MapIndexStep && Control(last.Step.MapIndex().String(), false) {
			whole := protopath.Values{Path: p.Path[:len(p.Path)-1], Values: p.Values[:len(p.Values)-1]}
			refuse(whole, "must not have control characters in its keys")
		}
		switch v := last.Value.Interface().(type) {
		case string:
			// What a field allows is looked up only for a text that needs it: almost none does, and the lookup costs more than the rest.
			switch {
			case !Control(v, false):
			case !mayHaveLines(p):
				refuse(p, NoControl+", nor tabs or line ends")
			case Control(v, true):
				refuse(p, NoControl)
			}
		case protoreflect.Message:
			if at, ok := v.Interface().(*timestamppb.Timestamp); ok && at.CheckValid() != nil {
				refuse(p, "must be a time of the years 1 to 9999")
			}
		}
		return nil
	})
	return fields
}

// pathOf is the dotted path to where the walk stands. A free-form object is named as a whole: inside it are the library's own fields.
func pathOf(p protopath.Values) string {
	path := p.Path[1:]
	for i, v := range p.Values[1:] {
		if m, ok := v.Interface().(protoreflect.Message); ok && m.Descriptor().ParentFile().Path() == "google/protobuf/struct.proto" {
			path = path[:i+1]
			break
		}
	}
	var text strings.Builder
	for _, step := range path {
		if step.Kind() == protopath.MapIndexStep {
			text.WriteString("." + step.MapIndex().String())
		} else {
			text.WriteString(step.String())
		}
	}
	return strings.TrimPrefix(text.String(), ".")
}

// Control says whether the text has a control character: one of C0, DEL or C1, Unicode's category Cc. PostgreSQL cannot store NUL, and
// banks' files and terminals act on the others. Lines lets tabs and line ends pass. It is the one rule for all texts from outside.
func Control(text string, lines bool) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !(lines && (r == '\t' || r == '\n' || r == '\r'))
	})
}

// mayHaveLines says whether the field in which the walk stands allows tabs and line ends. A free-form object does.
func mayHaveLines(p protopath.Values) bool {
	for i := p.Len() - 1; i >= 0; i-- {
		step := p.Index(i).Step
		if step.Kind() != protopath.FieldAccessStep {
			continue
		}
		fd := step.FieldDescriptor()
		lines, _ := proto.GetExtension(fd.Options(), antonv1.E_Lines).(bool)
		return lines || fd.ParentFile().Path() == "google/protobuf/struct.proto"
	}
	return false
}
