package merchants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// APIKeys is anton.v1.ApiKeysService.
type APIKeys struct {
	// Environment is "test" or "live": the kind of key that is made.
	Environment string
}

// CreateApiKey makes a key that may do no more than the caller's. Its text is in this answer and nowhere else.
func (s *APIKeys) CreateApiKey(ctx context.Context, req *antonv1.CreateApiKeyRequest) (*antonv1.CreateApiKeyResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	if err := checkScopes(req.GetScopes()); err != nil {
		return nil, err
	}
	if err := mayGrant(call.CallerOf(ctx), req.GetScopes()); err != nil {
		return nil, err
	}
	row, key, err := IssueKey(ctx, tx, s.Environment, merchant, req.GetName(), req.GetScopes())
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.CreateApiKeyResponse{Data: issued(row, key)}, nil
}

// ListApiKeys lists the caller's keys, newest first, without their texts.
func (*APIKeys) ListApiKeys(ctx context.Context, req *antonv1.ListApiKeysRequest) (*antonv1.ListApiKeysResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).ApiKeyList(ctx, db.ApiKeyListParams{
		MerchantID:    merchant,
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	resp := &antonv1.ListApiKeysResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(k db.ApiKey) (time.Time, string) { return k.CreatedAt, k.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, keyToProto(row))
	}
	return resp, nil
}

// RevokeApiKey ends a key of the caller's merchant, the caller's own included. A key that is revoked already stays as it is.
func (*APIKeys) RevokeApiKey(ctx context.Context, req *antonv1.RevokeApiKeyRequest) (*antonv1.RevokeApiKeyResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lockKey(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	if row.RevokedAt == nil {
		row.RevokedAt = &tx.Now
		err = tx.Queue(unit.Rows).ApiKeyRevoke(ctx, db.ApiKeyRevokeParams{RevokedAt: row.RevokedAt, MerchantID: merchant, ID: row.ID})
	}
	return &antonv1.RevokeApiKeyResponse{Data: keyToProto(row)}, err
}

// usualOverlap is how long a replaced key goes on working when the caller does not say.
const usualOverlap = 24 * time.Hour

// RotateApiKey makes a key with the name and scopes of another, which goes on working until the overlap ends. Asking again, because the
// answer was lost, makes one more and never lets the old key live longer.
func (s *APIKeys) RotateApiKey(ctx context.Context, req *antonv1.RotateApiKeyRequest) (*antonv1.RotateApiKeyResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	old, err := lockKey(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	switch {
	case old.RevokedAt != nil:
		return nil, apierr.Conflict("The key %q is revoked; make a new one instead.", old.ID)
	case old.ExpiresAt != nil && !tx.Now.Before(*old.ExpiresAt):
		return nil, apierr.Conflict("The key %q has expired; make a new one instead.", old.ID)
	}
	if err := mayGrant(call.CallerOf(ctx), old.Scopes); err != nil {
		return nil, err
	}
	until := tx.Now.Add(usualOverlap)
	if req.OverlapSeconds != nil {
		until = tx.Now.Add(time.Duration(req.GetOverlapSeconds()) * time.Second)
	}
	if old.ExpiresAt != nil && old.ExpiresAt.Before(until) {
		until = *old.ExpiresAt
	}
	row, key, err := IssueKey(ctx, tx, s.Environment, merchant, old.Name, old.Scopes)
	if err != nil {
		return nil, err
	}
	err = tx.Queue(unit.Rows).ApiKeyExpire(ctx, db.ApiKeyExpireParams{ExpiresAt: until, MerchantID: merchant, ID: old.ID})
	if err != nil {
		return nil, err
	}
	tx.About(merchant, old.ID)
	err = audit.Record(ctx, tx, audit.Row{
		Merchant: merchant, Action: "api_key.create", Object: row.ID, Detail: map[string]string{"replaces": old.ID},
	})
	data := issued(row, key)
	data.Replaces = &antonv1.ReplacedApiKey{Id: old.ID, WorksUntil: timestamppb.New(until)}
	return &antonv1.RotateApiKeyResponse{Data: data}, err
}

func lockKey(ctx context.Context, tx *unit.Unit, merchant, id string) (db.ApiKey, error) {
	row, err := tx.Read().ApiKeyGetForUpdate(ctx, merchant, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("API key", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the key: %w", err)
	}
	return row, nil
}

func issued(row db.ApiKeyInsertParams, key Key) *antonv1.IssuedApiKey {
	return &antonv1.IssuedApiKey{
		Id: row.ID, Name: row.Name, Scopes: row.Scopes, Last4: row.Last4, Key: key.Text, CreatedAt: timestamppb.New(row.CreatedAt),
	}
}

func keyToProto(row db.ApiKey) *antonv1.ApiKey {
	return &antonv1.ApiKey{
		Id: row.ID, Name: row.Name, Scopes: row.Scopes, Last4: row.Last4, CreatedAt: timestamppb.New(row.CreatedAt),
		LastUsedAt: moment(row.LastUsedAt), ExpiresAt: moment(row.ExpiresAt), RevokedAt: moment(row.RevokedAt),
	}
}

func moment(at *time.Time) *timestamppb.Timestamp {
	if at == nil {
		return nil
	}
	return timestamppb.New(*at)
}
