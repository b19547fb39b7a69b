package screening

import (
	"math"
	"strconv"
	"strings"

	"github.com/antonpayments/anton/server/screening/lists"
)

// What is known besides the name moves the log odds of a match by these steps, and by nothing else. A step down never clears what is
// certain by its name alone to nothing: it makes it something that a person looks at.
const (
	stepSameDay        = 2.5  // born on the same day
	stepSameYear       = 1.0  // in the same month or year, where one side says no more
	stepNearYear       = 0.3  // within a year, or within three of what the authority calls approximate
	stepOtherDay       = -0.7 // same year, another day; day and month exchanged count as the same
	stepOtherYear      = -3.5
	stepSameCountry    = 0.4
	stepOtherCountry   = -0.5
	stepSameIdentifier = 4.0
	stepSameCity       = 0.5
)

// A Part is one reason for a score. Weight is what it adds to the log odds.
type Part struct {
	What   string  `json:"what"`
	Weight float64 `json:"weight"`
	Says   string  `json:"says"`
}

// evidence gives what is known besides the names, for and against.
func evidence(q *Query, e *lists.Entry) []Part {
	var parts []Part
	add := func(what string, step float64, says string) {
		if step != 0 {
			parts = append(parts, Part{what, step, says})
		}
	}
	step, says := births(q.Births, e.Births)
	add("birth", step, says)
	if shared := sharedCountry(q.Countries, e.Countries); shared != "" {
		add("country", stepSameCountry, "both are of "+shared)
	} else if len(q.Countries) > 0 && len(e.Countries) > 0 {
		add("country", stepOtherCountry, "listed for "+strings.Join(e.Countries, ", ")+", not for "+strings.Join(q.Countries, ", "))
	}
	if id := sharedIdentifier(q.Identifiers, e.Identifiers); id != "" {
		add("identifier", stepSameIdentifier, "the number "+id+" is listed")
	}
	if city := sharedCity(q.Addresses, e.Addresses); city != "" {
		add("address", stepSameCity, "both have an address in "+city)
	}
	return parts
}

// births compares dates of birth; the pair that agrees best counts, because lists give all that a person ever claimed.
func births(asked, listed []lists.Birth) (step float64, says string) {
	step = math.Inf(-1)
	for _, a := range asked {
		for _, b := range listed {
			if s, text := birth(a, b); s > step {
				step, says = s, text
			}
		}
	}
	if math.IsInf(step, -1) {
		return 0, ""
	}
	return step, says
}

func birth(a, b lists.Birth) (step float64, says string) {
	fromA, toA := years(a)
	fromB, toB := years(b)
	if fromA == 0 || fromB == 0 {
		return 0, ""
	}
	gap := max(fromA-toB, fromB-toA)
	tolerance := 1
	if a.Circa || b.Circa {
		tolerance = 3
	}
	switch {
	case gap > tolerance:
		return stepOtherYear, "born " + span(a) + ", listed as born " + span(b)
	case gap > 0:
		return stepNearYear, "born " + span(a) + ", which is near " + span(b)
	case a.To != "" || b.To != "" || a.Circa || b.Circa || len(a.From) < 10 || len(b.From) < 10:
		if len(a.From) >= 7 && len(b.From) >= 7 && a.To == "" && b.To == "" && a.From[:7] != b.From[:7] {
			return stepOtherDay, "born " + span(a) + ", listed as born " + span(b)
		}
		return stepSameYear, "born " + span(a) + ", which agrees with " + span(b)
	case a.From == b.From:
		return stepSameDay, "born on the same day, " + a.From
	case a.From[:4] == b.From[:4] && a.From[5:7] == b.From[8:10] && a.From[8:10] == b.From[5:7]:
		return stepSameDay, "born on the same day, with day and month exchanged: " + a.From + " and " + b.From
	}
	return stepOtherDay, "born " + a.From + ", listed as born " + b.From
}

func years(b lists.Birth) (from, to int) {
	year := func(date string) int {
		if len(date) < 4 {
			return 0
		}
		n, _ := strconv.Atoi(date[:4]) // what is no year is unknown
		return n
	}
	from, to = year(b.From), year(b.To)
	if to == 0 {
		to = from
	}
	return from, to
}

func span(b lists.Birth) string {
	text := b.From
	if b.To != "" && b.To != b.From {
		text += " to " + b.To
	}
	if b.Circa {
		text = "about " + text
	}
	return text
}

func sharedCountry(a, b []string) string {
	for _, x := range a {
		for _, y := range b {
			if strings.EqualFold(x, y) {
				return strings.ToUpper(x)
			}
		}
	}
	return ""
}

// sharedIdentifier compares numbers by their letters and digits. Shorter ones than five are too many people's.
func sharedIdentifier(a, b []lists.Identifier) string {
	for _, x := range a {
		key := identifierKey(x.Value)
		if len(key) < 5 {
			continue
		}
		for _, y := range b {
			if key == identifierKey(y.Value) && (x.Country == "" || y.Country == "" || strings.EqualFold(x.Country, y.Country)) {
				return y.Value
			}
		}
	}
	return ""
}

func identifierKey(value string) string { return strings.ReplaceAll(Fold(value), " ", "") }

func sharedCity(a, b []lists.Address) string {
	for _, x := range a {
		city := Fold(x.City)
		if city == "" {
			continue
		}
		for _, y := range b {
			if city == Fold(y.City) && (x.Country == "" || y.Country == "" || strings.EqualFold(x.Country, y.Country)) {
				return y.City
			}
		}
	}
	return ""
}

// weigh moves a score by the log odds of the evidence.
func weigh(score float64, parts []Part) float64 {
	sum := 0.0
	for _, p := range parts {
		sum += p.Weight
	}
	if sum == 0 {
		return score
	}
	score = min(max(score, 1e-6), 1-1e-6)
	return 1 / (1 + (1-score)/score*math.Exp(-sum))
}
