package xsd

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// The zone of a moment or a day, which is optional, and the fraction of a second.
const (
	zone     = `(Z|[+-]\d{2}:\d{2})?`
	fraction = `(\.\d+)?`
)

// primitives are the types of XML Schema that ISO 20022 makes its own from, each with what it takes.
var primitives = map[string]func(value string) bool{
	"string":       func(string) bool { return true },
	"boolean":      regexp.MustCompile(`^(true|false|1|0)$`).MatchString,
	"decimal":      regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)$`).MatchString,
	"date":         moment(time.DateOnly, `^\d{4}-\d{2}-\d{2}`+zone+`$`),
	"dateTime":     moment("2006-01-02T15:04:05", `^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}`+fraction+zone+`$`),
	"time":         moment(time.TimeOnly, `^\d{2}:\d{2}:\d{2}`+fraction+zone+`$`),
	"gYearMonth":   moment("2006-01", `^\d{4}-\d{2}`+zone+`$`),
	"gYear":        moment("2006", `^\d{4}`+zone+`$`),
	"base64Binary": func(value string) bool { _, err := base64.StdEncoding.DecodeString(value); return err == nil },
}

// moment takes what has the form and begins with a moment that the calendar knows.
func moment(layout, form string) func(string) bool {
	fits := regexp.MustCompile(form)
	return func(value string) bool {
		if !fits.MatchString(value) {
			return false
		}
		_, err := time.Parse(layout, value[:len(layout)])
		return err == nil
	}
}

// problem says what is wrong with a value of the type; empty if nothing is. Space around a value counts in strings only.
func (t text) problem(value string) string {
	if t.base != "string" {
		value = strings.TrimSpace(value)
	}
	length := utf8.RuneCountInString(value)
	switch {
	case !primitives[t.base](value):
		return "is no " + t.base
	case t.values != nil && !slices.Contains(t.values, value):
		return "is none of " + strings.Join(t.values, ", ")
	case t.pattern != nil && !t.pattern.MatchString(value):
		return "is not like " + t.pattern.String()
	case length < t.shortest:
		return fmt.Sprintf("is shorter than %d", t.shortest)
	case t.longest >= 0 && length > t.longest:
		return fmt.Sprintf("is longer than %d", t.longest)
	}
	if t.base == "decimal" {
		return t.problemOfNumber(value)
	}
	return ""
}

// problemOfNumber counts digits as XML Schema does: zeros that could be left out are none.
func (t text) problemOfNumber(value string) string {
	whole, after, _ := strings.Cut(strings.TrimLeft(value, "+-"), ".")
	whole, after = strings.TrimLeft(whole, "0"), strings.TrimRight(after, "0")
	if t.totalDigits >= 0 && len(whole)+len(after) > t.totalDigits {
		return fmt.Sprintf("has more than %d digits", t.totalDigits)
	}
	if t.fractionDigits >= 0 && len(after) > t.fractionDigits {
		return fmt.Sprintf("has more than %d digits after the point", t.fractionDigits)
	}
	if t.least == "" {
		return ""
	}
	number, _, err := apd.NewFromString(value)
	least, _, bad := apd.NewFromString(t.least)
	if err != nil || bad != nil || number.Cmp(least) < 0 {
		return "is less than " + t.least
	}
	return ""
}
