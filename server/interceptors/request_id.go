package interceptors

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
)

// NewRequestID makes the id that a request carries through logs, errors and audit rows. It is always ours: one that a client chose
// could be another request's.
func (c *Chain) NewRequestID() string { return ids.New(ids.Request, c.now()) }

// requestID gives a call its id, unless the REST gateway gave it one already.
func (c *Chain) requestID(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if call.RequestID(ctx) == "" {
		id := c.NewRequestID()
		ctx = call.WithRequestID(ctx, id)
		setHeader(ctx, "x-request-id", id)
	}
	return next(ctx, req)
}

// setHeader adds a header to the answer. It fails only where there is no answer to add it to.
func setHeader(ctx context.Context, key, value string) {
	_ = grpc.SetHeader(ctx, metadata.Pairs(key, value))
}
