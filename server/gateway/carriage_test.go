package gateway

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// FuzzCarriage: an error comes out of the generated handlers as it went in, and no text without our mark is taken for one.
func FuzzCarriage(f *testing.F) {
	f.Add("bank_account.iban", "must be an IBAN", "read body: EOF")
	f.Add("\x00anton refused this: ", "{", "\xff")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, path, message, cause string) {
		if e, ok := carried(status.Error(codes.InvalidArgument, path+message)); ok && (len(path+message) < len(mark) || (path + message)[:len(mark)] != mark) {
			t.Fatalf("%q is taken for %v", path+message, e)
		}
		in := apierr.InvalidField(path, "%s", message)
		in.RetryAfter = time.Second
		if cause != "" {
			in.Cause = errors.New(cause)
		}
		out, ok := carried(status.Errorf(codes.InvalidArgument, "%v", carry(in)))
		if !ok || out.Code != antonv1.ErrorCode_validation_error || out.RetryAfter != time.Second || len(out.Fields) != 1 || (out.Cause == nil) != (cause == "") {
			t.Fatalf("%v came out as %v, %v", in, out, ok)
		}
	})
}
