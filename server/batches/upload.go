package batches

import (
	"errors"
	"io"

	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// A Create is CreateBatch as its clients call it.
type Create = call.Method[antonv1.CreateBatchRequest, antonv1.CreateBatchResponse]

// UploadBatch collects a file that comes in pieces and stores it by a call of CreateBatch, which passes the whole chain.
func (s *Service) UploadBatch(stream grpc.ClientStreamingServer[antonv1.UploadBatchRequest, antonv1.UploadBatchResponse]) error {
	req := &antonv1.CreateBatchRequest{}
	for first := true; ; first = false {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
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
	resp, err := call.Through(stream, s.Create, req)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&antonv1.UploadBatchResponse{Data: resp.GetData()})
}
