package bankdetails

import (
	"log/slog"
	"strings"
)

// hidden is how many characters of an account number a mask never shows, however short the number.
const hidden = 3

// Last4 gives the last four characters of the number. Of a number shorter than seven it gives fewer, so that three stay hidden.
func (a Account) Last4() string {
	show := min(4, max(0, len(a.Number)-hidden))
	return a.Number[len(a.Number)-show:]
}

// Masked gives the number as people may see it: "****3210", and of an IBAN with its country and check digits, "DE89****3000".
func (a Account) Masked() string {
	if a.Details.GetIban() != "" {
		return a.Number[:4] + "****" + a.Last4()
	}
	return "****" + a.Last4()
}

// BankCode gives the code of the bank in its own scheme, with the branch where the scheme has one: the routing number, the sort code,
// institution and transit, the BSB, the IFSC, the CLABE's first three digits, bank and branch, the BIC. Of an IBAN it is the bank
// identifier that the registry points out.
func (a Account) BankCode() string {
	if iban := a.Details.GetIban(); iban != "" {
		entry := ibans[iban[:2]]
		return iban[4:][entry.bankFrom-1 : entry.bankTo]
	}
	if clabe := a.Details.GetClabe(); clabe != "" {
		return clabe[:3]
	}
	d := a.Details
	return d.GetRoutingNumber() + d.GetSortCode() + d.GetInstitutionNumber() + d.GetTransitNumber() + d.GetBsb() + d.GetIfsc() +
		d.GetBankCode() + d.GetBranchCode() + bank8(d.GetBic())
}

// BankText gives the text that names the account's bank in the world, where the code names both without the branch: a routing number, a
// sort code, a BSB, an institution, an IBAN's country and bank. A British IBAN gives the same text as its sort code.
func (a Account) BankText() string {
	d := a.Details
	scheme, code := a.Method.String(), a.BankCode()
	switch {
	case strings.HasPrefix(d.GetIban(), "GB"):
		scheme, code = "uk_bank", a.Number[8:14]
	case d.GetIban() != "":
		code = a.Number[:2] + code
	case d.GetInstitutionNumber() != "":
		code = d.GetInstitutionNumber()
	case d.GetBankCode() != "":
		code = d.GetBankCode()
	case d.GetIfsc() != "":
		code = d.GetIfsc()[:4] // RBI: four letters of the bank, a zero, six characters of the branch
	case d.GetBic() != "":
		code = d.GetBic()[:8] // ISO 9362: what follows is the branch
	}
	return scheme + ":" + code
}

// bank8 gives a BIC without the branch XXX, which is the head office and says no more than the first eight characters (ISO 9362).
func bank8(bic string) string {
	if len(bic) == 11 {
		return strings.TrimSuffix(bic, "XXX")
	}
	return bic
}

// FingerprintText gives the text that names this account in the world, whoever sent it and however it was spelt: method, bank, number.
// It is secret like the number: hash it with a key before it is stored.
//
// A British IBAN gives the same text as its sort code and account number, since it is made of them. In Japan the kind of account is part
// of its name: one branch may have the same seven digits as an ordinary and as a current account.
func (a Account) FingerprintText() string {
	d := a.Details
	switch {
	case strings.HasPrefix(d.GetIban(), "GB"):
		return "uk_bank:" + a.Number[8:14] + ":" + a.Number[14:]
	case d.GetIban() != "", d.GetClabe() != "":
		return a.Method.String() + ":" + a.Number
	case d.GetBankCode() != "":
		return a.Method.String() + ":" + a.BankCode() + ":" + d.GetAccountType().String() + ":" + a.Number
	}
	return a.Method.String() + ":" + a.BankCode() + ":" + a.Number
}

// String is the mask, so that an account that is printed by accident gives nothing away.
func (a Account) String() string { return a.Method.String() + " " + a.Country + " " + a.Masked() }

// LogValue is the mask, for the same reason.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }
