package bankdetails

import antonv1 "github.com/antonpayments/anton/gen/anton/v1"

// usBank names an account of the United States. The account number has up to 17 places in a Nacha entry (Nacha Operating Rules,
// appendix three, "DFI account number"); four is the shortest that banks are known to give out. Looked up in October 2026.
var usBank = method{
	value:  antonv1.PaymentMethod_us_bank,
	number: "account_number",
	fields: []rule{
		digits("routing_number", "Routing number (ABA)", 9, 9, "021000021",
			"Nine digits, at the bottom left of a check. Use the one for direct deposits.").checked(abaProblem),
		digits("account_number", "Account number", 4, 17, "9876543210", "At the bottom of a check, after the routing number."),
		{
			Field: Field{
				Name: "account_type", Label: "Account type", Help: "A checking account unless you say otherwise.", Example: "checking",
				Default: "checking", Choices: []string{"checking", "savings"},
			},
		},
		bankName,
	},
}

// abaProblem checks a routing number of nine digits: the district in its first two (00 the government, 01–12 the Federal Reserve's
// districts, 21–32 thrifts, 61–72 electronic, 80 traveller's cheques) and the weights 3, 7, 1 of which the sum ends in 0. From the
// ABA's routing number policy as public descriptions agree on it, October 2026. Nine zeros satisfy both and are nobody's.
func abaProblem(value string) string {
	district := int(value[0]-'0')*10 + int(value[1]-'0')
	switch {
	case value == "000000000":
		return "is not a valid ABA routing number: it has nothing but zeros"
	case district > 12 && district < 21, district > 32 && district < 61, district > 72 && district != 80:
		return "is not a valid ABA routing number: no such number begins with these two digits"
	case weighted(value, 3, 7, 1)%10 != 0:
		return "is not a valid ABA routing number: its checksum is wrong"
	}
	return ""
}

// weighted adds up the digits, each times its weight; the weights repeat.
func weighted(digits string, weights ...int) int {
	sum := 0
	for i := range len(digits) {
		sum += int(digits[i]-'0') * weights[i%len(weights)]
	}
	return sum
}
