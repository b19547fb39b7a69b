package payouts

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

// toProto is the payout as a merchant sees it. It fails only if the database holds an amount finer than its currency.
func toProto(p db.Payout) (*antonv1.Payout, error) {
	out := &antonv1.Payout{
		Id:               p.ID,
		BatchId:          p.BatchID,
		Status:           statusWord(p.Status),
		BeneficiaryId:    p.BeneficiaryID,
		InstrumentId:     p.InstrumentID,
		Currency:         p.Currency,
		SourceCurrency:   p.SourceCurrency,
		DestCurrency:     p.DestCurrency,
		FeeCurrency:      p.SourceCurrency,
		FeeBearer:        antonv1.FeeBearer_Value(antonv1.FeeBearer_Value_value[string(p.FeeBearer)]),
		Method:           antonv1.PaymentMethod_Value(antonv1.PaymentMethod_Value_value[string(p.Method)]),
		RailReference:    p.RailReference,
		Description:      p.Description,
		Reference:        p.Reference,
		Purpose:          p.Purpose,
		Metadata:         p.Metadata,
		RfiIds:           p.RfiIds,
		PricingQuoteId:   p.PricingQuoteID,
		StatusReason:     toReason(p.ReasonCode, p.Reason),
		EstimatedArrival: timestamppb.New(p.EstimatedArrival),
		CreatedAt:        timestamppb.New(p.CreatedAt),
		UpdatedAt:        timestamppb.New(p.UpdatedAt),
		ScreenedAt:       optionalTime(p.ScreenedAt),
		ApprovedAt:       optionalTime(p.ApprovedAt),
		ProcessedAt:      optionalTime(p.ProcessedAt),
		SentAt:           optionalTime(p.SentAt),
		CompletedAt:      optionalTime(p.CompletedAt),
		FailedAt:         optionalTime(p.FailedAt),
		ReturnedAt:       optionalTime(p.ReturnedAt),
		CancelledAt:      optionalTime(p.CancelledAt),
	}
	if out.StatusReason != nil {
		out.StatusReason.RuleId, out.StatusReason.ResetsAt = p.VelocityRuleID, optionalTime(p.VelocityResetsAt)
	}
	if p.ExchangeRate != nil {
		rate := p.ExchangeRate.Text('f')
		out.ExchangeRate, out.QuoteId = &rate, p.QuoteID
	}
	for _, sum := range []struct {
		to       *string
		currency string
		value    apd.Decimal
	}{
		{&out.Amount, p.Currency, p.Amount},
		{&out.SourceAmount, p.SourceCurrency, p.SourceAmount},
		{&out.DestAmount, p.DestCurrency, p.DestAmount},
		{&out.Fee, p.SourceCurrency, p.Fee},
		{&out.TotalDebited, p.SourceCurrency, p.TotalDebited},
	} {
		amount, err := money.Of(sum.currency, sum.value)
		if err != nil {
			return nil, fmt.Errorf("payout %s: %w", p.ID, err)
		}
		*sum.to = amount.String()
	}
	return out, nil
}

func statusWord(s db.PayoutStatus) antonv1.PayoutStatus_Value {
	return antonv1.PayoutStatus_Value(antonv1.PayoutStatus_Value_value[string(s)])
}

func toReason(code, text string) *antonv1.StatusReason {
	if code == "" {
		return nil
	}
	return &antonv1.StatusReason{Code: code, Message: text}
}

func optionalTime(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}

func toTransition(row db.PayoutTimelineRow) *antonv1.PayoutTransition {
	t := &antonv1.PayoutTransition{
		Sequence: row.Seq,
		To:       statusWord(row.ToStatus),
		At:       timestamppb.New(row.At),
		Actor:    row.Actor,
		Reason:   toReason(row.ReasonCode, row.Reason),
		EventId:  row.EventID,
	}
	if row.FromStatus != nil {
		from := statusWord(*row.FromStatus)
		t.From = &from
	}
	return t
}
