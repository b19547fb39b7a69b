package pricing

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cockroachdb/apd/v3"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
)

// readRules reads the rules of a version that an operator writes, or names every wrong field at once.
func readRules(version db.PricingPlanVersion, in []*antonv1.PricingRule) ([]Rule, error) {
	d := &draft{}
	rules := make([]Rule, len(in))
	for i, rule := range in {
		d.path = fmt.Sprintf("rules[%d].", i)
		rules[i] = d.rule(rule)
		rules[i].PlanID, rules[i].PlanVersion, rules[i].Number = version.PlanID, version.Version, int32(i+1) //nolint:gosec // at most a hundred
		for j := range rules[i].Tiers {
			tier := &rules[i].Tiers[j]
			tier.PlanID, tier.PlanVersion, tier.RuleNumber = version.PlanID, version.Version, rules[i].Number
		}
		if slices.ContainsFunc(rules[:i], rules[i].sameAs) {
			d.refuse("source_currency", "names, with the rest of the rule, the same payouts as a rule before it")
		}
	}
	if len(d.wrong) > 0 {
		return nil, apierr.Invalid(d.wrong...)
	}
	return rules, nil
}

// sameAs says whether both rules fit the same payouts.
func (r *Rule) sameAs(other Rule) bool {
	return r.SourceCurrency == other.SourceCurrency && r.DestCurrency == other.DestCurrency && r.Country == other.Country && r.Method == other.Method
}

// A draft collects what is wrong with the rules.
type draft struct {
	path  string // of what is being read
	wrong []apierr.Field
}

func (d *draft) refuse(field, message string) {
	d.wrong = append(d.wrong, apierr.Field{Path: d.path + field, Message: message})
}

func (d *draft) rule(in *antonv1.PricingRule) Rule {
	r := Rule{PricingRule: db.PricingRule{
		SourceCurrency: in.GetSourceCurrency(), DestCurrency: in.GetDestCurrency(), Country: in.GetCountry(), PercentageBps: in.GetPercentageBps(),
	}}
	if in.GetMethod() != antonv1.PaymentMethod_unspecified {
		r.Method = in.GetMethod().String()
	}
	for _, f := range []struct{ field, code string }{{"source_currency", r.SourceCurrency}, {"dest_currency", r.DestCurrency}} {
		if f.code != "" && !money.Known(f.code) {
			d.refuse(f.field, money.ErrCurrency.Error())
		}
	}
	if r.Country != "" && !bankdetails.KnownCountry(r.Country) {
		d.refuse("country", "is not an ISO 3166-1 country")
	}
	if r.SourceCurrency == "" {
		if cmp.Or(in.GetFixedFee(), in.GetMinFee(), in.GetMaxFee()) != "" || len(in.GetTiers()) > 0 {
			d.refuse("source_currency", "is required where the rule names sums: they are in this currency")
		}
		return r
	}
	if !money.Known(r.SourceCurrency) {
		return r
	}
	r.FixedFee = d.sum("fixed_fee", r.SourceCurrency, cmp.Or(in.GetFixedFee(), "0"))
	if in.MinFee != nil {
		least := d.sum("min_fee", r.SourceCurrency, in.GetMinFee())
		r.MinFee = &least
	}
	if in.MaxFee != nil {
		most := d.sum("max_fee", r.SourceCurrency, in.GetMaxFee())
		r.MaxFee = &most
	}
	if r.MinFee != nil && r.MaxFee != nil && r.MaxFee.Cmp(r.MinFee) < 0 {
		d.refuse("max_fee", "must not be less than min_fee")
	}
	d.tiers(&r, in.GetTiers())
	return r
}

func (d *draft) tiers(r *Rule, in []*antonv1.PricingTier) {
	rule := d.path
	defer func() { d.path = rule }()
	var before apd.Decimal
	for i, tier := range in {
		d.path = fmt.Sprintf("%stiers[%d].", rule, i)
		volume := d.sum("min_volume", r.SourceCurrency, tier.GetMinVolume())
		if volume.Cmp(&before) <= 0 {
			d.refuse("min_volume", "must be greater than zero and than that of the tier before")
		}
		r.Tiers = append(r.Tiers, db.PricingTier{
			SourceCurrency: r.SourceCurrency, MinVolume: volume, PercentageBps: tier.GetPercentageBps(),
			FixedFee: d.sum("fixed_fee", r.SourceCurrency, cmp.Or(tier.GetFixedFee(), "0")),
		})
		before = volume
	}
}

func (d *draft) sum(field, currency, text string) apd.Decimal {
	a, err := money.Parse(currency, text)
	if err != nil {
		d.refuse(field, err.Error())
	}
	return a.Decimal()
}
