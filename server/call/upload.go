package call

import (
	"context"
	"strings"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/antonpayments/anton/server/apierr"
)

// A Method is a unary method as its clients call it.
type Method[Req, Resp any] func(context.Context, *Req, ...grpc.CallOption) (*Resp, error)

// Through answers a stream that collected a request by a call of the unary method, which passes the whole chain: with the stream's
// idempotency keys, and with the call's header as the stream's.
func Through[Req, Resp any](stream grpc.ServerStream, method Method[Req, Resp], req *Req) (*Resp, error) {
	ctx := stream.Context()
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = WithIdempotencyKeys(ctx, md.Get("idempotency-key"))
	}
	var header metadata.MD
	resp, err := method(ctx, req, grpc.Header(&header))
	if err != nil {
		return nil, err
	}
	if err := stream.SetHeader(header); err != nil {
		return nil, apierr.Unavailable(err)
	}
	return resp, nil
}

// MaxFileName is the most characters of a file's name.
const MaxFileName = 200

// FileName is a file's name without what can mislead whoever reads it or saves under it: no directories, no control or direction
// characters, no leading dots. It may be empty then, and never becomes part of a path of ours.
func FileName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"<>:|?*`, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	name = strings.TrimLeftFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
	if runes := []rune(name); len(runes) > MaxFileName {
		name = string(runes[:MaxFileName])
	}
	return strings.TrimSpace(name)
}
