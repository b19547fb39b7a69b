package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// settledSums remember what settled buckets add up to, because a window is mostly past and the past seldom changes. The merchant's book,
// which is locked while we look, has a number that is another one since: what was remembered under the old one is not looked at, and falls out
// in time.
// Nothing is lost with the memory, and servers need not agree on it.
type settledSums struct {
	once   sync.Once
	byPart *lru.Cache[settledPart, velocity.Totals]
}

type settledPart struct {
	merchant string
	past     int64
	part     velocity.Part
}

const (
	// partsRemembered bounds the memory to some thirty megabytes. A window of one subject has four parts at the most, most of them of few
	// buckets.
	partsRemembered = 20_000
	// settledAfter is how long a bucket waits until it is settled: servers' clocks may differ by that much without any of them changing
	// the past. The moment moves on once in a while, not with every payout, because each move writes the book.
	settledAfter = 15 * time.Minute
	settledEvery = 15 * time.Minute // the database holds it to quarters of an hour, which all shorter buckets end with
)

// read fills what the windows have used: settled parts from memory, everything else from the buckets.
func (s *settledSums) read(ctx context.Context, u *unit.Unit, merchant string, book db.VelocityBookLockRow, used *velocity.Used) error {
	s.once.Do(func() { s.byPart, _ = lru.New[settledPart, velocity.Totals](partsRemembered) }) // fails for a size below one
	var missing []velocity.Part
	for _, part := range used.Parts(book.Settled) {
		if part.Settled(book.Settled) {
			if totals, ok := s.byPart.Get(settledPart{merchant, book.Past, part}); ok {
				if err := used.Put(part, totals); err != nil {
					return err
				}
				continue
			}
		}
		missing = append(missing, part)
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := readParts(ctx, u, merchant, missing)
	if err != nil {
		return err
	}
	for i, part := range missing {
		if err := used.Put(part, found[i]); err != nil {
			return err
		}
	}
	// Not before the commit: a unit that gives back, reads, and is then rolled back has read what never was.
	u.AfterCommit(func() {
		for i, part := range missing {
			if part.Settled(book.Settled) {
				s.byPart.Add(settledPart{merchant, book.Past, part}, found[i])
			}
		}
	})
	return nil
}

// readParts gives what each of the parts has used.
func readParts(ctx context.Context, u *unit.Unit, merchant string, parts []velocity.Part) ([]velocity.Totals, error) {
	params := db.VelocityUsedParams{MerchantID: merchant}
	for i, part := range parts {
		params.Numbers = append(params.Numbers, int32(i))
		params.Scopes = append(params.Scopes, string(part.Scope))
		params.Keys = append(params.Keys, part.Key)
		params.Steps = append(params.Steps, part.Step)
		params.Froms = append(params.Froms, time.Unix(part.From, 0))
		params.Untils = append(params.Untils, time.Unix(part.Until, 0))
	}
	rows, err := u.Read().VelocityUsed(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("read what is used: %w", err)
	}
	buckets := make([][]velocity.Bucket, len(parts))
	for _, row := range rows {
		buckets[row.Number] = append(buckets[row.Number], velocity.Bucket{From: row.StartsAt.Unix(), KindSum: velocity.KindSum{
			Kind: velocity.Kind{Currency: row.Currency, Country: row.Country, Method: string(row.Method), BeneficiaryType: string(row.BeneficiaryType)},
			Sum:  velocity.Sum{Payouts: row.Payouts, NewBeneficiaries: row.NewBeneficiaries, Amount: row.Amount},
		}})
	}
	found := make([]velocity.Totals, len(parts))
	for i := range buckets {
		if found[i], err = velocity.AddUp(buckets[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// settle queues what the unit's counting does to what is settled: one whose clock is behind changes it, and says so; one that finds it
// long ago moves it on.
func settle(ctx context.Context, u *unit.Unit, merchant string, settled time.Time) error {
	if u.Now.Before(settled) {
		return u.Queue(unit.Rows).VelocityBookPast(ctx, merchant)
	}
	if next := u.Now.Add(-settledAfter).Truncate(settledEvery); next.Sub(settled) >= settledEvery {
		return u.Queue(unit.Rows).VelocityBookSettle(ctx, next, merchant)
	}
	return nil
}
