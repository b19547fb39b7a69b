package sanctions

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/screening/lists"
)

// ListRescreens lists the re-screenings, newest first.
func (*Service) ListRescreens(ctx context.Context, req *opsv1.ListRescreensRequest) (*opsv1.ListRescreensResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	if err := checkAuthority(req.GetAuthority()); err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).RescreenList(ctx, db.RescreenListParams{
		Authority: page.Text(req.GetAuthority()), Status: page.Word(req.GetStatus()),
		CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list re-screenings: %w", err)
	}
	resp := &opsv1.ListRescreensResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.RescreenListRow) (time.Time, string) {
		return r.ScreeningRescreen.CreatedAt, r.ScreeningRescreen.ID
	})
	for _, row := range rows {
		resp.Data = append(resp.Data, rescreenToProto(db.RescreenGetRow(row)))
	}
	return resp, nil
}

// GetRescreen shows one re-screening.
func (*Service) GetRescreen(ctx context.Context, req *opsv1.GetRescreenRequest) (*opsv1.GetRescreenResponse, error) {
	row, err := call.Reads(ctx).RescreenGet(ctx, req.GetId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("re-screening", req.GetId())
	}
	if err != nil {
		return nil, fmt.Errorf("read a re-screening: %w", err)
	}
	return &opsv1.GetRescreenResponse{Data: rescreenToProto(row)}, nil
}

// checkAuthority refuses a word that is no authority's; empty is any.
func checkAuthority(word string) error {
	if word == "" || slices.Contains(lists.Authorities, lists.Authority(word)) {
		return nil
	}
	return apierr.InvalidField("authority", "must be ofac, ofac-nonsdn, eu, uk or un")
}

func rescreenToProto(row db.RescreenGetRow) *opsv1.Rescreen {
	run := row.ScreeningRescreen
	p := &opsv1.Rescreen{
		Id: run.ID, Authority: run.Authority, ListVersion: run.ListID, PreviousListVersion: run.PreviousListID, Status: opsv1.RescreenStatus_pending,
		Examined: count(row.Seen), Possible: count(row.Possible), Certain: count(row.Certain), Failed: count(row.Failed), Alerts: count(row.Alerts),
		CreatedAt: timestamppb.New(run.CreatedAt),
	}
	if run.StartedAt != nil {
		p.Status, p.StartedAt = opsv1.RescreenStatus_running, timestamppb.New(*run.StartedAt)
		p.EntriesAdded, p.EntriesChanged, p.EntriesRemoved = *run.EntriesAdded, *run.EntriesChanged, *run.EntriesRemoved
	}
	if run.FinishedAt != nil {
		p.Status, p.FinishedAt = opsv1.RescreenStatus_completed, timestamppb.New(*run.FinishedAt)
	}
	return p
}

// count is a number of rows as the contract shows it: two thousand million and more look alike.
func count(n int64) int32 { return int32(min(n, math.MaxInt32)) } //nolint:gosec // bounded
