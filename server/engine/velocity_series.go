package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// keptSeries remember which buckets are kept for a merchant, under the number that the book draws anew when that changes.
type keptSeries struct {
	once       sync.Once
	byMerchant *lru.Cache[string, keptBuckets]
}

type keptBuckets struct {
	past   int64
	series map[string]time.Time
	// The rules had all that they need at a moment; then they have it at every later one, for windows only move on.
	enough *velocity.Rulebook
	since  time.Time
}

func (k *keptSeries) of(ctx context.Context, u *unit.Unit, merchant string, past int64) (keptBuckets, error) {
	k.once.Do(func() { k.byMerchant, _ = lru.New[string, keptBuckets](merchantsRemembered) }) // fails for a size below one
	if kept, ok := k.byMerchant.Get(merchant); ok && kept.past == past {
		return kept, nil
	}
	series, err := u.Read().VelocitySeries(ctx, merchant)
	if err != nil {
		return keptBuckets{}, fmt.Errorf("read which buckets are kept: %w", err)
	}
	kept := keptBuckets{past: past, series: series}
	k.byMerchant.Add(merchant, kept)
	return kept, nil
}

// keep sees to it that the buckets which the rules ask about are there: a series that is new, or that must reach further back, is added
// up from the checks. What no rule asks about any more is left off. It says whether anything changed; then the book must be read again.
func (k *keptSeries) keep(ctx context.Context, u *unit.Unit, merchant string, past int64, rules *velocity.Rulebook) (changed bool, err error) {
	kept, err := k.of(ctx, u, merchant, past)
	if err != nil || kept.enough == rules && !u.Now.Before(kept.since) {
		return false, err
	}
	needed := velocity.Needed(rules, u.Now)
	next := make(map[string]time.Time, len(needed))
	for series, since := range needed {
		name := seriesName(series)
		was, ok := kept.series[name]
		if ok && !since.Before(was) {
			next[name] = was
			continue
		}
		if !ok {
			was = endOfTime
		}
		if err := fillSeries(ctx, u, merchant, series, since, was); err != nil {
			return false, err
		}
		next[name], changed = since, true
	}
	if !changed && len(next) == len(kept.series) {
		kept.enough, kept.since = rules, u.Now
		k.byMerchant.Add(merchant, kept)
		return false, nil
	}
	if err := u.Read().VelocitySeriesSet(ctx, next, merchant); err != nil {
		return false, fmt.Errorf("say which buckets are kept: %w", err)
	}
	return true, nil
}

// endOfTime is after everything.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func fillSeries(ctx context.Context, u *unit.Unit, merchant string, s velocity.Series, since, until time.Time) error {
	err := u.Read().VelocityBucketsClear(ctx, db.VelocityBucketsClearParams{
		MerchantID: merchant, Scope: db.VelocityScope(s.Scope), Step: s.Step, Until: until,
	})
	if err != nil {
		return fmt.Errorf("clear a series: %w", err)
	}
	err = u.Read().VelocityBucketsFill(ctx, db.VelocityBucketsFillParams{
		MerchantID: merchant, Scope: db.VelocityScope(s.Scope), Step: s.Step, Since: since, Until: until,
	})
	if err != nil {
		return fmt.Errorf("add up a series: %w", err)
	}
	return nil
}

func seriesName(s velocity.Series) string { return string(s.Scope) + "/" + strconv.Itoa(int(s.Step)) }

// seriesNamed reads what seriesName wrote.
func seriesNamed(name string) velocity.Series {
	scope, step, _ := strings.Cut(name, "/")
	n, _ := strconv.ParseInt(step, 10, 32) // seriesName wrote it
	return velocity.Series{Scope: velocity.Scope(scope), Step: int32(n)}
}
