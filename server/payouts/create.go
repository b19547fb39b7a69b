package payouts

import (
	"context"
	"encoding/json"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/pricing"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/unit"
)

// CreatePayout records a payout and sets its money aside. Nothing leaves the platform here: the worker does that once this is
// committed, so a crash anywhere leaves either no payout or one that will be worked.
func (s *Service) CreatePayout(ctx context.Context, req *antonv1.CreatePayoutRequest) (*antonv1.CreatePayoutResponse, error) {
	tx := call.Tx(ctx)
	created, refusals, err := s.create(ctx, tx, call.Merchant(ctx), []*antonv1.CreatePayoutRequest{req})
	if err != nil {
		return nil, err
	}
	if refusals[0] != nil {
		return nil, refusals[0]
	}
	tx.About(call.Merchant(ctx), created[0].ID)
	data, err := toProto(*created[0])
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		data.Id = "" // there will be no such payout
	}
	return &antonv1.CreatePayoutResponse{Data: data}, nil
}

// An order is a request on its way to a payout.
type order struct {
	req    *antonv1.CreatePayoutRequest
	source string       // the balance it is paid from
	amount money.Amount // as asked for, in the currency of the side that it fixes
	quote  *fx.Quote    // nil where it names none
	facts  *db.PayoutCreateFactsRow
	payout *db.Payout

	promise *pricing.Quote // of its fee; nil where it names none
}

// create is the core of every creation, of one payout or of many of one merchant. Each request stands for itself: it becomes a payout
// or a refusal, in the order given, and money that an earlier one took is not there for a later one. What it creates is queued in the
// unit: the payouts with their first transition, the holds, the events, the audit rows.
func (s *Service) create(ctx context.Context, u *unit.Unit, merchant string, reqs []*antonv1.CreatePayoutRequest) ([]*db.Payout, []error, error) {
	orders, refusals, err := s.weigh(ctx, u, merchant, reqs)
	if err != nil {
		return nil, nil, err
	}
	created, err := s.accept(ctx, u, merchant, orders, refusals)
	return created, refusals, err
}

// weigh makes each request an order with its payout, or refuses it. It writes nothing.
func (s *Service) weigh(ctx context.Context, u *unit.Unit, merchant string, reqs []*antonv1.CreatePayoutRequest) ([]order, []error, error) {
	quotes, err := namedQuotes(ctx, u, merchant, reqs)
	if err != nil {
		return nil, nil, err
	}
	orders, refusals := make([]order, len(reqs)), make([]error, len(reqs))
	for i, req := range reqs {
		orders[i].req = req
		refusals[i] = orders[i].read(quotes)
	}
	if err := namePromises(ctx, u, merchant, orders, refusals); err != nil {
		return nil, nil, err
	}
	if err := loadFacts(ctx, u, merchant, orders); err != nil {
		return nil, nil, err
	}
	left := map[string]money.Amount{} // what each balance still has
	known, err := s.learn(ctx, u, merchant, orders)
	if err != nil {
		return nil, nil, err
	}
	for i := range orders {
		if refusals[i] == nil {
			refusals[i] = s.decide(u, merchant, &orders[i], known, left)
		}
	}
	return orders, refusals, nil
}

// accept queues the payouts of the orders that were not refused, and gives them in the orders' places.
func (s *Service) accept(ctx context.Context, u *unit.Unit, merchant string, orders []order, refusals []error) ([]*db.Payout, error) {
	created := make([]*db.Payout, len(orders))
	var accepted []*db.Payout
	for i := range orders {
		if refusals[i] == nil {
			created[i] = orders[i].payout
			accepted = append(accepted, created[i])
			if err := orders[i].useQuotes(ctx, u); err != nil {
				return nil, err
			}
		}
	}
	return created, s.record(ctx, u, merchant, accepted)
}

// tariffs are what the orders of one merchant are priced by.
type tariffs struct {
	rates *fx.Prices    // nil where none converts without a quote
	plan  *pricing.Plan // nil where nothing is charged
}

// learn reads them; of orders within one currency, of a merchant without a plan, there is nothing to read.
func (s *Service) learn(ctx context.Context, u *unit.Unit, merchant string, orders []order) (known tariffs, err error) {
	if known.rates, err = s.prices(ctx, u, merchant, orders); err != nil {
		return known, err
	}
	known.plan, err = s.planOf(ctx, u, merchant, orders)
	return known, err
}

func checkSender(sender *antonv1.OnBehalfOf) error {
	if sender != nil && !bankdetails.KnownCountry(sender.GetCountry()) {
		return apierr.InvalidField("on_behalf_of.country", "is not an ISO 3166-1 country")
	}
	return nil
}

// loadFacts reads for every order its beneficiary, its instrument and its balance, in one query.
func loadFacts(ctx context.Context, u *unit.Unit, merchant string, orders []order) error {
	rows, err := facts(ctx, u.Read(), merchant, orders)
	if err != nil {
		return fmt.Errorf("read what the payouts need: %w", err)
	}
	for i := range rows {
		orders[rows[i].Ord-1].facts = &rows[i]
	}
	return nil
}

func facts(ctx context.Context, q *db.Queries, merchant string, orders []order) ([]db.PayoutCreateFactsRow, error) {
	if len(orders) == 1 {
		return q.PayoutCreateFacts(ctx, db.PayoutCreateFactsParams{
			MerchantID: merchant, BeneficiaryID: orders[0].req.GetBeneficiaryId(), InstrumentID: orders[0].req.GetInstrumentId(),
			Currency: orders[0].source,
		})
	}
	p := db.PayoutsCreateFactsParams{MerchantID: merchant}
	for _, o := range orders {
		p.BeneficiaryIds = append(p.BeneficiaryIds, o.req.GetBeneficiaryId())
		p.InstrumentIds = append(p.InstrumentIds, o.req.GetInstrumentId())
		p.Currencies = append(p.Currencies, o.source)
	}
	rows, err := q.PayoutsCreateFacts(ctx, p)
	all := make([]db.PayoutCreateFactsRow, len(rows))
	for i, row := range rows {
		all[i] = db.PayoutCreateFactsRow(row)
	}
	return all, err
}

// decide refuses the order, or makes its payout and takes its money from what is left.
func (s *Service) decide(u *unit.Unit, merchant string, o *order, known tariffs, left map[string]money.Amount) error {
	f, req := o.facts, o.req
	switch {
	case f == nil:
		return apierr.NotFound("beneficiary", req.GetBeneficiaryId())
	case f.BeneficiaryStatus != db.BeneficiaryStatusActive:
		return apierr.New(antonv1.ErrorCode_beneficiary_not_active, "Beneficiary %s is %s.", f.BeneficiaryID, f.BeneficiaryStatus)
	case f.InstrumentID == nil && req.GetInstrumentId() != "":
		return apierr.NotFound("instrument of this beneficiary", req.GetInstrumentId())
	case f.InstrumentID == nil:
		return apierr.InvalidField("instrument_id", "is required: beneficiary %s has no default instrument", f.BeneficiaryID)
	case *f.InstrumentStatus != db.InstrumentStatusActive:
		return apierr.New(antonv1.ErrorCode_instrument_not_active, "Instrument %s is %s.", *f.InstrumentID, *f.InstrumentStatus)
	case !o.takes(*f.InstrumentCurrency):
		return apierr.New(antonv1.ErrorCode_corridor_not_enabled, "Instrument %s takes %s, not %s.", *f.InstrumentID, *f.InstrumentCurrency, req.GetCurrency())
	}
	t, price, err := o.convert(u, known.rates)
	if err != nil {
		return err
	}
	charge, err := o.charge(u, known.plan, &t)
	if err != nil {
		return err
	}
	sums, err := t.amounts(charge.Fee)
	if err == nil && t.rate != nil && o.quote == nil { // a quote has promised its sums
		err = price.Worthwhile(sums.debit, sums.delivered)
	}
	if err != nil {
		return err
	}
	rail, corridor, err := s.rail(rails.Corridor{Method: *f.Method, Country: *f.InstrumentCountry, Currency: *f.InstrumentCurrency}, sums.delivered)
	if err != nil {
		return err
	}
	if err := o.reserve(sums.debit, left); err != nil {
		return err
	}
	payout, err := newPayout(u, merchant, o, &t, sums, charge.Fee)
	if err != nil {
		return err
	}
	o.priced(u, payout, charge)
	if charge.Counts {
		if err := known.plan.Count(sums.source); err != nil {
			return err
		}
	}
	if t.rate != nil {
		payout.ExchangeRate, payout.MidRate = &price.Customer, &price.Mid
	}
	if o.quote != nil {
		payout.QuoteID = &o.quote.ID
		o.quote.TakeFor(payout.ID)
	}
	payout.Rail, payout.EstimatedArrival = rail.Name(), arrival(rail, &corridor, u.Now)
	o.payout = payout
	return nil
}

// reserve takes the debit from what is left of the balance.
func (o *order) reserve(debit money.Amount, left map[string]money.Amount) error {
	available, seen := left[o.source]
	if !seen {
		var err error
		if available, err = ledger.Balance(o.facts.Available, o.source); err != nil {
			return err
		}
	}
	if available.Less(debit) {
		return apierr.New(antonv1.ErrorCode_insufficient_balance, "Insufficient balance: available %s %s, required %s %s",
			available.Currency(), available, debit.Currency(), debit)
	}
	left[o.source] = available.Minus(debit)
	return nil
}

// useQuotes queues that the order's payout uses its quotes, where it has any.
func (o *order) useQuotes(ctx context.Context, u *unit.Unit) error {
	if o.quote != nil {
		if err := o.quote.QueueUse(ctx, u); err != nil {
			return err
		}
	}
	if o.promise != nil {
		return o.promise.QueueUse(ctx, u)
	}
	return nil
}

func newPayout(u *unit.Unit, merchant string, o *order, t *terms, s sums, fee money.Amount) (*db.Payout, error) {
	p := &db.Payout{
		MerchantID: merchant, ID: ids.New(ids.Payout, u.Now), Status: db.PayoutStatusCreated, Seq: 1,
		BeneficiaryID: o.facts.BeneficiaryID, InstrumentID: *o.facts.InstrumentID, Method: *o.facts.Method,
		Amount: o.amount.Decimal(), Currency: o.amount.Currency(),
		SourceAmount: s.source.Decimal(), SourceCurrency: t.source,
		DestAmount: s.delivered.Decimal(), DestCurrency: t.dest,
		Fee: fee.Decimal(), FeeBearer: t.bearer, TotalDebited: s.debit.Decimal(),
		Description: o.req.GetDescription(), Reference: o.req.GetReference(), Purpose: o.req.GetPurpose(), Metadata: o.req.GetMetadata(),
		CreatedAt: u.Now, UpdatedAt: u.Now, DueAt: &u.Now,
	}
	if p.Metadata == nil {
		p.Metadata = map[string]string{}
	}
	if sender := o.req.GetOnBehalfOf(); sender != nil {
		text, err := json.Marshal(map[string]string{"name": sender.GetName(), "type": sender.GetType().String(), "country": sender.GetCountry()})
		if err != nil {
			return nil, fmt.Errorf("write whom the payout is for: %w", err)
		}
		p.OnBehalfOf = text
	}
	return p, nil
}

// record queues the payouts with all that a creation writes.
func (s *Service) record(ctx context.Context, u *unit.Unit, merchant string, payouts []*db.Payout) error {
	if len(payouts) == 0 {
		return nil
	}
	var holds []ledger.Transaction
	for _, p := range payouts {
		eventID := ids.New(ids.Event, u.Now)
		if err := queueRow(ctx, u, p, eventID); err != nil {
			return err
		}
		if err := tell(ctx, u, p, eventID, ""); err != nil {
			return err
		}
		total, err := money.Of(p.SourceCurrency, p.TotalDebited)
		if err != nil {
			return err
		}
		holds = append(holds, ledger.Hold(p.ID, total))
	}
	u.AfterCommit(func() {
		for range payouts {
			s.Worker.Runner.Metrics.Moved("", string(db.PayoutStatusCreated))
		}
		s.Worker.Wake()
	})
	volumes, err := volumesOf(payouts)
	if err != nil {
		return err
	}
	if err := volumes.QueueCount(ctx, u, merchant); err != nil {
		return err
	}
	return ledger.Post(ctx, u, merchant, holds...)
}

func queueRow(ctx context.Context, u *unit.Unit, p *db.Payout, eventID string) error {
	return u.Queue(unit.Transition).PayoutCreate(ctx, db.PayoutCreateParams{
		MerchantID: p.MerchantID, ID: p.ID, BeneficiaryID: p.BeneficiaryID, InstrumentID: p.InstrumentID, Amount: p.Amount, Currency: p.Currency,
		SourceAmount: p.SourceAmount, SourceCurrency: p.SourceCurrency, DestAmount: p.DestAmount, DestCurrency: p.DestCurrency,
		Fee: p.Fee, FeeBearer: p.FeeBearer, TotalDebited: p.TotalDebited, Method: p.Method, Rail: p.Rail,
		Description: p.Description, Reference: p.Reference, Purpose: p.Purpose, Metadata: p.Metadata, OnBehalfOf: p.OnBehalfOf,
		EstimatedArrival: p.EstimatedArrival, ExchangeRate: p.ExchangeRate, MidRate: p.MidRate, QuoteID: p.QuoteID,
		PricingPlanID: p.PricingPlanID, PricingPlanVersion: p.PricingPlanVersion, PricingRule: p.PricingRule, PricingQuoteID: p.PricingQuoteID,
		VolumeMonth: p.VolumeMonth, BatchID: p.BatchID, BatchRow: p.BatchRow, At: p.CreatedAt, DueAt: p.DueAt, Actor: byMerchant, EventID: eventID,
	})
}
