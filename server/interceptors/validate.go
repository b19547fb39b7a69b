package interceptors

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rules"
)

// validate holds the request to the rules that its .proto file gives it, and answers with every field that breaks one.
func (c *Chain) validate(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	fields, err := rules.Check(req.(proto.Message))
	if err != nil {
		return nil, err
	}
	if len(fields) > 0 {
		return nil, apierr.Invalid(fields...)
	}
	return next(ctx, req)
}
