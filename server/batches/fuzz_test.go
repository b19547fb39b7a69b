package batches

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/money"
)

// holds checks what is true of everything that is read, whatever it was.
func holds(t *testing.T, content []byte) {
	t.Helper()
	table, err := read(&antonv1.CreateBatchRequest{Content: content})
	if err != nil {
		e, ok := errors.AsType[*apierr.Error](err)
		if !ok || e.Code != antonv1.ErrorCode_validation_error || len(e.Fields) == 0 || e.Fields[0].Path != "content" {
			t.Fatalf("it is refused in words that are not the customer's: %v", err)
		}
		return
	}
	if len(table.rows) == 0 || len(table.rows) > maxRows {
		t.Fatalf("it has %d rows", len(table.rows))
	}
	last := int32(0)
	for _, r := range table.rows {
		if r.number <= last {
			t.Fatalf("row %d follows row %d", r.number, last)
		}
		last = r.number
		if _, err := proto.Marshal(r.cells); err != nil {
			t.Fatalf("row %d cannot be stored: %v", r.number, err)
		}
		if len(r.wrong) > maxProblems {
			t.Fatalf("row %d has %d problems", r.number, len(r.wrong))
		}
		for _, p := range r.wrong {
			if p.message == "" || columns[p.field] == nil && p.field != "" {
				t.Fatalf("row %d has the problem %v", r.number, p)
			}
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{
		"beneficiary_id,amount,currency\nben_x,1.00,USD\n", "\ufeffbeneficiary_id;amount;currency\r\nben_x;1,00;USD\r\n",
		"beneficiary_id\tamount\tcurrency\nben_x\t\"1\n\n\"\tUSD\n\n\n", "amount,\"currency\n\",beneficiary_id\n1", "\xff\xfea\x00", "a\x00b", "\r", `"`, ",,\n,,",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) { holds(t, content) })
}

func FuzzReadXLSX(f *testing.F) {
	book := excelize.NewFile()
	defer book.Close()
	for cell, value := range map[string]any{"A1": "beneficiary_id", "B1": "amount", "C1": "currency", "A2": "ben_x", "B2": 1.1, "C2": "USD", "C3": true} {
		if err := book.SetCellValue("Sheet1", cell, value); err != nil {
			f.Fatal(err)
		}
	}
	content, err := book.WriteToBuffer()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.HasPrefix(content, []byte("PK\x03\x04")) {
			holds(t, content)
		}
	})
}

// The parts of a workbook are fuzzed as they are unpacked: the archive's checksums would refuse nearly everything.
func FuzzReadSheet(f *testing.F) {
	for _, seed := range []string{
		`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>amount</t></is></c><c t="s"><v>0</v></c></row><row hidden="1"><c r="B2"><f>1</f><v>2</v></c></row></sheetData></worksheet>`,
		`<row r="9"><c r="ZZZ1"/></row>`, `<row r="2"/><row r="1"/>`, `<c><c>`, `<x:row xmlns:x="y"><x:c t="e"><x:v>#REF!</x:v></x:c></x:row>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sheet string) {
		holds(t, zipped(t, map[string]string{
			"_rels/.rels":                `<Relationships><Relationship Id="r1" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
			"xl/workbook.xml":            `<workbook><sheets><sheet name="a" id="r1"/></sheets></workbook>`,
			"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="sheet.xml"/><Relationship Id="r2" Type="x/sharedStrings" Target="s.xml"/></Relationships>`,
			"xl/sheet.xml":               sheet,
			"xl/s.xml":                   `<sst><si><t>currency</t></si><si><r><t>bene</t></r><r><t>ficiary_id</t></r></si></sst>`,
		}))
	})
}

func FuzzSuggestAmount(f *testing.F) {
	for _, text := range []string{"2500,00", "1,234.50", "1.234,50", "$5", "２５００", "1e9", "-1", "1'000", "USD 7", "1,234"} {
		f.Add(text, "USD")
	}
	f.Fuzz(func(t *testing.T, text, currency string) {
		suggestion := suggestAmount(text, currency)
		if suggestion == "" {
			return
		}
		_, amount, _ := strings.Cut(suggestion, ": ")
		if !money.Known(currency) {
			currency = strings.ToUpper(currency)
		}
		if !money.Known(currency) {
			currency = "USD"
		}
		if _, err := money.Parse(currency, amount); err != nil {
			t.Errorf("for %q it suggests %q: %v", text, amount, err)
		}
	})
}

func TestAmountsAreSuggestedWhereOneThingCanBeMeant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2500,00": "2500.00", "1,234.50": "1234.50", "1.234,50": "1234.50", "$2500": "2500.00", "2500 USD": "2500.00", "USD2500.5": "2500.50", "２５００": "2500.00",
		"1 000.00": "1000.00", "1'000.00": "1000.00", "1,234,567": "1234567.00", "2500.": "2500.00",
		"1,234": "", "1e9": "", "-5": "", "NaN": "", "2500.001": "", "1.2.3,4,5": "", "5%": "", "EUR 5": "", "0": "", "=1": "",
	} {
		if _, got, _ := strings.Cut(suggestAmount(text, "USD"), ": "); got != want {
			t.Errorf("for %q it suggests %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"usd": "Did you mean USD?", "UDS": "Did you mean USD?", "€": "Did you mean EUR?", "EURO": "Did you mean EUR?", "xyz": "", "": ""} {
		if got := suggest("currency", text, ""); got != want {
			t.Errorf("for %q it suggests %q, want %q", text, got, want)
		}
	}
}

// Numbers come out of a workbook as a person saw them.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.1000000000000001": "1.1", "2500": "2500", "2500.5": "2500.5", "1E+3": "1000", "1.2344999999999999": "1.2345", "0.28999999999999998": "0.29",
		"999999999999.98999": "999999999999.99", "0.30000000000000004": "0.3", "1200.3000000000002": "1200.3", "0.005": "0.005", "999999999999999": "999999999999999", "-5": "-5", "1E+15": "", "NaN": "", "x": "", "1e400": "",
	} {
		if got := exact(text); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	for days, want := range map[string]string{"31149": "1985-04-12", "61": "1900-03-01", "60": "", "0.5": "", "-1": "", "999999": "", "x": ""} {
		if got := day(days, false); got != want {
			t.Errorf("day %s is %q, want %q", days, got, want)
		}
	}
	if got := day("29687", true); got != "1985-04-12" {
		t.Errorf("since 1904 it is %s", got)
	}
}

// Every column has its place: in the payout, or in the new beneficiary.
func TestEveryColumnHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, name := range columnNames {
		path := pathOfColumn(name)
		if inPayout := strings.Contains(" "+strings.Join(payoutColumns, " ")+" ", " "+name+" "); inPayout == (path != "") {
			t.Errorf("%s goes to %q", name, path)
		}
		if path != "" && columnOfPath(path) != name {
			t.Errorf("%s comes back as %q", path, columnOfPath(path))
		}
	}
	for path, name := range map[string]string{
		"bank_account.country": "bank_country", "bank_account.bank_name": "bank_name", "bank_account.iban": "iban", "address.country": "address_country",
		"address.state": "state", "country": "country", "first_name": "first_name", "amount": "amount", "bank_account.bank_code": "bank_code",
	} {
		if got := columnOfPath(path); got != name {
			t.Errorf("%s is %q, want %q", path, got, name)
		}
	}
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var content bytes.Buffer
	w := zip.NewWriter(&content)
	for name, text := range files {
		part, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}
