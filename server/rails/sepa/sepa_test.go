package sepa_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/sepa"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

func settings() sepa.Settings {
	return sepa.Settings{Name: "Anton Payments", IBAN: "DE89 3704 0044 0532 0130 00", BIC: "COBADEFFXXX", Street: "Mainzer Landstr. 1", PostCode: "60329", Town: "Frankfurt", Country: "DE"}
}

func format(t testing.TB) *sepa.Format {
	t.Helper()
	f, err := sepa.New(settings())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func euros(t testing.TB, text string) money.Amount {
	t.Helper()
	a, err := money.Parse("EUR", text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func order(t testing.TB, id, amount, iban, bic string) files.Order {
	t.Helper()
	f := format(t)
	o := files.Order{Merchant: "mer_1", Payout: id, Amount: euros(t, amount), Details: files.Details{
		Sender: "Łukasz & Co_", Beneficiary: "Jürgen Groß", Account: &antonv1.BankAccount{Iban: iban, Bic: bic}, Reference: "Rechnung № 7",
	}}
	o.Reference, o.BankReference = f.References(1, id)
	return o
}

func TestSettingsSayAllThatIsWrong(t *testing.T) {
	t.Parallel()
	days := 0
	_, err := sepa.New(sepa.Settings{
		Name: "Größe", IBAN: "US89370400440532013000", BIC: "X", PostCode: strings.Repeat("1", 17), Country: "de", Most: "1000000000.00", ReturnDays: &days,
		WindowSettings: files.WindowSettings{CutOffs: []string{"25:00"}},
	})
	for _, want := range []string{"name:", "iban:", "bic:", "town:", "post_code:", "country:", "most:", "return_days:", "cut_offs:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named by %v", want, err)
		}
	}
}

func TestServesEurosToIBANsThatSEPAReaches(t *testing.T) {
	t.Parallel()
	f := format(t)
	for c, want := range map[rails.Corridor]bool{
		{Method: db.PaymentMethodIban, Country: "FR", Currency: "EUR"}:  true,
		{Method: db.PaymentMethodIban, Country: "RS", Currency: "EUR"}:  true,
		{Method: db.PaymentMethodIban, Country: "FR", Currency: "USD"}:  false,
		{Method: db.PaymentMethodIban, Country: "TR", Currency: "EUR"}:  false,
		{Method: db.PaymentMethodSwift, Country: "FR", Currency: "EUR"}: false,
	} {
		amounts, ok := f.Serves(c)
		if ok != want || amounts.String() != "from 0.01 to 999999999.99" {
			t.Errorf("%+v: %v, %v", c, ok, amounts)
		}
	}
}

func TestCutOffsAreOnTARGETDays(t *testing.T) {
	t.Parallel()
	w := format(t).Windows()
	for at, want := range map[string]string{
		"2026-02-16T12:59:00Z": "2026-02-16T13:00:00Z", // winter
		"2026-02-16T13:00:00Z": "2026-02-17T13:00:00Z", // the cut-off itself is past
		"2026-04-02T12:30:00Z": "2026-04-07T12:00:00Z", // Good Friday to Easter Monday
		"2026-12-24T14:00:00Z": "2026-12-28T13:00:00Z", // 25 and 26 December
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Next(moment).UTC().Format(time.RFC3339); got != want {
			t.Errorf("after %s a file is cut at %s, want %s", at, got, want)
		}
	}
}

func TestCheckRefusesWhatSEPACannotCarry(t *testing.T) {
	t.Parallel()
	f := format(t)
	for _, c := range []struct{ iban, bic, name, want string }{
		{"DE89370400440532013000", "", "Maria", ""},
		{"de89 3704 0044 0532 0130 00", "COBADEFF", "Maria", ""},
		{"GB82WEST12345698765432", "", "Maria", "bic_required"},
		{"GB82WEST12345698765432", "WESTGB22", "Maria", ""},
		{"DE88370400440532013000", "", "Maria", "invalid_account_number"},
		{"", "", "Maria", "invalid_account_number"},
		{"TR330006100519786457841326", "", "Maria", "bank_does_not_participate"},
		{"DE89370400440532013000", "COBADE", "Maria", "invalid_bic"},
		{"DE89370400440532013000", "", "***", "name_not_supported"},
	} {
		o := order(t, "pay_1", "1.00", c.iban, c.bic)
		o.Details.Beneficiary = c.name
		got := ""
		if refusal := f.Check(o); refusal != nil {
			got = refusal.Code
		}
		if got != c.want || (got != "" && f.Reason(got) == "") {
			t.Errorf("%+v is refused as %q: %q", c, got, f.Reason(got))
		}
	}
}

// An element is what the guidelines say of one: its place among the others of its parent, and what is in it.
type element struct {
	name     string
	required bool
	form     string // of its text; empty where it has elements
}

const (
	max35  = `[A-Za-z0-9/?:().,'+ -]{1,35}`
	max70  = `[A-Za-z0-9/?:().,'+ -]{1,70}`
	sum    = `[0-9]{1,15}\.[0-9]{2}`
	ibanOf = `[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}`
	bicOf  = `[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?`
)

// rules are the sequences of pain.001.001.09 as EPC132-08 restricts them, for the elements that we use and their required neighbours.
var rules = map[string][]element{
	"Document":                  {{"CstmrCdtTrfInitn", true, ""}},
	"CstmrCdtTrfInitn":          {{"GrpHdr", true, ""}, {"PmtInf", true, ""}},
	"GrpHdr":                    {{"MsgId", true, max35}, {"CreDtTm", true, `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`}, {"NbOfTxs", true, `[0-9]{1,15}`}, {"CtrlSum", true, sum}, {"InitgPty", true, ""}},
	"GrpHdr/InitgPty":           {{"Nm", true, max70}},
	"PmtInf":                    {{"PmtInfId", true, max35}, {"PmtMtd", true, "TRF"}, {"BtchBookg", false, "true|false"}, {"NbOfTxs", true, `[0-9]{1,15}`}, {"CtrlSum", true, sum}, {"PmtTpInf", false, ""}, {"ReqdExctnDt", true, ""}, {"Dbtr", true, ""}, {"DbtrAcct", true, ""}, {"DbtrAgt", true, ""}, {"UltmtDbtr", false, ""}, {"ChrgBr", false, "SLEV"}, {"CdtTrfTxInf", true, ""}},
	"PmtInf/PmtTpInf":           {{"SvcLvl", true, ""}},
	"PmtTpInf/SvcLvl":           {{"Cd", true, "SEPA"}},
	"PmtInf/ReqdExctnDt":        {{"Dt", true, `[0-9]{4}-[0-9]{2}-[0-9]{2}`}},
	"PmtInf/Dbtr":               {{"Nm", true, max70}, {"PstlAdr", false, ""}},
	"Dbtr/PstlAdr":              {{"StrtNm", false, max70}, {"PstCd", false, `.{1,16}`}, {"TwnNm", true, max35}, {"Ctry", true, `[A-Z]{2}`}},
	"PmtInf/DbtrAcct":           {{"Id", true, ""}},
	"DbtrAcct/Id":               {{"IBAN", true, ibanOf}},
	"PmtInf/DbtrAgt":            {{"FinInstnId", true, ""}},
	"DbtrAgt/FinInstnId":        {{"BICFI", true, bicOf}},
	"PmtInf/CdtTrfTxInf":        {{"PmtId", true, ""}, {"Amt", true, ""}, {"UltmtDbtr", false, ""}, {"CdtrAgt", false, ""}, {"Cdtr", true, ""}, {"CdtrAcct", true, ""}, {"RmtInf", false, ""}},
	"CdtTrfTxInf/PmtId":         {{"InstrId", false, max35}, {"EndToEndId", true, max35}},
	"CdtTrfTxInf/Amt":           {{"InstdAmt", true, `[0-9]{1,9}\.[0-9]{2}`}},
	"CdtTrfTxInf/UltmtDbtr":     {{"Nm", true, max70}},
	"CdtTrfTxInf/CdtrAgt":       {{"FinInstnId", true, ""}},
	"CdtrAgt/FinInstnId":        {{"BICFI", true, bicOf}},
	"CdtTrfTxInf/Cdtr":          {{"Nm", true, max70}},
	"CdtTrfTxInf/CdtrAcct":      {{"Id", true, ""}},
	"CdtrAcct/Id":               {{"IBAN", true, ibanOf}},
	"CdtTrfTxInf/RmtInf":        {{"Ustrd", true, `[A-Za-z0-9/?:().,'+ -]{1,140}`}},
	"CstmrCdtTrfInitn/GrpHdr":   nil, // as GrpHdr
	"CstmrCdtTrfInitn/PmtInf":   nil,
	"Document/CstmrCdtTrfInitn": nil,
}

// obey holds an element with all in it to the rules.
func obey(t *testing.T, d *xml.Decoder, parent, name string) (text string) {
	t.Helper()
	own := rules[parent+"/"+name]
	if own == nil {
		own = rules[name]
	}
	at, there := 0, map[string]bool{}
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s/%s: %v", parent, name, err)
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token)
		case xml.StartElement:
			child := token.Name.Local
			i := slices.IndexFunc(own, func(e element) bool { return e.name == child })
			if token.Name.Space != "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09" || i < at {
				t.Fatalf("%s has %s where it may not", name, child)
			}
			at, there[child] = i, true
			inside := obey(t, d, name, child)
			if own[i].form != "" && !regexp.MustCompile(`^(?:`+own[i].form+`)$`).MatchString(inside) {
				t.Errorf("%s/%s is %q", name, child, inside)
			}
		case xml.EndElement:
			for _, e := range own {
				if e.required && !there[e.name] {
					t.Errorf("%s has no %s", name, e.name)
				}
			}
			return text
		}
	}
}

func TestAFileIsAsTheGuidelinesHaveIt(t *testing.T) {
	t.Parallel()
	f := format(t)
	h := files.Header{
		Day: time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC), Number: 3, Settles: time.Date(2026, 2, 17, 0, 0, 0, 0, time.UTC),
		Created: time.Date(2026, 2, 16, 13, 0, 1, 0, time.UTC),
	}
	orders := []files.Order{
		order(t, "pay_cng3q8s6ek9kc5qg1h2g", "999999999.99", "DE89370400440532013000", ""),
		order(t, "pay_cng3q8s6ek9kc5qg1h30", "0.01", "GB82WEST12345698765432", "WESTGB22"),
	}
	orders[1].Details.Reference = ""
	orders[1].Details.Beneficiary = strings.Repeat("Wolfeschlegelstein ", 10)
	for i := range 40 {
		orders = append(orders, order(t, fmt.Sprintf("pay_%020d", i), strconv.Itoa(i+1)+".07", "DE89370400440532013000", "COBADEFFXXX"))
	}
	w, err := f.Write(h, orders)
	if err != nil {
		t.Fatal(err)
	}
	xsd.Holds(t, "schema", w.Content)
	if w.Entries != 42 || w.Amount.String() != "1000000822.80" || f.FileName(h) != "sepa-20260216-03.xml" {
		t.Errorf("%s says %d payments of %s", f.FileName(h), w.Entries, w.Amount)
	}
	d := xml.NewDecoder(strings.NewReader(string(w.Content)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			obey(t, d, "", start.Name.Local)
		}
	}
	text := string(w.Content)
	for want, times := range map[string]int{
		"<PmtInf>": 1, "<NbOfTxs>42</NbOfTxs>": 2, "<CtrlSum>1000000822.80</CtrlSum>": 2, "<Dt>2026-02-16</Dt>": 1, "Ccy=\"EUR\"": 42,
		"<MsgId>SEPA-20260216-03</MsgId>": 1, "<EndToEndId>pay-cng3q8s6ek9kc5qg1h2g</EndToEndId>": 1, "<Nm>Lukasz + Co-</Nm>": 42,
		"<BICFI>WESTGB22</BICFI>": 1, "<IBAN>DE89370400440532013000</IBAN>": 42, "<Ustrd>": 41,
	} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%s is there %d times, want %d", want, got, times)
		}
	}
	again, err := f.Write(h, orders)
	if err != nil || string(again.Content) != text {
		t.Errorf("the same orders give another file: %v", err)
	}
	if _, err := f.Write(h, append(orders, orders[0])); err == nil || strings.Contains(err.Error(), "pay-") {
		t.Errorf("a payment that is in it twice: %v", err)
	}
}

func TestEveryReasonHasASentence(t *testing.T) {
	t.Parallel()
	f := format(t)
	for _, code := range sepa.Reasons() {
		if f.Reason(code) == "" {
			t.Errorf("%s has no sentence", code)
		}
	}
}
