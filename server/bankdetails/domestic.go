package bankdetails

import antonv1 "github.com/antonpayments/anton/gen/anton/v1"

// The sources below were looked up in October 2026.

// ukBank names an account of the United Kingdom. Account numbers have eight digits; older ones of six or seven are written with zeros
// in front (Pay.UK, "Validating account numbers"). We ask for the zeros instead of adding them, since a digit may as well have been
// forgotten. The modulus check of that document needs its table of sort codes, which we do not carry.
var ukBank = method{
	value:  antonv1.PaymentMethod_uk_bank,
	number: "account_number",
	fields: []rule{
		digits("sort_code", "Sort code", 6, 6, "601613", "Six digits, often written 60-16-13."),
		digits("account_number", "Account number", 8, 8, "31926819",
			"Eight digits. If the bank shows six or seven, put zeros in front.").
			called("8 digits (if the bank shows 6 or 7, put zeros in front)"),
		bankName,
	},
}

// caBank names an account of Canada: institution and transit as in Payments Canada's Standard 005, whose account number field has
// twelve places; the banks' own numbers have at least seven.
var caBank = method{
	value:  antonv1.PaymentMethod_ca_bank,
	number: "account_number",
	fields: []rule{
		digits("institution_number", "Institution number", 3, 3, "003", "The bank's three digits, after the transit number on a cheque."),
		digits("transit_number", "Transit number", 5, 5, "00010", "The branch's five digits, first on a cheque."),
		digits("account_number", "Account number", 7, 12, "1234567", "Seven to twelve digits, with all zeros in front."),
		bankName,
	},
}

// auBank names an account of Australia. The account number field of a direct entry file has nine places (AusPayNet, BECS procedures);
// Adyen's API reference gives five to nine as well.
var auBank = method{
	value:  antonv1.PaymentMethod_au_bank,
	number: "account_number",
	fields: []rule{
		digits("bsb", "BSB", 6, 6, "062000", "Six digits for bank, state and branch, often written 062-000."),
		digits("account_number", "Account number", 5, 9, "12345678", "Five to nine digits, without the BSB."),
		bankName,
	},
}

// inBank names an account of India. The IFSC is the Reserve Bank of India's: four letters for the bank, a zero kept for later, six
// characters for the branch. Banks' account numbers have nine to eighteen digits.
var inBank = method{
	value:  antonv1.PaymentMethod_in_bank,
	number: "account_number",
	fields: []rule{
		rule{
			Field: Field{
				Name: "ifsc", Label: "IFSC", Help: "Eleven characters; the fifth is the digit zero.", Example: "SBIN0005943", Required: true,
				Pattern: "^[A-Z]{4}0[A-Z0-9]{6}$", MinLength: 11, MaxLength: 11,
			},
			format: "11 characters: four letters, the digit zero, then six letters or digits",
		}.matching(),
		digits("account_number", "Account number", 9, 18, "000123456789", "Nine to eighteen digits, with all zeros in front."),
		bankName,
	},
}

// clabe names an account of Mexico: bank (3), place (3), account (11), check digit (1), by Banco de México's rules for SPEI.
var clabe = method{
	value:  antonv1.PaymentMethod_clabe,
	number: "clabe",
	fields: []rule{
		digits("clabe", "CLABE", 18, 18, "002010077777777771", "Eighteen digits, on the account's statement.").checked(clabeProblem),
		bankName,
	},
}

// clabeProblem checks the last digit: each of the first seventeen times 3, 7, 1 in turn, and the check digit completes the sum to a
// multiple of ten.
func clabeProblem(value string) string {
	sum := weighted(value[:17], 3, 7, 1)
	if (sum+int(value[17]-'0'))%10 != 0 {
		return "is not a valid CLABE: its check digit is wrong"
	}
	return ""
}

// jpBank names an account of Japan, by the field lengths of the Zengin format (Japanese Banks' Payment Clearing Network): bank 4,
// branch 3, account 7 digits. The kind of account is part of its name there and a transfer with the wrong kind comes back, so it must
// be said: most accounts of people are ordinary ones, and taking them for current ones would send them all back.
var jpBank = method{
	value:  antonv1.PaymentMethod_jp_bank,
	number: "account_number",
	fields: []rule{
		digits("bank_code", "Bank code", 4, 4, "0001", "The bank's four digits."),
		digits("branch_code", "Branch code", 3, 3, "001", "The branch's three digits."),
		digits("account_number", "Account number", 7, 7, "1234567", "Seven digits. If the bank shows fewer, put zeros in front.").
			called("7 digits (if the bank shows fewer, put zeros in front)"),
		{
			Field: Field{
				Name: "account_type", Label: "Account type",
				Help:    "savings for an ordinary account (futsu), checking for a current account (toza).",
				Example: "savings", Required: true, Choices: []string{"checking", "savings"},
			},
		},
		bankName,
	},
}

// called says the format in other words.
func (r rule) called(format string) rule {
	r.format = format
	return r
}
