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

// settledSums remember what buckets add up to, because a window is mostly past and the past seldom changes. The merchant's book, which is
// locked while we look, has numbers that are others since: what was remembered under the old ones is not looked at, and falls out in time.
// Nothing is lost with the memory, and servers need not agree on it.
type settledSums struct {
	once   sync.Once
	byPart *lru.Cache[settledPart, velocity.Totals]
}

// A settledPart is a part while its buckets are what they are: until a settled one changes, which is rare, or until others do or are filled.
type settledPart struct {
	merchant string
	past     int64
	recent   int64
	counted  int64
	part     velocity.Part
}

func partOf(merchant string, book standing, part velocity.Part) settledPart {
	if part.Settled(book.settled) {
		return settledPart{merchant: merchant, past: book.past, part: part}
	}
	return settledPart{merchant, book.past, book.recent, book.counted.UnixMicro(), part}
}

const (
	// partsRemembered bounds the memory to some thirty megabytes. A window of one subject has four parts at the most, most of them of few
	// buckets.
	partsRemembered = 20_000
	// settledAfter is how long a bucket waits until it is settled: servers' clocks may differ by that much without any of them changing
	// the past. The moment moves on when buckets are filled.
	settledAfter = 15 * time.Minute
	settledEvery = 15 * time.Minute // the database holds it to quarters of an hour, which all shorter buckets end with
)

// read fills what the windows have used, from memory or else from the buckets.
func (s *settledSums) read(ctx context.Context, u *unit.Unit, merchant string, book standing, used *velocity.Used) error {
	s.once.Do(func() { s.byPart, _ = lru.New[settledPart, velocity.Totals](partsRemembered) }) // fails for a size below one
	var missing []velocity.Part
	for _, part := range used.Parts(book.settled) {
		if part.From > book.counted.Unix() {
			continue // no bucket is so new
		}
		totals, ok := s.byPart.Get(partOf(merchant, book, part))
		if !ok {
			missing = append(missing, part)
			continue
		}
		if err := used.Put(part, totals); err != nil {
			return err
		}
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
			s.byPart.Add(partOf(merchant, book, part), found[i])
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
