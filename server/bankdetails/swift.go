package bankdetails

import antonv1 "github.com/antonpayments/anton/gen/anton/v1"

// bicRule is a bank's code by ISO 9362:2022: four letters or digits for the party, two letters for its country, two characters more,
// and three for a branch. The first four are letters nearly always, but the standard allows digits and banks with them have accounts:
// E097AEXX of the United Arab Emirates was met in production (github.com/symfony/symfony/issues/51975, read October 2026).
//
// The country in a BIC is not compared with the account's: a bank may serve accounts of another country, and territories use the BIC
// of the country they belong to (Guernsey, Åland, Réunion, Puerto Rico).
var bicRule = rule{
	Field: Field{
		Name: "bic", Label: "BIC (SWIFT code)", Help: "Eight or eleven letters and digits, of the bank where the account is.",
		Pattern: "^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$", MinLength: 8, MaxLength: 11,
	},
	format: "a BIC of 8 or 11 characters, such as DEUTDEFF",
	check: func(value string) string {
		if !KnownCountry(value[4:6]) {
			return "is not a BIC: its fifth and sixth letters must be a country code"
		}
		return ""
	},
}.matching()

// bic asks for a BIC; the example is made up.
func bic(country string, required bool) rule {
	r := bicRule
	r.Example, r.Required = "BANK"+country+"2X", required
	return r
}

// bicNumber is the account number beside a BIC: up to 34 characters (SWIFT FIN, field 59; ISO 20022, Max34Text). An IBAN hidden here
// would be one account with two fingerprints, so it is refused. No plain number looks like one by chance: it would need the country,
// its length and the check digits.
var bicNumber = rule{
	Field: Field{
		Name: "account_number", Label: "Account number", Help: "As the bank writes it, with the branch code where it has one.",
		Example: "00123456789", Required: true, Pattern: "^[A-Z0-9]{4,34}$", MinLength: 4, MaxLength: 34,
	},
	format: "4 to 34 letters and digits",
	check: func(value string) string {
		if ibanProblem(value) == "" {
			return "is an IBAN; send it as iban, without account_number"
		}
		return ""
	},
}.matching()

// swift names an account by its bank's BIC and its number.
func swift(country string) method {
	return method{
		value:  antonv1.PaymentMethod_swift,
		number: "account_number",
		fields: []rule{bic(country, true), bicNumber, bankName},
	}
}
