package risk

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// A look is one signal's: how strongly it speaks, from 0 to 1, and what it saw.
type look func(Facts) (strength float64, says string)

// signals are all of them, in the order in which a verdict lists them.
var signals = []struct {
	code   string
	family Family
	look   look
}{
	{"account_trusted_elsewhere", CrossMerchant, accountTrustedElsewhere},
	{"account_returned_elsewhere", CrossMerchant, accountReturnedElsewhere},
	{"account_blocked_elsewhere", CrossMerchant, accountBlockedElsewhere},
	{"account_under_other_names", CrossMerchant, accountUnderOtherNames},
	{"first_payout_to_beneficiary", Beneficiary, firstPayout},
	{"new_beneficiary", Beneficiary, newBeneficiary},
	{"returns_from_beneficiary", Beneficiary, returnsFromBeneficiary},
	{"details_changed_lately", Beneficiary, detailsChangedLately},
	{"details_changed_after_hit", Beneficiary, detailsChangedAfterHit},
	{"dormant_beneficiary", Beneficiary, dormantBeneficiary},
	{"bank_returns_often", Counterparty, bankReturnsOften},
	{"country_returns_often", Counterparty, countryReturnsOften},
	{"first_payout_to_country", Anomaly, firstPayoutToCountry},
	{"amount_far_above_usual", Anomaly, amountFarAboveUsual},
	{"burst", Anomaly, burst},
	{"unusual_hour", Anomaly, unusualHour},
	{"just_below_a_cap", Anomaly, justBelowACap},
	{"round_amount_to_new_beneficiary", Anomaly, roundAmountToNewBeneficiary},
	{"repeats_a_payout", Anomaly, repeatsAPayout},
	{"repeats_a_reference", Anomaly, repeatsAReference},
	{"deposit_then_drain", Anomaly, depositThenDrain},
	{"new_key", Anomaly, newKey},
}

// enough is how many of a merchant's own payouts must be known before something counts as usual: fewer are no habit.
const enough = 20

const (
	hour = int64(time.Hour / time.Second)
	day  = 24 * hour
)

// ------------------------------------------------------------------------------------------------------- cross-merchant trust

// accountTrustedElsewhere speaks for the account, and only a little: three merchants must agree, ten say all there is to say, and one
// return or block silences it. Merchants who collude buy at most its few points.
func accountTrustedElsewhere(f Facts) (float64, string) {
	e := f.Elsewhere
	if e.Merchants < 3 || e.Returned > 0 || e.Blocked > 0 || e.OtherNames > 0 {
		return 0, ""
	}
	return ramp(float64(e.Merchants), 2, 10), fmt.Sprintf("%d established merchants have paid this account, and nothing came back.", e.Merchants)
}

func accountReturnedElsewhere(f Facts) (float64, string) {
	e := f.Elsewhere
	ended := e.Completed + e.Returned
	if e.Returned < 2 {
		return 0, "" // one return is an accident of one merchant
	}
	return ramp(share(e.Returned, ended), 0.02, 0.3), fmt.Sprintf("%d of %d payouts of other merchants to this account came back.", e.Returned, ended)
}

func accountBlockedElsewhere(f Facts) (float64, string) {
	if f.Elsewhere.Blocked == 0 {
		return 0, ""
	}
	return 1, fmt.Sprintf("%d other merchants' beneficiaries with this account are blocked.", f.Elsewhere.Blocked)
}

// accountUnderOtherNames sees one account go by several names: a mule's, or a name that is not the account's.
func accountUnderOtherNames(f Facts) (float64, string) {
	n := f.Elsewhere.OtherNames
	return ramp(float64(n), 0, 3), fmt.Sprintf("This account is known under %d other names.", n)
}

// -------------------------------------------------------------------------------------------------------- beneficiary history

func isNew(f Facts) bool { return f.Beneficiary.Completed == 0 }

func firstPayout(f Facts) (float64, string) {
	return when(isNew(f)), "No payout to this beneficiary was completed before."
}

func newBeneficiary(f Facts) (float64, string) {
	age := f.Beneficiary.Age
	if !isNew(f) {
		return 0, ""
	}
	return 1 - ramp(float64(age), float64(hour), float64(day)), fmt.Sprintf("The beneficiary was created %s ago.", span(age))
}

func returnsFromBeneficiary(f Facts) (float64, string) {
	b := f.Beneficiary
	return ramp(float64(b.Returned), 0, 2), fmt.Sprintf("%d payouts to this beneficiary came back before.", b.Returned)
}

func detailsChangedLately(f Facts) (float64, string) {
	changed := f.Beneficiary.DetailsChanged
	if changed == nil || isNew(f) {
		return 0, ""
	}
	return 1 - ramp(float64(*changed), float64(day), float64(14*day)),
		fmt.Sprintf("The beneficiary's name or account changed %s ago, after it was paid before.", span(*changed))
}

func detailsChangedAfterHit(f Facts) (float64, string) {
	return when(f.Beneficiary.ChangedAfterHit), "The beneficiary's name or account changed after a payout to it was stopped or reviewed."
}

func dormantBeneficiary(f Facts) (float64, string) {
	last := f.Beneficiary.LastPaid
	if last == nil {
		return 0, ""
	}
	return ramp(float64(*last), float64(180*day), float64(365*day)), fmt.Sprintf("The last payout to this beneficiary was %s ago.", span(*last))
}

// ---------------------------------------------------------------------------------------------------- counterparty reputation

// A rate that rests on a few payouts says nothing: the lower end of its 95 % interval (Wilson, 1927) is what counts.

func bankReturnsOften(f Facts) (float64, string) {
	c := f.Counterparty
	return ramp(atLeast(c.BankReturned, c.BankEnded), 0.03, 0.15),
		fmt.Sprintf("%d of %d payouts to this bank came back in the last 180 days.", c.BankReturned, c.BankEnded)
}

func countryReturnsOften(f Facts) (float64, string) {
	c := f.Counterparty
	return ramp(atLeast(c.CountryReturned, c.CountryEnded), 0.03, 0.15),
		fmt.Sprintf("%d of %d payouts to banks of this country came back in the last 180 days.", c.CountryReturned, c.CountryEnded)
}

// ---------------------------------------------------------------------------------------------------------- real-time anomaly

func firstPayoutToCountry(f Facts) (float64, string) {
	return when(f.Own.Judged >= enough && f.Own.ToCountry == 0), "This is your first payout to this country."
}

// amountFarAboveUsual compares with the merchant's own median and with its own high payouts: a merchant whose payouts vary widely must
// go further to be unusual.
func amountFarAboveUsual(f Facts) (float64, string) {
	s := f.Own.Amounts
	if s.Count < enough || s.Median <= 0 || f.Amount <= s.High {
		return 0, ""
	}
	times := f.Amount / s.Median // infinite where the median is next to nothing
	share := min(ramp(times, 5, 20), ramp(f.Amount, s.High, 3*s.High))
	if times > 1e6 {
		return share, fmt.Sprintf("The amount is more than a million times the median of your payouts in %s.", f.Currency)
	}
	return share, fmt.Sprintf("The amount is %.0f times the median of your payouts in %s.", times, f.Currency)
}

func burst(f Facts) (float64, string) {
	o := f.Own
	if o.Rhythm.Count < enough || float64(o.LastHour) <= o.Rhythm.High || o.LastHour < 10 {
		return 0, ""
	}
	return ramp(float64(o.LastHour)/o.Rhythm.High, 1.5, 6),
		fmt.Sprintf("%d payouts were created in the last hour; an hour with payouts usually has %.0f.", o.LastHour, o.Rhythm.Median)
}

func unusualHour(f Facts) (float64, string) {
	o := f.Own
	if o.Judged < 10*enough {
		return 0, ""
	}
	// Three hours of the day hold an eighth of all payouts when there is no habit.
	return 1 - ramp(share(o.AtThisHour, o.Judged), 0, 0.01), fmt.Sprintf("%d of your %d payouts were made around %02d:00 UTC.", o.AtThisHour, o.Judged, f.Hour)
}

func justBelowACap(f Facts) (float64, string) {
	o := f.Own
	if o.BelowCap == 0 {
		return 0, ""
	}
	return ramp(float64(o.BelowCapBefore), -1, 3),
		fmt.Sprintf("The amount is just below the limit of %s, as were %d payouts of the last 24 hours.", plain(o.BelowCap), o.BelowCapBefore)
}

func roundAmountToNewBeneficiary(f Facts) (float64, string) {
	return when(isNew(f) && round(f.Amount, f.Own.Amounts.Median)), "The amount is a round number, and the beneficiary was never paid."
}

func repeatsAPayout(f Facts) (float64, string) {
	n := f.Own.SamePayout
	return when(n > 0), fmt.Sprintf("%d payouts of the last 7 days had the same beneficiary, amount and reference.", n)
}

func repeatsAReference(f Facts) (float64, string) {
	n := f.Own.SameReference
	return when(n > 0 && f.Own.SamePayout == 0), fmt.Sprintf("%d payouts of the last 30 days had the same reference.", n)
}

// depositThenDrain sees fresh money leave at once, nearly all of the balance, to somebody new.
func depositThenDrain(f Facts) (float64, string) {
	if !isNew(f) || f.Own.Deposited <= 0 || f.Amount <= 0 {
		return 0, ""
	}
	drained := f.Amount / (f.Amount + f.Own.LeftBehind)
	return min(ramp(f.Amount/f.Own.Deposited, 0.3, 0.8), ramp(drained, 0.7, 0.95)),
		fmt.Sprintf("The payout takes %.0f %% of the balance, which was filled in the last 24 hours.", 100*drained)
}

func newKey(f Facts) (float64, string) {
	age := f.Own.KeyAge
	if age == nil || f.Own.Judged < enough {
		return 0, "" // a merchant that begins has only new keys
	}
	return 1 - ramp(float64(*age), float64(hour), float64(day)), fmt.Sprintf("The key that created the payout exists for %s.", span(*age))
}

// -------------------------------------------------------------------------------------------------------------------- figures

// ramp is 0 up to from, 1 from to on, and a straight line between.
func ramp(x, from, to float64) float64 { return max(0, min(1, (x-from)/(to-from))) }

func when(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// atLeast is the lower end of the 95 % Wilson interval of a rate.
func atLeast(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	const z = 1.96
	n, p := float64(whole), share(part, whole)
	return (p + z*z/(2*n) - z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}

// round says whether the amount has nothing but zeros after its first two digits and is not small, by itself or by the merchant's own
// measure: 50000 is round, 51300 and 30 are not.
func round(amount, usual float64) bool {
	if amount < 1000 || amount < usual {
		return false
	}
	unit := math.Pow(10, math.Floor(math.Log10(amount))-1)
	return math.Mod(amount, unit) == 0
}

// plain is an amount without an exponent.
func plain(amount float64) string { return strconv.FormatFloat(amount, 'f', -1, 64) }

// span is a number of seconds as people say it.
func span(seconds int64) string {
	switch {
	case seconds < 2*60:
		return fmt.Sprintf("%d seconds", seconds)
	case seconds < 2*hour:
		return fmt.Sprintf("%d minutes", seconds/60)
	case seconds < 2*day:
		return fmt.Sprintf("%d hours", seconds/hour)
	}
	return fmt.Sprintf("%d days", seconds/day)
}
