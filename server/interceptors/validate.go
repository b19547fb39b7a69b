package interceptors

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rules"
)

// validate holds the request to the rules that its .proto file gives it, and answers with every field that breaks one.
func (c *Chain) validate(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := undecoded(ctx); err != nil {
		if e, ok := errors.AsType[*apierr.Error](err); ok {
			return nil, e
		}
		e := apierr.New(antonv1.ErrorCode_validation_error, "The message is not valid protobuf of this method's request: every string must be UTF-8, every length right.")
		e.Cause = err
		return nil, e
	}
	fields, err := rules.Check(req.(proto.Message))
	if err != nil {
		return nil, err
	}
	if len(fields) > 0 {
		return nil, apierr.Invalid(fields...)
	}
	return next(ctx, req)
}
