// Package interceptors is the chain that every call passes, over REST as over gRPC, in one order. What a handler may rely on is put
// here and nowhere else: an id, a caller with the right to call, a request within its bounds, one transaction.
package interceptors

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/unit"
)

// Config is what the chain works with. Environment is "test" or "live".
type Config struct {
	Runner      *unit.Runner
	Keys        *crypto.Keys
	Log         *slog.Logger
	Environment string
}

// A Chain is the interceptors with what they remember between calls.
type Chain struct {
	Config

	// Uses remembers when keys were used. Whoever runs the chain runs it too.
	Uses *KeyUses

	callers *callers
	limits  *limits
	claims  *claims
	streams *streams
}

// New makes a chain.
func New(c Config) *Chain {
	return &Chain{Config: c, Uses: newKeyUses(c), callers: newCallers(), limits: newLimits(), claims: newClaims(), streams: newStreams()}
}

// Unary is the whole chain for calls of one request and one answer. The order is the contract's: a caller without credentials learns
// nothing of the rest, and nothing is stored before everything was checked.
func (c *Chain) Unary() grpc.UnaryServerInterceptor {
	links := []grpc.UnaryServerInterceptor{
		c.requestID,
		c.log,
		c.errors,
		c.recover,
		c.auth, // and the rate limit: see Admit
		c.validate,
		c.transaction,
	}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if !strings.HasPrefix(info.FullMethod, "/anton.") {
			return handler(ctx, req) // gRPC's own health service, which is nobody's data
		}
		next := handler
		for _, link := range slices.Backward(links) {
			link, inner := link, next
			next = func(ctx context.Context, req any) (any, error) { return link(ctx, req, info, inner) }
		}
		return next(ctx, req)
	}
}

func (c *Chain) now() time.Time { return c.Runner.Now() }
