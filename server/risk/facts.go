package risk

// Facts are what the signals look at, as they were when the payout was judged. They are stored with the verdict, so that its score can
// be computed again; a field that is added later must mean nothing when it is absent. Times are given as spans before the judgement,
// in whole seconds; a nil span is of something that never happened. Amounts are in major units; they are compared and never booked, so
// that they need no exactness beyond a float's.
type Facts struct {
	Tier         Tier              `json:"tier"`
	Hour         int               `json:"hour"` // of the day in UTC
	Amount       float64           `json:"amount"`
	Currency     string            `json:"currency"`
	Own          OwnFacts          `json:"own"`
	Beneficiary  BeneficiaryFacts  `json:"beneficiary"`
	Elsewhere    ElsewhereFacts    `json:"elsewhere"`
	Counterparty CounterpartyFacts `json:"counterparty"`
}

// OwnFacts are of the merchant's own payouts, this one not among them.
type OwnFacts struct {
	// Amounts is the distribution of what was cleared in this currency in this month and the two before it; a month weighs half of the
	// one after it.
	Amounts Spread `json:"amounts"`
	// LastHour is how many payouts were judged in the last hour; Rhythm the distribution of that number over the hours of the clock of the
	// last 28 days, those with any.
	LastHour int64  `json:"last_hour"`
	Rhythm   Spread `json:"rhythm"`
	// Judged is how many payouts were judged in the last 28 days; AtThisHour how many of them within an hour of this hour of the day.
	Judged     int64 `json:"judged"`
	AtThisHour int64 `json:"at_this_hour"`
	// ToCountry is how many payouts to this country were cleared before.
	ToCountry int64 `json:"to_country"`
	// SamePayout is how many payouts to this beneficiary had the same amount and reference in the last 7 days; SameReference how many
	// payouts to anyone had the same reference in the last 30 days. A payout without a reference has no like, nor has one that came to
	// nothing: it may be tried again.
	SamePayout    int64 `json:"same_payout"`
	SameReference int64 `json:"same_reference"`
	// BelowCap is the largest cap on single payouts that this amount stays less than a twentieth below; zero where there is none.
	// BelowCapBefore is how many payouts of the last 24 hours did the same.
	BelowCap       float64 `json:"below_cap"`
	BelowCapBefore int64   `json:"below_cap_before"`
	// Deposited is what came in during the last 24 hours, LeftBehind what this payout leaves of the balance.
	Deposited  float64 `json:"deposited"`
	LeftBehind float64 `json:"left_behind"`
	// KeyAge is how long the key that created the payout exists.
	KeyAge *int64 `json:"key_age,omitempty"`
}

// BeneficiaryFacts are of this merchant's history with the beneficiary.
type BeneficiaryFacts struct {
	Age       int64 `json:"age"`
	Completed int64 `json:"completed"` // of the last 200 payouts, at most 100 are counted
	Returned  int64 `json:"returned"`  // at most 100 are counted
	// LastPaid is how long ago the last payout was sent.
	LastPaid *int64 `json:"last_paid,omitempty"`
	// DetailsChanged is how long ago the account or the name changed, of a beneficiary that was paid before.
	DetailsChanged *int64 `json:"details_changed,omitempty"`
	// ChangedAfterHit says that they changed within 30 days after a payout to this beneficiary was stopped by screening or sent to review.
	ChangedAfterHit bool `json:"changed_after_hit"`
}

// ElsewhereFacts are what other merchants' payouts say of the same account, in sums. Merchants are counted that the platform knows for
// 90 days and that sent this account at least one payout which settled or came back 14 days ago or more, so that an afternoon's accounts
// and payouts to oneself earn no trust; each counts once, however much it sends. They are some minutes old.
type ElsewhereFacts struct {
	Merchants  int64 `json:"merchants"`
	Completed  int64 `json:"completed"`
	Returned   int64 `json:"returned"`
	Blocked    int64 `json:"blocked"`     // merchants, of any age, whose beneficiary with this account was blocked by compliance
	OtherNames int64 `json:"other_names"` // different names that others gave for this account
}

// CounterpartyFacts are of all payouts to the same bank and to the same country that ended in the months that began in the last 180 days.
type CounterpartyFacts struct {
	BankEnded       int64 `json:"bank_ended"`
	BankReturned    int64 `json:"bank_returned"`
	CountryEnded    int64 `json:"country_ended"`
	CountryReturned int64 `json:"country_returned"`
}

// A Spread is a distribution in three numbers that a few wild values do not move. Count is how much it rests on.
type Spread struct {
	Count  int64   `json:"count"`
	Median float64 `json:"median"`
	// High is the 95th percentile.
	High float64 `json:"high"`
}
