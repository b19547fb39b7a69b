package audit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
)

// Service is anton.ops.v1.AuditService.
type Service struct{}

// ListAuditEntries lists audit rows of all merchants and of the platform, newest first.
func (*Service) ListAuditEntries(ctx context.Context, req *opsv1.ListAuditEntriesRequest) (*opsv1.ListAuditEntriesResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).AuditList(ctx, db.AuditListParams{
		MerchantID:    page.Text(req.GetMerchantId()),
		ObjectID:      page.Text(req.GetObjectId()),
		Actor:         page.Text(req.GetActor()),
		Action:        page.Text(req.GetAction()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list audit rows: %w", err)
	}
	resp := &opsv1.ListAuditEntriesResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.AuditLog) (time.Time, string) { return r.At, r.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, &opsv1.AuditEntry{
			Id:         row.ID,
			MerchantId: row.MerchantID,
			At:         timestamppb.New(row.At),
			Actor:      row.Actor,
			Action:     row.Action,
			ObjectId:   row.ObjectID,
			RequestId:  row.RequestID,
			Detail:     row.Detail,
		})
	}
	return resp, nil
}

// callWithin is how long a call may verify. REST gives up after a minute, and people before that.
const callWithin = 20 * time.Second

// VerifyAudit recomputes the seals and names the first problem.
func (*Service) VerifyAudit(ctx context.Context, req *opsv1.VerifyAuditRequest) (*opsv1.VerifyAuditResponse, error) {
	check := Check{Queries: call.Reads(ctx), Merchant: page.Text(req.GetMerchantId()), Until: time.Now().Add(callWithin)}
	chains, err := check.Verify(ctx)
	if err != nil && !errors.Is(err, ErrTime) {
		return nil, fmt.Errorf("verify the audit log: %w", err)
	}
	if len(chains) == 0 && check.Merchant != nil {
		return nil, apierr.InvalidField("merchant_id", "has no audit rows; send the id of a merchant, or nothing for all")
	}
	data := &opsv1.AuditVerification{Intact: true, Complete: err == nil}
	for _, chain := range chains {
		data.Rows += int32(chain.Rows)
		data.Seals += int32(chain.Seals)
		data.UnsealedRows += int32(min(chain.Waiting, math.MaxInt32-int64(data.GetUnsealedRows())))
		if chain.Problem != nil && data.GetProblem() == nil {
			data.Intact = false
			data.Problem = &opsv1.AuditProblem{MerchantId: chain.Problem.Merchant, AuditId: chain.Problem.Row, Message: chain.Problem.String()}
		}
	}
	return &opsv1.VerifyAuditResponse{Data: data}, nil
}
