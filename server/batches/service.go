// Package batches pays many at once: it reads a file, says everything that is wrong with its rows, and when the merchant confirms it,
// creates a payout for each row by the same core that creates single ones.
//
// It never creates a payout itself, never pays a row twice, and never pays anything of a batch that has a wrong row. The cells of a row
// are stored encrypted, for as long as they are needed and no longer; the file itself is not stored.
package batches

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.v1.BatchesService.
type Service struct {
	Worker *Worker
	// Create calls CreateBatch through the chain, for files that come in pieces.
	Create Create

	reading chan struct{}
}

// readAtOnce bounds how many files are read at the same time; the others wait.
const readAtOnce = 2

// maxOpen is how many batches of a merchant may be on their way.
const maxOpen = 100

// NewService makes the service of a worker.
func NewService(w *Worker) *Service {
	return &Service{Worker: w, reading: make(chan struct{}, readAtOnce)}
}

type readKey struct{}

// Read reads what CreateBatch was sent, before its transaction begins: unpacking a workbook takes time.
func (s *Service) Read(ctx context.Context, req any) (context.Context, error) {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t, err := read(req.(*antonv1.CreateBatchRequest))
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, readKey{}, t), nil
}

// CreateBatch stores the rows that were read, to be checked in the background.
func (s *Service) CreateBatch(ctx context.Context, req *antonv1.CreateBatchRequest) (*antonv1.CreateBatchResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	t := ctx.Value(readKey{}).(*table)
	mark, err := s.fingerprint(req)
	if err != nil {
		return nil, err
	}
	if err := refuseTwin(ctx, tx, merchant, mark); err != nil {
		return nil, err
	}
	row := db.Batch{
		MerchantID: merchant, ID: ids.New(ids.Batch, tx.Now), Status: db.BatchStatusUploaded, Seq: 1, Format: t.format, Separator: t.separator,
		FileName: call.FileName(req.GetFileName()), Description: req.GetDescription(), Fingerprint: mark, TotalRows: int32(len(t.rows)),
		CreatedBy: tx.Actor, CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}
	if err := s.store(ctx, tx, row, t.rows); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	tx.AfterCommit(s.Worker.Wake)
	return &antonv1.CreateBatchResponse{Data: toProto(row)}, nil
}

// fingerprint is what the same file is known by. The hash of a short file could be guessed, so it is keyed.
func (s *Service) fingerprint(req *antonv1.CreateBatchRequest) ([]byte, error) {
	content := req.GetContent()
	if len(content) == 0 {
		var err error
		if content, err = (proto.MarshalOptions{Deterministic: true}).Marshal(&antonv1.CreateBatchRequest{Rows: req.GetRows()}); err != nil {
			return nil, fmt.Errorf("hash the rows: %w", err)
		}
	}
	sum := sha256.Sum256(content)
	return s.Worker.Keys.Fingerprint("batch", string(sum[:]))
}

// refuseTwin answers duplicate_batch with the id of the first. Two requests at once can both pass it: the unique index lets one through,
// and the other is run again and answered here.
func refuseTwin(ctx context.Context, tx *unit.Unit, merchant string, mark []byte) error {
	twin, err := tx.Read().BatchTwin(ctx, merchant, mark)
	if err == nil {
		return apierr.New(antonv1.ErrorCode_duplicate_batch, "The same rows were sent before, as batch %s, which is %s. Cancel it to send them again, if it is not paid.", twin.ID, twin.Status)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look for the same batch: %w", err)
	}
	open, err := tx.Read().BatchesOpen(ctx, merchant)
	if err != nil {
		return fmt.Errorf("count the batches: %w", err)
	}
	if open >= maxOpen {
		return apierr.Conflict("You have %d batches that did not end, which is the most. Confirm or cancel some.", open)
	}
	return nil
}

// store queues the batch, its rows encrypted, and what their reading found wrong.
func (s *Service) store(ctx context.Context, tx *unit.Unit, row db.Batch, rows []row) error {
	eventID := ids.New(ids.Event, tx.Now)
	q := tx.Queue(unit.Rows)
	err := q.BatchInsert(ctx, db.BatchInsertParams{
		MerchantID: row.MerchantID, ID: row.ID, Format: row.Format, Separator: row.Separator, FileName: row.FileName, Description: row.Description,
		Fingerprint: row.Fingerprint, TotalRows: row.TotalRows, CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt, EventID: eventID,
	})
	if err != nil {
		return err
	}
	stored := db.BatchRowsInsertParams{MerchantID: row.MerchantID, BatchID: row.ID}
	noted := db.BatchErrorsInsertParams{MerchantID: row.MerchantID, BatchID: row.ID}
	for _, r := range rows {
		text, err := proto.Marshal(r.cells)
		if err != nil {
			return fmt.Errorf("write row %d: %w", r.number, err)
		}
		sealed, err := s.Worker.Keys.Seal(placeOf(row.MerchantID, row.ID, r.number), text)
		if err != nil {
			return err
		}
		stored.Numbers, stored.Data = append(stored.Numbers, r.number), append(stored.Data, sealed)
		addErrors(&noted, r.number, 0, r.wrong)
	}
	if err := q.BatchRowsInsert(ctx, stored); err != nil {
		return err
	}
	if err := q.BatchErrorsInsert(ctx, noted); err != nil {
		return err
	}
	return tell(ctx, tx, row, eventID, "")
}

// addErrors adds problems of a row, numbered on from those it has.
func addErrors(p *db.BatchErrorsInsertParams, number, had int32, wrong []problem) {
	for i, w := range wrong {
		p.Numbers, p.Ns = append(p.Numbers, number), append(p.Ns, had+int32(i)+1)
		p.Fields, p.Messages = append(p.Fields, w.field), append(p.Messages, apierr.Cut(w.message, 500))
		p.Suggestions = append(p.Suggestions, apierr.Cut(w.suggestion, 500))
	}
}

func placeOf(merchant, batch string, number int32) crypto.Place {
	return crypto.Place{Merchant: merchant, Object: batch + "/" + strconv.Itoa(int(number)), Field: "batch_rows.data"}
}

// ListBatches lists the caller's batches, newest first.
func (s *Service) ListBatches(ctx context.Context, req *antonv1.ListBatchesRequest) (*antonv1.ListBatchesResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BatchList(ctx, db.BatchListParams{
		MerchantID:    merchant,
		Status:        page.Word(req.GetStatus()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	resp := &antonv1.ListBatchesResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(b db.Batch) (time.Time, string) { return b.CreatedAt, b.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, toProto(row))
	}
	return resp, nil
}

// GetBatch shows one of the caller's batches.
func (s *Service) GetBatch(ctx context.Context, req *antonv1.GetBatchRequest) (*antonv1.GetBatchResponse, error) {
	row, err := find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &antonv1.GetBatchResponse{Data: toProto(row)}, nil
}

func find(ctx context.Context, id string) (db.Batch, error) {
	row, err := call.Reads(ctx).BatchGet(ctx, call.Merchant(ctx), id)
	return row, notFound(err, id)
}

func lock(ctx context.Context, tx *unit.Unit, merchant, id string) (db.Batch, error) {
	row, err := tx.Read().BatchGetForUpdate(ctx, merchant, id)
	return row, notFound(err, id)
}

func notFound(err error, id string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return apierr.NotFound("batch", id)
	}
	return fmt.Errorf("read batch: %w", err)
}

// GetBatchSummary shows what one of the caller's batches comes to.
func (s *Service) GetBatchSummary(ctx context.Context, req *antonv1.GetBatchSummaryRequest) (*antonv1.GetBatchSummaryResponse, error) {
	batch, err := find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BatchTotals(ctx, batch.MerchantID, batch.ID)
	if err != nil {
		return nil, fmt.Errorf("add up the batch: %w", err)
	}
	data := &antonv1.BatchSummary{
		BatchId: batch.ID, NewBeneficiaries: batch.NewBeneficiaries, KnownBeneficiaries: batch.KnownBeneficiaries, Covered: true,
	}
	for _, row := range rows {
		total, covered, err := totalToProto(row)
		if err != nil {
			return nil, err
		}
		data.Totals, data.Covered = append(data.Totals, total), data.Covered && covered
	}
	return &antonv1.GetBatchSummaryResponse{Data: data}, nil
}

// ConfirmBatch lets a batch be paid whose rows are all right.
func (s *Service) ConfirmBatch(ctx context.Context, req *antonv1.ConfirmBatchRequest) (*antonv1.ConfirmBatchResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	if row.Status != db.BatchStatusValidated {
		return nil, apierr.Conflict("Batch %s is %s and cannot be confirmed: it must be validated.", row.ID, row.Status)
	}
	if !row.ExpiresAt.After(tx.Now) {
		return nil, apierr.Conflict("Batch %s was to be confirmed by %s. Send it again.", row.ID, row.ExpiresAt.UTC().Format(time.RFC3339))
	}
	row.ConfirmedBy, row.DueAt = &tx.Actor, &tx.Now
	if err := move(ctx, tx, &row, db.BatchStatusConfirmed); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	tx.AfterCommit(s.Worker.Wake)
	return &antonv1.ConfirmBatchResponse{Data: toProto(row)}, nil
}

// CancelBatch ends a batch of which nothing was paid.
func (s *Service) CancelBatch(ctx context.Context, req *antonv1.CancelBatchRequest) (*antonv1.CancelBatchResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	reason := req.GetReason()
	if reason == "" {
		reason = "You cancelled the batch."
	}
	if err := cancel(ctx, tx, &row, reason); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.CancelBatchResponse{Data: toProto(row)}, nil
}

// cancel ends the batch and forgets its cells.
func cancel(ctx context.Context, u *unit.Unit, row *db.Batch, reason string) error {
	row.CancelReason = &reason
	if err := move(ctx, u, row, db.BatchStatusCancelled); err != nil {
		return err
	}
	return u.Queue(unit.Rows).BatchRowsForget(ctx, row.MerchantID, row.ID)
}

// ListBatchErrors lists what is wrong with the rows of one of the caller's batches.
func (s *Service) ListBatchErrors(ctx context.Context, req *antonv1.ListBatchErrorsRequest) (*antonv1.ListBatchErrorsResponse, error) {
	batch, err := find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	p, err := page.Of(batch.MerchantID, req)
	if err != nil {
		return nil, err
	}
	number, n, err := placeIn(p)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BatchErrorList(ctx, db.BatchErrorListParams{
		MerchantID: batch.MerchantID, BatchID: batch.ID, AfterNumber: number, AfterN: n, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list the errors: %w", err)
	}
	resp := &antonv1.ListBatchErrorsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.BatchErrorListRow) (time.Time, string) {
		return batch.CreatedAt, fmt.Sprintf("%d.%d", r.Number, r.N)
	})
	for _, row := range rows {
		resp.Data = append(resp.Data, errorToProto(row))
	}
	return resp, nil
}

// ListBatchResults lists what became of the rows of one of the caller's batches.
func (s *Service) ListBatchResults(ctx context.Context, req *antonv1.ListBatchResultsRequest) (*antonv1.ListBatchResultsResponse, error) {
	batch, err := find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	p, err := page.Of(batch.MerchantID, req)
	if err != nil {
		return nil, err
	}
	number, _, err := placeIn(p)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BatchResultList(ctx, db.BatchResultListParams{
		MerchantID: batch.MerchantID, BatchID: batch.ID, Status: page.Word(req.GetStatus()), AfterNumber: number, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list the results: %w", err)
	}
	resp := &antonv1.ListBatchResultsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.BatchResultListRow) (time.Time, string) {
		return batch.CreatedAt, fmt.Sprintf("%d.0", r.Number)
	})
	for _, row := range rows {
		one, err := resultToProto(row)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, one)
	}
	return resp, nil
}

// placeIn is the row after which a page begins, and the place among what is said of it. The lists of a batch are in the order of its
// rows, so their cursors hold the row's number where those of other lists hold an id.
func placeIn(p page.Page) (number, n int32, err error) {
	if p.ID == "" {
		return 0, 0, nil
	}
	first, second, ok := strings.Cut(p.ID, ".")
	a, wrongA := strconv.ParseInt(first, 10, 32)
	b, wrongB := strconv.ParseInt(second, 10, 32)
	if !ok || wrongA != nil || wrongB != nil {
		return 0, 0, apierr.InvalidField("cursor", "is not a cursor of this list; send the next_cursor of the page before")
	}
	return int32(a), int32(b), nil
}
