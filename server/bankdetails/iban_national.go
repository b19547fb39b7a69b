package bankdetails

import "strings"

// nationalChecks are the check digits that a country puts inside the account number, given the BBAN in the registry's structure. They
// catch an IBAN whose own two check digits were computed anew over a mistyped number.
//
// Only those are here that the registry (release 102) still sets apart and that bind every account of the country, as far as public
// descriptions agree (October 2026). Not here: Finland and Estonia, which no longer set theirs apart; the Netherlands, which no longer
// promises its eleven-proof; North Macedonia, of whose letters the descriptions differ. Some test numbers that other providers publish
// fail here: they change a digit of an example and compute only the IBAN's own digits anew, so no bank could give them out.
var nationalChecks = map[string]func(bban string) bool{
	"BA": wholeMod97,
	"BE": belgianCheck,
	"ES": spanishCheck,
	"FR": frenchCheck,
	"IT": italianCheck,
	"MC": frenchCheck,
	"ME": wholeMod97,
	"NO": norwegianCheck,
	"PT": wholeMod97,
	"RS": wholeMod97,
	"SI": wholeMod97,
	"SM": italianCheck,
}

// wholeMod97 is ISO 7064 mod 97-10 over the whole account number, its check digits last. The IBAN's own digits are then always the
// same: 39 in Bosnia and Herzegovina, 25 in Montenegro, 50 in Portugal, 35 in Serbia, 56 in Slovenia.
func wholeMod97(bban string) bool { return mod97(bban) == 1 }

// belgianCheck: the last two digits are the first ten modulo 97, and 97 where that is nothing (Febelfin).
func belgianCheck(bban string) bool {
	want := mod97(bban[:10])
	if want == 0 {
		want = 97
	}
	return int(bban[10]-'0')*10+int(bban[11]-'0') == want
}

// spanishCheck: one digit for bank and branch, one for the account, each modulo 11 with the weights 1, 2, 4, 8, 5, 10, 9, 7, 3, 6
// (Consejo Superior Bancario, código cuenta cliente).
func spanishCheck(bban string) bool {
	digit := func(ten string) byte {
		switch rest := 11 - weighted(ten, 1, 2, 4, 8, 5, 10, 9, 7, 3, 6)%11; rest {
		case 10:
			return '1'
		case 11:
			return '0'
		default:
			return '0' + byte(rest)
		}
	}
	return bban[8] == digit("00"+bban[:8]) && bban[9] == digit(bban[10:])
}

// frenchCheck is the clé RIB of France and Monaco: with letters read as the digits 1 to 9 the whole number is a multiple of 97. The
// digits run A–I, J–R and then S–Z from 2 (Comité français d'organisation et de normalisation bancaires).
func frenchCheck(bban string) bool {
	digits := strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'R':
			return '1' + (c-'A')%9
		case 'S' <= c && c <= 'Z':
			return '2' + c - 'S'
		}
		return c
	}, bban)
	return mod97(digits) == 0
}

// italianCheck is the CIN of Italy and San Marino: a letter for the sum of the characters' values modulo 26, where those at odd places
// count by a table of their own (Associazione Bancaria Italiana).
func italianCheck(bban string) bool {
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, c := range []byte(bban[1:]) {
		value := int(c - '0')
		if c > '9' {
			value = int(c - 'A')
		}
		if i%2 == 0 {
			value = odd[value]
		}
		sum += value
	}
	return bban[0] == 'A'+byte(sum%26)
}

// norwegianCheck: the last digit modulo 11 with the weights 5, 4, 3, 2, 7, 6, 5, 4, 3, 2 (Bits AS). Where the fifth and sixth digits are
// 00 the descriptions differ on what is counted, so such a number is taken as it is.
func norwegianCheck(bban string) bool {
	if bban[4:6] == "00" {
		return true
	}
	return (weighted(bban[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)+int(bban[10]-'0'))%11 == 0
}
