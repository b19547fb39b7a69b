package interbank_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/interbank"
	"github.com/antonpayments/anton/server/rails/sepa"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

func format(t testing.TB) *interbank.Format {
	t.Helper()
	f, err := interbank.New(interbank.Settings{
		Settings:       sepa.Settings{Name: "Anton Payments", IBAN: "DE89370400440532013000", BIC: "COBADEFFXXX", Town: "Frankfurt", Country: "DE"},
		ClearingSystem: "ST2",
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func order(t testing.TB, f *interbank.Format, id, amount, bic string) files.Order {
	t.Helper()
	a, err := money.Parse("EUR", amount)
	if err != nil {
		t.Fatal(err)
	}
	o := files.Order{Merchant: "mer_1", Payout: id, Amount: a, Details: files.Details{
		Sender: "Acme Ltd", Beneficiary: "Jürgen Groß", Account: &antonv1.BankAccount{Iban: "DE89370400440532013000", Bic: bic}, Reference: "Invoice 7",
	}}
	o.Reference, o.BankReference = f.References(1, id)
	return o
}

// sequence is the elements of a payment in the order that pacs.008.001.08 gives them, of those that the guidelines require and that we use.
var sequence = strings.Fields(`PmtId InstrId EndToEndId TxId PmtTpInf SvcLvl Cd IntrBkSttlmAmt ChrgBr UltmtDbtr Nm
	Dbtr Nm PstlAdr TwnNm Ctry DbtrAcct Id IBAN DbtrAgt FinInstnId BICFI CdtrAgt FinInstnId BICFI Cdtr Nm CdtrAcct Id IBAN RmtInf Ustrd`)

func TestAFileIsAsTheGuidelinesHaveIt(t *testing.T) {
	t.Parallel()
	f := format(t)
	h := files.Header{
		Day: time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC), Number: 1, Settles: time.Date(2026, 2, 17, 0, 0, 0, 0, time.UTC),
		Created: time.Date(2026, 2, 16, 13, 0, 1, 0, time.UTC),
	}
	orders := []files.Order{order(t, f, "pay_1", "10.50", "WESTGB22"), order(t, f, "pay_2", "0.01", "COBADEFFXXX")}
	w, err := f.Write(h, orders)
	if err != nil {
		t.Fatal(err)
	}
	xsd.Holds(t, "schema", w.Content)
	if w.Entries != 2 || w.Amount.String() != "10.51" || f.FileName(h) != "interbank-20260216-01.xml" {
		t.Errorf("%s says %d payments of %s", f.FileName(h), w.Entries, w.Amount)
	}
	want := append(strings.Fields("Document FIToFICstmrCdtTrf GrpHdr MsgId CreDtTm NbOfTxs TtlIntrBkSttlmAmt IntrBkSttlmDt SttlmInf SttlmMtd ClrSys Cd InstgAgt FinInstnId BICFI"),
		append(append([]string{"CdtTrfTxInf"}, sequence...), append([]string{"CdtTrfTxInf"}, sequence...)...)...)
	if got := elements(t, w.Content); !slices.Equal(got, want) {
		t.Errorf("its elements are %v", got)
	}
	for _, text := range []string{
		"<MsgId>INTERBANK-20260216-01</MsgId>", "<NbOfTxs>2</NbOfTxs>", `<TtlIntrBkSttlmAmt Ccy="EUR">10.51</TtlIntrBkSttlmAmt>`,
		"<IntrBkSttlmDt>2026-02-17</IntrBkSttlmDt>", "<SttlmMtd>CLRG</SttlmMtd>", "<Cd>ST2</Cd>", "<TxId>pay-1</TxId>", "<Nm>Jurgen Gross</Nm>", "<ChrgBr>SLEV</ChrgBr>",
	} {
		if !strings.Contains(string(w.Content), text) {
			t.Errorf("it has no %s", text)
		}
	}
	if _, err := f.Write(h, append(orders, orders[0])); err == nil {
		t.Error("a payment may be in it twice")
	}
}

// elements are the names of all elements, in their order.
func elements(t *testing.T, content []byte) (names []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(content)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			names = append(names, start.Name.Local)
		}
	}
}

func TestEveryPaymentNamesTheBeneficiarysBank(t *testing.T) {
	t.Parallel()
	f := format(t)
	if refusal := f.Check(order(t, f, "pay_1", "1.00", "")); refusal == nil || refusal.Code != "bic_required" || f.Reason(refusal.Code) == "" {
		t.Errorf("without a BIC it is refused as %v", refusal)
	}
	if refusal := f.Check(order(t, f, "pay_1", "1.00", "COBADEFFXXX")); refusal != nil {
		t.Errorf("with a BIC it is refused as %v", refusal)
	}
	if _, err := interbank.New(interbank.Settings{}); err == nil || !strings.Contains(err.Error(), "clearing_system:") || !strings.Contains(err.Error(), "iban:") {
		t.Errorf("no settings: %v", err)
	}
}

func TestStatusReports(t *testing.T) {
	t.Parallel()
	f := format(t)
	report := string(testserver.InterbankStatus("INTERBANK-20260216-01", "RJCT", "AM05"))
	entries, err := f.Read([]byte(report))
	if err != nil || len(entries) != 1 || entries[0].Kind != files.Failed || entries[0].File != "interbank-20260216-01.xml" || entries[0].Reason != "duplicate" {
		t.Errorf("a rejected message says %+v, %v", entries, err)
	}
	entries, err = f.Read(testserver.InterbankStatus("INTERBANK-20260216-01", "PART", "AC01", [3]string{"pay-1", "RJCT", "AC01"}))
	if err != nil || len(entries) != 1 || entries[0].Kind != files.Failed || entries[0].BankReference != "pay-1" || entries[0].Reason != "invalid_account_number" {
		t.Errorf("a message that is partly rejected says %+v, %v", entries, err)
	}
	for old, want := range map[string]string{
		"pacs.008.001.08": "answers neither a pacs.008", "pacs.002.001.10": "none of the messages", "<GrpSts>RJCT</GrpSts>": "no status",
	} {
		if entries, err := f.Read([]byte(strings.Replace(report, old, "", 1))); err == nil || !strings.Contains(err.Error(), want) || entries != nil {
			t.Errorf("without %s: want %q, got %v", old, want, err)
		}
	}
}
