package bankdetails

import (
	"fmt"
	"strings"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// iban names an account by its IBAN (ISO 13616) of the registry's entry. A BIC may go with it and is needed nowhere.
func iban(prefix string) method {
	entry := ibans[prefix]
	length := len(entry.example)
	return method{
		value:  antonv1.PaymentMethod_iban,
		number: "iban",
		fields: []rule{
			{
				Field: Field{
					Name: "iban", Label: "IBAN", Help: fmt.Sprintf("%d characters, beginning with %s.", length, prefix), Example: entry.example,
					Required: true, Pattern: "^" + prefix + "[0-9]{2}" + entry.regexp() + "$", MinLength: length, MaxLength: length,
				},
				check: ibanProblem,
			},
			bic(prefix, false),
			bankName,
		},
	}
}

// countryOfIBAN gives the country that an IBAN says it is of, if that country has IBANs.
func countryOfIBAN(value string) (string, bool) {
	if len(value) < 2 {
		return "", false
	}
	_, ok := ibans[value[:2]]
	return value[:2], ok
}

// ibanPrefix gives the first two letters of IBANs of accounts in the country, "" where it has none: its own code, or that of the
// country it belongs to.
func ibanPrefix(country string) string {
	if _, own := ibans[country]; own {
		return country
	}
	return ibanTerritories[country]
}

// ibanProblem says what is wrong with an IBAN in normal form, "" when nothing is: form, country, length, structure, check digits, and
// the country's own check digits where it has them.
func ibanProblem(value string) string {
	if len(value) < 5 || kind(value[0]) != 'a' || kind(value[1]) != 'a' || kind(value[2]) != 'n' || kind(value[3]) != 'n' {
		return "must be an IBAN: a country code, two check digits, then the account, such as DE89370400440532013000"
	}
	country, known := countryOfIBAN(value)
	if !known {
		return "is not an IBAN: no country of the IBAN registry has these first two letters"
	}
	entry := ibans[country]
	if length := len(entry.example); len(value) != length {
		return fmt.Sprintf("must have %d characters for an account in %s; this has %d", length, inText(country), len([]rune(value)))
	}
	for i, want := range entry.kinds() {
		got := kind(value[4+i])
		if got != want && (want != 'c' || got == 0) {
			return fmt.Sprintf("is not an IBAN for an account in %s: character %d must be %s", inText(country), 5+i, kindNames[want])
		}
	}
	// 00, 01 and 99 have the remainders of 97, 98 and 02; the standard gives out 02 to 98 only.
	if digits := value[2:4]; digits == "00" || digits == "01" || digits == "99" || mod97(value[4:]+value[:4]) != 1 {
		return "is not a valid IBAN: its check digits are wrong; look for a mistyped character or two that changed places"
	}
	if check := nationalChecks[country]; check != nil && !check(value[4:]) {
		return "is not a valid IBAN: the check digits of the account number inside it are wrong"
	}
	return ""
}

// mod97 is the remainder of ISO 7064 mod 97-10: a letter counts as two digits, A as 10 to Z as 35.
func mod97(text string) int {
	rest := 0
	for i := range len(text) {
		if c := text[i]; c <= '9' {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest
}

// kind classes a character as the registry does: n a digit, a a capital; 0 is neither.
func kind(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return 'n'
	case 'A' <= c && c <= 'Z':
		return 'a'
	}
	return 0
}

var (
	kindNames   = map[byte]string{'n': "a digit", 'a': "a letter", 'c': "a letter or a digit"}
	kindClasses = map[byte]string{'n': "[0-9]", 'a': "[A-Z]", 'c': "[A-Z0-9]"}
)

// groups calls do for each group of the structure: how many characters, and of which kind.
func (e ibanEntry) groups(do func(count int, kind byte)) {
	count := 0
	for i := range len(e.bban) {
		switch c := e.bban[i]; {
		case kind(c) == 'n':
			count = count*10 + int(c-'0')
		case c != '!':
			do(count, c)
			count = 0
		}
	}
}

// kinds gives the kind of each character of the BBAN.
func (e ibanEntry) kinds() []byte {
	var all []byte
	e.groups(func(count int, kind byte) { all = append(all, strings.Repeat(string(kind), count)...) })
	return all
}

// regexp gives the pattern of the BBAN.
func (e ibanEntry) regexp() string {
	var out strings.Builder
	e.groups(func(count int, kind byte) { fmt.Fprintf(&out, "%s{%d}", kindClasses[kind], count) })
	return out.String()
}
