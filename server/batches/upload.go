package batches

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// A Create is CreateBatch as its clients call it.
type Create func(context.Context, *antonv1.CreateBatchRequest, ...grpc.CallOption) (*antonv1.CreateBatchResponse, error)

// UploadBatch collects a file that comes in pieces and stores it by a call of CreateBatch, which passes the whole chain.
func (s *Service) UploadBatch(stream grpc.ClientStreamingServer[antonv1.UploadBatchRequest, antonv1.UploadBatchResponse]) error {
	req := &antonv1.CreateBatchRequest{}
	for first := true; ; first = false {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return apierr.Unavailable(err) // the client went away, and hears nothing
		}
		if first {
			req.FileName, req.Description = piece.GetFileName(), piece.GetDescription()
		} else if piece.GetFileName() != "" || piece.GetDescription() != "" {
			return apierr.InvalidField("content", "comes alone after the first message")
		}
		if len(req.GetContent())+len(piece.GetContent()) > maxFile {
			return apierr.New(antonv1.ErrorCode_payload_too_large, "A batch has 32 MiB at most.")
		}
		req.Content = append(req.Content, piece.GetContent()...)
	}
	ctx := stream.Context()
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = call.WithIdempotencyKeys(ctx, md.Get("idempotency-key"))
	}
	var header metadata.MD
	resp, err := s.Create(ctx, req, grpc.Header(&header))
	if err != nil {
		return err
	}
	if err := stream.SetHeader(header); err != nil {
		return apierr.Unavailable(err)
	}
	return stream.SendAndClose(&antonv1.UploadBatchResponse{Data: resp.GetData()})
}

// cleanName is a file's name without its directories and without what could mislead whoever reads it. It is never a path of ours.
func cleanName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name))
}
