package risk

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// usual is a payout like hundreds before it: nothing speaks.
func usual() Facts {
	ago := 3 * day
	return Facts{
		Tier: Standard, Hour: 10, Amount: 250.13, Currency: "USD",
		Own: OwnFacts{
			Amounts: Spread{Count: 500, Median: 240, High: 900}, LastHour: 4, Rhythm: Spread{Count: 400, Median: 5, High: 20},
			Judged: 500, AtThisHour: 120, ToCountry: 80,
		},
		Beneficiary:  BeneficiaryFacts{Age: 90 * day, Completed: 12, LastPaid: &ago},
		Counterparty: CounterpartyFacts{BankEnded: 800, BankReturned: 4, CountryEnded: 9000, CountryReturned: 40},
	}
}

func codes(r Result) []string {
	var all []string
	for _, s := range r.Signals {
		all = append(all, s.Code)
	}
	return all
}

func TestAUsualPayoutRaisesNothing(t *testing.T) {
	t.Parallel()
	if r := Score(Latest(), usual()); r.Score != 0 || len(r.Signals) > 0 || r.Review() {
		t.Errorf("%+v", r)
	}
}

// Each signal speaks when its one fact changes, says what it saw, and is silent just short of it.
func TestSignals(t *testing.T) {
	t.Parallel()
	never := func(f *Facts) { f.Beneficiary = BeneficiaryFacts{Age: 90 * day} }
	for _, tt := range []struct {
		name   string
		change func(*Facts)
		codes  string // what speaks, in order
		points int
		says   string
	}{
		{"never paid", never, "first_payout_to_beneficiary", 100, "No payout to this beneficiary"},
		{"created an hour ago", func(f *Facts) { never(f); f.Beneficiary.Age = hour }, "first_payout_to_beneficiary new_beneficiary", 160, "60 minutes ago"},
		{"created yesterday", func(f *Facts) { never(f); f.Beneficiary.Age = day }, "first_payout_to_beneficiary", 100, ""},
		{"one came back", func(f *Facts) { f.Beneficiary.Returned = 1 }, "returns_from_beneficiary", 200, "1 payouts to this beneficiary came back"},
		{"many came back", func(f *Facts) { f.Beneficiary.Returned = 50 }, "returns_from_beneficiary", 400, "50 payouts"},
		{"details changed an hour ago", func(f *Facts) { f.Beneficiary.DetailsChanged = new(hour) }, "details_changed_lately", 180, "changed 60 minutes ago"},
		{"details changed two weeks ago", func(f *Facts) { f.Beneficiary.DetailsChanged = new(14 * day) }, "", 0, ""},
		{"details changed after a hit", func(f *Facts) { f.Beneficiary.ChangedAfterHit = true }, "details_changed_after_hit", 350, "stopped or reviewed"},
		{"not paid for a year", func(f *Facts) { f.Beneficiary.LastPaid = new(365 * day) }, "dormant_beneficiary", 60, "365 days ago"},
		{"not paid for half a year", func(f *Facts) { f.Beneficiary.LastPaid = new(180 * day) }, "", 0, ""},
		{"one return elsewhere", func(f *Facts) { f.Elsewhere = ElsewhereFacts{Merchants: 5, Completed: 5, Returned: 1} }, "", 0, ""},
		{"returns elsewhere", func(f *Facts) { f.Elsewhere = ElsewhereFacts{Merchants: 5, Completed: 3, Returned: 3} }, "account_returned_elsewhere", 300, "3 of 6 payouts of other merchants"},
		{"blocked elsewhere", func(f *Facts) { f.Elsewhere.Blocked = 1 }, "account_blocked_elsewhere", 500, "are blocked"},
		{"three names", func(f *Facts) { f.Elsewhere.OtherNames = 3 }, "account_under_other_names", 350, "3 other names"},
		{"a bank with returns", func(f *Facts) { f.Counterparty.BankEnded, f.Counterparty.BankReturned = 1000, 200 }, "bank_returns_often", 150, "200 of 1000"},
		{"a bank with one payout and one return", func(f *Facts) { f.Counterparty.BankEnded, f.Counterparty.BankReturned = 1, 1 }, "bank_returns_often", 150, "1 of 1"},
		{"a country with returns", func(f *Facts) { f.Counterparty.CountryReturned = 2000 }, "country_returns_often", 100, "2000 of 9000"},
		{"a new country", func(f *Facts) { f.Own.ToCountry = 0 }, "first_payout_to_country", 80, "first payout to this country"},
		{"a new country of a new merchant", func(f *Facts) { f.Own.ToCountry, f.Own.Judged = 0, enough-1 }, "", 0, ""},
		{"twenty times as much", func(f *Facts) { f.Amount = 4800.01 }, "amount_far_above_usual", 300, "20 times the median"},
		{"infinitely as much", func(f *Facts) { f.Amount, f.Own.Amounts.Median = 4800.01, 2.8e-306 }, "amount_far_above_usual", 300, "more than a million times the median"},
		{"as much as its high ones", func(f *Facts) { f.Amount = 899.99 }, "", 0, ""},
		{"much, of a merchant that begins", func(f *Facts) { f.Amount, f.Own.Amounts.Count = 4800.01, enough-1 }, "", 0, ""},
		{"a burst", func(f *Facts) { f.Own.LastHour = 120 }, "burst", 200, "120 payouts were created in the last hour"},
		{"a busy hour", func(f *Facts) { f.Own.LastHour = 20 }, "", 0, ""},
		{"at night", func(f *Facts) { f.Own.AtThisHour = 0 }, "unusual_hour", 60, "0 of your 500 payouts were made around 10:00"},
		{"once below a cap", func(f *Facts) { f.Own.BelowCap = 10000 }, "just_below_a_cap", 50, "just below the limit of 10000"},
		{"again and again below a cap", func(f *Facts) { f.Own.BelowCap, f.Own.BelowCapBefore = 10000, 3 }, "just_below_a_cap", 200, "as were 3 payouts"},
		{"a round amount to somebody new", func(f *Facts) { never(f); f.Amount, f.Own.Amounts = 50000.00, Spread{} }, "first_payout_to_beneficiary round_amount_to_new_beneficiary", 200, "round number"},
		{"an odd amount to somebody new", func(f *Facts) { never(f); f.Amount, f.Own.Amounts = 51300.00, Spread{} }, "first_payout_to_beneficiary", 100, ""},
		{"the same again", func(f *Facts) { f.Own.SamePayout, f.Own.SameReference = 1, 1 }, "repeats_a_payout", 250, "1 payouts of the last 7 days"},
		{"an invoice paid to another", func(f *Facts) { f.Own.SameReference = 1 }, "repeats_a_reference", 120, "the same reference"},
		{"filled and drained", func(f *Facts) { never(f); f.Own.Deposited, f.Own.LeftBehind = 260, 5 }, "first_payout_to_beneficiary deposit_then_drain", 400, "takes 98 % of the balance"},
		{"filled, and little taken", func(f *Facts) { never(f); f.Own.Deposited, f.Own.LeftBehind = 260000, 259000 }, "first_payout_to_beneficiary", 100, ""},
		{"a new key", func(f *Facts) { f.Own.KeyAge = new(int64(60)) }, "new_key", 120, "exists for 60 seconds"},
		{"a key of yesterday", func(f *Facts) { f.Own.KeyAge = new(day) }, "", 0, ""},
	} {
		f := usual()
		tt.change(&f)
		r := Score(Latest(), f)
		if got := strings.Join(codes(r), " "); got != tt.codes || r.Score != tt.points {
			t.Errorf("%s: %q scores %d, want %q and %d", tt.name, got, r.Score, tt.codes, tt.points)
		}
		if len(r.Signals) > 0 && !strings.Contains(r.Signals[len(r.Signals)-1].Says, tt.says) {
			t.Errorf("%s says %q", tt.name, r.Signals[len(r.Signals)-1].Says)
		}
	}
}

// Trust takes points away from what else speaks, never below zero, and one bad word silences it.
func TestTrustIsBoughtDearlyAndLostAtOnce(t *testing.T) {
	t.Parallel()
	score := func(e ElsewhereFacts) int {
		f := usual()
		f.Beneficiary, f.Elsewhere = BeneficiaryFacts{Age: 90 * day}, e
		return Score(Latest(), f).Score
	}
	for want, e := range map[int]ElsewhereFacts{
		100: {Merchants: 2, Completed: 5000},
		85:  {Merchants: 3, Completed: 3},
		0:   {Merchants: 5000, Completed: 50000},
	} {
		if got := score(e); got != want {
			t.Errorf("%+v scores %d, want %d", e, got, want)
		}
	}
	for _, e := range []ElsewhereFacts{{Merchants: 10, Returned: 1}, {Merchants: 10, Blocked: 1}, {Merchants: 10, OtherNames: 1}} {
		if got := score(e); got < 100 {
			t.Errorf("%+v is trusted: %d", e, got)
		}
	}
}

func TestTheTierDecidesWhereReviewBegins(t *testing.T) {
	t.Parallel()
	f := usual()
	f.Beneficiary.Returned = 2    // 400
	f.Own.KeyAge = new(int64(60)) // 120
	for tier, review := range map[Tier]bool{Low: false, Standard: false, "": false, Elevated: true, High: true} {
		f.Tier = tier
		if r := Score(Latest(), f); r.Review() != review || r.Score != 520 {
			t.Errorf("tier %q: %d of %d, review %v", tier, r.Score, r.ReviewFrom, r.Review())
		}
	}
}

// Facts survive being stored: the score computed again is the score.
func TestAStoredVerdictIsComputedAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var again Facts
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		first, second := Score(Latest(), f), Score(Latest(), again)
		if first.Score != second.Score || !slices.Equal(first.Signals, second.Signals) {
			t.Errorf("%+v\nbecame\n%+v", first, second)
		}
		if first.Score < 0 || first.Score > 1000 {
			t.Errorf("score %d", first.Score)
		}
		for _, s := range first.Signals {
			if s.Says == "" || strings.Contains(s.Says, "%!") || strings.Contains(s.Says, "NaN") || strings.Contains(s.Says, "Inf") {
				t.Errorf("%s says %q", s.Code, s.Says)
			}
		}
	})
}

func anyFacts(t *rapid.T) Facts {
	count := func(name string) int64 { return rapid.Int64Range(0, 1000).Draw(t, name) }
	money := func(name string) float64 { return float64(rapid.Int64Range(0, 1e15).Draw(t, name)) / 100 }
	since := func(name string) *int64 {
		if rapid.Bool().Draw(t, name+" known") {
			return new(rapid.Int64Range(0, 500*day).Draw(t, name))
		}
		return nil
	}
	spread := func(name string) Spread {
		return Spread{count(name), rapid.Float64Range(0, 1e9).Draw(t, name+" median"), rapid.Float64Range(0, 1e9).Draw(t, name+" high")}
	}
	return Facts{
		Tier: rapid.SampledFrom([]Tier{"", Low, Standard, Elevated, High}).Draw(t, "tier"), Hour: 3, Amount: money("amount"), Currency: "EUR",
		Own: OwnFacts{
			spread("amounts"), count("last hour"), spread("rhythm"), count("judged"), count("at this hour"), count("to country"),
			count("same payout"), count("same reference"), money("cap"), count("below cap"), money("deposited"), money("left"), since("key"),
		},
		Beneficiary: BeneficiaryFacts{
			count("age") * hour, count("completed"), count("returned"), since("last paid"), since("changed"), rapid.Bool().Draw(t, "after hit"),
		},
		Elsewhere:    ElsewhereFacts{count("merchants"), count("elsewhere"), count("returned elsewhere"), count("blocked"), count("names")},
		Counterparty: CounterpartyFacts{count("bank"), count("bank returned"), count("country"), count("country returned")},
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	for _, version := range Versions() {
		m, err := Find(version)
		if err != nil || m.Version != version {
			t.Errorf("%s: %v", version, err)
		}
	}
	if _, err := Find("1999-01"); err == nil || !strings.Contains(err.Error(), Latest().Version) {
		t.Errorf("an unknown model: %v", err)
	}
	good, err := json.Marshal(Latest())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"no version":       func(s string) string { return strings.Replace(s, Latest().Version, "", 1) },
		"a signal missing": func(s string) string { return strings.Replace(s, `"burst":200,`, "", 1) },
		"a signal unknown": func(s string) string { return strings.Replace(s, `"burst":200,`, `"burst":200,"zodiac":10,`, 1) },
		"too many points":  func(s string) string { return strings.Replace(s, `"burst":200`, `"burst":2000`, 1) },
		"a tier missing":   func(s string) string { return strings.Replace(s, `"high":250`, `"highest":250`, 1) },
		"a band of zero":   func(s string) string { return strings.Replace(s, `"high":250`, `"high":0`, 1) },
		"a field unknown":  func(s string) string { return strings.Replace(s, `"points"`, `"pointz"`, 1) },
		"no JSON":          func(string) string { return "{" },
		"two models":       func(s string) string { return s + s },
	} {
		text := change(string(good))
		if text == string(good) {
			t.Fatalf("%s changed nothing", name)
		}
		if _, err := ParseModel([]byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// A quantile of the histogram is within five percent of the true one.
func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.01, 1e9), 1, 300).Draw(t, "values")
		h := Histogram{}
		for _, v := range values {
			h[Bucket(v)]++
		}
		slices.Sort(values)
		for _, q := range []float64{0.05, 0.5, 0.95, 1} {
			want := values[max(0, int(math.Ceil(q*float64(len(values))))-1)]
			if got := h.Quantile(q); math.Abs(got-want) > 0.05*want {
				t.Errorf("quantile %v of %d values: %v, want %v", q, len(values), got, want)
			}
		}
	})
	if s := (Histogram{}).Spread(); s != (Spread{}) {
		t.Errorf("an empty histogram: %+v", s)
	}
}

// FuzzModel: a model that is read is one JSON value with everything a score needs, and read from what it is written as it is the same.
func FuzzModel(f *testing.F) {
	good, err := json.Marshal(Latest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(good, "{}"...))
	f.Add([]byte(`{"version":"x","points":{},"review_from":{"low":0}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseModel(text)
		if err != nil {
			return
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseModel(written)
		if err != nil || !reflect.DeepEqual(m, again) || !json.Valid(text) {
			t.Fatalf("%q was read as %s, and that as %+v, %v", text, written, again, err)
		}
	})
}
