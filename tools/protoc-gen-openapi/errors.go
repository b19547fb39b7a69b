package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
)

// An errorCode is a value of anton.v1.ErrorCode.
type errorCode struct {
	Name string
	HTTP int
	GRPC string
	Text string // when it happens and what to do, from the comment
}

// A cause says which methods can answer a code. A method that can answer only codes with common set shares its error responses with
// the others.
type cause struct {
	common bool
	when   func(*method) bool
}

// causes has every code of errors.proto. A code that is missing here stops the generation, so that a new one cannot be forgotten.
var causes = map[string]cause{
	"validation_error":        {true, (*method).hasInput},
	"invalid_json":            {true, (*method).hasBody},
	"missing_idempotency_key": {false, func(m *method) bool { return m.rule.IdempotencyKeyRequired }},
	"idempotency_conflict":    {true, (*method).mutates},
	"idempotency_in_progress": {true, (*method).mutates},
	"unauthenticated":         {true, always},
	"wrong_environment":       {true, (*method).ofMerchants},
	"insufficient_scope":      {true, always},
	"engine_access_required":  {false, func(m *method) bool { return strings.HasPrefix(m.rule.Scope, "engine:") }},
	"sandbox_only":            {false, func(m *method) bool { return m.rule.SandboxOnly }},
	"merchant_suspended":      {false, func(m *method) bool { return m.ofMerchants() && m.mutates() }},
	"not_found":               {true, (*method).namesObject},
	"state_conflict": {false, func(m *method) bool {
		return m.actsOnObject() || named("CreateInstrument", "CreateVelocityRule", "CreateBatch")(m)
	}},
	"insufficient_balance": {false, named("CreatePayout")},
	"beneficiary_not_active": {false, func(m *method) bool {
		return m.mutates() && m.bodyHas("beneficiary_id") || named("CreateInstrument")(m)
	}},
	"instrument_not_active": {false, func(m *method) bool { return m.mutates() && m.bodyHas("instrument_id") }},
	"duplicate_beneficiary": {false, named("CreateBeneficiary", "UpdateBeneficiary", "RestoreBeneficiary", "CreateInstrument", "UpdateInstrument")},
	"corridor_not_enabled":  {false, (*method).sendsMoney},
	"amount_out_of_range":   {false, (*method).sendsMoney},
	"quote_expired":         {false, (*method).usesQuote},
	"quote_already_used":    {false, (*method).usesQuote},
	"quote_mismatch":        {false, (*method).usesQuote},
	"duplicate_batch":       {false, named("CreateBatch", "UploadBatch")},
	"open_rfi":              {false, named("AdvancePayout", "ApproveReview")},
	"screening_not_clear":   {false, named("AdvancePayout", "ApproveReview")},
	"velocity_not_reserved": {false, named("AdvancePayout", "ApproveReview")},
	"rate_limited":          {true, always},
	"payload_too_large":     {true, (*method).hasBody},
	"internal":              {true, always},
	"unavailable":           {true, always},
	"method_not_allowed":    {false, func(*method) bool { return false }}, // of a path, never of a method it has
}

func always(*method) bool { return true }

func named(names ...string) func(*method) bool {
	return func(m *method) bool { return slices.Contains(names, string(m.desc.Desc.Name())) }
}

// statusTitles begin the descriptions of error responses.
var statusTitles = map[int]string{
	http.StatusBadRequest:            "The request cannot be carried out.",
	http.StatusUnauthorized:          "The caller is not known.",
	http.StatusForbidden:             "The caller may not do this.",
	http.StatusNotFound:              "There is no such object.",
	http.StatusConflict:              "The request conflicts with what is there already.",
	http.StatusRequestEntityTooLarge: "The request is too large.",
	http.StatusUnprocessableEntity:   "The request is well-formed, and something in it is refused.",
	http.StatusTooManyRequests:       "Too many requests.",
	http.StatusInternalServerError:   "The fault is ours.",
	http.StatusServiceUnavailable:    "We cannot answer at this moment.",
}

// messages are what the server says, where it says more than the first sentence of the code's comment.
var messages = map[string]string{
	"insufficient_balance": "Insufficient balance: available USD 5000.00, required USD 10000.00",
	"validation_error":     "currency must be an ISO 4217 code in capitals, such as USD",
}

// newErrorCatalogue reads anton.v1.ErrorCode.
func newErrorCatalogue(gen *protogen.Plugin, opts *options) ([]*errorCode, error) {
	enum := findEnum(gen, "anton.v1.ErrorCode.Value")
	if enum == nil {
		return nil, errors.New("there is no enum anton.v1.ErrorCode.Value")
	}
	var codes []*errorCode
	var problems []error
	for _, v := range enum.Values {
		if v.Desc.Number() == 0 {
			continue
		}
		var st errorStatus
		name := string(v.Desc.Name())
		ok, err := opts.message(v.Desc.Options(), "status", &st)
		if err == nil && !ok {
			err = errors.New("has no status")
		}
		if _, known := causes[name]; err == nil && !known {
			err = errors.New("is not in the generator's table of causes: say there which methods answer it")
		}
		if _, known := statusTitles[st.HTTP]; err == nil && !known && st.HTTP != http.StatusMethodNotAllowed {
			err = fmt.Errorf("has the HTTP status %d, for which the generator has no title", st.HTTP)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			continue
		}
		codes = append(codes, &errorCode{Name: name, HTTP: st.HTTP, GRPC: st.GRPC, Text: markdown(v.Comments.Leading)})
	}
	return codes, errors.Join(problems...)
}

// errorResponses adds a response for every status that the method can answer, in ascending order.
func (b *builder) errorResponses(m *method, responses *object[*response]) error {
	byStatus := map[int][]*errorCode{}
	for _, c := range b.codes {
		if causes[c.Name].when(m) {
			byStatus[c.HTTP] = append(byStatus[c.HTTP], c)
		}
	}
	for _, status := range sortedKeys(byStatus) {
		codes := byStatus[status]
		r, err := b.errorResponse(status, codes)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(codes, func(c *errorCode) bool { return !causes[c.Name].common }) {
			name := "Error" + strconv.Itoa(status)
			b.doc.Components.Responses[name] = r
			r = &response{Ref: "#/components/responses/" + name}
		}
		responses.add(strconv.Itoa(status), r)
	}
	return nil
}

// errorResponse describes one status that comes with one of the codes.
func (b *builder) errorResponse(status int, codes []*errorCode) (*response, error) {
	body := &media{Schema: b.schemas.message(b.errorMessage, output)}
	var text strings.Builder
	text.WriteString(statusTitles[status] + "\n")
	retry := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	for _, c := range codes {
		text.WriteString(fmt.Sprintf("\n- `%s`: %s", c.Name, c.Text))
		retry = retry || c.Name == "idempotency_in_progress"
		ex, summary, err := exampleOf(c)
		if err != nil {
			return nil, err
		}
		body.Examples.add(c.Name, &namedExample{Summary: summary, Value: ex})
	}
	r := &response{Description: text.String(), Headers: commonHeaders()}
	if retry {
		r.Headers.add("Retry-After", headerRef("Retry-After"))
	}
	if status == http.StatusUnauthorized {
		r.Headers.add("WWW-Authenticate", headerRef("WWW-Authenticate"))
	}
	r.Content.add("application/json", body)
	return r, nil
}

// exampleOf gives a body that carries the code, and the sentence that stands for it in a list of examples.
func exampleOf(c *errorCode) (body json.RawMessage, summary string, err error) {
	type fieldError struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	}
	type failure struct {
		Message   string       `json:"message"`
		Code      string       `json:"code"`
		RequestID string       `json:"request_id"`
		Details   []fieldError `json:"details"`
	}
	first, _ := firstSentence(c.Text)
	e := failure{Message: strings.ReplaceAll(first, "`", ""), Code: c.Name, RequestID: "req_cng3q8s6ek9kc5qg1h7g", Details: []fieldError{}}
	if said, ok := messages[c.Name]; ok {
		e.Message = said
	}
	if c.Name == "validation_error" {
		field, message, _ := strings.Cut(e.Message, " ")
		e.Details = append(e.Details, fieldError{Field: field, Message: message})
	}
	body, err = encode(map[string]failure{"error": e}, "")
	return body, plain(first), err
}
