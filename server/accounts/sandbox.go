package accounts

import "github.com/antonpayments/anton/gen/db"

// invented is the sandbox's account of a currency. It looks like an account of the kind and passes the checks that banks publish, and
// it is nobody's: 110000000 is a routing number for tests and 108800 a sort code for tests by common use, no German bank has the code
// 99999999, and a BIC whose eighth character is 0 is for tests (ISO 9362).
func invented(currency string) db.FundingAccount {
	a := db.FundingAccount{
		Currency: currency, Country: "GB", BankName: "Anton Sandbox Bank (invented: do not wire money)", AccountHolder: "Anton Sandbox",
	}
	switch currency {
	case "USD":
		a.Country, a.RoutingNumber, a.AccountNumber = "US", "110000000", "000000000840"
	case "EUR":
		a.Country, a.Iban, a.Bic = "DE", "DE98999999990000000978", "ANTODE20"
	case "GBP":
		a.SortCode, a.AccountNumber = "108800", "00000826"
	default:
		a.AccountNumber, a.Bic = "SANDBOX"+currency+"0001", "ANTOGB20"
	}
	return a
}
