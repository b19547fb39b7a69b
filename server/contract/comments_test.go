package contract_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// The descriptors that are linked into a program hold no comments, so they are read from the .proto files. Those are in the one form
// that `buf format` writes: every declaration begins a line, its comment ends on the line above, every block ends on a line of its own.

var (
	declaration = regexp.MustCompile(`^(message|enum|service|rpc|oneof) (\w+)|^(?:optional |repeated )?(?:[\w.]+|map<[\w., ]+>) (\w+) = \d+|^(\w+) = \d+`)
	openBrace   = regexp.MustCompile(`[{\[]`)
	closeBrace  = regexp.MustCompile(`[}\]]`)
	quoted      = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
)

// comments reads the comment of every declaration of a .proto file, by its full name.
func comments(t *testing.T, path string) map[protoreflect.FullName]string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "proto", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[protoreflect.FullName]string{}
	type block struct {
		name protoreflect.FullName // empty for the options of a declaration
		enum bool
	}
	var open []block
	var pkg protoreflect.FullName
	var comment []string
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "//"); ok {
			comment = append(comment, strings.TrimSpace(text))
			continue
		}
		code, _, _ := strings.Cut(quoted.ReplaceAllString(line, `""`), "//")
		if name, ok := strings.CutPrefix(code, "package "); ok {
			pkg = protoreflect.FullName(strings.TrimSuffix(name, ";"))
		}
		scope, inOptions := block{name: pkg}, false
		if len(open) > 0 {
			scope, inOptions = open[len(open)-1], open[len(open)-1].name == ""
		}
		next := block{}
		if strings.HasPrefix(code, "extend ") { // an extension's name is the file's, not the extended message's
			next = scope
		}
		if found := declaration.FindStringSubmatch(code); found != nil && !inOptions && !strings.HasPrefix(code, "option ") {
			name := protoreflect.Name(found[2] + found[3] + found[4])
			full := scope.name.Append(name)
			if scope.enum { // the names of values stand beside their enum's
				full = scope.name.Parent().Append(name)
			}
			all[full] = strings.Join(comment, " ")
			if found[1] != "" {
				next = block{name: full, enum: found[1] == "enum"}
			}
		}
		comment = nil
		for range openBrace.FindAllString(code, -1) {
			open = append(open, next)
			next = block{}
		}
		open = open[:len(open)-len(closeBrace.FindAllString(code, -1))]
	}
	return all
}

func TestEverythingInTheContractIsExplained(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		said := comments(t, file.Path())
		declared := 0
		expect := func(d protoreflect.Descriptor, needed bool) {
			declared++
			text, found := said[d.FullName()]
			switch {
			case !found:
				t.Errorf("%s: %s was not found in the source; is the file in buf's format?", file.Path(), d.FullName())
			case needed && text == "":
				t.Errorf("%s: %s has no comment", file.Path(), d.FullName())
			case needed && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, "`"):
				t.Errorf("%s: the comment of %s is no sentence: %q", file.Path(), d.FullName(), text)
			}
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			expect(service, true)
			for j := range service.Methods().Len() {
				expect(service.Methods().Get(j), true)
			}
		}
		eachMessage(file.Messages(), func(m protoreflect.MessageDescriptor) {
			name := string(m.Name())
			expect(m, !strings.HasSuffix(name, "Request") && !strings.HasSuffix(name, "Response") || name == "ErrorResponse")
			for i := range m.Fields().Len() {
				expect(m.Fields().Get(i), true)
			}
			for i := range m.Oneofs().Len() {
				if !m.Oneofs().Get(i).IsSynthetic() {
					expect(m.Oneofs().Get(i), true)
				}
			}
			for i := range m.Enums().Len() {
				expectEnum(m.Enums().Get(i), expect)
			}
		})
		for i := range file.Enums().Len() {
			expectEnum(file.Enums().Get(i), expect)
		}
		for i := range file.Extensions().Len() {
			expect(file.Extensions().Get(i), true)
		}
		if declared == 0 {
			t.Errorf("%s declares nothing", file.Path())
		}
	}
}

func expectEnum(e protoreflect.EnumDescriptor, expect func(protoreflect.Descriptor, bool)) {
	expect(e, true)
	for i := range e.Values().Len() {
		expect(e.Values().Get(i), true)
	}
}

// eachMessage visits the messages and those inside them, but not the entries of maps.
func eachMessage(messages protoreflect.MessageDescriptors, visit func(protoreflect.MessageDescriptor)) {
	for i := range messages.Len() {
		if m := messages.Get(i); !m.IsMapEntry() {
			visit(m)
			eachMessage(m.Messages(), visit)
		}
	}
}
