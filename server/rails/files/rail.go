package files

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/unit"
)

// Rail is a rail that works by files of one format. It takes payouts by writing them down, and answers about them from what is written.
type Rail struct {
	Format
	Runner *unit.Runner
	Keys   *crypto.Keys
	Log    *slog.Logger
	// Store is where its files lie.
	Store *Store
	// Countries are those it serves, of those that its scheme reaches; all of them when empty.
	Countries []string
	// Confirms says that the bank tells of every payment. One that it says nothing of is then missing, and else just silent.
	Confirms bool
}

const (
	// soon is when a rail is asked again about what must happen any moment.
	soon = 5 * time.Second
	// rarely is when it is asked again where only a file of the bank's brings news: often enough that nothing is forgotten.
	rarely = 24 * time.Hour
)

// Serves says whether the rail carries payments in the corridor, and of which amounts.
func (r *Rail) Serves(c rails.Corridor) (rails.Range, bool) {
	if len(r.Countries) > 0 && !slices.Contains(r.Countries, c.Country) {
		return rails.Range{}, false
	}
	return r.Format.Serves(c)
}

// Arrival is the end of the day on which the next file settles.
func (r *Rail) Arrival(at time.Time) (time.Time, bool) { return r.Windows().Arrival(at), true }

// Submit takes payouts: an order each, which waits for the next cut-off. One whose details do not open stays unknown and is handed over
// again; it keeps no other from being taken.
func (r *Rail) Submit(ctx context.Context, instructions []rails.Instruction) ([]rails.Status, error) {
	if len(instructions) == 0 {
		return nil, nil
	}
	var keys []string
	var orders []db.RailOrderInsertParams
	numbers, err := db.New(r.Runner.Pool).RailOrderNumbers(ctx, int32(len(instructions)))
	if err != nil {
		return nil, fmt.Errorf("number the orders: %w", err)
	}
	now := r.Runner.Now()
	cutAt := r.Windows().Next(now)
	for i, in := range instructions {
		keys = append(keys, in.Key)
		order, err := r.order(ctx, in, numbers[i])
		if err != nil {
			r.Log.Error("prepare a payment for its rail", slog.String("payout", in.Key), slog.String("rail", r.Name()), slog.Any("cause", err))
			continue
		}
		order.AcceptedAt = now
		if order.Refusal == "" {
			order.CutAt = &cutAt
		}
		orders = append(orders, order)
	}
	err = r.Runner.Do(ctx, unit.Who{Merchant: instructions[0].Merchant, Actor: r.actor()}, true, func(ctx context.Context, u *unit.Unit) error {
		for _, order := range orders {
			if err := u.Queue(unit.Rows).RailOrderInsert(ctx, order); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write the orders: %w", err)
	}
	return r.Ask(ctx, instructions[0].Merchant, keys)
}

// actor is who acts, for the audit log.
func (r *Rail) actor() string { return "rail:" + r.Name() }

// order makes an instruction an order: with references, its details encrypted, and the scheme's refusal if it cannot carry it.
func (r *Rail) order(ctx context.Context, in rails.Instruction, number int64) (db.RailOrderInsertParams, error) {
	parties, err := in.Parties(ctx)
	if err != nil {
		return db.RailOrderInsertParams{}, err
	}
	amount, err := money.Parse(in.Currency, in.Amount)
	if err != nil {
		return db.RailOrderInsertParams{}, err
	}
	o := Order{Merchant: in.Merchant, Payout: in.Key, Amount: amount, Details: Details{
		Sender: parties.Sender, Beneficiary: parties.Beneficiary, Business: parties.Business, Country: parties.Country,
		Address: parties.Address, Account: parties.Account, Reference: in.Reference, Purpose: in.Purpose,
	}}
	o.Reference, o.BankReference = r.References(number, in.Key)
	p := db.RailOrderInsertParams{
		MerchantID: o.Merchant, PayoutID: o.Payout, Rail: r.Name(), Reference: o.Reference, BankReference: o.BankReference,
		Amount: amount.Decimal(), Currency: amount.Currency(),
	}
	if refusal := r.Check(o); refusal != nil {
		p.Refusal = refusal.Code
	}
	text, err := json.Marshal(o.Details)
	if err != nil {
		return p, fmt.Errorf("write the details of %s: %w", in.Key, err)
	}
	p.Details, err = r.Keys.Seal(placeOf(o.Merchant, o.Payout), text)
	return p, err
}

func placeOf(merchant, payout string) crypto.Place {
	return crypto.Place{Merchant: merchant, Object: payout, Field: "rail_orders.details"}
}

// open reads an order back.
func (r *Rail) open(row db.RailOrder) (Order, error) {
	o := Order{Merchant: row.MerchantID, Payout: row.PayoutID, Reference: row.Reference, BankReference: row.BankReference}
	var err error
	if o.Amount, err = money.Of(row.Currency, row.Amount); err != nil {
		return o, err
	}
	text, err := r.Keys.Open(placeOf(row.MerchantID, row.PayoutID), row.Details)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(text, &o.Details); err != nil {
		return o, fmt.Errorf("read the details of %s: %w", row.PayoutID, err)
	}
	return o, nil
}

// Ask tells what became of payouts of one merchant, from our own tables: the file that each went out in, what banks' files said of it,
// and, where the scheme lets silence speak, that nobody said anything in time.
func (r *Rail) Ask(ctx context.Context, merchant string, keys []string) ([]rails.Status, error) {
	q := db.New(r.Runner.Pool)
	// The entries first: one that is decided between the two reads is missed now and applied by whoever decided it.
	entries, err := q.RailEntriesApplied(ctx, &merchant, keys)
	if err != nil {
		return nil, fmt.Errorf("read what banks said: %w", err)
	}
	rows, err := q.RailOrdersAsk(ctx, db.RailOrdersAskParams{MerchantID: merchant, Rail: r.Name(), PayoutIds: keys})
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	known := map[string]rails.Status{}
	for _, row := range rows {
		var said []rails.Event
		for _, e := range entries {
			if event, ok := r.Event(Kind(e.Kind), e.Message, e.Reason); ok && *e.PayoutID == row.PayoutID {
				said = append(said, event)
			}
		}
		known[row.PayoutID] = r.status(row, said)
	}
	all := make([]rails.Status, len(keys))
	for i, key := range keys {
		all[i] = known[key]
	}
	return all, nil
}

// status is what is known of an order, when banks said this of it.
func (r *Rail) status(row db.RailOrdersAskRow, said []rails.Event) rails.Status {
	s := rails.Status{Known: true, Reference: row.Reference}
	now := r.Runner.Now()
	later := func(at time.Time) *time.Time { at = at.UTC(); return &at }
	switch {
	case row.Refusal != "":
		s.Events = []rails.Event{{ID: "refused", Kind: rails.Failed, Reason: row.Refusal, Says: r.Reason(row.Refusal)}}
		return s
	case row.DeliveredAt == nil:
		s.AskAgain = later(now.Add(soon))
		if row.CutAt != nil && row.CutAt.After(now) {
			s.AskAgain = later(*row.CutAt)
		}
		return s
	}
	s.Events = append([]rails.Event{{ID: "delivered", Kind: rails.Sent}}, said...)
	for _, event := range said {
		if event.Kind != rails.Sent {
			return s
		}
	}
	settled, speaks := r.Silence(*row.SettlesOn)
	switch {
	case !speaks:
		s.AskAgain = later(now.Add(rarely))
	case now.Before(settled):
		s.AskAgain = later(settled)
	default:
		s.Events = append(s.Events, rails.Event{ID: "silence", Kind: rails.Settled})
	}
	return s
}

// Event is what an entry is to its payout, if it moves it. Its id is made of what the bank calls it, so that it counts once.
func (r *Rail) Event(kind Kind, message, reason string) (rails.Event, bool) {
	e := rails.Event{ID: string(kind) + "-" + message, Reason: reason, Says: r.Reason(reason)}
	switch kind {
	case Accepted:
		e.Kind, e.Reason, e.Says = rails.Sent, "", ""
	case Settled:
		e.Kind, e.Reason, e.Says = rails.Settled, "", ""
	case Failed:
		e.Kind = rails.Failed
	case Returned:
		e.Kind = rails.Returned
	case ReturnReversed, Advice, Unreadable, RecallAccepted, RecallPending, RecallRejected:
		return e, false
	}
	return e, true
}

// sum adds up the orders.
func sum(orders []Order) (money.Amount, error) {
	total := money.Zero(orders[0].Amount.Currency())
	for _, o := range orders {
		if o.Amount.Currency() != total.Currency() {
			return total, fmt.Errorf("%s is in %s, in a file of %s", o.Payout, o.Amount.Currency(), total.Currency())
		}
		total = total.Plus(o.Amount)
	}
	return total, nil
}

func decimal(a money.Amount) *apd.Decimal {
	value := a.Decimal()
	return &value
}
