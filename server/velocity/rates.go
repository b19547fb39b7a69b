package velocity

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// A Pair of currencies: one Base is so many Quote.
type Pair struct{ Base, Quote string }

// Rates are the mid rates that are known at a moment.
type Rates map[Pair]apd.Decimal

// NoRateError says that no rate is stored between a payout's currency and its rule's.
type NoRateError struct{ Currency string }

func (e NoRateError) Error() string { return "no mid rate is stored for " + e.Currency }

// Through is the currency that published rates have as their base: two others are crossed through it.
const Through = "EUR"

// Convert gives the amount in another currency, by the rate of the pair or of the reverse pair, or else by those of both to the euro. The
// result is not rounded to the currency: it is compared, never paid.
func (r Rates) Convert(amount apd.Decimal, from, to string) (apd.Decimal, error) {
	if from == to {
		return amount, nil
	}
	var out apd.Decimal
	var err error
	if rate, ok := r[Pair{from, to}]; ok {
		_, err = exact.Mul(&out, &amount, &rate)
	} else if rate, ok := r[Pair{to, from}]; ok {
		_, err = exact.Quo(&out, &amount, &rate)
	} else if sold, ok := r[Pair{Through, from}]; ok && to != Through {
		bought, ok := r[Pair{Through, to}]
		if !ok {
			return out, NoRateError{to}
		}
		if _, err = exact.Mul(&out, &amount, &bought); err == nil {
			_, err = exact.Quo(&out, &out, &sold)
		}
	} else {
		return out, NoRateError{from}
	}
	if err != nil {
		return out, fmt.Errorf("convert %s to %s: %w", from, to, err)
	}
	return out, nil
}

// Foreign are the currencies that a rate is needed between: those of rules about amounts, and those of payouts and of what is used that such
// a rule looks at. There are none where every rule counts in the payouts' own currency.
func Foreign(book *Rulebook, used *Used, payouts []Payout) []string {
	if len(book.foreign) == 0 {
		return nil
	}
	kinds := map[Kind]bool{}
	for i := range payouts {
		kinds[payouts[i].Kind] = true
	}
	for _, s := range used.Subjects() {
		for _, t := range s.tallies {
			for i := range t {
				kinds[t[i].Kind] = true
			}
		}
	}
	currencies := map[string]bool{}
	for _, r := range book.foreign {
		for kind := range kinds {
			if kind.Currency != r.Currency && r.looksAt(&kind) {
				currencies[kind.Currency], currencies[r.Currency], currencies[Through] = true, true, true
			}
		}
	}
	return slices.Sorted(maps.Keys(currencies))
}
