package bankdetails

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// ibanOver puts fresh IBAN check digits over a BBAN.
func ibanOver(country, bban string) string {
	return fmt.Sprintf("%s%02d%s", country, 98-mod97(bban+country+"00"), bban)
}

func accepted(iban string) bool {
	_, problems := Check(iban[:2], "EUR", &antonv1.BankAccount{Iban: iban})
	return problems == nil
}

func TestTheRegistrysExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	if len(ibans) != 89 {
		t.Errorf("%d countries, release 102 has 89", len(ibans))
	}
	for country, entry := range ibans {
		if !KnownCountry(country) {
			t.Errorf("%s is no country", country)
		}
		if problem := ibanProblem(entry.example); problem != "" {
			t.Errorf("%s %s", entry.example, problem)
		}
		if len(entry.kinds())+4 != len(entry.example) || len(entry.example) > 34 {
			t.Errorf("%s: the structure has %d characters, the example %d", country, len(entry.kinds()), len(entry.example)-4)
		}
		if entry.bankFrom < 1 || entry.bankTo < entry.bankFrom || entry.bankTo > len(entry.kinds()) {
			t.Errorf("%s: bank identifier at %d-%d", country, entry.bankFrom, entry.bankTo)
		}
	}
	for territory, prefix := range ibanTerritories {
		if _, ok := ibans[prefix]; !ok || !KnownCountry(territory) {
			t.Errorf("%s has the IBANs of %s", territory, prefix)
		}
	}
}

// registry102 has the structures of release 102 in another transcription than the table's, so that a slip of either shows.
const registry102 = `
	AD 4!n4!n12!c  AE 3!n16!n  AL 8!n16!c  AT 5!n11!n  AZ 4!a20!c  BA 3!n3!n8!n2!n  BE 3!n7!n2!n  BG 4!a4!n2!n8!c  BH 4!a14!c
	BI 5!n5!n11!n2!n  BR 8!n5!n10!n1!a1!c  BY 4!c4!n16!c  CH 5!n12!c  CR 4!n14!n  CY 3!n5!n16!c  CZ 4!n6!n10!n  DE 8!n10!n
	DJ 5!n5!n11!n2!n  DK 4!n9!n1!n  DO 4!c20!n  EE 2!n2!n11!n1!n  EG 4!n4!n17!n  ES 4!n4!n1!n1!n10!n  FI 3!n11!n  FK 2!a12!n
	FO 4!n9!n1!n  FR 5!n5!n11!c2!n  GB 4!a6!n8!n  GE 2!a16!n  GI 4!a15!c  GL 4!n9!n1!n  GR 3!n4!n16!c  GT 4!c20!c  HN 4!a20!n
	HR 7!n10!n  HU 3!n4!n1!n15!n1!n  IE 4!a6!n8!n  IL 3!n3!n13!n  IQ 4!a3!n12!n  IS 4!n2!n6!n10!n  IT 1!a5!n5!n12!c  JO 4!a4!n18!c
	KW 4!a22!c  KZ 3!n13!c  LB 4!n20!c  LC 4!a24!c  LI 5!n12!c  LT 5!n11!n  LU 3!n13!c  LV 4!a13!c  LY 3!n3!n15!n  MC 5!n5!n11!c2!n
	MD 2!c18!c  ME 3!n13!n2!n  MK 3!n10!c2!n  MN 4!n12!n  MR 5!n5!n11!n2!n  MT 4!a5!n18!c  MU 4!a2!n2!n12!n3!n3!a  NI 4!a20!n
	NL 4!a10!n  NO 4!n6!n1!n  OM 3!n16!c  PK 4!a16!c  PL 8!n16!n  PS 4!a21!c  PT 4!n4!n11!n2!n  QA 4!a21!c  RO 4!a16!c  RS 3!n13!n2!n
	RU 9!n5!n15!c  SA 2!n18!c  SC 4!a2!n2!n16!n3!a  SD 2!n12!n  SE 3!n16!n1!n  SI 5!n8!n2!n  SK 4!n6!n10!n  SM 1!a5!n5!n12!c
	SO 4!n3!n12!n  ST 4!n4!n11!n2!n  SV 4!a20!n  TL 3!n14!n2!n  TN 2!n3!n13!n2!n  TR 5!n1!n16!c  UA 6!n19!c  VA 3!n15!n  VG 4!a16!n
	XK 4!n10!n2!n  YE 4!a4!n18!c
`

func TestIBANStructuresAreThoseOfTheRegistry(t *testing.T) {
	t.Parallel()
	words := strings.Fields(registry102)
	if len(words) != 2*len(ibans) {
		t.Errorf("%d structures for %d countries", len(words)/2, len(ibans))
	}
	for pair := range slices.Chunk(words, 2) {
		country, want := pair[0], ibanEntry{bban: pair[1]}
		if got := ibans[country]; string(got.kinds()) != string(want.kinds()) {
			t.Errorf("%s has %s, the registry %s", country, got.bban, want.bban)
		}
	}
}

// 00, 01 and 99 pass mod 97 where 97, 98 and 02 are right.
func TestCheckDigitsThatTheStandardDoesNotGiveOutAreRefused(t *testing.T) {
	t.Parallel()
	alike := map[string]string{"97": "00", "98": "01", "02": "99"}
	seen := map[string]bool{}
	for account := range 1000 {
		right := ibanOver("DE", fmt.Sprintf("370400440%09d", account))
		digits, ok := alike[right[2:4]]
		if !ok {
			continue
		}
		wrong := "DE" + digits + right[4:]
		if mod97(wrong[4:]+wrong[:4]) != 1 {
			t.Fatalf("%s is no test of this", wrong)
		}
		if !accepted(right) || accepted(wrong) {
			t.Errorf("%s accepted %v, %s accepted %v", right, accepted(right), wrong, accepted(wrong))
		}
		seen[digits] = true
	}
	if len(seen) != 3 {
		t.Errorf("tried %v only", seen)
	}
}

func TestEveryWrongDigitOfARegistryExampleIsNoticed(t *testing.T) {
	t.Parallel()
	for _, entry := range ibans {
		for i := range entry.example {
			for _, wrong := range substitutes(entry.example, i) {
				if accepted(wrong) {
					t.Errorf("%s is accepted in place of %s", wrong, entry.example)
				}
			}
		}
	}
}

func TestTwoCharactersOfARegistryExampleThatChangePlacesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, entry := range ibans {
		for i := 1; i < len(entry.example); i++ {
			if wrong, ok := swapped(entry.example, i); ok && accepted(wrong) {
				t.Errorf("%s is accepted in place of %s", wrong, entry.example)
			}
		}
	}
}

// substitutes gives every text that differs from this one in the character at i and keeps its kind. A digit for a letter is left out:
// it changes the length of the number that mod 97 sees, and the standard promises nothing of it.
func substitutes(text string, i int) []string {
	first, last := byte('0'), byte('9')
	if kind(text[i]) == 'a' {
		first, last = 'A', 'Z'
	}
	var all []string
	for c := first; c <= last; c++ {
		if c != text[i] {
			all = append(all, text[:i]+string(c)+text[i+1:])
		}
	}
	return all
}

// swapped gives the text with the characters at i-1 and i changed about, and false where that is the same text, or where mod 97 cannot
// see it: a digit d beside the letter 11d stands for (1B, 2M, 3X) weighs the same both ways round.
func swapped(text string, i int) (string, bool) {
	a, b := text[i-1], text[i]
	digit, letter := min(a, b), max(a, b)
	blind := kind(digit) == 'n' && kind(letter) == 'a' && 11*int(digit-'0') == int(letter-'A')+10
	return text[:i-1] + string(b) + string(a) + text[i+1:], a != b && !blind
}

// Where a country puts its own check digits, counted from 0 in the BBAN.
var nationalPlaces = map[string][2]int{
	"BA": {14, 16}, "BE": {10, 12}, "ES": {8, 10}, "FR": {21, 23}, "IT": {0, 1}, "MC": {21, 23}, "ME": {16, 18},
	"NO": {10, 11}, "PT": {19, 21}, "RS": {16, 18}, "SI": {13, 15}, "SM": {0, 1},
}

// drawIBAN draws a valid IBAN of any country of the table.
func drawIBAN(t *rapid.T) string {
	country := rapid.SampledFrom(ibanCountries).Draw(t, "country")
	entry := ibans[country]
	var bban strings.Builder
	for _, k := range entry.kinds() {
		bban.WriteString(rapid.StringMatching(kindClasses[k]).Draw(t, "character"))
	}
	text := bban.String()
	place, national := nationalPlaces[country]
	if !national {
		return ibanOver(country, text)
	}
	for _, digits := range nationalDigits(place[1]-place[0], entry.kinds()[place[0]]) {
		if candidate := text[:place[0]] + digits + text[place[1]:]; nationalChecks[country](candidate) {
			return ibanOver(country, candidate)
		}
	}
	t.Skip("no digit completes this number: modulo 11 leaves 10")
	return ""
}

func nationalDigits(count int, kind byte) []string {
	var all []string
	switch {
	case kind == 'a':
		for c := 'A'; c <= 'Z'; c++ {
			all = append(all, string(c))
		}
	default:
		for n := range map[int]int{1: 10, 2: 100}[count] {
			all = append(all, fmt.Sprintf("%0*d", count, n))
		}
	}
	return all
}

func TestEveryIBANOfTheTableIsAcceptedAndEveryMistypedOneRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		iban := drawIBAN(t)
		got, problems := Check("US", "EUR", &antonv1.BankAccount{Iban: iban})
		if problems != nil {
			t.Fatalf("%s: %v", iban, problems)
		}
		if got.Number != iban || got.Country != iban[:2] {
			t.Fatalf("%s came back as %s in %s", iban, got.Number, got.Country)
		}
		if pattern := Schemas(iban[:2])[indexOfIBAN(iban[:2])].Fields[0].Pattern; !regexp.MustCompile(pattern).MatchString(iban) {
			t.Fatalf("%s does not match the schema's %s", iban, pattern)
		}
		i := rapid.IntRange(0, len(iban)-1).Draw(t, "place")
		if wrong := rapid.SampledFrom(substitutes(iban, i)).Draw(t, "wrong"); accepted(wrong) {
			t.Fatalf("%s is accepted in place of %s", wrong, iban)
		}
		if wrong, ok := swapped(iban, max(i, 1)); ok && accepted(wrong) {
			t.Fatalf("%s is accepted in place of %s", wrong, iban)
		}
	})
}

func indexOfIBAN(country string) int {
	for i, schema := range Schemas(country) {
		if schema.Method == antonv1.PaymentMethod_iban {
			return i
		}
	}
	return -1
}

// Account numbers from descriptions of the check digits, from banks' pages and from newspapers' appeals for donations, other than the
// registry's.
func TestNationalCheckDigitsOfPublishedIBANsAreRight(t *testing.T) {
	t.Parallel()
	for _, iban := range []string{
		"BE71096123456769", "BE62510007547061", "BE43068999999501", "BE54539754007197",
		"ES7921000813610123456789", "ES8023100001180000012345", "ES6000491500051234567892", "ES6421000421100200051346", "ES1021000434010200051333",
		"FR7630006000011234567890189", "FR7630001007941234567890185", "FR7630004000031234567890143", "FR7610107001011234567890129",
		"IT43K0310412701000000820420", "IT08L0306909606100000185871", "IT17E0335901600100000145551",
		"IT38R0760103000000000900050", "IT17Y0760102600001034116044",
		"NO8330001234567",
		"PT50002700000001234567833", "RS35105008123123123173", "SI56192001234567892", "SI56191000000123438",
	} {
		if problem := ibanProblem(iban); problem != "" {
			t.Errorf("%s %s", iban, problem)
		}
	}
}

// A Norwegian number with 00 in its fifth and sixth place is taken as it is.
func TestANorwegianNumberOfUnknownRuleIsAccepted(t *testing.T) {
	t.Parallel()
	for digit := range 10 {
		if iban := ibanOver("NO", fmt.Sprintf("123400123%d5", digit)); !accepted(iban) {
			t.Errorf("%s is refused", iban)
		}
	}
}

func TestAWrongNationalCheckDigitIsNoticed(t *testing.T) {
	t.Parallel()
	for country, place := range nationalPlaces {
		bban := ibans[country].example[4:]
		for _, digits := range nationalDigits(place[1]-place[0], ibans[country].kinds()[place[0]]) {
			wrong := bban[:place[0]] + digits + bban[place[1]:]
			if wrong != bban && nationalChecks[country](wrong) {
				t.Errorf("%s: %s is accepted beside %s", country, wrong, bban)
			}
		}
	}
	// A Belgian remainder of nothing is written 97, never 00, though both look the same to the IBAN's own digits.
	if !accepted("BE54539754007197") || accepted("BE54539754007100") {
		t.Error("a Belgian remainder of nothing is misread")
	}
	if len(nationalChecks) != len(nationalPlaces) {
		t.Errorf("%d checks, %d places", len(nationalChecks), len(nationalPlaces))
	}
}
