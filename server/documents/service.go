// Package documents keeps the files that merchants send us: PDFs and pictures, known by their content, encrypted for the merchant and the
// document, and never changed. A file's name is shown and never used.
package documents

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.v1.DocumentsService. Scanner is the address of a clamd, host:port or unix:/path; without one documents are stored
// as not scanned.
type Service struct {
	Keys    *crypto.Keys
	Log     *slog.Logger
	Scanner string
	// Create calls CreateDocument through the chain, for files that come in pieces.
	Create Create
}

// What a merchant may keep. The database counts too: documents_stay_within_the_quota.
const (
	maxDocuments = 10_000
	maxBytes     = 5 << 30
)

// examined is what Examine found out about the file of a call.
type examined struct {
	contentType string
	scan        db.DocumentScan
}

type examinedKey struct{}

// Examine says what the file is and asks the scanner about it, before the transaction of CreateDocument begins.
func (s *Service) Examine(ctx context.Context, req any) (context.Context, error) {
	content := req.(*antonv1.CreateDocumentRequest).GetContent()
	file := examined{contentType: typeOf(content)}
	if file.contentType == "" {
		return nil, apierr.InvalidField("content", "must be a complete PDF, PNG or JPEG")
	}
	var err error
	if file.scan, err = s.scan(ctx, content); err != nil {
		return nil, err
	}
	return context.WithValue(ctx, examinedKey{}, file), nil
}

// CreateDocument stores a file that was examined.
func (s *Service) CreateDocument(ctx context.Context, req *antonv1.CreateDocumentRequest) (*antonv1.CreateDocumentResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	file := ctx.Value(examinedKey{}).(examined)
	usage, err := tx.Read().DocumentUsageGet(ctx, merchant)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read what the documents take: %w", err)
	}
	if usage.Documents >= maxDocuments || usage.Bytes+int64(len(req.GetContent())) > maxBytes {
		return nil, apierr.Conflict("Your documents take as much as they may: %d documents, %d bytes. Contact support.", usage.Documents, usage.Bytes)
	}
	sum := sha256.Sum256(req.GetContent())
	row := db.Document{
		MerchantID: merchant, ID: ids.New(ids.Document, tx.Now), Category: db.DocumentCategory(req.GetCategory().String()),
		FileName: cleanName(req.GetFileName(), file.contentType), ContentType: file.contentType, Size: int32(len(req.GetContent())), Sha256: sum[:],
		Scan: file.scan, Description: req.GetDescription(), CreatedBy: tx.Actor, CreatedAt: tx.Now,
	}
	if err := s.store(ctx, tx, row, req.GetContent()); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.CreateDocumentResponse{Data: ToProto(row)}, nil
}

func (s *Service) scan(ctx context.Context, content []byte) (db.DocumentScan, error) {
	if s.Scanner == "" {
		return db.DocumentScanNotScanned, nil
	}
	found, err := scan(ctx, s.Scanner, content)
	if err != nil {
		return "", apierr.Unavailable(err)
	}
	if found != "" {
		s.Log.WarnContext(ctx, "malware in an upload", slog.String("found", found), slog.String("request_id", call.RequestID(ctx)))
		return "", apierr.InvalidField("content", "was refused by the malware scanner")
	}
	return db.DocumentScanClean, nil
}

// store queues the document and its file. It and download are all that knows where files lie.
func (s *Service) store(ctx context.Context, tx *unit.Unit, row db.Document, content []byte) error {
	sealed, err := s.Keys.Seal(placeOf(row), content)
	if err != nil {
		return err
	}
	q := tx.Queue(unit.Rows)
	if err := q.DocumentInsert(ctx, db.DocumentInsertParams(row)); err != nil {
		return err
	}
	err = q.DocumentContentInsert(ctx, db.DocumentContentInsertParams{MerchantID: row.MerchantID, DocumentID: row.ID, Content: sealed})
	if err != nil {
		return err
	}
	// The usage last: its row is the merchant's, and every upload wants it.
	return tx.Queue(unit.Work).DocumentUsageAdd(ctx, row.MerchantID, int64(row.Size))
}

func placeOf(row db.Document) crypto.Place {
	return crypto.Place{Merchant: row.MerchantID, Object: row.ID, Field: "document_contents.content"}
}

// ListDocuments lists the caller's documents, newest first.
func (s *Service) ListDocuments(ctx context.Context, req *antonv1.ListDocumentsRequest) (*antonv1.ListDocumentsResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).DocumentList(ctx, db.DocumentListParams{
		MerchantID:    merchant,
		Category:      page.Word(req.GetCategory()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	resp := &antonv1.ListDocumentsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(d db.Document) (time.Time, string) { return d.CreatedAt, d.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, ToProto(row))
	}
	return resp, nil
}

// GetDocument shows one of the caller's documents, without its file.
func (s *Service) GetDocument(ctx context.Context, req *antonv1.GetDocumentRequest) (*antonv1.GetDocumentResponse, error) {
	row, err := find(ctx, call.Reads(ctx), call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	return &antonv1.GetDocumentResponse{Data: ToProto(row)}, nil
}

func find(ctx context.Context, q *db.Queries, merchant, id string) (db.Document, error) {
	row, err := q.DocumentGet(ctx, merchant, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("document", id)
	}
	if err != nil {
		return row, fmt.Errorf("read document: %w", err)
	}
	return row, nil
}

// DownloadDocument gives one of the caller's documents as it came.
func (s *Service) DownloadDocument(ctx context.Context, req *antonv1.DownloadDocumentRequest) (*httpbody.HttpBody, error) {
	row, err := find(ctx, call.Reads(ctx), call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	return download(ctx, s.Keys, row)
}

// Operator is anton.ops.v1.DocumentsService.
type Operator struct {
	Keys *crypto.Keys
}

// DownloadDocument gives any merchant's document as it came.
func (o *Operator) DownloadDocument(ctx context.Context, req *opsv1.DownloadDocumentRequest) (*httpbody.HttpBody, error) {
	row, err := call.Reads(ctx).DocumentFind(ctx, req.GetId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("document", req.GetId())
	}
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return download(ctx, o.Keys, row)
}

// download opens a document's file. Its name goes into a header, where only mime may put it.
func download(ctx context.Context, keys *crypto.Keys, row db.Document) (*httpbody.HttpBody, error) {
	sealed, err := call.Reads(ctx).DocumentContentGet(ctx, row.MerchantID, row.ID)
	if err != nil {
		return nil, fmt.Errorf("read the file of %s: %w", row.ID, err)
	}
	content, err := keys.Open(placeOf(row), sealed)
	if err != nil {
		return nil, err
	}
	call.ReadAbout(ctx, row.ID)
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": row.FileName})
	_ = grpc.SetHeader(ctx, metadata.Pairs("content-disposition", disposition)) // fails only where there is no answer to add it to
	return &httpbody.HttpBody{ContentType: row.ContentType, Data: content}, nil
}
