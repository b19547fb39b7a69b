package payouts

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// advise tells a merchant that a bank wants an account's details corrected. Nothing is corrected by it: whoever could make us change an
// account by a file could make us pay another one. Nor are the bank's details in the event, which may hold no account number.
func advise(ctx context.Context, u *unit.Unit, p *db.Payout, e db.RailEntry) error {
	advice := &antonv1.InstrumentAdvice{
		Id: ids.New(ids.Advice, u.Now), InstrumentId: p.InstrumentID, BeneficiaryId: p.BeneficiaryID, PayoutId: p.ID,
		Subject: e.Reason, SchemeCode: e.Code, CreatedAt: timestamppb.New(u.Now),
		Message: "The receiving bank took the payment and says that the " + strings.ReplaceAll(e.Reason, "_", " ") +
			" must be corrected. Ask the beneficiary, and add an instrument with the right details: nothing was changed.",
	}
	err := events.Emit(ctx, u, events.Event{
		Merchant: p.MerchantID, Type: "instrument.advice", ObjectType: "instrument_advice", ObjectID: advice.GetId(), Sequence: 1, Object: advice,
	})
	if err != nil {
		return err
	}
	return audit.Record(ctx, u, audit.Row{Merchant: p.MerchantID, Action: "instrument.advice", Object: p.InstrumentID, Detail: map[string]string{
		"payout_id": p.ID, "subject": e.Reason, "scheme_code": e.Code, "entry_id": e.ID,
	}})
}
