package accounts

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// Operator is anton.ops.v1.FundingAccountsService.
type Operator struct{}

// SetFundingAccount replaces the account of a currency. Its details are held to the same checks as a beneficiary's: a wrong digit here
// would send every merchant's money astray.
func (*Operator) SetFundingAccount(ctx context.Context, req *opsv1.SetFundingAccountRequest) (*opsv1.SetFundingAccountResponse, error) {
	tx := call.Tx(ctx)
	var wrong []apierr.Field
	if !money.Known(req.GetCurrency()) {
		wrong = append(wrong, apierr.Field{Path: "currency", Message: money.ErrCurrency.Error()})
	}
	account, problems := bankdetails.Check(req.GetCountry(), req.GetCurrency(), &antonv1.BankAccount{
		AccountNumber: req.GetAccountNumber(), RoutingNumber: req.GetRoutingNumber(), SortCode: req.GetSortCode(), Iban: req.GetIban(),
		Bic: req.GetBic(), BankName: req.GetBankName(), Country: req.GetCountry(),
	})
	wrong = append(wrong, problems...)
	if len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	d := account.Details
	row := db.FundingAccount{
		Currency: req.GetCurrency(), Country: account.Country, BankName: req.GetBankName(), AccountHolder: req.GetAccountHolder(),
		AccountNumber: d.GetAccountNumber(), RoutingNumber: d.GetRoutingNumber(), SortCode: d.GetSortCode(), Iban: d.GetIban(),
		Bic: d.GetBic(), UpdatedAt: tx.Now,
	}
	tx.About("", row.Currency)
	return &opsv1.SetFundingAccountResponse{Data: fundingToProto(row)}, tx.Queue(unit.Rows).FundingAccountSet(ctx, db.FundingAccountSetParams(row))
}

// ListFundingAccounts lists what was set; invented accounts are not among them.
func (*Operator) ListFundingAccounts(ctx context.Context, _ *opsv1.ListFundingAccountsRequest) (*opsv1.ListFundingAccountsResponse, error) {
	rows, err := call.Reads(ctx).FundingAccountList(ctx)
	if err != nil {
		return nil, fmt.Errorf("list funding accounts: %w", err)
	}
	resp := &opsv1.ListFundingAccountsResponse{}
	for _, row := range rows {
		resp.Data = append(resp.Data, fundingToProto(row))
	}
	return resp, nil
}

func fundingToProto(row db.FundingAccount) *opsv1.FundingAccount {
	return &opsv1.FundingAccount{
		Currency: row.Currency, Country: row.Country, BankName: row.BankName, AccountHolder: row.AccountHolder,
		AccountNumber: there(row.AccountNumber), RoutingNumber: there(row.RoutingNumber), SortCode: there(row.SortCode),
		Iban: there(row.Iban), Bic: there(row.Bic), UpdatedAt: timestamppb.New(row.UpdatedAt),
	}
}
