package sepa_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/sepa"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

// ibanIn is an IBAN of a country, with check digits that fit (ISO 13616).
func ibanIn(country, account string) string {
	var digits strings.Builder
	for _, r := range account + country + "00" {
		if r >= 'A' {
			fmt.Fprint(&digits, int(r-'A')+10)
		} else {
			digits.WriteRune(r)
		}
	}
	number, _ := new(big.Int).SetString(digits.String(), 10)
	return fmt.Sprintf("%s%02d%s", country, 98-new(big.Int).Mod(number, big.NewInt(97)).Int64(), account)
}

// Whatever a payment is, its file is as the schema has it, or the payment is refused before it is in one.
func FuzzWrite(f *testing.F) {
	long := strings.Repeat("Wolfeschlegelstein & Söhne ", 6)[:140]
	f.Add("Acme Ltd", "Jürgen Groß", "Rechnung № 7", uint64(1), uint8(0))
	f.Add("Łukasz & Co_", "<Παπαδόπουλος>", "]]>&amp;", uint64(99_999_999_999), uint8(1))
	f.Add(long, long, long, uint64(12_345), uint8(2))
	f.Add("株式会社アントン", "محمد بن سلمان", "\t\n--//--", uint64(100), uint8(3))
	f.Add("-", "/", "'", uint64(5), uint8(4))
	f.Add("a\xff\x00b", "\u200b\u0301", "\u2028", uint64(0), uint8(5))
	f.Add(strings.Repeat("ß", 140), strings.Repeat("æ", 70), strings.Repeat("…", 140), uint64(7), uint8(6))
	countries := sepa.Reached()
	s := settings()
	s.Name, s.Street, s.PostCode, s.Town = strings.Repeat("n", 70), strings.Repeat("s", 70), strings.Repeat("1", 16), strings.Repeat("t", 35)
	wide, err := sepa.New(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sender, beneficiary, reference string, cents uint64, country uint8) {
		amount, err := money.Parse("EUR", fmt.Sprintf("%d.%02d", cents/100%1_000_000_000, cents%100))
		if err != nil {
			t.Fatal(err)
		}
		for i, one := range []*sepa.Format{format(t), wide} {
			o := files.Order{Merchant: "mer_1", Payout: "pay_cng3q8s6ek9kc5qg1h2g", Amount: amount, Details: files.Details{
				Sender: sender, Beneficiary: beneficiary, Reference: reference,
				Account: &antonv1.BankAccount{Iban: ibanIn(countries[int(country)%len(countries)], "BANK0012345698765432"), Bic: []string{"", "WESTGB22XXX"}[i]},
			}}
			o.Reference, o.BankReference = one.References(1, o.Payout)
			if one.Check(o) != nil || !amount.Positive() {
				continue
			}
			w, err := one.Write(files.Header{Day: time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC), Number: 7, Created: time.Date(2026, 2, 16, 13, 0, 1, 0, time.UTC)}, []files.Order{o})
			if err != nil {
				t.Fatal(err)
			}
			if err := xsd.Check(t, w.Content); err != nil {
				t.Errorf("%v\nof\n%s", err, w.Content)
			}
		}
	})
}

// What the tests have our bank say is what it may say.
func TestWhatTheBankSaysInTestsFitsTheSchemas(t *testing.T) {
	t.Parallel()
	first := testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "AC04", Day: "2026-02-18"}
	second := testserver.SEPAReturn{EndToEnd: "pay-2", Amount: "20.00", Code: "FOCR", Day: "2026-02-19"}
	for name, message := range map[string][]byte{
		"status of the whole": testserver.SEPAStatus("SEPA-20260216-01", "RJCT", "FF01"),
		"status of payments":  testserver.SEPAStatus("SEPA-20260216-01", "PART", "", [3]string{"pay-1", "RJCT", "AC01"}, [3]string{"pay-2", "ACCC", ""}),
		"notification":        testserver.SEPANotification("C", "30.00", first, second),
		"returns":             testserver.SEPAReturns("P", first, second),
	} {
		xsd.Holds(t, name, message)
	}
}

// A file with a payment to each country is as the schema has it.
func TestEveryCountryFitsTheSchema(t *testing.T) {
	t.Parallel()
	var orders []files.Order
	for i, country := range sepa.Reached() {
		o := order(t, fmt.Sprintf("pay_%020d", i), fmt.Sprintf("%d.00", i+1), ibanIn(country, "BANK0012345698765432"), "WESTGB22")
		if refusal := format(t).Check(o); refusal != nil {
			t.Errorf("%s is refused as %s", country, refusal.Code)
		}
		orders = append(orders, o)
	}
	w, err := format(t).Write(files.Header{Day: time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC), Number: 100_000, Created: time.Date(2026, 2, 16, 13, 0, 1, 0, time.UTC)}, orders)
	if err != nil || len(orders) < 36 {
		t.Fatal(len(orders), err)
	}
	if err := xsd.Check(t, w.Content); err != nil {
		t.Error(err)
	}
}
