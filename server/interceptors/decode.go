package interceptors

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that ours stands before
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// gRPC answers a message that cannot be decoded with an internal error, before an interceptor has seen the call: a stranger would learn
// that the method exists, and a client's fault would look like ours. So the bytes are taken as they are first, by Codec, and decoded on
// the way into the chain, by what Kindly registers; the validate interceptor answers for what was wrong with them.

// Codec is gRPC's own codec for protobuf, which also hands out bytes as they are to those who ask for it.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

type codec struct{ encoding.CodecV2 }

// raw is a message as it came.
type raw struct{ bytes []byte }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*raw); ok {
		r.bytes = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Kindly registers services on a gRPC server that uses Codec.
func Kindly(to grpc.ServiceRegistrar) grpc.ServiceRegistrar { return kindly{to} }

type kindly struct{ to grpc.ServiceRegistrar }

func (k kindly) RegisterService(d *grpc.ServiceDesc, service any) {
	kind := *d
	kind.Methods = nil
	for _, m := range d.Methods {
		kind.Methods = append(kind.Methods, grpc.MethodDesc{MethodName: m.MethodName, Handler: decodeLater(m.Handler)})
	}
	k.to.RegisterService(&kind, service)
}

type undecodedKey struct{}

func decodeLater(handler grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, receive func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		return handler(service, ctx, func(v any) error {
			message, r := v.(proto.Message), &raw{}
			if err := receive(r); err != nil {
				return err
			}
			if len(r.bytes) > maxMessage {
				ctx = context.WithValue(ctx, undecodedKey{}, tooLarge())
				return nil
			}
			if err := proto.Unmarshal(r.bytes, message); err != nil {
				proto.Reset(message)
				ctx = context.WithValue(ctx, undecodedKey{}, err)
			}
			return nil
		}, func(_ context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return chain(ctx, req, info, next) // the context as decoding left it, not as the handler took it before
		})
	}
}

// maxMessage bounds what a gRPC call may send, as the gateway bounds a body. The transport's own limit is gRPC's usual one, 4 MiB:
// beyond it grpc-go refuses by itself, with RESOURCE_EXHAUSTED and without our code, because it does so before any code of ours.
const maxMessage = 1 << 20

func tooLarge() error {
	return apierr.New(antonv1.ErrorCode_payload_too_large, "The message is larger than the %d bytes that this method takes.", maxMessage)
}

// undecoded is what was wrong with the message's bytes; nil when nothing was.
func undecoded(ctx context.Context) error {
	err, _ := ctx.Value(undecodedKey{}).(error)
	return err
}
