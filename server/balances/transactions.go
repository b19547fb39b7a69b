package balances

import (
	"context"
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
)

// ListTransactions lists the transactions of all the caller's balances, newest first.
func (*Service) ListTransactions(ctx context.Context, req *antonv1.ListTransactionsRequest) (*antonv1.ListTransactionsResponse, error) {
	l, err := transactions(ctx, req)
	return &antonv1.ListTransactionsResponse{Data: l.data, HasMore: l.more, NextCursor: l.next}, err
}

// ListBalanceTransactions lists the transactions of one balance, the last one booked first; not_found for a currency that the caller
// never held.
func (*Service) ListBalanceTransactions(ctx context.Context, req *antonv1.ListBalanceTransactionsRequest) (*antonv1.ListBalanceTransactionsResponse, error) {
	l, err := transactions(ctx, req)
	if err == nil && l.balances == 0 {
		return nil, noBalance(req.GetCurrency())
	}
	return &antonv1.ListBalanceTransactionsResponse{Data: l.data, HasMore: l.more, NextCursor: l.next}, err
}

func noBalance(currency string) error {
	return apierr.New(antonv1.ErrorCode_not_found, "You have no balance in %s.", currency)
}

// A query is what both lists are asked for.
type query interface {
	page.Request
	GetCurrency() string
	GetType() antonv1.TransactionType_Value
	GetPayoutId() string
	GetCreatedAfter() *timestamppb.Timestamp
	GetCreatedBefore() *timestamppb.Timestamp
}

// A listed is one page of transactions, and of how many balances it was taken.
type listed struct {
	data     []*antonv1.Transaction
	more     bool
	next     *string
	balances int
}

// transactions reads one page. Balances are walked by their own numbers and not by time: a transaction takes its time before it waits
// for the balance, so one that commits late may carry an earlier time than those that readers have seen.
func transactions(ctx context.Context, req query) (l listed, err error) {
	q, merchant := call.Reads(ctx), call.Merchant(ctx)
	if req.GetCurrency() != "" && !money.Known(req.GetCurrency()) {
		return l, apierr.InvalidField("currency", "%v", money.ErrCurrency)
	}
	w, err := page.WalkOf(merchant, req)
	if err != nil {
		return l, err
	}
	if w.Below == nil {
		if w.Below, err = tops(ctx, q, merchant, req.GetCurrency()); err != nil {
			return l, err
		}
	}
	l.balances = len(w.Below)
	params := db.TransactionListParams{
		MerchantID:    merchant,
		Currency:      page.Text(req.GetCurrency()),
		Type:          page.Word(req.GetType()),
		PayoutID:      page.Text(req.GetPayoutId()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		RowLimit:      w.Fetch(),
	}
	for currency, below := range w.Below {
		params.Currencies, params.Belows = append(params.Currencies, currency), append(params.Belows, below)
	}
	rows, err := q.TransactionList(ctx, params)
	if err != nil {
		return l, fmt.Errorf("list transactions: %w", err)
	}
	rows, l.more, l.next = page.CutWalk(w, rows, func(t db.TransactionListRow) (string, int64) {
		return t.LedgerTransaction.Currency, t.LedgerTransaction.Sequence
	})
	for _, row := range rows {
		t, err := transactionToProto(row.LedgerTransaction)
		if err != nil {
			return l, err
		}
		if row.ExchangeID != "" {
			t.ExchangeId = &row.ExchangeID
		}
		l.data = append(l.data, t)
	}
	return l, nil
}

// tops is where a walk begins: above the last transaction of each balance. What is booked from here on is not part of the walk.
func tops(ctx context.Context, q *db.Queries, merchant, currency string) (map[string]int64, error) {
	rows, err := q.BalanceSequences(ctx, merchant, page.Text(currency))
	if err != nil {
		return nil, fmt.Errorf("read where the balances are: %w", err)
	}
	below := map[string]int64{}
	for _, row := range rows {
		below[row.Currency] = row.Sequence + 1
	}
	return below, nil
}

func transactionToProto(row db.LedgerTransaction) (*antonv1.Transaction, error) {
	t := &antonv1.Transaction{
		Id: row.ID, Type: antonv1.TransactionType_Value(antonv1.TransactionType_Value_value[string(row.Type)]), Currency: row.Currency,
		PayoutId: row.PayoutID, Description: row.Description, CreatedAt: timestamppb.New(row.CreatedAt),
		ValueDate: row.ValueDate.Format(time.DateOnly),
	}
	var err error
	show := func(value apd.Decimal) string {
		amount, bad := money.Of(row.Currency, value)
		if bad != nil {
			err = bad
		}
		return amount.String()
	}
	t.AvailableDelta, t.HeldDelta = show(row.AvailableDelta), show(row.HeldDelta)
	t.AvailableAfter, t.HeldAfter = show(row.AvailableAfter), show(row.HeldAfter)
	if !row.ReceivableDelta.IsZero() || !row.ReceivableAfter.IsZero() {
		delta, after := show(row.ReceivableDelta), show(row.ReceivableAfter)
		t.ReceivableDelta, t.ReceivableAfter = &delta, &after
	}
	return t, err
}
