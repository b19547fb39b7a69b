package interbank_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/interbank"
	"github.com/antonpayments/anton/server/rails/sepa"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

// Whatever a payment is and why it is recalled, both files are as the schemas have them, or the payment is refused before it is in one.
func FuzzWrite(f *testing.F) {
	long := strings.Repeat("Wolfeschlegelstein & Söhne ", 6)[:140]
	f.Add("Acme Ltd", "Jürgen Groß", "Rechnung № 7", "Zu viel gezahlt", uint64(1), uint8(0))
	f.Add("Łukasz & Co_", "<Παπαδόπουλος>", "]]>&amp;", "", uint64(99_999_999_999), uint8(1))
	f.Add(long, long, long, long, uint64(12_345), uint8(2))
	f.Add("株式会社アントン", "محمد بن سلمان", "\t\n--//--", strings.Repeat("ß", 105), uint64(100), uint8(3))
	f.Add("a", "/1", "'", strings.Repeat("a", 104)+" "+strings.Repeat("b", 105), uint64(5), uint8(4))
	f.Add("a\xff\x00b", "1", "\u2028", strings.Repeat(" x", 210), uint64(7), uint8(5))
	f.Fuzz(func(t *testing.T, sender, beneficiary, reference, text string, cents uint64, reason uint8) {
		one := format(t)
		amount, err := money.Parse("EUR", fmt.Sprintf("%d.%02d", cents/100%1_000_000_000, cents%100))
		if err != nil {
			t.Fatal(err)
		}
		o := order(t, one, "pay_cng3q8s6ek9kc5qg1h2g", "1.00", "WESTGB22XXX")
		o.Amount, o.Details.Sender, o.Details.Beneficiary, o.Details.Reference = amount, sender, beneficiary, reference
		if one.Check(o) != nil || !amount.Positive() {
			return
		}
		day := time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC)
		h := files.Header{Day: day, Number: 100_000, Settles: day.AddDate(0, 0, 1), Created: day.Add(13 * time.Hour)}
		payments, err := one.Write(h, []files.Order{o})
		if err != nil {
			t.Fatal(err)
		}
		reasons := one.Recalls().Reasons
		recalls, err := one.Recalls().Write(h, []files.Recall{
			{ID: "rcl_cng3q8s6ek9kc5qg1h2g", Reason: reasons[int(reason)%len(reasons)], Text: text, Order: o, Header: h},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []files.Written{payments, recalls} {
			if err := xsd.Check(t, w.Content); err != nil {
				t.Errorf("%v\nof\n%s", err, w.Content)
			}
		}
	})
}

// FuzzRead reads anything as a clearing's file: whatever is taken has room in the tables, and only a return or an answer has an amount.
func FuzzRead(f *testing.F) {
	for _, seed := range [][]byte{
		testserver.InterbankStatus("INTERBANK-20260216-01", "PART", "AM05", [3]string{"pay-1", "RJCT", "AC01"}),
		testserver.RecallStatus("INTERBANK-20260217-01", "RJCT", "FF01"),
		testserver.Resolution("R", [3]string{"pay-1", "ACCR", ""}, [3]string{"pay-2", "RJCR", "ARDT"}),
		testserver.SEPAReturns("P", testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "FOCR", Day: "2026-02-18"}),
		testserver.RecallOfTheirs("X", "THEIRS", "DUPL"),
	} {
		f.Add(seed)
	}
	one := format(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := one.Read(content)
		if err != nil && len(entries) > 0 {
			t.Error("a file that is refused has entries")
		}
		for _, e := range entries {
			if e.BankReference == "" || e.Message == "" || runes(e.Message) > 64 || runes(e.BankReference) > 64 || runes(e.Code) > 16 || runes(e.Reason) > 64 ||
				!utf8.ValidString(e.BankReference+e.Message+e.Code) {
				t.Errorf("there is no room for %+v", e)
			}
			if e.Amount != nil && e.Kind != files.Returned && !e.Kind.AnswersRecall() || e.Amount == nil && e.Kind == files.Returned {
				t.Errorf("it has an amount or has none: %+v", e)
			}
		}
	})
}

func runes(text string) int { return utf8.RuneCountInString(text) }

// A clearing's code has three characters at most (ExternalCashClearingSystem1Code).
func TestAClearingsCodeFitsTheSchema(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "ST22", "EBA-1", "st2"} {
		_, err := interbank.New(interbank.Settings{
			Settings:       sepa.Settings{Name: "Anton Payments", IBAN: "DE89370400440532013000", BIC: "COBADEFFXXX", Town: "Frankfurt", Country: "DE"},
			ClearingSystem: code,
		})
		if err == nil || !strings.Contains(err.Error(), "clearing_system:") {
			t.Errorf("%q: %v", code, err)
		}
	}
}

// What the tests have the clearing and other banks say is what they may say.
func TestWhatOthersSayInTestsFitsTheSchemas(t *testing.T) {
	t.Parallel()
	for name, message := range map[string][]byte{
		"status":     testserver.InterbankStatus("INTERBANK-20260216-01", "RJCT", "AM05", [3]string{"pay-1", "RJCT", "AC01"}, [3]string{"pay-2", "ACSP", ""}),
		"of recalls": testserver.RecallStatus("INTERBANK-20260217-01", "RJCT", "FF01"),
		"resolution": testserver.Resolution("R", [3]string{"pay-1", "ACCR", ""}, [3]string{"pay-2", "RJCR", "ARDT"}, [3]string{"pay-3", "PDCR", ""}),
		"returns":    testserver.SEPAReturns("P", testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "FOCR", Day: "2026-02-18"}),
		"recall":     testserver.RecallOfTheirs("X", "THEIRS", "DUPL"),
	} {
		xsd.Holds(t, name, message)
	}
}
