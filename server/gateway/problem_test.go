package gateway

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	payout := (&antonv1.CreatePayoutRequest{}).ProtoReflect().Descriptor().Fields()
	account := (&antonv1.BankAccount{}).ProtoReflect().Descriptor().Fields()
	all := func(protoreflect.FieldDescriptor) bool { return true }
	for _, c := range []struct {
		known      protoreflect.FieldDescriptors
		name, want string
	}{
		{payout, "beneficiaryId", "beneficiary_id"},
		{payout, "BENEFICIARY-ID", "beneficiary_id"},
		{payout, "beneficiary", "beneficiary_id"},
		{payout, "benificiary_id", "beneficiary_id"},
		{payout, "onBehalfOf", "on_behalf_of"},
		{payout, "ammount", "amount"},
		{payout, "amuont", "amount"},
		{payout, "curency", "currency"},
		{payout, "refrence", "reference"},
		{payout, "value", ""},
		{payout, "a", ""},
		{payout, "", ""},
		{payout, "_", ""},
		{payout, strings.Repeat("amount", 20), ""},
		{account, "routing", "routing_number"},
		{account, "account", "account_number"},
		{account, "IBAN", "iban"},
		{account, "ibann", "iban"},
		{account, "swift", ""},
		{account, "bba", ""},
	} {
		want := ""
		if c.want != "" {
			want = `; did you mean "` + c.want + `"?`
		}
		if got := didYouMean(c.name, c.known, all); got != want {
			t.Errorf("%q: %q, want %q", c.name, got, want)
		}
	}
}

func TestErrorsPassThroughGeneratedHandlers(t *testing.T) {
	t.Parallel()
	sent := &apierr.Error{
		Code:       antonv1.ErrorCode_validation_error,
		Message:    "amount must be \"x\" <&> \u2028 é",
		Fields:     []apierr.Field{{Path: "amount", Message: "must be \"x\""}, {Path: "a[1].b", Message: "is an unknown field"}},
		RetryAfter: 3 * time.Second,
		Cause:      io.ErrUnexpectedEOF,
	}
	// As protoc-gen-grpc-gateway writes it.
	got, ok := carried(status.Errorf(codes.InvalidArgument, "%v", carry(sent)))
	if !ok || got.Code != sent.Code || got.Message != sent.Message || got.RetryAfter != sent.RetryAfter ||
		len(got.Fields) != 2 || got.Fields[1] != sent.Fields[1] || got.Cause.Error() != sent.Cause.Error() {
		t.Errorf("got %+v", got)
	}
	if got, ok := carried(carry(sent)); !ok || got != sent {
		t.Errorf("without a handler in between: %v", got)
	}
	for _, other := range []error{
		nil,
		errors.New("disk full"),
		status.Error(codes.InvalidArgument, "type mismatch, parameter: id"),
		status.Error(codes.InvalidArgument, mark+"not JSON"),
		apierr.NotFound("payout", "pay_1"),
	} {
		if e, ok := carried(other); ok {
			t.Errorf("%v became %v", other, e)
		}
	}
}

func TestProblemsStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	var p problems
	for range maxDepth {
		p.enter(strings.Repeat("é", 200))
		p.enterItem(1_000_000)
	}
	for range 150 {
		p.note("must be %s", strings.Repeat("ü", 1000))
	}
	checkBounds(t, apierr.Invalid(p.refused...))
	if len(p.refused) != maxProblems {
		t.Errorf("%d problems", len(p.refused))
	}
}
