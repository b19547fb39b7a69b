package contract_test

import (
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// Travels is the pair of statuses that a code is sent with.
type travels struct {
	http int
	grpc codes.Code
}

// statuses are the codes that partners program against, with their statuses. It is written here a second time on purpose: a code
// must not change how it travels by an edit in one place.
var statuses = map[string]travels{
	"invalid_json":            {http.StatusBadRequest, codes.InvalidArgument},
	"missing_idempotency_key": {http.StatusBadRequest, codes.InvalidArgument},
	"insufficient_balance":    {http.StatusBadRequest, codes.FailedPrecondition},

	"unauthenticated":   {http.StatusUnauthorized, codes.Unauthenticated},
	"wrong_environment": {http.StatusUnauthorized, codes.Unauthenticated},

	"insufficient_scope":     {http.StatusForbidden, codes.PermissionDenied},
	"engine_access_required": {http.StatusForbidden, codes.PermissionDenied},
	"sandbox_only":           {http.StatusForbidden, codes.PermissionDenied},
	"merchant_suspended":     {http.StatusForbidden, codes.PermissionDenied},

	"not_found":          {http.StatusNotFound, codes.NotFound},
	"method_not_allowed": {http.StatusMethodNotAllowed, codes.Unimplemented},

	"idempotency_conflict":    {http.StatusConflict, codes.AlreadyExists},
	"idempotency_in_progress": {http.StatusConflict, codes.Aborted},
	"state_conflict":          {http.StatusConflict, codes.FailedPrecondition},
	"open_rfi":                {http.StatusConflict, codes.FailedPrecondition},

	"payload_too_large": {http.StatusRequestEntityTooLarge, codes.ResourceExhausted},

	"validation_error":       {http.StatusUnprocessableEntity, codes.InvalidArgument},
	"beneficiary_not_active": {http.StatusUnprocessableEntity, codes.FailedPrecondition},
	"instrument_not_active":  {http.StatusUnprocessableEntity, codes.FailedPrecondition},
	"duplicate_beneficiary":  {http.StatusUnprocessableEntity, codes.AlreadyExists},
	"corridor_not_enabled":   {http.StatusUnprocessableEntity, codes.FailedPrecondition},
	"amount_out_of_range":    {http.StatusUnprocessableEntity, codes.OutOfRange},
	"quote_expired":          {http.StatusUnprocessableEntity, codes.FailedPrecondition},
	"quote_already_used":     {http.StatusUnprocessableEntity, codes.FailedPrecondition},
	"quote_mismatch":         {http.StatusUnprocessableEntity, codes.FailedPrecondition},
	"duplicate_batch":        {http.StatusUnprocessableEntity, codes.AlreadyExists},

	"screening_not_clear":   {http.StatusConflict, codes.FailedPrecondition},
	"velocity_not_reserved": {http.StatusConflict, codes.FailedPrecondition},

	"rate_limited": {http.StatusTooManyRequests, codes.ResourceExhausted},
	"internal":     {http.StatusInternalServerError, codes.Internal},
	"unavailable":  {http.StatusServiceUnavailable, codes.Unavailable},
}

func TestEveryErrorCodeTravelsAsTheContractSays(t *testing.T) {
	t.Parallel()
	values := antonv1.ErrorCode_Value(0).Descriptor().Values()
	if got := values.Len() - 1; got != len(statuses) { // without the zero value
		t.Errorf("errors.proto has %d codes, the table has %d", got, len(statuses))
	}
	for i := range values.Len() {
		value := values.Get(i)
		name := string(value.Name())
		want, known := statuses[name]
		if value.Number() == 0 {
			if proto.HasExtension(value.Options(), antonv1.E_Status) {
				t.Error("the zero value is never sent and must have no status")
			}
			continue
		}
		if !known {
			t.Errorf("%s is not in the table: partners rely on it, so write down how it travels", name)
			continue
		}
		status, _ := proto.GetExtension(value.Options(), antonv1.E_Status).(*antonv1.ErrorStatus)
		if int(status.GetHttp()) != want.http || codes.Code(status.GetGrpc()) != want.grpc {
			t.Errorf("%s travels as %d and %s, want %d and %s", name, status.GetHttp(), status.GetGrpc(), want.http, want.grpc)
		}
		// What the option says is what the server sends.
		e := apierr.New(antonv1.ErrorCode_Value(value.Number()), "text")
		if e.HTTPStatus() != want.http || e.GRPCStatus().Code() != want.grpc {
			t.Errorf("%s is sent as %d and %s, want %d and %s", name, e.HTTPStatus(), e.GRPCStatus().Code(), want.http, want.grpc)
		}
	}
}

// Whatever a client does on an HTTP status it does on the gRPC status too: retry, sign in again, give up.
func TestTheStatusesOfACodeMeanTheSame(t *testing.T) {
	t.Parallel()
	kin := map[int][]codes.Code{
		http.StatusBadRequest:            {codes.InvalidArgument, codes.FailedPrecondition},
		http.StatusUnauthorized:          {codes.Unauthenticated},
		http.StatusForbidden:             {codes.PermissionDenied},
		http.StatusNotFound:              {codes.NotFound},
		http.StatusMethodNotAllowed:      {codes.Unimplemented},
		http.StatusConflict:              {codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition},
		http.StatusRequestEntityTooLarge: {codes.ResourceExhausted},
		http.StatusUnprocessableEntity:   {codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.OutOfRange},
		http.StatusTooManyRequests:       {codes.ResourceExhausted},
		http.StatusInternalServerError:   {codes.Internal},
		http.StatusServiceUnavailable:    {codes.Unavailable},
	}
	for code, s := range statuses {
		found := false
		for _, one := range kin[s.http] {
			found = found || one == s.grpc
		}
		if !found {
			t.Errorf("%s: %d and %s do not mean the same", code, s.http, s.grpc)
		}
	}
}
