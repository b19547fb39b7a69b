package documents

import (
	"errors"
	"io"

	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// maxFile is the most bytes that a document has.
const maxFile = 10 << 20

// UploadDocument collects a file that comes in pieces and stores it by a call of CreateDocument, which passes the whole chain.
func (s *Service) UploadDocument(stream grpc.ClientStreamingServer[antonv1.UploadDocumentRequest, antonv1.UploadDocumentResponse]) error {
	req := &antonv1.CreateDocumentRequest{}
	for first := true; ; first = false {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first {
			req.Category, req.FileName, req.Description = piece.GetCategory(), piece.GetFileName(), piece.GetDescription()
		} else if piece.GetCategory() != 0 || piece.GetFileName() != "" || piece.GetDescription() != "" {
			return apierr.InvalidField("content", "comes alone after the first message")
		}
		if len(req.GetContent())+len(piece.GetContent()) > maxFile {
			return apierr.New(antonv1.ErrorCode_payload_too_large, "A document has 10 MiB at most.")
		}
		req.Content = append(req.Content, piece.GetContent()...)
	}
	resp, err := call.Through(stream, s.Create, req)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&antonv1.UploadDocumentResponse{Data: resp.GetData()})
}

// A Create is CreateDocument as its clients call it.
type Create = call.Method[antonv1.CreateDocumentRequest, antonv1.CreateDocumentResponse]
