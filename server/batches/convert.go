package batches

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
)

// toProto is the batch as its merchant sees it.
func toProto(row db.Batch) *antonv1.Batch {
	out := &antonv1.Batch{
		Id:           row.ID,
		Status:       antonv1.BatchStatus_Value(antonv1.BatchStatus_Value_value[string(row.Status)]),
		CancelReason: row.CancelReason,
		Format:       antonv1.BatchFormat_Value(antonv1.BatchFormat_Value_value[string(row.Format)]),
		FileName:     row.FileName,
		Description:  row.Description,
		TotalRows:    row.TotalRows,
		ValidRows:    row.ValidRows,
		InvalidRows:  row.InvalidRows,
		CreatedRows:  row.CreatedRows,
		FailedRows:   row.FailedRows,
		CreatedAt:    timestamppb.New(row.CreatedAt),
		UpdatedAt:    timestamppb.New(row.UpdatedAt),
		ValidatedAt:  optionalTime(row.ValidatedAt),
		ExpiresAt:    optionalTime(row.ExpiresAt),
		ConfirmedAt:  optionalTime(row.ConfirmedAt),
		ProcessingAt: optionalTime(row.ProcessingAt),
		EndedAt:      optionalTime(row.EndedAt),
	}
	if row.Separator != nil {
		word := antonv1.BatchSeparator_Value(antonv1.BatchSeparator_Value_value[string(*row.Separator)])
		out.Separator = &word
	}
	return out
}

func optionalTime(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}

func errorToProto(row db.BatchErrorListRow) *antonv1.BatchError {
	return &antonv1.BatchError{Row: row.Number, Field: row.Field, Message: row.Message, Suggestion: page.Text(row.Suggestion)}
}

// resultToProto fails only if the database holds an amount finer than its currency.
func resultToProto(row db.BatchResultListRow) (*antonv1.BatchResult, error) {
	out := &antonv1.BatchResult{
		Row: row.Number, Status: antonv1.BatchRowStatus_Value(antonv1.BatchRowStatus_Value_value[string(row.Status)]),
		PayoutId: row.PayoutID, BeneficiaryId: row.BeneficiaryID, Currency: row.Currency, Reference: row.Reference,
	}
	if row.PayoutStatus != nil {
		word := antonv1.PayoutStatus_Value(antonv1.PayoutStatus_Value_value[string(*row.PayoutStatus)])
		out.PayoutStatus = &word
	}
	if row.Amount != nil {
		text, err := inDigits(*row.Currency, *row.Amount)
		if err != nil {
			return nil, err
		}
		out.Amount = &text
	}
	if row.ErrorCode != "" {
		out.Error = &antonv1.BatchRowError{Code: row.ErrorCode, Message: row.Error}
	}
	return out, nil
}

func inDigits(currency string, value apd.Decimal) (string, error) {
	amount, err := money.Of(currency, value)
	if err != nil {
		return "", fmt.Errorf("show an amount: %w", err)
	}
	return amount.String(), nil
}

// totalToProto says what a batch takes of a balance, and what is missing there.
func totalToProto(row db.BatchTotalsRow) (total *antonv1.BatchTotal, covered bool, err error) {
	out := &antonv1.BatchTotal{Currency: row.Currency, Rows: row.RowCount}
	var all, remaining, available money.Amount
	have := apd.Decimal{}
	if row.Available != nil {
		have = *row.Available
	}
	for _, sum := range []struct {
		to    *money.Amount
		value apd.Decimal
	}{{&all, row.Total}, {&remaining, row.Remaining}, {&available, have}} {
		if *sum.to, err = money.Of(row.Currency, sum.value); err != nil {
			return nil, false, fmt.Errorf("show a total: %w", err)
		}
	}
	missing := money.Zero(row.Currency)
	if available.Less(remaining) {
		missing = remaining.Minus(available)
	}
	out.Total, out.Remaining, out.Available, out.Missing = all.String(), remaining.String(), available.String(), missing.String()
	return out, !missing.Positive(), nil
}
