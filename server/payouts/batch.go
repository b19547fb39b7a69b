package payouts

import (
	"context"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/corridors"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/unit"
)

// CreateOfBatch creates the payouts of a batch's rows, each row's number in its request's place. Each request stands for itself: in the
// order given it has its payout or its refusal. The database lets a row have one payout, whoever asks for another.
func (s *Service) CreateOfBatch(ctx context.Context, u *unit.Unit, merchant, batch string, rows []int32, reqs []*antonv1.CreatePayoutRequest) ([]*db.Payout, []error, error) {
	orders, refusals, err := s.weigh(ctx, u, merchant, reqs)
	if err != nil {
		return nil, nil, err
	}
	for i := range orders {
		if orders[i].payout != nil {
			orders[i].payout.BatchID, orders[i].payout.BatchRow = &batch, &rows[i]
		}
	}
	created, err := s.accept(ctx, u, merchant, orders, refusals)
	return created, refusals, err
}

// Weigh says of each request whether it would be refused now, and queues nothing. A balance that does not suffice refuses too.
func (s *Service) Weigh(ctx context.Context, u *unit.Unit, merchant string, reqs []*antonv1.CreatePayoutRequest) ([]error, error) {
	_, refusals, err := s.weigh(ctx, u, merchant, reqs)
	return refusals, err
}

// Reaches refuses an amount that cannot be sent to the country.
func (s *Service) Reaches(method db.PaymentMethod, country string, amount money.Amount) error {
	_, _, err := s.rail(rails.Corridor{Method: method, Country: country, Currency: amount.Currency()}, amount)
	return err
}

// rail finds the rail for the corridor, and the corridor, which must take what would arrive, as must the rail.
func (s *Service) rail(way rails.Corridor, arrives money.Amount) (rails.Rail, corridors.Corridor, error) {
	corridor, err := carries(way, arrives)
	if err != nil {
		return nil, corridor, err
	}
	rail, takes := s.Rails.For(way)
	switch {
	case rail == nil:
		err = apierr.New(antonv1.ErrorCode_corridor_not_enabled, "No rail serves %s to %s by %s.", way.Currency, way.Country, way.Method)
	case !takes.Has(arrives):
		err = apierr.New(antonv1.ErrorCode_amount_out_of_range, "Payouts of %s to %s by %s carry %s, not %s.",
			way.Currency, way.Country, way.Method, takes, arrives)
	}
	return rail, corridor, err
}

// arrival is when a payout that is created now should arrive: what its rail says, or else what is usual in its corridor.
func arrival(rail rails.Rail, corridor *corridors.Corridor, now time.Time) time.Time {
	if at, ok := rail.Arrival(now); ok {
		return at
	}
	return corridor.Arrival(now)
}
