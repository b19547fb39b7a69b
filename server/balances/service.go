// Package balances shows merchants their balances and the transactions that made them. It never moves money: package ledger does.
package balances

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/money"
)

// Service is anton.v1.BalancesService and anton.v1.TransactionsService.
type Service struct {
	Clock func() time.Time
}

// ListBalances lists all of the caller's balances, in the order in which they were opened.
func (*Service) ListBalances(ctx context.Context, _ *antonv1.ListBalancesRequest) (*antonv1.ListBalancesResponse, error) {
	rows, err := call.Reads(ctx).BalanceList(ctx, call.Merchant(ctx))
	if err != nil {
		return nil, fmt.Errorf("list balances: %w", err)
	}
	resp := &antonv1.ListBalancesResponse{}
	for _, row := range rows {
		balance, err := toProto(db.BalanceGetRow(row))
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, balance)
	}
	return resp, nil
}

// GetBalance shows one of the caller's balances; not_found for a currency it never held.
func (*Service) GetBalance(ctx context.Context, req *antonv1.GetBalanceRequest) (*antonv1.GetBalanceResponse, error) {
	row, err := call.Reads(ctx).BalanceGet(ctx, call.Merchant(ctx), req.GetCurrency())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noBalance(req.GetCurrency())
	}
	if err != nil {
		return nil, fmt.Errorf("read balance: %w", err)
	}
	balance, err := toProto(row)
	if err != nil {
		return nil, err
	}
	return &antonv1.GetBalanceResponse{Data: balance}, nil
}

func toProto(row db.BalanceGetRow) (*antonv1.Balance, error) {
	available, err := money.Of(row.Currency, row.Available)
	if err != nil {
		return nil, err
	}
	held, err := money.Of(row.Currency, row.Held)
	if err != nil {
		return nil, err
	}
	balance := &antonv1.Balance{
		Currency:  row.Currency,
		Available: available.String(),
		Held:      held.String(),
		Total:     available.Plus(held).String(),
	}
	receivable, err := money.Of(row.Currency, row.Receivable)
	if err != nil {
		return nil, err
	}
	if receivable.Positive() {
		text := receivable.String()
		balance.Receivable = &text
	}
	if row.LowThreshold != nil {
		threshold, err := money.Of(row.Currency, *row.LowThreshold)
		if err != nil {
			return nil, err
		}
		text := threshold.String()
		balance.LowThreshold = &text
	}
	return balance, nil
}
