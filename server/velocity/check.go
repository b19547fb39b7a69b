package velocity

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
)

// mostSeconds is the longest rolling window: 90 days.
const mostSeconds = 90 * day

// needs says which fields a rule of the type must have; it must not have the others of the three.
var needs = map[Type]struct{ window, threshold, currency bool }{
	MaxAmount:        {threshold: true, currency: true},
	AmountPerWindow:  {window: true, threshold: true, currency: true},
	CountPerWindow:   {window: true, threshold: true},
	NewBeneficiaries: {window: true, threshold: true},
	BlockedCountry:   {},
	AllowedCountries: {},
}

// Problems are the fields by which the rule makes no sense; none means that it does. The bounds of single fields are the contract's.
func (r *Rule) Problems() []apierr.Field {
	var wrong []apierr.Field
	refuse := func(field, format string, args ...any) {
		wrong = append(wrong, apierr.Field{Path: field, Message: fmt.Sprintf(format, args...)})
	}
	fits := func(field string, needed, there bool) {
		if needed && !there {
			refuse(field, "is required for a rule of the type %s", r.Type)
		} else if there && !needed {
			refuse(field, "has no meaning for a rule of the type %s; leave it out", r.Type)
		}
	}
	n := needs[r.Type]
	fits("window", n.window, r.Window != nil)
	fits("threshold", n.threshold, r.Threshold != nil)
	fits("currency", n.currency, r.Currency != "")
	if n.threshold && r.Threshold != nil {
		if text := r.badThreshold(); text != "" {
			refuse("threshold", "%s", text)
		}
	}
	if r.Currency != "" && !money.Known(r.Currency) {
		refuse("currency", "%v", money.ErrCurrency)
	}
	if r.Type == NewBeneficiaries && r.Scope == ByBeneficiary {
		refuse("scope", "must not be beneficiary: one beneficiary is new once")
	}
	if r.aboutCountries() && len(r.Filter.Countries) == 0 {
		refuse("filter.countries", "is required for a rule of the type %s: at least one country", r.Type)
	}
	for i, c := range r.Filter.Countries {
		if !bankdetails.KnownCountry(c) {
			refuse(fmt.Sprintf("filter.countries[%d]", i), "is not an ISO 3166-1 country")
		}
	}
	for i, c := range r.Filter.Currencies {
		if !money.Known(c) {
			refuse(fmt.Sprintf("filter.currencies[%d]", i), "%v", money.ErrCurrency)
		}
	}
	return wrong
}

// Digits is how many digits the threshold has after the point: its currency's, or none where the rule counts.
func (r *Rule) Digits() int32 {
	if r.Currency == "" {
		return 0
	}
	return money.Digits(r.Currency)
}

func (r *Rule) badThreshold() string {
	if r.Threshold.Sign() <= 0 {
		return "must be greater than zero"
	}
	if r.Currency == "" {
		var whole apd.Decimal
		if _, err := exact.RoundToIntegralExact(&whole, r.Threshold); err != nil || whole.Cmp(r.Threshold) != 0 {
			return "must be a whole number: the rule counts"
		}
		return ""
	}
	if _, err := money.Of(r.Currency, *r.Threshold); err != nil && money.Known(r.Currency) {
		return fmt.Sprintf("has more digits after the point than %s, which has %d", r.Currency, money.Digits(r.Currency))
	}
	return ""
}

// ProblemsOf are the fields by which a window makes no sense, as the caller wrote it; zone is empty where none was given.
func ProblemsOf(kind string, seconds *int32, zone string) []apierr.Field {
	switch {
	case kind == Rolling && seconds == nil:
		return []apierr.Field{{Path: "window.seconds", Message: "is required for a rolling window"}}
	case kind == Rolling && (*seconds < 1 || *seconds > mostSeconds):
		return []apierr.Field{{Path: "window.seconds", Message: fmt.Sprintf("must be between 1 and %d", mostSeconds)}}
	case kind == Rolling && zone != "":
		return []apierr.Field{{Path: "window.zone", Message: "has no meaning for a rolling window; leave it out"}}
	case kind != Rolling && seconds != nil:
		return []apierr.Field{{Path: "window.seconds", Message: "has no meaning for a calendar window; leave it out"}}
	}
	if _, err := NewWindow(kind, 0, zone); err != nil {
		return []apierr.Field{{Path: "window.zone", Message: "must be a zone of the IANA database, such as Europe/Berlin"}}
	}
	return nil
}
