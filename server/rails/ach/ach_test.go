package ach_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/ach"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/testserver"
)

func settings() ach.Settings {
	return ach.Settings{RoutingNumber: "121042882", BankName: "First Bank", Origin: "1234567890", OriginName: "Anton Payments", CompanyID: "9876543210"}
}

func format(t testing.TB) *ach.Format {
	t.Helper()
	f, err := ach.New(settings())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func order(t testing.TB, f *ach.Format, number int64, amount string) files.Order {
	t.Helper()
	a, err := money.Parse("USD", amount)
	if err != nil {
		t.Fatal(err)
	}
	o := files.Order{Merchant: "mer_x", Payout: fmt.Sprintf("pay_cng3q8s6ek9kc5qg%04d", number), Amount: a, Details: files.Details{
		Sender: "Acme Trading Ltd", Beneficiary: "María Núñez García", Country: "US", Reference: "Invoice 7, March",
		Account: &antonv1.BankAccount{RoutingNumber: "021000021", AccountNumber: "9876-543 210"},
	}}
	o.Reference, o.BankReference = f.References(number, "pay_c")
	return o
}

var header = files.Header{
	Day: time.Date(2026, 2, 17, 0, 0, 0, 0, time.UTC), Number: 2, Settles: time.Date(2026, 2, 18, 0, 0, 0, 0, time.UTC),
	Created: time.Date(2026, 2, 17, 21, 45, 2, 0, time.UTC),
}

// The test reads the records as Nacha's Operating Rules, Appendix Three, lay them out, by their columns and with nobody's help.
func TestAFileHasTheRecordsOfTheRules(t *testing.T) {
	t.Parallel()
	f := format(t)
	person, business, wages := order(t, f, 12, "2500.00"), order(t, f, 11, "99999999.99"), order(t, f, 10, "0.01")
	business.Details.Business, business.Details.Account.AccountType = true, antonv1.AccountType_savings
	wages.Details.Purpose = "salary"
	first := order(t, f, 9, "1.00") // of the same batch as person's, with a lower trace number
	written, err := f.Write(header, []files.Order{person, business, wages, first})
	if err != nil {
		t.Fatal(err)
	}
	if written.Entries != 4 || written.Amount.String() != "100002501.00" {
		t.Errorf("it says %d entries of %s", written.Entries, written.Amount)
	}
	lines := strings.Split(strings.TrimRight(string(written.Content), "\r\n"), "\n")
	if len(lines)%10 != 0 {
		t.Errorf("%d records are no whole blocks of ten", len(lines))
	}
	var kinds strings.Builder
	for i, line := range lines {
		if lines[i] = strings.TrimSuffix(line, "\r"); len(lines[i]) != 94 {
			t.Fatalf("record %d has %d characters: %q", i+1, len(lines[i]), lines[i])
		}
		kinds.WriteByte(line[0])
	}
	if want := "1" + "5678" + "567678" + "5678" + "9999"; kinds.String() != want+"9" {
		t.Fatalf("the records are %s", kinds.String())
	}
	if got, want := lines[0], "101 12104288212345678902602171645B094101FIRST BANK             ANTON PAYMENTS                 "; got != want {
		t.Errorf("the file header is\n%q, want\n%q", got, want)
	}
	// The batches: businesses, then people, then wages; all of one company, credits only, settled on Wednesday.
	for i, want := range map[int]string{
		1:  "5220ACME TRADING LTD                    9876543210CCDPAYMENT         260218   112104288000000" + "1",
		5:  "5220ACME TRADING LTD                    9876543210PPDPAYMENT         260218   112104288000000" + "2",
		11: "5220ACME TRADING LTD                    9876543210PPDPAYROLL         260218   112104288000000" + "3",
	} {
		if lines[i] != want {
			t.Errorf("record %d is\n%q, want\n%q", i+1, lines[i], want)
		}
	}
	for i, want := range map[int]string{
		2: "6320210000219876543210       9999999999",
		6: "6220210000219876543210       0000000100",
		8: "6220210000219876543210       0000250000",
	} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("record %d is\n%q, want\n%q", i+1, lines[i], want)
		}
	}
	if name := lines[8][54:76]; name != "MARIA NUNEZ GARCIA    " {
		t.Errorf("the name is %q", name)
	}
	if addenda, trace := lines[9], lines[8][79:]; !strings.HasPrefix(addenda, "705INVOICE 7, MARCH") || trace != "121042880000012" || addenda[87:] != "0000012" {
		t.Errorf("the addenda record is %q of %q", addenda, trace)
	}
	control := lines[15]
	if got, want := control[:55], "9000003000002000000080008400008000000000000010000250100"; got != want {
		t.Errorf("the file control begins\n%q, want\n%q", got, want)
	}
}

func TestTraceNumbersBeginAgainAndReferencesDoNot(t *testing.T) {
	t.Parallel()
	f := format(t)
	seen := map[string]bool{}
	for _, number := range []int64{1, 9_999_999, 10_000_000, 10_000_001, 20_000_001} {
		ours, bank := f.References(number, "pay_c")
		if seen[ours] || len(bank) != 15 || !strings.HasPrefix(ours, bank) {
			t.Errorf("%d is %s and %s", number, ours, bank)
		}
		seen[ours] = true
	}
}

func TestWhatACHServes(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Most = "1000.00"
	f, err := ach.New(s)
	if err != nil {
		t.Fatal(err)
	}
	amounts, ok := f.Serves(rails.Corridor{Method: db.PaymentMethodUsBank, Country: "PR", Currency: "USD"})
	exact, _ := money.Parse("USD", "1000.00")
	over, _ := money.Parse("USD", "1000.01")
	if !ok || !amounts.Has(exact) || amounts.Has(over) || amounts.Has(money.Zero("USD")) {
		t.Errorf("%v %v", amounts, ok)
	}
	for _, c := range []rails.Corridor{
		{Method: db.PaymentMethodUsBank, Country: "CA", Currency: "USD"},
		{Method: db.PaymentMethodUsBank, Country: "US", Currency: "EUR"},
		{Method: db.PaymentMethodSwift, Country: "US", Currency: "USD"},
	} {
		if _, ok := f.Serves(c); ok {
			t.Errorf("it serves %v", c)
		}
	}
}

func TestSameDayHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	s, sameDay := settings(), 0
	s.SettlesAfter = &sameDay
	f, err := ach.New(s)
	if err != nil {
		t.Fatal(err)
	}
	if takes, ok := f.Serves(rails.Corridor{Method: db.PaymentMethodUsBank, Country: "US", Currency: "USD"}); !ok || takes.String() != "from 0.01 to 1000000.00" {
		t.Errorf("it carries %s, %t", takes, ok)
	}
	s.Most = "1000000.01"
	if _, err := ach.New(s); err == nil || !strings.Contains(err.Error(), "most:") {
		t.Errorf("more than the limit: %v", err)
	}
}

func TestWhatACHCannotWriteIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	f := format(t)
	for want, change := range map[string]func(*files.Order){
		"":                       func(*files.Order) {},
		"name_not_supported":     func(o *files.Order) { o.Details.Beneficiary = "🙂🙂" },
		"invalid_routing_number": func(o *files.Order) { o.Details.Account.RoutingNumber = "021000022" },
		"invalid_account_number": func(o *files.Order) { o.Details.Account.AccountNumber = "123456789012345678" },
	} {
		o := order(t, f, 1, "1.00")
		change(&o)
		refusal := f.Check(o)
		if (refusal == nil) != (want == "") || refusal != nil && (refusal.Code != want || f.Reason(want) == "") {
			t.Errorf("want %q, got %v", want, refusal)
		}
	}
	for _, name := range []string{"李小龙", "Владимир", "O'Neil & Söhne <GmbH>", "名前"} {
		o := order(t, f, 1, "1.00")
		o.Details.Beneficiary = name
		if _, err := f.Write(header, []files.Order{o}); f.Check(o) != nil || err != nil {
			t.Errorf("%s: %v %v", name, f.Check(o), err)
		}
	}
}

func TestFilesThatAreNotForUsAreRefused(t *testing.T) {
	t.Parallel()
	f := format(t)
	good := testserver.ACHFile(t, testserver.ACHAnswer{Code: "R03", Trace: "121042880000012", Message: 1, Cents: 250000})
	if entries, err := f.Read(good); err != nil || len(entries) != 1 || entries[0].Reason != "no_account" || entries[0].Amount.String() != "2500.00" {
		t.Fatalf("%v %v", entries, err)
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	for name, bad := range map[string][]byte{
		"empty":              []byte("101"),
		"another rail's":     []byte(`<?xml version="1.0"?><Document/>`),
		"cut off":            bytes.Join(lines[:3], nil),
		"half a record":      good[:len(good)/2+7],
		"without its end":    bytes.Join(lines[:5], nil),
		"another originator": bytes.Replace(good, []byte("1234567890"), []byte("1234567899"), 1),
		"another company":    bytes.ReplaceAll(good, []byte("9876543210PPD"), []byte("9876543211PPD")),
		"another amount":     bytes.Replace(good, []byte("0000250000"), []byte("0000250001"), 1),
		"binary":             append([]byte("101"), bytes.Repeat([]byte{0, 255}, 500)...),
	} {
		entries, err := f.Read(bad)
		if err == nil {
			t.Errorf("%s: it was read as %v", name, entries)
		} else if text := err.Error(); strings.Contains(text, "9876543210") || strings.Contains(text, "GARCIA") {
			t.Errorf("%s: the error quotes the file: %s", name, text)
		}
	}
}

func TestEveryAnswerIsUnderstood(t *testing.T) {
	t.Parallel()
	f := format(t)
	const trace = "121042880000012"
	entries, err := f.Read(testserver.ACHFile(t,
		testserver.ACHAnswer{Code: "R16", Trace: trace, Message: 1, Cents: 100},
		testserver.ACHAnswer{Code: "R07", Trace: trace, Message: 2, Cents: 100},
		testserver.ACHAnswer{Code: "R69", Trace: trace, Message: 3, Cents: 100},
		testserver.ACHAnswer{Code: "R74", Trace: trace, Message: 4, Cents: 100},
		testserver.ACHAnswer{Code: "C01", Trace: trace, Message: 5, Corrected: "1918171614"},
		testserver.ACHAnswer{Trace: trace, Cents: 100},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"returned account_frozen", "unreadable ", "return_reversed ", "returned return_contested", "advice account_number", "accepted "}
	for i, e := range entries {
		if got := string(e.Kind) + " " + e.Reason; got != want[i] || e.BankReference != trace || e.Message == "" {
			t.Errorf("entry %d is %s about %s by %s, want %s", i, got, e.BankReference, e.Message, want[i])
		}
	}
	if len(entries) != len(want) || string(entries[4].Detail) != "1918171614" {
		t.Errorf("%d entries", len(entries))
	}
}

func TestEveryReasonHasItsSentence(t *testing.T) {
	t.Parallel()
	f := format(t)
	for _, code := range []string{"R02", "R03", "R04", "R06", "R12", "R13", "R14", "R15", "R16", "R17", "R20", "R22", "R23", "R24", "R34", "R80", "R81", "R82", "R83", "R84", "R85"} {
		entries, err := f.Read(testserver.ACHFile(t, testserver.ACHAnswer{Code: code, Trace: "121042880000012", Message: 1, Cents: 100}))
		if err != nil || entries[0].Kind != files.Returned || f.Reason(entries[0].Reason) == "" {
			t.Errorf("%s: %v %v", code, entries, err)
		}
	}
}

func TestSettingsSayAllThatIsWrong(t *testing.T) {
	t.Parallel()
	s := ach.Settings{RoutingNumber: "121042883", BankName: "", Origin: "12", OriginName: "Anton", CompanyID: "x", Most: "100000000"}
	s.CutOffs = []string{"25:00"}
	_, err := ach.New(s)
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, field := range []string{"routing_number:", "bank_name:", "origin:", "company_id:", "most:", "cut_offs:"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	a := format(f)
	f.Add(testserver.ACHFile(f, testserver.ACHAnswer{Code: "R03", Trace: "121042880000012", Message: 1, Cents: 250000}))
	f.Add(testserver.ACHFile(f, testserver.ACHAnswer{Code: "C01", Trace: "121042880000012", Message: 1, Corrected: "1918171614"}))
	f.Add([]byte("101 1234567890"))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := a.Read(content)
		if err == nil && len(entries) == 0 {
			t.Error("a file without entries was read")
		}
		for _, e := range entries {
			if e.BankReference == "" || e.Message == "" || e.Kind == "" || len(e.BankReference) > 64 || len(e.Message) > 64 || len(e.Code) > 16 {
				t.Errorf("the entry %+v cannot be kept", e)
			}
		}
	})
}
