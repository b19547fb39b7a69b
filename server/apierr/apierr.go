// Package apierr holds the only errors that a customer reads. Each carries a code of the contract (errors.proto), a sentence for
// people and the fields it is about. Every other error is a fault of ours and reaches the customer as `internal`, without its text.
//
// An error means that nothing happened: whoever returns one leaves nothing behind.
package apierr

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// Domain is the `domain` of every google.rpc.ErrorInfo we send: with it a reason is unique in the world.
const Domain = "antonpayments.com"

// A Code is an error code of the contract.
type Code = antonv1.ErrorCode_Value

// A Field is one refused field: its dotted path and what is wrong with it.
type Field struct {
	Path    string
	Message string
}

// An Error is an answer to a customer. RetryAfter is set where waiting helps. Cause is logged and never shown. RequestID is filled in
// by the interceptor that sees every error last.
type Error struct {
	Code       Code
	Message    string
	Fields     []Field
	RetryAfter time.Duration
	Cause      error
	RequestID  string
}

// New makes an error of the code; the message is formatted as by fmt.Sprintf and is read by customers.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// The bounds of what an error says, as errors.proto promises them. Paths hold names that strangers chose.
const (
	maxFields       = 100
	maxFieldPath    = 256
	maxFieldMessage = 500
)

// Invalid makes a validation_error about the fields; there must be at least one. It names a hundred and shortens what is long.
func Invalid(fields ...Field) *Error {
	all := len(fields)
	fields = slices.Clone(fields[:min(all, maxFields)])
	for i, f := range fields {
		fields[i] = Field{Path: Cut(f.Path, maxFieldPath), Message: Cut(f.Message, maxFieldMessage)}
	}
	message := fmt.Sprintf("%s %s", fields[0].Path, fields[0].Message)
	if more := all - 1; more == 1 {
		message += ", and 1 more field is wrong"
	} else if more > 1 {
		message += fmt.Sprintf(", and %d more fields are wrong", more)
	}
	return &Error{Code: antonv1.ErrorCode_validation_error, Message: message, Fields: fields}
}

// Cut shortens text to a number of characters.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// InvalidField makes a validation_error about one field.
func InvalidField(path, format string, args ...any) *Error {
	return Invalid(Field{Path: path, Message: fmt.Sprintf(format, args...)})
}

// NotFound says that the caller has no such object. It says the same of another merchant's object, so that ids cannot be probed.
func NotFound(what, id string) *Error {
	return New(antonv1.ErrorCode_not_found, "There is no %s %q.", what, id)
}

// Conflict says that the object's state does not allow what was asked.
func Conflict(format string, args ...any) *Error {
	return New(antonv1.ErrorCode_state_conflict, format, args...)
}

// Internal wraps a fault of ours. The customer reads nothing of the cause.
func Internal(cause error) *Error {
	return &Error{
		Code:    antonv1.ErrorCode_internal,
		Message: "Something went wrong on our side. The request may be sent again with the same Idempotency-Key.",
		Cause:   cause,
	}
}

// Unavailable wraps a fault that passes: the customer is asked to send the same request again.
func Unavailable(cause error) *Error {
	return &Error{
		Code:       antonv1.ErrorCode_unavailable,
		Message:    "We cannot answer at this moment. Send the same request with the same Idempotency-Key again.",
		RetryAfter: time.Second,
		Cause:      cause,
	}
}

// From returns the customer's error in err's chain; any other error becomes Internal.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Internal(err)
}

// Error is the text for our own logs; customers read Message.
func (e *Error) Error() string {
	text := e.Code.String() + ": " + e.Message
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus is the status that the contract gives the code.
func (e *Error) HTTPStatus() int { return int(statusOf(e.Code).GetHttp()) }

// RetryAfterSeconds is RetryAfter as the header has it: whole seconds, at least one.
func (e *Error) RetryAfterSeconds() string {
	return strconv.Itoa(max(1, int((e.RetryAfter+time.Second-1)/time.Second)))
}

// GRPCStatus makes the error a google.rpc.Status: ErrorInfo with the code as reason, BadRequest with the fields, RequestInfo,
// RetryInfo.
func (e *Error) GRPCStatus() *status.Status {
	st := status.New(codes.Code(statusOf(e.Code).GetGrpc()), e.Message)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: e.Code.String(), Domain: Domain}}
	if len(e.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, f := range e.Fields {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: f.Path, Description: f.Message})
		}
		details = append(details, bad)
	}
	if e.RequestID != "" {
		details = append(details, &errdetails.RequestInfo{RequestId: e.RequestID})
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	// WithDetails fails only for an OK status or a message that cannot be marshalled; neither can be here.
	if with, err := st.WithDetails(details...); err == nil {
		return with
	}
	return st
}

// statuses is read from the contract's own options, so that there is no second table to keep.
var statuses = func() map[Code]*antonv1.ErrorStatus {
	all := map[Code]*antonv1.ErrorStatus{}
	values := Code(0).Descriptor().Values()
	for i := range values.Len() {
		if s, ok := proto.GetExtension(values.Get(i).Options(), antonv1.E_Status).(*antonv1.ErrorStatus); ok && s != nil {
			all[Code(values.Get(i).Number())] = s
		}
	}
	return all
}()

func statusOf(code Code) *antonv1.ErrorStatus {
	if s := statuses[code]; s != nil {
		return s
	}
	return statuses[antonv1.ErrorCode_internal]
}
