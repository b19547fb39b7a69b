package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/unit"
)

// scoreRisk gathers the facts of all payouts in three queries, and scores each. Nothing that the queries read grows with a merchant's
// history: it is counted where payouts are judged, or over the newest few.
func (e *Engine) scoreRisk(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error {
	own, err := u.Read().RiskMerchant(ctx, u.Now.Truncate(time.Hour), merchant)
	if err != nil {
		return fmt.Errorf("read the merchant's rhythm: %w", err)
	}
	amounts, err := usualAmounts(ctx, u, merchant, judgements)
	if err != nil {
		return err
	}
	rows, err := u.Read().RiskPayouts(ctx, db.RiskPayoutsParams{MerchantID: merchant, PayoutIds: payoutIDs(judgements), Now: u.Now})
	if err != nil {
		return fmt.Errorf("read the risk facts: %w", err)
	}
	nearCaps, err := belowCaps(ctx, u, merchant, judgements)
	if err != nil {
		return err
	}
	byPayout := map[string]db.RiskPayoutsRow{}
	for _, row := range rows {
		byPayout[row.PayoutID] = row
	}
	for i := range judgements {
		j := &judgements[i]
		row := byPayout[j.payout.ID]
		j.country = row.Country
		if j.facts, err = e.factsOf(row); err != nil {
			return err
		}
		if j.facts.Amount, err = j.payout.SourceAmount.Float64(); err != nil {
			return fmt.Errorf("read the amount of %s: %w", j.payout.ID, err)
		}
		j.facts.Tier, j.facts.Currency, j.facts.Hour = risk.Tier(own.Tier), j.payout.SourceCurrency, u.Now.Hour()
		j.facts.Own.BelowCap, j.facts.Own.BelowCapBefore = j.cap, nearCaps[j.payout.ID]
		j.facts.Own.Amounts = amounts[j.payout.SourceCurrency]
		addRhythm(&j.facts.Own, own, u.Now, int64(i))
		j.risk = risk.Score(e.Model, j.facts)
	}
	return nil
}

// addRhythm says how often the merchant pays. Of the payouts that are judged together, those before this one count as well.
func addRhythm(facts *risk.OwnFacts, own db.RiskMerchantRow, now time.Time, before int64) {
	// The last hour is this hour of the clock, and of the one before it the part that is not an hour ago.
	gone := now.Sub(now.Truncate(time.Hour)).Hours()
	facts.LastHour = own.ThisHour + int64(float64(own.HourBefore)*(1-gone)) + before
	facts.Rhythm = risk.Spread{Count: own.Hours, Median: float64(own.Median), High: float64(own.High)}
	facts.Judged, facts.AtThisHour = own.Judged+before, own.AtThisHour+before
}

// monthsKept is how many months of amounts make up what is usual; each weighs half of the one after it.
const monthsKept = 3

// usualAmounts is the distribution of the merchant's amounts in each currency of the payouts.
func usualAmounts(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) (map[string]risk.Spread, error) {
	var currencies []string
	for _, j := range judgements {
		currencies = append(currencies, j.payout.SourceCurrency)
	}
	slices.Sort(currencies)
	this := monthOf(u.Now)
	rows, err := u.Read().RiskAmounts(ctx, db.RiskAmountsParams{
		MerchantID: merchant, Currencies: slices.Compact(currencies), Since: this.AddDate(0, 1-monthsKept, 0),
	})
	if err != nil {
		return nil, fmt.Errorf("read the usual amounts: %w", err)
	}
	histograms := map[string]risk.Histogram{}
	for _, row := range rows {
		if histograms[row.Currency] == nil {
			histograms[row.Currency] = risk.Histogram{}
		}
		age := 12*(this.Year()-row.Month.Year()) + int(this.Month()-row.Month.Month())
		histograms[row.Currency][row.Bucket] += float64(row.N) / float64(int(1)<<max(0, age))
	}
	spreads := map[string]risk.Spread{}
	for currency, histogram := range histograms {
		spreads[currency] = histogram.Spread()
	}
	return spreads, nil
}

func monthOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// belowCaps counts, for the payouts that stay just below a cap, how many did before. It asks nothing when there are none.
func belowCaps(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) (map[string]int64, error) {
	near := db.RiskBelowCapParams{MerchantID: merchant, Since: u.Now.Add(-24 * time.Hour)}
	for _, j := range judgements {
		if j.cap > 0 {
			near.PayoutIds = append(near.PayoutIds, j.payout.ID)
			near.Currencies = append(near.Currencies, j.payout.SourceCurrency)
			near.Caps = append(near.Caps, j.cap)
		}
	}
	if len(near.PayoutIds) == 0 {
		return nil, nil
	}
	rows, err := u.Read().RiskBelowCap(ctx, near)
	if err != nil {
		return nil, fmt.Errorf("count the payouts just below a cap: %w", err)
	}
	before := map[string]int64{}
	for _, row := range rows {
		before[row.PayoutID] = row.Before
	}
	return before, nil
}

// factsOf is all that a payout's own row says.
func (e *Engine) factsOf(row db.RiskPayoutsRow) (risk.Facts, error) {
	f := risk.Facts{
		Own: risk.OwnFacts{
			ToCountry: row.ToCountry, SamePayout: row.SamePayout, SameReference: row.SameReference,
			Deposited: row.Deposited, LeftBehind: row.LeftBehind, KeyAge: span(row.KeyAge),
		},
		Beneficiary: risk.BeneficiaryFacts{
			Age: row.Age, Completed: row.Completed, Returned: row.Returned, LastPaid: span(row.LastPaid),
			DetailsChanged: span(row.DetailsChanged), ChangedAfterHit: row.ChangedAfterHit,
		},
		Elsewhere: risk.ElsewhereFacts{
			Merchants: row.Merchants, Completed: row.CompletedElsewhere, Returned: row.ReturnedElsewhere, Blocked: row.Blocked,
		},
		Counterparty: risk.CounterpartyFacts{
			BankEnded: row.BankEnded, BankReturned: row.BankReturned, CountryEnded: row.CountryEnded, CountryReturned: row.CountryReturned,
		},
	}
	if len(row.Names) == 0 {
		return f, nil
	}
	own, err := nameHash(e.Keys, row.FirstName, row.MiddleName, row.LastName, row.CompanyName)
	if err != nil {
		return f, err
	}
	for _, name := range row.Names {
		if !bytes.Equal(name, own) {
			f.Elsewhere.OtherNames++
		}
	}
	return f, nil
}

// nameHash is what is kept of a name that somebody gave for an account: the same name gives the same bytes, and nothing leads back.
func nameHash(keys *crypto.Keys, parts ...*string) ([]byte, error) {
	var name []string
	for _, part := range parts {
		if part != nil {
			name = append(name, *part)
		}
	}
	return keys.Fingerprint("name", screening.Fold(strings.Join(name, " ")))
}

// span is a number of seconds from the database, where -1 stands for never.
func span(seconds int64) *int64 {
	if seconds < 0 {
		return nil
	}
	return &seconds
}

// remember queues what these payouts add to the merchant's habits.
func remember(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error {
	err := u.Queue(unit.Rows).RiskHourAdd(ctx, db.RiskHourAddParams{MerchantID: merchant, Hour: u.Now.Truncate(time.Hour), N: int64(len(judgements))})
	if err != nil {
		return err
	}
	cleared := db.RiskClearedParams{MerchantID: merchant, Month: monthOf(u.Now)}
	for _, j := range judgements {
		if j.outcome() != Clear {
			continue
		}
		cleared.Currencies = append(cleared.Currencies, j.facts.Currency)
		cleared.Buckets = append(cleared.Buckets, risk.Bucket(j.facts.Amount))
		cleared.Countries = append(cleared.Countries, j.country)
	}
	if len(cleared.Buckets) == 0 {
		return nil
	}
	return u.Queue(unit.Rows).RiskCleared(ctx, cleared)
}
