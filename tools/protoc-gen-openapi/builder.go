package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// version is the version of the API: `1` is the one in the paths.
const version = "1.0.0"

// A builder makes one document.
type builder struct {
	gen          *protogen.Plugin
	audience     audience
	opts         *options
	codes        []*errorCode
	errorMessage *protogen.Message
	schemas      *schemas
	doc          *document
}

func newBuilder(gen *protogen.Plugin, a audience, opts *options, codes []*errorCode) *builder {
	doc := &document{
		OpenAPI: "3.1.0",
		Servers: []server{{URL: "/", Description: "This server."}},
		Components: components{
			SecuritySchemes: map[string]*securityScheme{
				a.security: {Type: "http", Scheme: "bearer", Description: a.keyHelp},
			},
			Headers:   headers,
			Responses: map[string]*response{},
			Schemas:   map[string]*schema{},
		},
	}
	return &builder{
		gen: gen, audience: a, opts: opts, codes: codes, doc: doc,
		errorMessage: findMessage(gen, "anton.v1.ErrorResponse"),
		schemas:      newSchemas(gen, a.pkg, opts, doc.Components.Schemas),
	}
}

// document writes down all services of the audience's package: first which messages are sent and which are answered, because a
// message that is both has two schemas; then the operations.
func (b *builder) document() (*document, error) {
	if b.errorMessage == nil {
		return nil, errors.New("there is no message anton.v1.ErrorResponse")
	}
	if err := b.information(); err != nil {
		return nil, err
	}
	var methods []*method
	var problems []error
	for _, s := range b.services() {
		for _, d := range s.Methods {
			m, err := b.newMethod(d)
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", d.Desc.FullName(), err))
			} else if m != nil {
				methods = append(methods, m)
				b.schemas.reach(d.Input, input)
				b.schemas.reach(d.Output, output)
			}
		}
	}
	b.schemas.reach(b.errorMessage, output)
	ids := map[string]bool{}
	for _, m := range methods {
		if err := b.add(m, ids); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", m.desc.Desc.FullName(), err))
		}
	}
	return b.doc, errors.Join(append(problems, b.schemas.problems...)...)
}

func (b *builder) information() error {
	roles, err := rolesOf(b.gen)
	if err != nil {
		return err
	}
	text, err := introduction(b.audience, b.codes, roles)
	if err != nil {
		return err
	}
	b.doc.Info = info{
		Title: b.audience.title, Version: version, Description: text,
		Contact: contact{Name: "Anton Payments"},
		License: license{Name: "Proprietary", Identifier: "LicenseRef-Proprietary"},
	}
	return nil
}

// services gives the audience's services in the order of the files, which is that of the request.
func (b *builder) services() []*protogen.Service {
	var all []*protogen.Service
	for _, f := range b.gen.Files {
		if f.Desc.Package() == b.audience.pkg {
			all = append(all, f.Services...)
		}
	}
	// A document opens with what the product is made of, in the order in which an integration meets it; the rest follows by name.
	slices.SortStableFunc(all, func(x, y *protogen.Service) int {
		return cmp.Or(cmp.Compare(place(x), place(y)), strings.Compare(string(x.Desc.Name()), string(y.Desc.Name())))
	})
	return all
}

// opening is the order of the services that come first.
var opening = []string{"Balances", "Beneficiaries", "Payouts", "Rfis", "Events", "Webhooks", "Merchants"}

func place(s *protogen.Service) int {
	i := slices.Index(opening, strings.TrimSuffix(string(s.Desc.Name()), "Service"))
	if i < 0 {
		return len(opening)
	}
	return i
}

// add puts the method's operation under its path, and its service among the tags.
func (b *builder) add(m *method, ids map[string]bool) error {
	service := m.desc.Parent
	name := tagName(string(service.Desc.Name()))
	if !slices.ContainsFunc(b.doc.Tags, func(t tag) bool { return t.Name == name }) {
		b.doc.Tags = append(b.doc.Tags, tag{Name: name, Description: markdown(service.Comments.Leading)})
	}
	op, err := b.operation(m, name)
	if err != nil {
		return err
	}
	if ids[op.OperationID] {
		return errors.New("another method of the document has the same name")
	}
	ids[op.OperationID] = true
	path := b.doc.Paths.get(m.path)
	if path == nil {
		path = &object[*operationEntry]{}
		b.doc.Paths.add(m.path, path)
	}
	verb := strings.ToLower(m.verb)
	if path.get(verb) != nil {
		return fmt.Errorf("%s %s: there is another method of this path", m.verb, m.path)
	}
	path.add(verb, op)
	return nil
}

// headers are those of answers.
var headers = map[string]*header{
	"X-Request-ID": {
		Description: "The request's id. Quote it when you contact support.",
		Schema:      &schema{Type: "string"}, Example: "req_cng3q8s6ek9kc5qg1h7g",
	},
	"X-RateLimit-Limit": {
		Description: "How many requests a minute you may send.",
		Schema:      &schema{Type: "integer"}, Example: 1000,
	},
	"X-RateLimit-Remaining": {
		Description: "How many of them are left in this minute.",
		Schema:      &schema{Type: "integer"}, Example: 998,
	},
	"X-RateLimit-Reset": {
		Description: "When the full number is there again, in seconds since 1970-01-01T00:00:00Z.",
		Schema:      &schema{Type: "integer"}, Example: 1771063260,
	},
	"X-Idempotent-Replayed": {
		Description: "`true` where the answer is the stored one of an earlier request with the same `Idempotency-Key`; absent otherwise.",
		Schema:      &schema{Type: "boolean"}, Example: true,
	},
	"WWW-Authenticate": {
		Description: "How to authenticate (RFC 6750): `Bearer`, with an error where a key was sent.",
		Schema:      &schema{Type: "string"}, Example: `Bearer error="invalid_token"`,
	},
	"Retry-After": {
		Description: "How many seconds to wait before sending the request again.",
		Schema:      &schema{Type: "integer"}, Example: 1,
	},
}

func headerRef(name string) *header { return &header{Ref: "#/components/headers/" + name} }

// commonHeaders are those of every answer.
func commonHeaders() (o object[*header]) {
	for _, name := range []string{"X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		o.add(name, headerRef(name))
	}
	return o
}

// A role is a value of anton.v1.OperatorRole.
type role struct {
	Name string
	Text string
}

func rolesOf(gen *protogen.Plugin) ([]role, error) {
	enum := findEnum(gen, "anton.v1.OperatorRole.Value")
	if enum == nil {
		return nil, errors.New("there is no enum anton.v1.OperatorRole.Value")
	}
	var roles []role
	for _, v := range enum.Values[1:] {
		roles = append(roles, role{Name: string(v.Desc.Name()), Text: markdown(v.Comments.Leading)})
	}
	return roles, nil
}

// findMessage and findEnum look a definition up by its full name; nil where there is none.
func findMessage(gen *protogen.Plugin, name protoreflect.FullName) *protogen.Message {
	for m := range allMessages(gen) {
		if m.Desc.FullName() == name {
			return m
		}
	}
	return nil
}

func findEnum(gen *protogen.Plugin, name protoreflect.FullName) *protogen.Enum {
	for m := range allMessages(gen) {
		for _, e := range m.Enums {
			if e.Desc.FullName() == name {
				return e
			}
		}
	}
	return nil
}

// allMessages gives the messages that stand in files themselves, not those inside other messages.
func allMessages(gen *protogen.Plugin) func(func(*protogen.Message) bool) {
	return func(yield func(*protogen.Message) bool) {
		for _, f := range gen.Files {
			for _, m := range f.Messages {
				if !yield(m) {
					return
				}
			}
		}
	}
}

func fieldNamed(m *protogen.Message, name string) *protogen.Field {
	for _, f := range m.Fields {
		if string(f.Desc.Name()) == name {
			return f
		}
	}
	return nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// memberNames gives the names of a JSON object's members in the order in which they are written.
func memberNames(text string) []string {
	var names []string
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return names
		}
		names = append(names, name.(string))
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return names
		}
	}
	return names
}
