package sepa

import "strings"

// The countries and territories whose accounts SEPA Credit Transfers reach, by the codes that accounts have there (European Payments
// Council, EPC409-09, List of SEPA Scheme Countries). Territories that have IBANs of another country are beside it.
var (
	inEEA = strings.Fields(`AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK
		AX BL GF GP MF MQ RE YT`)
	outsideEEA = strings.Fields("AD AL CH GB GG GI IM JE MC MD ME MK PM RS SM VA")

	countries = func() map[string]bool {
		all := map[string]bool{}
		for _, c := range inEEA {
			all[c] = true
		}
		for _, c := range outsideEEA {
			all[c] = false
		}
		return all
	}()
)

// reached says whether SEPA reaches accounts in the country.
func reached(country string) bool {
	_, ok := countries[country]
	return ok
}

// needsBIC says whether a payment to the country must name the beneficiary's bank: outside the EEA the IBAN alone is not enough (Regulation
// (EU) 260/2012, article 5, forbids to ask for more than it within the Union only).
func needsBIC(country string) bool { return !countries[country] }
