package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A method is an RPC with its HTTP binding: what of the request is in the path, in the query and in the body.
type method struct {
	desc     *protogen.Method
	audience audience
	rule     rule
	example  example

	verb, path string
	inPath     []*protogen.Field
	inQuery    []*protogen.Field
	inBody     []*protogen.Field
	bodyField  *protogen.Field // the field that is the whole body, where the binding names one
}

func (m *method) ofMerchants() bool { return !m.audience.operators() }
func (m *method) hasBody() bool     { return len(m.inBody) > 0 || m.bodyField != nil }
func (m *method) hasInput() bool    { return m.hasBody() || len(m.inPath)+len(m.inQuery) > 0 }

func (m *method) mutates() bool {
	opts, _ := m.desc.Desc.Options().(*descriptorpb.MethodOptions)
	return opts.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// creates tells the methods that answer 201.
func (m *method) creates() bool {
	return m.verb == http.MethodPost && strings.HasPrefix(string(m.desc.Desc.Name()), "Create")
}

// namesObject tells whether the request names an object that may not be there.
func (m *method) namesObject() bool {
	return len(m.inPath) > 0 || slices.ContainsFunc(m.inBody, func(f *protogen.Field) bool {
		name := string(f.Desc.Name())
		return strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")
	})
}

// actsOnObject tells whether the method changes an object that exists, whose state may forbid it.
func (m *method) actsOnObject() bool { return m.mutates() && len(m.inPath) > 0 && !m.creates() }

func (m *method) sendsMoney() bool { return m.bodyHas("beneficiary_id") && m.bodyHas("amount") }
func (m *method) usesQuote() bool  { return m.bodyHas("quote_id") || m.bodyHas("pricing_quote_id") }

func (m *method) bodyHas(field string) bool {
	return slices.ContainsFunc(m.inBody, func(f *protogen.Field) bool { return string(f.Desc.Name()) == field })
}

// newMethod reads the RPC's options; nil where the RPC has no HTTP binding, as streams have none.
func (b *builder) newMethod(desc *protogen.Method) (*method, error) {
	binding, _ := proto.GetExtension(desc.Desc.Options(), annotations.E_Http).(*annotations.HttpRule)
	if binding == nil {
		return nil, nil
	}
	m := &method{desc: desc, audience: b.audience}
	if ok, err := b.opts.message(desc.Desc.Options(), "rule", &m.rule); err != nil || !ok {
		return nil, errors.Join(err, errors.New("it needs the option rule"))
	}
	if _, err := b.opts.message(desc.Desc.Options(), "example", &m.example); err != nil {
		return nil, err
	}
	if err := m.bind(binding); err != nil {
		return nil, err
	}
	return m, nil
}

// variable is a path parameter, `{id}` or `{id=pattern}`.
var variable = regexp.MustCompile(`\{([a-z0-9_]+)(=[^}]*)?\}`)

// bind sorts the fields of the request into path, query and body.
func (m *method) bind(binding *annotations.HttpRule) error {
	if len(binding.GetAdditionalBindings()) > 0 {
		return errors.New("additional_bindings: give a method one path")
	}
	switch p := binding.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		m.verb, m.path = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		m.verb, m.path = http.MethodPost, p.Post
	case *annotations.HttpRule_Put:
		m.verb, m.path = http.MethodPut, p.Put
	case *annotations.HttpRule_Patch:
		m.verb, m.path = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		m.verb, m.path = http.MethodDelete, p.Delete
	default:
		return fmt.Errorf("unknown HTTP binding %v", binding)
	}
	var names []string
	for _, match := range variable.FindAllStringSubmatch(m.path, -1) {
		names = append(names, match[1])
	}
	m.path = variable.ReplaceAllString(m.path, "{$1}")
	for _, f := range m.desc.Input.Fields {
		switch name := string(f.Desc.Name()); {
		case slices.Contains(names, name):
			m.inPath = append(m.inPath, f)
		case f.Message != nil && f.Message.Desc.FullName() == "google.protobuf.FieldMask" && m.verb == http.MethodPatch:
			// Over REST the names in the body are the mask.
		case binding.GetBody() == "*":
			m.inBody = append(m.inBody, f)
		case binding.GetBody() == name:
			m.bodyField = f
		default:
			m.inQuery = append(m.inQuery, f)
		}
	}
	if len(m.inPath) != len(names) {
		return fmt.Errorf("%s: not every variable of the path is a field of %s", m.path, m.desc.Input.Desc.Name())
	}
	return nil
}

// operation writes the method down.
func (b *builder) operation(m *method, tag string) (*operationEntry, error) {
	summary, details := firstSentence(markdown(m.desc.Comments.Leading))
	op := &operationEntry{
		OperationID: string(m.desc.Desc.Name()),
		Tags:        []string{tag},
		Summary:     plain(summary),
		Description: join("\n\n", details, b.access(m)),
		Scope:       m.rule.Scope,
		Role:        m.rule.Role,
		Security:    []map[string][]string{{b.audience.security: {}}}, // scopes in here are for OAuth: many tools refuse them elsewhere
	}
	sent := map[string]json.RawMessage{}
	if m.example.Request != "" {
		if err := json.Unmarshal([]byte(m.example.Request), &sent); err != nil {
			return nil, fmt.Errorf("example request: %w", err)
		}
	}
	required := b.schemas.required(m.desc.Input)
	for _, f := range m.inPath {
		op.Parameters = append(op.Parameters, b.parameter(f, "path", true, sent))
	}
	for _, f := range m.inQuery {
		op.Parameters = append(op.Parameters, b.parameter(f, "query", slices.Contains(required, string(f.Desc.Name())), sent))
	}
	if m.mutates() {
		op.Parameters = append(op.Parameters, m.idempotencyKey())
	}
	if m.hasBody() {
		body, err := b.body(m, sent)
		if err != nil {
			return nil, err
		}
		op.RequestBody = body
	}
	if err := b.success(m, op); err != nil {
		return nil, err
	}
	return op, b.errorResponses(m, &op.Responses)
}

// access says in words who may call the method, where, and how over gRPC.
func (b *builder) access(m *method) string {
	needs := fmt.Sprintf("Needs the scope `%s`.", m.rule.Scope)
	if b.audience.operators() {
		needs = fmt.Sprintf("Needs the role `%s` or a higher one.", m.rule.Role)
	}
	sandbox := ""
	if m.rule.SandboxOnly {
		sandbox = "Only in the sandbox: in live it answers `sandbox_only`."
	}
	return join(" ", sandbox, needs, fmt.Sprintf("Over gRPC it is `%s/%s`.", m.desc.Parent.Desc.FullName(), m.desc.Desc.Name()))
}

func (b *builder) parameter(f *protogen.Field, in string, required bool, sent map[string]json.RawMessage) *parameter {
	name := string(f.Desc.Name())
	s := b.schemas.field(f, input)
	p := &parameter{Name: name, In: in, Required: required, Description: s.Description, Schema: s, Example: sent[name]}
	s.Description = ""
	return p
}

// idempotencyKey is the header of every method that changes something.
func (m *method) idempotencyKey() *parameter {
	p := &parameter{
		Name: "Idempotency-Key", In: "header", Required: m.rule.IdempotencyKeyRequired,
		Schema: &schema{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(255))},
	}
	if p.Required {
		p.Description = "A text of yours, unique to what you are doing, such as the invoice's number. Required: sending the request again " +
			"with the same key answers with the first result and does nothing twice."
	} else {
		p.Description = "A text of yours, unique to what you are doing. With it the request can be sent again safely: " +
			"the same key answers with the first result and does nothing twice."
	}
	if m.example.IdempotencyKey != "" {
		p.Example, _ = encode(m.example.IdempotencyKey, "")
	}
	return p
}

// body describes the request's body; fields of the path and the query are not part of it.
func (b *builder) body(m *method, sent map[string]json.RawMessage) (*requestBody, error) {
	content := &media{}
	var required bool
	if m.bodyField != nil {
		name := string(m.bodyField.Desc.Name())
		content.Schema = b.schemas.field(m.bodyField, input)
		content.Example = sent[name]
		required = slices.Contains(b.schemas.required(m.desc.Input), name)
	} else {
		var filled object[json.RawMessage]
		for _, name := range memberNames(m.example.Request) {
			if m.bodyHas(name) {
				filled.add(name, sent[name])
			}
		}
		content.Schema, required = b.schemas.request(m)
		if m.example.Request != "" {
			text, err := encode(filled, "")
			if err != nil {
				return nil, err
			}
			content.Example = text
		}
	}
	r := &requestBody{Required: required}
	r.Content.add("application/json", content)
	return r, nil
}

// success describes the answer of a call that succeeds.
func (b *builder) success(m *method, op *operationEntry) error {
	status, text := "200", "The request succeeded."
	if m.creates() {
		status, text = "201", "It was created."
	}
	r := &response{Description: text, Headers: commonHeaders()}
	if m.mutates() {
		r.Headers.add("X-Idempotent-Replayed", headerRef("X-Idempotent-Replayed"))
	}
	if m.desc.Output.Desc.FullName() == "google.api.HttpBody" {
		r.Description = "The file."
		r.Content.add("application/octet-stream", &media{Schema: &schema{Type: "string", Format: "binary"}})
		op.Responses.add(status, r)
		return nil
	}
	content := &media{Schema: b.schemas.message(m.desc.Output, output)}
	if m.example.Response != "" {
		if !json.Valid([]byte(m.example.Response)) {
			return errors.New("example response: it is not JSON")
		}
		content.Example = json.RawMessage(m.example.Response)
	}
	if data := fieldNamed(m.desc.Output, "data"); data != nil {
		if comment := markdown(data.Comments.Leading); comment != "" {
			r.Description = comment
		}
	}
	r.Content.add("application/json", content)
	if m.creates() && fieldNamed(m.desc.Input, "validate_only") != nil {
		tried := *r
		tried.Description = "With `validate_only`: what it would be. Nothing was created."
		op.Responses.add("200", &tried)
	}
	op.Responses.add(status, r)
	return nil
}
