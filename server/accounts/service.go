// Package accounts says where merchants wire money to: the platform's own bank accounts, one per currency, each shown to a merchant
// with a reference by which its money is found. It never books a wire: an operator's deposit does. In the sandbox, where no operator
// set an account, it invents one that is marked and that no bank has.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
)

// Service is anton.v1.AccountsService.
type Service struct {
	// Environment is "test" or "live". Only test invents accounts.
	Environment string
}

// ListAccounts lists the accounts that the operator set, and in the sandbox invented ones for the caller's other balances.
func (s *Service) ListAccounts(ctx context.Context, _ *antonv1.ListAccountsRequest) (*antonv1.ListAccountsResponse, error) {
	q, merchant := call.Reads(ctx), call.Merchant(ctx)
	rows, err := q.FundingAccountList(ctx)
	if err != nil {
		return nil, fmt.Errorf("list funding accounts: %w", err)
	}
	if s.Environment == "test" {
		balances, err := q.BalanceList(ctx, merchant)
		if err != nil {
			return nil, fmt.Errorf("list balances: %w", err)
		}
		for _, b := range balances {
			if !slices.ContainsFunc(rows, func(set db.FundingAccount) bool { return set.Currency == b.Currency }) {
				rows = append(rows, invented(b.Currency))
			}
		}
	}
	slices.SortFunc(rows, func(a, b db.FundingAccount) int { return strings.Compare(a.Currency, b.Currency) })
	resp := &antonv1.ListAccountsResponse{}
	for _, row := range rows {
		resp.Data = append(resp.Data, s.toProto(row, merchant))
	}
	return resp, nil
}

// GetAccount shows the account of one currency; not_found where there is none.
func (s *Service) GetAccount(ctx context.Context, req *antonv1.GetAccountRequest) (*antonv1.GetAccountResponse, error) {
	row, err := call.Reads(ctx).FundingAccountGet(ctx, req.GetCurrency())
	switch {
	case errors.Is(err, pgx.ErrNoRows) && s.Environment == "test" && money.Known(req.GetCurrency()):
		row = invented(req.GetCurrency())
	case errors.Is(err, pgx.ErrNoRows):
		return nil, apierr.New(antonv1.ErrorCode_not_found, "There is no account to fund a balance in %s.", req.GetCurrency())
	case err != nil:
		return nil, fmt.Errorf("read funding account: %w", err)
	}
	return &antonv1.GetAccountResponse{Data: s.toProto(row, call.Merchant(ctx))}, nil
}

func (s *Service) toProto(row db.FundingAccount, merchant string) *antonv1.Account {
	return &antonv1.Account{
		Currency: row.Currency, Country: row.Country, BankName: row.BankName, AccountHolder: row.AccountHolder,
		AccountNumber: there(row.AccountNumber), RoutingNumber: there(row.RoutingNumber), SortCode: there(row.SortCode),
		Iban: there(row.Iban), Bic: there(row.Bic),
		Reference: ids.AccountReference(merchant, row.Currency), Sandbox: s.Environment == "test",
	}
}

func there(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
