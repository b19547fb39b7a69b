package money

import "strings"

// digits says how many digits each currency has after the point: ISO 4217 list one, the column of minor units, active codes without
// metals, funds codes, bond units and test codes. Libraries are not used for this: those we compared differ from the standard on a
// dozen currencies and more, because they carry locale data.
var digits = func() map[string]int32 {
	table := map[string]int32{}
	for n, codes := range map[int32]string{
		0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
		2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK
			DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD
			KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP
			PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
			USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`,
		3: "BHD IQD JOD KWD LYD OMR TND",
	} {
		for code := range strings.FieldsSeq(codes) {
			table[code] = n
		}
	}
	return table
}()

// Known says whether the code is a currency we keep amounts in.
func Known(code string) bool {
	_, ok := digits[code]
	return ok
}

// Digits is how many digits the currency has after the point; 2 for USD, 0 for JPY, 3 for KWD. The currency must be Known.
func Digits(code string) int32 { return digits[code] }
