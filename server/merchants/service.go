// Package merchants is who does business here and with which keys: the operators' side of merchants (creating them, suspending them,
// booking what they pay in), the keys of merchants and of operators, and what a merchant may know of itself. Every balance it fills, it
// fills through the ledger, and of a key it stores no more than its hash.
package merchants

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
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.ops.v1.MerchantsService.
type Service struct {
	// Environment is "test" or "live". In test every new merchant is given funds to play with.
	Environment string
}

// CreateMerchant creates a merchant, with sandbox funds in test.
func (s *Service) CreateMerchant(ctx context.Context, req *opsv1.CreateMerchantRequest) (*opsv1.CreateMerchantResponse, error) {
	tx := call.Tx(ctx)
	if !bankdetails.KnownCountry(req.GetCountry()) {
		return nil, apierr.InvalidField("country", "is not an ISO 3166-1 country")
	}
	row := db.Merchant{
		ID:                  ids.New(ids.Merchant, tx.Now),
		Name:                req.GetName(),
		Country:             req.GetCountry(),
		Status:              db.MerchantStatusActive,
		RateLimitMultiplier: max(1, req.GetRateLimitMultiplier()),
		Tier:                db.MerchantTierStandard,
		CreatedAt:           tx.Now,
	}
	if err := s.Insert(ctx, tx, row); err != nil {
		return nil, err
	}
	tx.About(row.ID, row.ID)
	return &opsv1.CreateMerchantResponse{Data: toProto(row)}, nil
}

// Insert queues the merchant, with sandbox funds in test. The first start of a sandbox calls it too.
func (s *Service) Insert(ctx context.Context, tx *unit.Unit, row db.Merchant) error {
	err := tx.Queue(unit.Rows).MerchantInsert(ctx, db.MerchantInsertParams{
		ID: row.ID, Name: row.Name, Country: row.Country, RateLimitMultiplier: row.RateLimitMultiplier, CreatedAt: row.CreatedAt,
	})
	if err != nil || s.Environment != "test" {
		return err
	}
	var deposits []ledger.Transaction
	for _, amount := range sandboxFunds {
		deposits = append(deposits, ledger.Deposit(amount, "Sandbox funds"))
	}
	return ledger.Post(ctx, tx, row.ID, deposits...)
}

// GetMerchant shows one merchant.
func (s *Service) GetMerchant(ctx context.Context, req *opsv1.GetMerchantRequest) (*opsv1.GetMerchantResponse, error) {
	row, err := find(ctx, call.Reads(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	data := toProto(row)
	return &opsv1.GetMerchantResponse{Data: data}, addEntitlements(ctx, call.Reads(ctx), data)
}

// ListMerchants lists all merchants, newest first.
func (s *Service) ListMerchants(ctx context.Context, req *opsv1.ListMerchantsRequest) (*opsv1.ListMerchantsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).MerchantList(ctx, db.MerchantListParams{BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch()})
	if err != nil {
		return nil, fmt.Errorf("list merchants: %w", err)
	}
	resp := &opsv1.ListMerchantsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(m db.Merchant) (time.Time, string) { return m.CreatedAt, m.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, toProto(row))
	}
	return resp, addEntitlements(ctx, call.Reads(ctx), resp.GetData()...)
}

// CreateApiKey issues a key. Its text is in this answer and nowhere else.
func (s *Service) CreateApiKey(ctx context.Context, req *opsv1.CreateApiKeyRequest) (*opsv1.CreateApiKeyResponse, error) {
	tx := call.Tx(ctx)
	if err := checkScopes(req.GetScopes()); err != nil {
		return nil, err
	}
	if _, err := find(ctx, tx.Read(), req.GetMerchantId()); err != nil {
		return nil, err
	}
	row, key, err := IssueKey(ctx, tx, s.Environment, req.GetMerchantId(), req.GetName(), req.GetScopes())
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	return &opsv1.CreateApiKeyResponse{Data: &opsv1.ApiKey{
		Id: row.ID, MerchantId: row.MerchantID, Name: row.Name, Scopes: row.Scopes, Last4: row.Last4, Key: key.Text,
		CreatedAt: timestamppb.New(row.CreatedAt),
	}}, nil
}

// CreateDeposit records money that a merchant paid in: it is booked at once in test, and waits for another operator in live.
func (s *Service) CreateDeposit(ctx context.Context, req *opsv1.CreateDepositRequest) (*opsv1.CreateDepositResponse, error) {
	tx := call.Tx(ctx)
	amount, err := parseAmount(req.GetCurrency(), req.GetAmount())
	if err != nil {
		return nil, err
	}
	if _, err := find(ctx, tx.Read(), req.GetMerchantId()); err != nil {
		return nil, err
	}
	row := newAdjustment(tx, db.AdjustmentTypeDeposit, req.GetMerchantId(), amount, req.GetReference())
	if err := request(ctx, tx, s.Environment, &row); err != nil {
		return nil, err
	}
	data := depositOf(row, amount, tx.Now)
	tx.About(row.MerchantID, row.TransactionID)
	if row.Status == db.AdjustmentStatusPendingApproval {
		data.AdjustmentId = &row.ID
		tx.About(row.MerchantID, row.ID)
	}
	return &opsv1.CreateDepositResponse{Data: data}, nil
}

// parseAmount reads what a request says of money; the fields are called amount and currency.
func parseAmount(currency, text string) (money.Amount, error) {
	amount, err := money.Parse(currency, text)
	switch {
	case errors.Is(err, money.ErrCurrency):
		return amount, apierr.InvalidField("currency", "%v", err)
	case err != nil:
		return amount, apierr.InvalidField("amount", "%v", err)
	case !amount.Positive():
		return amount, apierr.InvalidField("amount", "must be greater than zero")
	}
	return amount, nil
}

func find(ctx context.Context, q *db.Queries, id string) (db.Merchant, error) {
	row, err := q.MerchantGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("merchant", id)
	}
	if err != nil {
		return row, fmt.Errorf("read merchant: %w", err)
	}
	return row, nil
}

func toProto(row db.Merchant) *opsv1.Merchant {
	m := &opsv1.Merchant{
		Id: row.ID, Name: row.Name, Country: row.Country,
		Status:              opsv1.MerchantStatus_Value(opsv1.MerchantStatus_Value_value[string(row.Status)]),
		Tier:                opsv1.MerchantTier_Value(opsv1.MerchantTier_Value_value[string(row.Tier)]),
		RateLimitMultiplier: row.RateLimitMultiplier, CreatedAt: timestamppb.New(row.CreatedAt), SuspendedAt: moment(row.SuspendedAt),
	}
	if row.SuspendedAt != nil {
		m.SuspensionReason = &row.SuspensionReason
	}
	return m
}
