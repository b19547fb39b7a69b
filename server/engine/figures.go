package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/risk"
)

// figures are a dashboard's numbers, before anyone decides who may see which.
type figures struct {
	total    *stretch
	days     map[time.Time]*stretch
	scores   [10]int64 // by hundreds
	signals  map[signalKey]signalFigure
	rules    map[string]ruleFigure
	platform int64 // payouts that a limit of the operator's stopped, as far as their merchant was told
	alerts   map[string]int64
}

// A stretch is what became of payouts over a day, or over all of them.
type stretch struct {
	volumes map[volumeKey]volume
	waits   risk.Histogram // of reviews, in seconds
}

type (
	volumeKey struct {
		outcome  antonv1.DashboardOutcome_Value
		currency string
	}
	volume struct {
		payouts int64
		amount  apd.Decimal
	}
	signalKey    struct{ code, family string }
	signalFigure struct{ payouts, points int64 }
	ruleFigure   struct{ effects map[string]int64 }
)

func (r ruleFigure) all() (n int64) {
	for _, each := range r.effects {
		n += each
	}
	return n
}

func newStretch() *stretch { return &stretch{map[volumeKey]volume{}, risk.Histogram{}} }

// readFigures reads a period of one merchant, or of all where none is named.
func readFigures(ctx context.Context, q *db.Queries, p period, merchant *string) (*figures, error) {
	// It may be older than what follows: then it begins earlier, and some of what has its place is looked at for nothing.
	settled, err := q.TallySettled(ctx)
	if err != nil {
		return nil, fmt.Errorf("read from where events may lack a place: %w", err)
	}
	rows, err := q.TallyRead(ctx, db.TallyReadParams{Since: p.since, Until: p.until, MerchantID: merchant, Settled: settled})
	if err != nil {
		return nil, fmt.Errorf("read the tallies: %w", err)
	}
	f := &figures{
		total: newStretch(), days: map[time.Time]*stretch{}, signals: map[signalKey]signalFigure{}, rules: map[string]ruleFigure{},
		alerts: map[string]int64{},
	}
	for _, row := range rows {
		if err := f.add(row); err != nil {
			return nil, fmt.Errorf("read the tally %s %q: %w", row.Measure, row.Key, err)
		}
	}
	return f, nil
}

func (f *figures) add(row db.TallyReadRow) error {
	switch row.Measure {
	case db.EngineMeasureOutcome:
		key := volumeKey{antonv1.DashboardOutcome_Value(antonv1.DashboardOutcome_Value_value[row.Key]), row.Detail}
		return errors.Join(f.total.addVolume(key, row), f.day(row.Day).addVolume(key, row))
	case db.EngineMeasureWait:
		bucket, err := strconv.ParseInt(row.Key, 10, 32)
		f.total.waits[int32(bucket)] += float64(row.N)
		f.day(row.Day).waits[int32(bucket)] += float64(row.N)
		return err
	case db.EngineMeasureScore:
		hundreds, err := strconv.ParseUint(row.Key, 10, 8)
		f.scores[min(hundreds, 9)] += row.N
		return err
	case db.EngineMeasureSignal:
		points, err := row.Total.Int64()
		f.signals[signalKey{row.Key, row.Detail}] = signalFigure{row.N, points}
		return err
	case db.EngineMeasureRule:
		if f.rules[row.Key].effects == nil {
			f.rules[row.Key] = ruleFigure{map[string]int64{}}
		}
		f.rules[row.Key].effects[row.Detail] = row.N
	case db.EngineMeasurePlatform:
		f.platform += row.N
	case db.EngineMeasureAlert:
		f.alerts[row.Key] += row.N
	}
	return nil
}

func (f *figures) day(day time.Time) *stretch {
	if f.days[day] == nil {
		f.days[day] = newStretch()
	}
	return f.days[day]
}

func (s *stretch) addVolume(key volumeKey, row db.TallyReadRow) error {
	v := s.volumes[key]
	sum := volume{payouts: v.payouts + row.N}
	if _, err := apd.BaseContext.WithPrecision(60).Add(&sum.amount, &v.amount, &row.Total); err != nil {
		return fmt.Errorf("add up amounts: %w", err)
	}
	s.volumes[key] = sum
	return nil
}

// judged is what the engine came to.
func (s *stretch) judged() *antonv1.JudgementCounts {
	by := map[antonv1.DashboardOutcome_Value]int64{}
	for key, v := range s.volumes {
		by[key.outcome] += v.payouts
	}
	cleared, review := by[antonv1.DashboardOutcome_cleared], by[antonv1.DashboardOutcome_in_review]
	velocity, screening := by[antonv1.DashboardOutcome_velocity_blocked], by[antonv1.DashboardOutcome_screening_failed]
	all := cleared + review + velocity + screening
	return &antonv1.JudgementCounts{
		Payouts: count(all), Cleared: count(cleared), InReview: count(review), VelocityBlocked: count(velocity), ScreeningFailed: count(screening),
		BlockRate: rate(velocity+screening, all), ReviewRate: rate(review, all),
	}
}

func rate(part, all int64) string {
	return strconv.FormatFloat(float64(part)/float64(max(all, 1)), 'f', 4, 64)
}

// count is a number as the contract has it.
func count(n int64) int32 { return int32(max(min(n, math.MaxInt32), math.MinInt32)) }

func (s *stretch) volumesToProto() ([]*antonv1.OutcomeVolume, error) {
	var all []*antonv1.OutcomeVolume
	for key, v := range s.volumes {
		amount, err := money.Of(key.currency, v.amount)
		if err != nil {
			return nil, fmt.Errorf("read an amount of payouts: %w", err)
		}
		all = append(all, &antonv1.OutcomeVolume{Outcome: key.outcome, Currency: key.currency, Payouts: count(v.payouts), Amount: amount.String()})
	}
	slices.SortFunc(all, func(a, b *antonv1.OutcomeVolume) int {
		return cmp.Or(cmp.Compare(a.GetOutcome(), b.GetOutcome()), cmp.Compare(a.GetCurrency(), b.GetCurrency()))
	})
	return all, nil
}

func (s *stretch) latency() *antonv1.ReviewLatency {
	spread := s.waits.Spread()
	l := &antonv1.ReviewLatency{Reviews: count(spread.Count)}
	if spread.Count > 0 {
		half, most := count(int64(math.Round(spread.Median))), count(int64(math.Round(spread.High)))
		l.P50Seconds, l.P95Seconds = &half, &most
	}
	return l
}

func (f *figures) scoreRanges() []*antonv1.ScoreRange {
	var all []*antonv1.ScoreRange
	for i, n := range f.scores {
		if n == 0 {
			continue
		}
		r := &antonv1.ScoreRange{From: int32(100 * i), To: int32(100*i + 99), Payouts: count(n)}
		if i == len(f.scores)-1 {
			r.To = 1000
		}
		all = append(all, r)
	}
	return all
}

func (f *figures) ruleIDs() []string { return slices.Collect(maps.Keys(f.rules)) }

// daysToProto are all days of the period.
func (f *figures) daysToProto(p period) ([]*antonv1.DashboardDay, error) {
	var all []*antonv1.DashboardDay
	for day := p.since; day.Before(p.until); day = day.AddDate(0, 0, 1) {
		s := f.day(day)
		volumes, err := s.volumesToProto()
		if err != nil {
			return nil, err
		}
		all = append(all, &antonv1.DashboardDay{
			Day: day.Format(time.DateOnly), Volumes: volumes, Judged: s.judged(), ReviewLatency: s.latency(),
		})
	}
	return all, nil
}
