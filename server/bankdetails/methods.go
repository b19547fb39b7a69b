package bankdetails

import (
	"slices"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// methodsOf gives the ways to name an account of the country, the usual one first: those of the table below, else the IBAN where the
// country has one, else BIC and account number.
func methodsOf(country string) []method {
	ways, listed := waysOf[country]
	switch prefix := ibanPrefix(country); {
	case !listed && prefix == "":
		return []method{swift(country)}
	case !listed:
		return []method{iban(prefix)}
	}
	var all []method
	for _, way := range ways {
		switch way {
		case antonv1.PaymentMethod_iban:
			all = append(all, iban(ibanPrefix(country)))
		case antonv1.PaymentMethod_swift:
			all = append(all, swift(country))
		default:
			all = append(all, domestic[slices.IndexFunc(domestic, func(m method) bool { return m.value == way })])
		}
	}
	return all
}

// domestic are the ways that are the same wherever they are used.
var domestic = []method{usBank, ukBank, caBank, auBank, inBank, clabe, jpBank}

// waysOf lists the countries that have a way of their own.
//
// BIC and account number go beside the country's own way where accounts in foreign currency are reached by SWIFT alone. They do not in
// the United States and the United Kingdom, where every account has a routing number, or a sort code or an IBAN.
//
// The last group has registered an IBAN, but as far as we know (October 2026) its banks still give out plain account numbers for
// payments from abroad. That is our judgement and not the registry's: take a country out once its central bank insists on the IBAN, as
// Oman's did on 1 July 2025.
var waysOf = map[string][]antonv1.PaymentMethod_Value{
	// The ABA numbers the banks of the United States and its territories (Federal Reserve: Puerto Rico and the Virgin Islands are in the
	// second district; Guam, American Samoa and the Northern Marianas in the twelfth).
	"US": {antonv1.PaymentMethod_us_bank},
	"AS": {antonv1.PaymentMethod_us_bank},
	"GU": {antonv1.PaymentMethod_us_bank},
	"MP": {antonv1.PaymentMethod_us_bank},
	"PR": {antonv1.PaymentMethod_us_bank},
	"UM": {antonv1.PaymentMethod_us_bank},
	"VI": {antonv1.PaymentMethod_us_bank},
	// The Crown dependencies clear with the United Kingdom and carry its IBANs (SWIFT IBAN registry, entry GB).
	"GB": {antonv1.PaymentMethod_uk_bank, antonv1.PaymentMethod_iban},
	"GG": {antonv1.PaymentMethod_uk_bank, antonv1.PaymentMethod_iban},
	"IM": {antonv1.PaymentMethod_uk_bank, antonv1.PaymentMethod_iban},
	"JE": {antonv1.PaymentMethod_uk_bank, antonv1.PaymentMethod_iban},

	"CA": {antonv1.PaymentMethod_ca_bank, antonv1.PaymentMethod_swift},
	// Christmas Island, the Cocos Islands and Norfolk Island bank with branches that have a BSB.
	"AU": {antonv1.PaymentMethod_au_bank, antonv1.PaymentMethod_swift},
	"CC": {antonv1.PaymentMethod_au_bank, antonv1.PaymentMethod_swift},
	"CX": {antonv1.PaymentMethod_au_bank, antonv1.PaymentMethod_swift},
	"NF": {antonv1.PaymentMethod_au_bank, antonv1.PaymentMethod_swift},
	"IN": {antonv1.PaymentMethod_in_bank, antonv1.PaymentMethod_swift},
	"JP": {antonv1.PaymentMethod_jp_bank, antonv1.PaymentMethod_swift},
	"MX": {antonv1.PaymentMethod_clabe, antonv1.PaymentMethod_swift},

	"BI": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"DJ": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"FK": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"HN": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"LC": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"LY": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"MN": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"NI": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"RU": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"SC": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"SD": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"SO": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"ST": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"SV": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"TL": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"VG": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
	"YE": {antonv1.PaymentMethod_iban, antonv1.PaymentMethod_swift},
}
