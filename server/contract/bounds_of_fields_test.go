package contract_test

import (
	"regexp/syntax"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// rulesOf are the rules that the contract gives a field; never nil.
func rulesOf(fd protoreflect.FieldDescriptor) *validate.FieldRules {
	if rules, ok := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules); ok && rules != nil {
		return rules
	}
	return &validate.FieldRules{}
}

// longest is how many characters a string of the rules can have; false where nothing bounds it.
func longest(rules *validate.StringRules) (int, bool) {
	switch {
	case rules.HasLen():
		return int(rules.GetLen()), true
	case rules.HasMaxLen():
		return int(rules.GetMaxLen()), true
	case rules.HasMaxBytes():
		return int(rules.GetMaxBytes()), true
	case rules.HasPattern():
		return longestMatch(rules.GetPattern())
	}
	return 0, false
}

// longestMatch is how many characters the pattern can match; false where it does not hold the whole text or has no end.
func longestMatch(pattern string) (int, bool) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, false
	}
	parsed = parsed.Simplify()
	if parsed.Op != syntax.OpConcat || parsed.Sub[0].Op != syntax.OpBeginText || parsed.Sub[len(parsed.Sub)-1].Op != syntax.OpEndText {
		return 0, false
	}
	return longestOf(parsed)
}

func longestOf(re *syntax.Regexp) (int, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return 0, true
	case syntax.OpLiteral:
		return len(re.Rune), true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, true
	case syntax.OpCapture, syntax.OpQuest:
		return longestOf(re.Sub[0])
	case syntax.OpConcat, syntax.OpAlternate:
		total := 0
		for _, sub := range re.Sub {
			n, ok := longestOf(sub)
			if !ok {
				return 0, false
			}
			if re.Op == syntax.OpAlternate {
				total = max(total, n)
			} else {
				total += n
			}
		}
		return total, true
	}
	return 0, false // a star or a plus has no end; Simplify has written counted repetitions out
}

// unbounded names the fields below a message that can grow without end, at their dotted paths.
func unbounded(md protoreflect.MessageDescriptor, at string, seen map[protoreflect.FullName]bool) []string {
	if seen[md.FullName()] {
		return []string{at + " is recursive"}
	}
	seen[md.FullName()] = true
	defer delete(seen, md.FullName())
	var found []string
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		path := at + "." + string(fd.Name())
		rules := rulesOf(fd)
		items, item := rules, fd
		switch {
		case fd.IsMap():
			pairs := rules.GetMap()
			if !pairs.HasMaxPairs() {
				found = append(found, path+" has no max_pairs")
			}
			found = append(found, unboundedValue(fd.MapKey(), pairs.GetKeys(), path+" (keys)", seen)...)
			items, item = pairs.GetValues(), fd.MapValue()
			path += " (values)"
		case fd.IsList():
			if !rules.GetRepeated().HasMaxItems() {
				found = append(found, path+" has no max_items")
			}
			items = rules.GetRepeated().GetItems()
			path += " (items)"
		}
		found = append(found, unboundedValue(item, items, path, seen)...)
	}
	return found
}

func unboundedValue(fd protoreflect.FieldDescriptor, rules *validate.FieldRules, path string, seen map[protoreflect.FullName]bool) []string {
	switch fd.Kind() {
	case protoreflect.StringKind:
		if _, ok := longest(rules.GetString()); !ok {
			return []string{path + " has no max_len, no len and no pattern with an end"}
		}
	case protoreflect.BytesKind:
		if !rules.GetBytes().HasMaxLen() && !rules.GetBytes().HasLen() {
			return []string{path + " has no max_len and no len"}
		}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch name := fd.Message().FullName(); {
		case name == "google.protobuf.Timestamp" || name == "google.protobuf.Duration":
		case name == "google.protobuf.FieldMask": // its paths must be fields of the message, and no more often than once
		case name.Parent() == "google.protobuf":
			return []string{path + " is a " + string(name) + ", which has no end"}
		default:
			return unbounded(fd.Message(), path, seen)
		}
	}
	return nil
}
