package merchants

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
)

// OperatorKeys is anton.ops.v1.OperatorKeysService.
type OperatorKeys struct{}

// CreateOperatorKey makes a key. Its text is in this answer and nowhere else.
func (*OperatorKeys) CreateOperatorKey(ctx context.Context, req *opsv1.CreateOperatorKeyRequest) (*opsv1.CreateOperatorKeyResponse, error) {
	tx := call.Tx(ctx)
	row, key, err := IssueOperatorKey(ctx, tx, req.GetName(), db.OperatorRole(req.GetRole().String()))
	if err != nil {
		return nil, err
	}
	tx.About("", row.ID)
	return &opsv1.CreateOperatorKeyResponse{Data: &opsv1.IssuedOperatorKey{
		Id: row.ID, Name: row.Name, Role: req.GetRole(), Last4: row.Last4, Key: key.Text, CreatedAt: timestamppb.New(row.CreatedAt),
	}}, nil
}

// ListOperatorKeys lists the operators' keys, newest first, without their texts.
func (*OperatorKeys) ListOperatorKeys(ctx context.Context, req *opsv1.ListOperatorKeysRequest) (*opsv1.ListOperatorKeysResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).OperatorKeyList(ctx, db.OperatorKeyListParams{
		Role:          page.Word(req.GetRole()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list operators' keys: %w", err)
	}
	resp := &opsv1.ListOperatorKeysResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(k db.OperatorKey) (time.Time, string) { return k.CreatedAt, k.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, operatorKeyToProto(row))
	}
	return resp, nil
}

// RevokeOperatorKey ends a key, the caller's own included, unless it is the last admin's.
func (*OperatorKeys) RevokeOperatorKey(ctx context.Context, req *opsv1.RevokeOperatorKeyRequest) (*opsv1.RevokeOperatorKeyResponse, error) {
	tx := call.Tx(ctx)
	row, err := RevokeOperatorKey(ctx, tx, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About("", row.ID)
	return &opsv1.RevokeOperatorKeyResponse{Data: operatorKeyToProto(row)}, nil
}

func operatorKeyToProto(row db.OperatorKey) *opsv1.OperatorKey {
	return &opsv1.OperatorKey{
		Id: row.ID, Name: row.Name, Role: antonv1.OperatorRole_Value(antonv1.OperatorRole_Value_value[string(row.Role)]), Last4: row.Last4,
		CreatedAt: timestamppb.New(row.CreatedAt), LastUsedAt: moment(row.LastUsedAt), RevokedAt: moment(row.RevokedAt),
	}
}
