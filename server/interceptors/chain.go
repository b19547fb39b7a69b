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
	"google.golang.org/protobuf/proto"

	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/unit"
)

// Config is what the chain works with. Environment is "test" or "live".
type Config struct {
	Runner      *unit.Runner
	Keys        *crypto.Keys
	Log         *slog.Logger
	Environment string
	// Prepare is what methods do before their transaction begins, by their full name.
	Prepare map[string]Prepare
}

// A Prepare does what a call needs of the network, which must never hold a transaction open, once the request is known to be within its
// bounds. What it finds out travels in the context.
type Prepare func(ctx context.Context, req any) (context.Context, error)

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
		c.trace,
		c.log, // and the metrics of the call
		c.errors,
		c.recover,
		c.auth, // and the rate limit: see Admit
		c.receive,
		c.validate,
		c.prepare,
		c.transaction,
	}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return through(links, info, handler)(ctx, req)
	}
}

// Stream is the chain for calls over gRPC that stream: who calls and whether they may is known before anything is read. What a stream changes,
// it changes by calls of its own, which pass the whole chain.
func (c *Chain) Stream() grpc.StreamServerInterceptor {
	links := []grpc.UnaryServerInterceptor{c.requestID, c.log, c.errors, c.recover, c.auth}
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if !strings.HasPrefix(info.FullMethod, "/anton.") {
			return handler(service, stream) // gRPC's own health and reflection services, which are nobody's data
		}
		if !info.IsClientStream && !info.IsServerStream {
			return handler(service, stream) // one request and one answer: Unread has put Unary around it
		}
		last := func(ctx context.Context, _ any) (any, error) {
			leave, err := c.streams.enter(call.CallerOf(ctx).Owner())
			if err != nil {
				return nil, err
			}
			defer leave()
			if info.IsServerStream {
				return nil, c.watched(ctx, service, stream, info, handler)
			}
			return nil, handler(service, admitted{stream, ctx, contract.Lookup(info.FullMethod).MaxMessage})
		}
		_, err := through(links, &grpc.UnaryServerInfo{Server: service, FullMethod: info.FullMethod}, last)(stream.Context(), nil)
		return err
	}
}

// admitted is a stream whose context says who calls, and whose messages have their bound.
type admitted struct {
	grpc.ServerStream
	ctx   context.Context
	bound int
}

func (a admitted) Context() context.Context { return a.ctx }

func (a admitted) RecvMsg(v any) error {
	return receive(a.ServerStream, v.(proto.Message), a.bound)
}

// through is the handler behind the links, the first of them outermost.
func through(links []grpc.UnaryServerInterceptor, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) grpc.UnaryHandler {
	next := handler
	for _, link := range slices.Backward(links) {
		link, inner := link, next
		next = func(ctx context.Context, req any) (any, error) { return link(ctx, req, info, inner) }
	}
	return next
}

func (c *Chain) prepare(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if prepare := c.Prepare[info.FullMethod]; prepare != nil {
		var err error
		if ctx, err = prepare(ctx, req); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

func (c *Chain) now() time.Time { return c.Runner.Now() }
