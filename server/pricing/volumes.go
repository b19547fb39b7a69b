package pricing

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

// Volumes are sums that count towards tiers, of one merchant, by month and currency.
type Volumes map[Volume]apd.Decimal

// A Volume is a month, as Month gives it, and a source currency.
type Volume struct {
	Month    time.Time
	Currency string
}

// Add counts a payout's principal.
func (v Volumes) Add(month time.Time, currency string, source apd.Decimal) error {
	key := Volume{month.UTC(), currency}
	sum := v[key]
	if _, err := work.Add(&sum, &sum, &source); err != nil {
		return fmt.Errorf("count %s: %w", source.Text('f'), err)
	}
	v[key] = sum
	return nil
}

// QueueCount queues that the sums were sent. The rows are locked for one commit, as the balances are, and before them by everybody.
func (v Volumes) QueueCount(ctx context.Context, u *unit.Unit, merchant string) error {
	if len(v) == 0 {
		return nil
	}
	return u.Queue(unit.Work).PricingVolumeAdd(ctx, db.PricingVolumeAddParams(v.rows(merchant)))
}

// QueueTakeBack queues that the sums were given back.
func (v Volumes) QueueTakeBack(ctx context.Context, u *unit.Unit, merchant string) error {
	if len(v) == 0 {
		return nil
	}
	return u.Queue(unit.Work).PricingVolumeTakeBack(ctx, v.rows(merchant))
}

// rows are in one order, so that two units do not wait for each other.
func (v Volumes) rows(merchant string) db.PricingVolumeTakeBackParams {
	p := db.PricingVolumeTakeBackParams{MerchantID: merchant}
	keys := slices.SortedFunc(maps.Keys(v), func(a, b Volume) int {
		return cmp.Or(a.Month.Compare(b.Month), cmp.Compare(a.Currency, b.Currency))
	})
	for _, key := range keys {
		p.Months, p.Currencies, p.Volumes = append(p.Months, key.Month), append(p.Currencies, key.Currency), append(p.Volumes, v[key])
	}
	return p
}
