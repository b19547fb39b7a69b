package payouts

import (
	"context"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/corridors"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/pricing"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/unit"
)

// namePromises gives the orders the quotes of fees that they name; those that were refused before keep their refusal.
func namePromises(ctx context.Context, u *unit.Unit, merchant string, orders []order, refusals []error) error {
	var ids []string
	for i := range orders {
		if id := orders[i].req.GetPricingQuoteId(); id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	quotes, err := pricing.Quotes(ctx, u.Read(), merchant, ids...)
	if err != nil {
		return err
	}
	for i := range orders {
		id := orders[i].req.GetPricingQuoteId()
		if orders[i].promise = quotes[id]; orders[i].promise == nil && id != "" && refusals[i] == nil {
			refusals[i] = apierr.NotFound("quote", id)
		}
	}
	return nil
}

// planOf is the plan that prices the merchant's orders; nil where it is on none, which costs nothing to find out.
func (s *Service) planOf(ctx context.Context, u *unit.Unit, merchant string, orders []order) (*pricing.Plan, error) {
	for i := range orders {
		if f := orders[i].facts; f != nil && f.OnPlan {
			return s.Prices.Of(ctx, u.Read(), merchant, u.Now)
		}
	}
	return nil, nil
}

// charge is what the order costs: what its quote promised, else what the plan says now.
func (o *order) charge(u *unit.Unit, plan *pricing.Plan, t *terms) (pricing.Charge, error) {
	route := pricing.Route{Source: t.source, Dest: t.dest, Country: *o.facts.InstrumentCountry, Method: string(*o.facts.Method)}
	if o.promise != nil {
		side := antonv1.FixedSide_dest
		if t.fixSource {
			side = antonv1.FixedSide_source
		}
		if err := o.promise.Matches(route, side.String(), t.amount); err != nil {
			return pricing.Charge{}, err
		}
		return o.promise.Charge(u.Now)
	}
	source, err := t.sourcePrincipal()
	if err != nil {
		return pricing.Charge{}, err
	}
	return plan.Charge(route, source)
}

// carries finds the corridor, or refuses what none takes, or more or less than it takes.
func carries(way rails.Corridor, arrives money.Amount) (corridors.Corridor, error) {
	method := antonv1.PaymentMethod_Value(antonv1.PaymentMethod_Value_value[string(way.Method)])
	c, ok := corridors.Of(way.Currency, way.Country, method)
	if !ok {
		return c, apierr.New(antonv1.ErrorCode_corridor_not_enabled, "%s cannot be paid to %s by %s.", way.Currency, way.Country, way.Method)
	}
	if c.Takes(arrives) {
		return c, nil
	}
	e := apierr.New(antonv1.ErrorCode_amount_out_of_range, "A payout of %s to %s by %s carries %s to %s, and %s would arrive.",
		c.Currency, c.Country, way.Method, c.Least, c.Most, arrives)
	e.Fields = []apierr.Field{{Path: "amount", Message: "must come to " + c.Currency + " " + c.Least.String() + " to " + c.Most.String()}}
	return c, e
}

// priced notes with the payout what it costs and why, and takes its quote.
func (o *order) priced(u *unit.Unit, p *db.Payout, charge pricing.Charge) {
	p.PricingPlanID, p.PricingPlanVersion, p.PricingRule = charge.PlanID, charge.PlanVersion, charge.Rule
	if charge.Counts {
		month := pricing.Month(u.Now)
		p.VolumeMonth = &month
	}
	if o.promise != nil {
		p.PricingQuoteID = &o.promise.ID
		o.promise.TakeFor(p.ID)
	}
}

// volumesOf are the principals of payouts that count towards the tiers of their rules.
func volumesOf(payouts []*db.Payout) (pricing.Volumes, error) {
	sums := pricing.Volumes{}
	for _, p := range payouts {
		if p.VolumeMonth == nil {
			continue
		}
		if err := sums.Add(*p.VolumeMonth, p.SourceCurrency, p.SourceAmount); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// takeBackVolumes queues that payouts whose money is given back do not count any more. It comes after whatever else the unit locks but the
// balances: the rows that every creation of a merchant with tiers waits for are locked last.
func takeBackVolumes(ctx context.Context, u *unit.Unit, merchant string, steps []step, booked []ledger.Transaction) error {
	released := map[string]bool{}
	for _, t := range booked {
		released[t.Payout] = released[t.Payout] || t.Type == db.LedgerTransactionTypePayoutRelease
	}
	var back []*db.Payout
	for _, s := range steps {
		if released[s.payout.ID] {
			back = append(back, s.payout)
			released[s.payout.ID] = false // a payout has several steps in one move, and goes back once
		}
	}
	sums, err := volumesOf(back)
	if err != nil {
		return err
	}
	return sums.QueueTakeBack(ctx, u, merchant)
}
