package files

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.ops.v1.RailsService.
type Service struct {
	Rails []*Rail
	Clock func() time.Time
}

// named finds a rail that this server runs.
func (s *Service) named(name string) (*Rail, error) {
	for _, r := range s.Rails {
		if r.Name() == name {
			return r, nil
		}
	}
	return nil, apierr.NotFound("rail that works by files", name)
}

// CreateRailFile stores a bank's file. What its entries mean is decided afterwards.
func (s *Service) CreateRailFile(ctx context.Context, req *opsv1.CreateRailFileRequest) (*opsv1.CreateRailFileResponse, error) {
	r, err := s.named(req.GetRail())
	if err != nil {
		return nil, err
	}
	tx := call.Tx(ctx)
	row, err := r.Take(ctx, tx, req.GetFileName(), req.GetContent())
	if err != nil {
		return nil, err
	}
	tx.About("", row.ID)
	data, err := toFile(row)
	if err != nil {
		return nil, err
	}
	count(data, map[string]int32{"": row.Entries})
	return &opsv1.CreateRailFileResponse{Data: data}, nil
}

// ListRailFiles lists files of all rails, newest first.
func (s *Service) ListRailFiles(ctx context.Context, req *opsv1.ListRailFilesRequest) (*opsv1.ListRailFilesResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).RailFileList(ctx, db.RailFileListParams{
		Rail: page.Text(req.GetRail()), Direction: page.Word(req.GetDirection()),
		CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list the rails' files: %w", err)
	}
	resp := &opsv1.ListRailFilesResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(f db.RailFile) (time.Time, string) { return f.CreatedAt, f.ID })
	for _, row := range rows {
		data, err := toFile(row)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// GetRailFile shows one file, and how the entries of one that came in were decided.
func (s *Service) GetRailFile(ctx context.Context, req *opsv1.GetRailFileRequest) (*opsv1.GetRailFileResponse, error) {
	q := call.Reads(ctx)
	row, err := findFile(ctx, q, req.GetId())
	if err != nil {
		return nil, err
	}
	data, err := toFile(row)
	if err != nil {
		return nil, err
	}
	if row.Direction == "in" {
		outcomes, err := Outcomes(ctx, q, row)
		if err != nil {
			return nil, err
		}
		count(data, outcomes)
	}
	return &opsv1.GetRailFileResponse{Data: data}, nil
}

// Outcomes counts how the entries of a bank's file were decided; those that wait, under "".
func Outcomes(ctx context.Context, q *db.Queries, file db.RailFile) (map[string]int32, error) {
	rows, err := q.RailFileOutcomes(ctx, file.Rail, file.ID)
	if err != nil {
		return nil, fmt.Errorf("count the entries of %s: %w", file.ID, err)
	}
	all := map[string]int32{}
	for _, row := range rows {
		all[row.Outcome] = int32(row.Entries)
	}
	return all, nil
}

func findFile(ctx context.Context, q *db.Queries, id string) (db.RailFile, error) {
	row, err := q.RailFileGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("rail file", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the file: %w", err)
	}
	return row, nil
}

// DownloadRailFile gives a file's bytes.
func (s *Service) DownloadRailFile(ctx context.Context, req *opsv1.DownloadRailFileRequest) (*httpbody.HttpBody, error) {
	q := call.Reads(ctx)
	row, err := findFile(ctx, q, req.GetId())
	if err != nil {
		return nil, err
	}
	r, err := s.named(row.Rail)
	if err != nil {
		return nil, err
	}
	content, err := r.Content(ctx, q, row.ID)
	if err != nil {
		return nil, err
	}
	call.ReadAbout(ctx, row.ID)
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": row.Name})
	_ = grpc.SetHeader(ctx, metadata.Pairs("content-disposition", disposition)) // fails only where there is no answer to add it to
	return &httpbody.HttpBody{ContentType: "application/octet-stream", Data: content}, nil
}

// ListRailCases lists cases, newest first.
func (s *Service) ListRailCases(ctx context.Context, req *opsv1.ListRailCasesRequest) (*opsv1.ListRailCasesResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).RailCaseList(ctx, db.RailCaseListParams{
		Rail: page.Text(req.GetRail()), MerchantID: page.Text(req.GetMerchantId()), PayoutID: page.Text(req.GetPayoutId()), Open: req.Open,
		CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list the cases: %w", err)
	}
	resp := &opsv1.ListRailCasesResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(c db.RailCaseListRow) (time.Time, string) { return c.RailCase.OpenedAt, c.RailCase.ID })
	for _, row := range rows {
		data, err := s.toCase(row.RailCase, row.RailEntry, row.FileName)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// GetRailCase shows one case.
func (s *Service) GetRailCase(ctx context.Context, req *opsv1.GetRailCaseRequest) (*opsv1.GetRailCaseResponse, error) {
	row, err := findCase(ctx, call.Reads(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	data, err := s.toCase(row.RailCase, row.RailEntry, row.FileName)
	if err != nil {
		return nil, err
	}
	return &opsv1.GetRailCaseResponse{Data: data}, nil
}

func findCase(ctx context.Context, q *db.Queries, id string) (db.RailCaseGetRow, error) {
	row, err := q.RailCaseGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("rail case", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the case: %w", err)
	}
	return row, nil
}

// ResolveRailCase ends a case and empties the suspense that it held.
func (s *Service) ResolveRailCase(ctx context.Context, req *opsv1.ResolveRailCaseRequest) (*opsv1.ResolveRailCaseResponse, error) {
	tx := call.Tx(ctx)
	row, err := findCase(ctx, tx.Read(), req.GetId())
	if err != nil {
		return nil, err
	}
	c, err := tx.Read().RailCaseLock(ctx, row.RailCase.ID)
	if err != nil {
		return nil, fmt.Errorf("lock the case: %w", err)
	}
	resolution := req.GetResolution().String()
	switch {
	case c.Resolution != nil && *c.Resolution != resolution:
		return nil, apierr.Conflict("Case %s was resolved as %s.", c.ID, *c.Resolution)
	case c.Resolution == nil && c.SuspenseID == nil && req.GetResolution() == opsv1.RailCaseResolution_unallocated:
		return nil, apierr.InvalidField("resolution", "must be dismissed: no money of the case waits in suspense")
	case c.Resolution == nil:
		c.Resolution, c.Note, c.ResolvedBy, c.ResolvedAt = &resolution, &req.Note, &tx.Actor, &tx.Now
		if err := resolve(ctx, tx, c); err != nil {
			return nil, err
		}
	}
	tx.About("", c.ID)
	data, err := s.toCase(c, row.RailEntry, row.FileName)
	if err != nil {
		return nil, err
	}
	return &opsv1.ResolveRailCaseResponse{Data: data}, nil
}

func resolve(ctx context.Context, tx *unit.Unit, c db.RailCase) error {
	err := tx.Queue(unit.Rows).RailCaseResolve(ctx, db.RailCaseResolveParams{
		Rail: c.Rail, ID: c.ID, Resolution: c.Resolution, Note: c.Note, ResolvedBy: c.ResolvedBy, ResolvedAt: c.ResolvedAt,
	})
	if err != nil || c.SuspenseID == nil {
		return err
	}
	held, err := money.Of(*c.Currency, *c.Amount)
	if err != nil {
		return err
	}
	to := db.LedgerAccountRailClearing
	if *c.Resolution == opsv1.RailCaseResolution_unallocated.String() {
		to = db.LedgerAccountUnallocatedDeposits
	}
	return ledger.Post(ctx, tx, *c.MerchantID, ledger.Unsuspend(*c.PayoutID, held, to))
}
