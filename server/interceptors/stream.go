package interceptors

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/rules"
)

const (
	// streamsAtOnce is how many streams a merchant, or an operator's key, may have on one server. Each may hold a file that comes in pieces.
	streamsAtOnce = 10
	// standingEvery is how often a stream's key is looked at again.
	standingEvery = 2 * time.Second
)

// watched serves a stream of answers for as long as the caller's key stands, which is looked at again and again.
func (c *Chain) watched(ctx context.Context, service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	md, _ := metadata.FromIncomingContext(ctx)
	authorization := strings.Join(md.Get("authorization"), ",")
	m := contract.Lookup(info.FullMethod)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	// The handler may stand in Send for as long as the caller does not read, so the key's end does not wait for it: gRPC breaks Send off
	// when this function returns.
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				fault := observe.Panicked(p)
				c.Log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("method", info.FullMethod), slog.String("request_id", call.RequestID(ctx)),
					slog.Any("cause", fault), slog.String("stack", string(debug.Stack())))
				done <- apierr.Internal(fault)
			}
		}()
		done <- handler(service, &checked{stream, call.WithReads(ctx, db.New(c.Runner.Pool))})
	}()
	look := time.NewTicker(standingEvery)
	defer look.Stop()
	for {
		select {
		case err := <-done:
			if stream.Context().Err() != nil {
				return nil // the caller went away, which is how such a stream ends
			}
			return err
		case <-stream.Context().Done():
			return nil
		case <-look.C:
			if err := c.standing(ctx, authorization, m); err != nil {
				end(err)
				return err
			}
		}
	}
}

// standing says whether the caller may still call the method. A database that does not answer says nothing about the key.
func (c *Chain) standing(ctx context.Context, authorization string, m *contract.Method) error {
	caller, err := c.authenticate(ctx, authorization)
	if err == nil {
		return c.Authorize(caller, m)
	}
	if e, ok := errors.AsType[*apierr.Error](err); ok {
		return e
	}
	return nil
}

// checked is a stream whose requests are held to the rules of their .proto file.
type checked struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *checked) Context() context.Context { return s.ctx }

func (s *checked) RecvMsg(v any) error {
	message := v.(proto.Message)
	if err := receiveOne(s.ServerStream, message, contract.MaxMessage); err != nil {
		return err
	}
	fields, err := rules.Check(message)
	if err != nil {
		return err
	}
	if len(fields) > 0 {
		return apierr.Invalid(fields...)
	}
	return nil
}

// streams counts the streams of each owner on this server.
type streams struct {
	mu   sync.Mutex
	open map[string]int
}

func newStreams() *streams { return &streams{open: map[string]int{}} }

func (s *streams) enter(owner string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[owner] >= streamsAtOnce {
		e := apierr.New(antonv1.ErrorCode_rate_limited, "You have %d streams open, which is the most. Close one first.", streamsAtOnce)
		e.RetryAfter = time.Minute
		return nil, e
	}
	s.open[owner]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[owner]--; s.open[owner] == 0 {
			delete(s.open, owner)
		}
	}, nil
}
