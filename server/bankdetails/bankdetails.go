// Package bankdetails knows how bank accounts are named in each country: which fields there are, what each must look like, which
// check digits they carry. It is data first: one table says it all, Check reads a customer's account by it, and Schemas prints it so
// that a form can be built from it.
//
// It never says that an account exists, that it is open or whose it is, and it never asks anybody: every answer is computed from the
// tables here. Where a scheme's rule is uncertain it accepts, because a refused good account cannot be paid at all while a wrong one
// comes back from the bank.
//
// The invariant: what Check accepts is in one normal form (no spaces, no hyphens, capitals), and checking that form again gives it
// unchanged. Two spellings of one account give the same FingerprintText.
package bankdetails

import (
	"cmp"
	"slices"
	"strings"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// An Account is a bank account whose details were found right, in normal form.
type Account struct {
	// Method is how money reaches it; the fields that were sent decided it.
	Method antonv1.PaymentMethod_Value
	// Country is the account's, ISO 3166-1 alpha-2. That of an IBAN is the IBAN's own first two letters.
	Country string
	// Number is the IBAN, the CLABE or the account number. It is secret: only Masked and Last4 are for people's eyes.
	Number string
	// Details has every field in normal form, defaults filled in, and Country set. It holds the same secrets as Number.
	Details *antonv1.BankAccount
}

// Check reads what a customer sent for an account of the country (ISO 3166-1 alpha-2) and gives the account in its normal form, or
// every wrong field at once, with paths inside the BankAccount message. A country inside the message goes before the argument, and an
// IBAN, which names its own, goes before both; a country in the message that contradicts the IBAN is refused.
//
// The currency is not looked at: whether euros can go to an account in the United States is for the corridors to say.
func Check(country, _ string, in *antonv1.BankAccount) (Account, []apierr.Field) {
	given := read(in)
	country, wrong := countryOf(country, given)
	if country == "" {
		return Account{}, wrong
	}
	chosen := methodFor(country, given)
	kept := map[string]string{"country": country}
	for _, name := range fieldNames {
		if name == "country" {
			continue
		}
		value, problem := chosen.judge(country, name, given[name])
		if problem != "" {
			wrong = append(wrong, apierr.Field{Path: name, Message: problem})
		}
		kept[name] = value
	}
	if len(wrong) > 0 {
		return Account{}, wrong
	}
	return Account{Method: chosen.value, Country: country, Number: kept[chosen.number], Details: write(kept)}, nil
}

// countryOf says whose rules apply. It gives no country when there is none to go by.
func countryOf(country string, given map[string]string) (string, []apierr.Field) {
	stated := given["country"]
	if own, ok := countryOfIBAN(given["iban"]); ok {
		if stated != "" && stated != own && ibanPrefix(stated) != own {
			return own, []apierr.Field{{
				Path:    "country",
				Message: "is not the country of the IBAN, which is for an account in " + inText(own) + "; leave country out, the IBAN says it",
			}}
		}
		return own, nil
	}
	stated = cmp.Or(stated, normal(country))
	if !KnownCountry(stated) {
		return "", []apierr.Field{{Path: "country", Message: "must be an ISO 3166-1 alpha-2 code in capitals, such as US"}}
	}
	return stated, nil
}

// methodFor chooses how the account is named, of the ways that the country has. An IBAN decides; otherwise the way that uses most of
// the fields sent, and of two that use as many the country's first.
func methodFor(country string, given map[string]string) method {
	ways := methodsOf(country)
	best, most := ways[0], -1
	for _, way := range ways {
		used := 0
		for name, value := range given {
			if _, ok := way.rule(name); ok && value != "" {
				used++
			}
		}
		if way.number == "iban" && given["iban"] != "" {
			return way
		}
		if used > most {
			best, most = way, used
		}
	}
	return best
}

// judge says what is wrong with one field, or gives the value to keep, "" for none.
func (m method) judge(country, name, value string) (kept, problem string) {
	r, used := m.rule(name)
	switch {
	case !used && value == "":
		return "", ""
	case !used:
		return "", unused(country, name)
	case value == "" && r.Required:
		return "", missing(country)
	case value == "":
		return r.Default, ""
	}
	return value, r.problem(value)
}

// unused refuses a field that the chosen way has no place for, and says what to send.
func unused(country, name string) string {
	for _, way := range methodsOf(country) {
		if _, ok := way.rule(name); ok {
			return "is one field too many: for an account in " + inText(country) + " send either " + waysText(country)
		}
	}
	if name == "iban" {
		return "is not used for an account in " + inText(country) + ", which has no registered IBAN; send " + waysText(country)
	}
	return "is not used for an account in " + inText(country) + "; send " + waysText(country)
}

// missing asks for a field, and where the country has several ways says which they are: the customer may have meant another.
func missing(country string) string {
	text := "is required for an account in " + inText(country)
	if len(methodsOf(country)) > 1 {
		text += "; send either " + waysText(country)
	}
	return text
}

// waysText lists the fields that name an account of the country: "sort_code and account_number, or iban".
func waysText(country string) string {
	var ways []string
	for _, way := range methodsOf(country) {
		var names []string
		for _, r := range way.fields {
			if r.Required {
				names = append(names, r.Name)
			}
		}
		last := len(names) - 1
		text := names[last]
		if last > 0 {
			text = strings.Join(names[:last], ", ") + " and " + text
		}
		ways = append(ways, text)
	}
	return strings.Join(ways, ", or ")
}

// Schemas lists the ways to name an account of the country (ISO 3166-1 alpha-2), the usual one first, each with its fields in the
// order a form shows them. It is what Check goes by. An unknown country has none.
func Schemas(country string) []Schema {
	if !KnownCountry(country) {
		return nil
	}
	var all []Schema
	for _, way := range methodsOf(country) {
		s := Schema{Method: way.value}
		for _, r := range way.fields {
			f := r.Field
			f.Choices = slices.Clone(f.Choices)
			s.Fields = append(s.Fields, f)
		}
		all = append(all, s)
	}
	return all
}
