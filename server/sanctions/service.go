package sanctions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
)

// Service is anton.ops.v1.ScreeningService.
type Service struct{ Watcher *Watcher }

// GetSanctionsStatus says what this server screens with, and what the last refreshes brought.
func (s *Service) GetSanctionsStatus(ctx context.Context, _ *opsv1.GetSanctionsStatusRequest) (*opsv1.GetSanctionsStatusResponse, error) {
	last, err := call.Reads(ctx).SanctionsLastRefreshes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the last refreshes: %w", err)
	}
	set, now := s.Watcher.Set(), s.Watcher.Clock()
	states := map[string]string{}
	for _, p := range set.Problems(now) {
		states[string(p.Authority)] = p.State
	}
	status := &opsv1.SanctionsStatus{Screens: len(states) == 0 && len(set.required) > 0}
	for _, authority := range set.required {
		row := &opsv1.SanctionsListStatus{Authority: string(authority), Freshness: Current}
		if state := states[string(authority)]; state != "" {
			row.Freshness = state
		}
		if held, ok := set.Of(authority); ok {
			row.Version, row.Entries = &held.Version, int32(len(held.List.Entries)) //nolint:gosec // bounded by the reader
			if !held.RefreshedAt.IsZero() {
				row.RefreshedAt = timestamppb.New(held.RefreshedAt)
			}
		}
		for _, attempt := range last {
			if attempt.Authority == string(authority) {
				row.LastOutcome, row.LastDetail, row.LastAttemptAt = attempt.Outcome, attempt.Detail, timestamppb.New(attempt.At)
			}
		}
		status.Lists = append(status.Lists, row)
	}
	return &opsv1.GetSanctionsStatusResponse{Data: status}, nil
}

// ListSanctionsLists lists the versions, newest first.
func (*Service) ListSanctionsLists(ctx context.Context, req *opsv1.ListSanctionsListsRequest) (*opsv1.ListSanctionsListsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	if err := checkAuthority(req.GetAuthority()); err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).SanctionsListPage(ctx, db.SanctionsListPageParams{
		Authority:     page.Text(req.GetAuthority()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list sanctions lists: %w", err)
	}
	resp := &opsv1.ListSanctionsListsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.SanctionsListPageRow) (time.Time, string) { return r.LoadedAt, r.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, listToProto(db.SanctionsListGetRow(row)))
	}
	return resp, nil
}

// GetSanctionsList reads one version.
func (*Service) GetSanctionsList(ctx context.Context, req *opsv1.GetSanctionsListRequest) (*opsv1.GetSanctionsListResponse, error) {
	row, err := call.Reads(ctx).SanctionsListGet(ctx, req.GetId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("sanctions list", req.GetId())
	}
	if err != nil {
		return nil, fmt.Errorf("read a sanctions list: %w", err)
	}
	return &opsv1.GetSanctionsListResponse{Data: listToProto(row)}, nil
}

func listToProto(row db.SanctionsListGetRow) *opsv1.SanctionsList {
	published := ""
	if row.PublishedSaid {
		published = row.PublishedOn.Format(time.DateOnly)
	}
	return &opsv1.SanctionsList{
		Id: row.ID, Authority: row.Authority, PublishedOn: published,
		FileHash: row.FileHash, Parser: row.Parser, Entries: row.Entries, Names: row.Names, Source: row.Source,
		LoadedAt: timestamppb.New(row.LoadedAt), LoadedBy: row.LoadedBy, ActivatedAt: timestamppb.New(row.ActivatedAt),
		ActivatedBy: row.ActivatedBy, Reason: row.Reason, ShrinkAcceptedBy: row.ShrinkAcceptedBy, InForce: row.InForce,
	}
}
