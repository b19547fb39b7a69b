package fx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/fx/ecb"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// Who the stored rates are from.
const (
	fromECB    = "European Central Bank"
	fromSample = "the sandbox's sample"
)

// What can come of a refresh.
const (
	taken     = "taken"
	unchanged = "unchanged"
	refused   = "refused"
	failed    = "failed"
)

// leap is how much of its value a rate may gain or lose between two publications unless a person vouches for it: a fifth. No major currency
// ever did; a file with a shifted point or a swapped column does.
const leap = "0.2"

// A Waiver is a person's word that a file which lost a currency, or in which a rate leapt, is right. Empty: there is none.
type Waiver string

// Record judges what was found, takes what is newer and right, and records in any case what came of it. Nothing is taken of a file that
// has anything wrong in it.
func Record(ctx context.Context, u *unit.Unit, found Found, by string, waiver Waiver) (db.FxRefresh, error) {
	row := db.FxRefresh{ID: ids.New(ids.FxRefresh, u.Now), At: u.Now, RefreshedBy: by, Source: found.Source.String(), AcceptReason: string(waiver)}
	days, err := found.Days, found.Err
	if err == nil {
		days, err = judge(ctx, u, found, waiver)
	}
	var no *refusal
	switch {
	case errors.As(err, &no):
		row.Outcome, row.Detail = refused, apierr.Cut(no.Error(), 500)
	case found.Err != nil:
		row.Outcome, row.Detail = failed, apierr.Cut(found.Err.Error(), 500)
	case err != nil:
		return row, err
	case len(days) == 0:
		row.Outcome = unchanged
	default:
		newest := days[len(days)-1]
		at := newest.Published()
		row.Outcome, row.AsOf = taken, &at
		row.Detail = fmt.Sprintf("%d currencies of %s", len(newest.Rates), newest.Date.Format(time.DateOnly))
		for _, d := range days {
			if err := insertDay(ctx, u, d, found.Source.publisher()); err != nil {
				return row, err
			}
		}
	}
	return row, u.Queue(unit.Rows).FxRefreshInsert(ctx, db.FxRefreshInsertParams(row))
}

func insertDay(ctx context.Context, u *unit.Unit, d ecb.Day, publisher string) error {
	p := db.FxRatesInsertParams{AsOf: d.Published(), Source: publisher}
	for _, currency := range slices.Sorted(maps.Keys(d.Rates)) {
		p.Quotes, p.Rates = append(p.Quotes, currency), append(p.Rates, d.Rates[currency])
	}
	return u.Queue(unit.Rows).FxRatesInsert(ctx, p)
}

// A refusal says why a file is not taken.
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// judge gives the days that are newer than those we have, oldest first, if nothing is wrong with any.
func judge(ctx context.Context, u *unit.Unit, found Found, waiver Waiver) ([]ecb.Day, error) {
	publisher := found.Source.publisher() // invented rates say nothing of real ones, nor the other way round
	rows, err := u.Read().FxRatesNewest(ctx, &publisher)
	if err != nil {
		return nil, fmt.Errorf("read the newest rates: %w", err)
	}
	before := ecb.Day{Rates: map[string]apd.Decimal{}}
	var asOf time.Time
	for _, row := range rows {
		before.Rates[row.Quote], asOf = row.Rate, row.AsOf
	}
	var newer []ecb.Day
	for _, d := range found.Days {
		switch published := d.Published(); {
		case published.After(u.Now.Add(24 * time.Hour)):
			return nil, refuse("the file has rates of %s, which is not yet", d.Date.Format(time.DateOnly))
		case published.Equal(asOf):
			if err := same(before, d); err != nil {
				return nil, err
			}
		case published.After(asOf):
			if err := plausible(before, d, waiver); err != nil {
				return nil, err
			}
			newer, before = append(newer, d), d
		}
	}
	return newer, nil
}

// same refuses other rates of a day than those that payments were made at.
func same(before, d ecb.Day) error {
	for currency, rate := range d.Rates {
		if had, ok := before.Rates[currency]; !ok || had.Cmp(&rate) != 0 {
			return refuse("%s: the rate of %s is %s now and was %s; what was published is never changed", d.Date.Format(time.DateOnly), currency,
				rate.Text('f'), had.Text('f'))
		}
	}
	return nil
}

// plausible refuses a day that lost a currency or in which one leapt, unless a person vouches for it.
func plausible(before, d ecb.Day, waiver Waiver) error {
	if waiver != "" {
		return nil
	}
	most, _, err := apd.NewFromString(leap)
	if err != nil {
		return err
	}
	var wrong []string
	for _, currency := range slices.Sorted(maps.Keys(before.Rates)) {
		had := before.Rates[currency]
		rate, ok := d.Rates[currency]
		if !ok {
			wrong = append(wrong, currency+" is gone")
			continue
		}
		var change apd.Decimal
		if _, err := work.Quo(&change, &rate, &had); err != nil {
			return fmt.Errorf("compare the rates of %s: %w", currency, err)
		}
		if _, err := work.Sub(&change, &change, apd.New(1, 0)); err != nil {
			return fmt.Errorf("compare the rates of %s: %w", currency, err)
		}
		if change.Abs(&change).Cmp(most) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s went from %s to %s", currency, had.Text('f'), rate.Text('f')))
		}
	}
	if len(wrong) > 0 {
		return refuse("%s: %s. If this is right, refresh with a reason to accept it", d.Date.Format(time.DateOnly), strings.Join(wrong, "; "))
	}
	return nil
}

// Status is what is known of the rates.
type Status struct {
	Source string
	AsOf   *time.Time
	Missed int // publications since
	Usable bool
	Last   *db.FxRefresh
	Rates  []db.FxRatesNewestRow
}

// Status reads it, of one publisher's rates or, where that is nil, of the newest there are.
func (d Desk) Status(ctx context.Context, q *db.Queries, now time.Time, publisher *string) (*Status, error) {
	s := &Status{}
	var err error
	if s.Rates, err = q.FxRatesNewest(ctx, publisher); err != nil {
		return nil, fmt.Errorf("read the newest rates: %w", err)
	}
	if len(s.Rates) > 0 {
		s.Source, s.AsOf = s.Rates[0].Source, &s.Rates[0].AsOf
		s.Missed = ecb.Missed(*s.AsOf, now)
		s.Usable = !d.tooOld(s.Source, *s.AsOf, now)
	}
	last, err := q.FxRefreshLast(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last refresh: %w", err)
	}
	s.Last = &last
	return s, nil
}
