package interceptors

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // registers the one compression that clients may use
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/contract"
)

// gRPC's server reads a message before an interceptor has seen the call: strangers could fill the memory, and what is too large or cannot
// be decoded is answered without our code, without a request id and without a line in the log. So methods of one request are registered
// as streams of one message, which is the same on the wire, and the chain reads the message itself once it knows who calls (docs/decisions,
// 39).

// Unread registers services whose messages the chain's receive link reads.
func (c *Chain) Unread(to grpc.ServiceRegistrar) grpc.ServiceRegistrar { return unread{to, c.Unary()} }

type unread struct {
	to    grpc.ServiceRegistrar
	chain grpc.UnaryServerInterceptor
}

func (u unread) RegisterService(d *grpc.ServiceDesc, service any) {
	kind := *d
	kind.Methods = nil
	for _, m := range d.Methods {
		kind.Streams = append(kind.Streams, grpc.StreamDesc{StreamName: m.MethodName, Handler: u.asStream(m.Handler)})
	}
	u.to.RegisterService(&kind, service)
}

type unreadKey struct{}

func (u unread) asStream(handler grpc.MethodHandler) grpc.StreamHandler {
	return func(service any, stream grpc.ServerStream) error {
		ctx := context.WithValue(stream.Context(), unreadKey{}, stream)
		reply, err := handler(service, ctx, func(any) error { return nil }, u.chain)
		if err != nil {
			return err
		}
		return stream.SendMsg(reply)
	}
}

// receive reads the request of a call over gRPC. Over REST the gateway has read it.
func (c *Chain) receive(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if stream, ok := ctx.Value(unreadKey{}).(grpc.ServerStream); ok {
		ctx = context.WithValue(ctx, unreadKey{}, nil) // calls that the handler makes have their requests
		if err := receiveOne(stream, req.(proto.Message), contract.Lookup(info.FullMethod).MaxMessage); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

// receiveOne reads the message that the stream must have.
func receiveOne(stream grpc.ServerStream, message proto.Message, limit int) error {
	err := receive(stream, message, limit)
	if errors.Is(err, io.EOF) {
		return broken(err)
	}
	return err
}

// A wire is what gRPC's own RecvMsg reads from. That answers a message above the server's one limit by itself, so we read here, where
// the length is known before any of the message is held. (grpc-go has these methods on a type that is not exported; the tests of
// server/contract fail when they are gone.)
type wire interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
}

// receive reads the stream's next message, of limit bytes at most; io.EOF says that there is none. It is not told apart whether a call
// was broken off or is no gRPC: its client hears nothing more.
func receive(stream grpc.ServerStream, message proto.Message, limit int) error {
	in := grpc.ServerTransportStreamFromContext(stream.Context()).(wire)
	var header [5]byte // whether it is compressed, and its length: gRPC over HTTP/2, "Length-Prefixed-Message"
	if err := in.ReadMessageHeader(header[:]); errors.Is(err, io.EOF) {
		return io.EOF
	} else if err != nil {
		return broken(err)
	}
	length := binary.BigEndian.Uint32(header[1:])
	if int64(length) > int64(limit) {
		return tooLarge(limit)
	}
	data, err := in.Read(int(length))
	if err != nil {
		return broken(err)
	}
	defer data.Free()
	text := data.Materialize()
	if header[0] != 0 {
		if text, err = decompress(in.RecvCompress(), text, limit); err != nil {
			return err
		}
	}
	if err := proto.Unmarshal(text, message); err != nil {
		return refused("The message is not valid protobuf of this method's request: every string must be UTF-8, every length right.", err)
	}
	return nil
}

func decompress(name string, text []byte, limit int) ([]byte, error) {
	const says = "The message is not compressed as its grpc-encoding says."
	method := encoding.GetCompressor(name)
	if method == nil { // a name that nobody knows was refused by gRPC; none was sent
		return nil, refused(says, fmt.Errorf("no compression %q", name))
	}
	r, err := method.Decompress(bytes.NewReader(text))
	if err != nil {
		return nil, refused(says, err)
	}
	text, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, refused(says, err)
	}
	if len(text) > limit {
		return nil, tooLarge(limit)
	}
	return text, nil
}

func tooLarge(limit int) error {
	return apierr.New(antonv1.ErrorCode_payload_too_large, "The message is larger than the %d bytes that this method takes.", limit)
}

func broken(cause error) error {
	return refused("The call ended before its message was there.", cause)
}

func refused(says string, cause error) error {
	e := apierr.New(antonv1.ErrorCode_validation_error, "%s", says)
	e.Cause = cause
	return e
}
