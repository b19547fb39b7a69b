package batches_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/raced"
)

// workbook writes a workbook by a library that is not ours: the rows into the first sheet, then what the test does to it.
func workbook(t testing.TB, rows [][]any, then ...func(f *excelize.File) error) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for i, row := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range then {
		if err := change(f); err != nil {
			t.Fatal(err)
		}
	}
	content, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

// A file that is no table is refused with a sentence that says what to do, and nothing is stored.
func TestWhatIsNoTableIsRefused(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	header, row := "beneficiary_id,amount,currency\n", "ben_x,1.00,USD\n"
	bad := []byte(header + strings.Repeat(row, 200))
	bad[len(bad)/2] = 0
	encrypted, err := excelize.Encrypt(workbook(t, [][]any{{"amount"}}), &excelize.Options{Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		content []byte
		says    string
	}{
		"nothing but blanks":          {[]byte(" \r\n\n"), "is empty"},
		"a header only":               {[]byte(header), "has no rows"},
		"a header and empty rows":     {[]byte(header + ",,\n\n,,\n"), "has no rows"},
		"no header":                   {[]byte(row + row), "must name its columns in the first line"},
		"another separator":           {[]byte("beneficiary_id|amount|currency\nben_x|1.00|USD\n"), "commas, semicolons or tabs"},
		"an unknown column":           {[]byte("beneficiary_id,ammount,currency\n" + row), "did you mean amount?"},
		"a column twice":              {[]byte("beneficiary_id,amount,Amount,currency\n" + row), "has the column amount twice"},
		"a missing column":            {[]byte("beneficiary_id,amount\n" + row), "has no column currency"},
		"nobody to pay":               {[]byte("amount,currency\n1,USD\n"), "whom to pay"},
		"a quotation mark":            {[]byte(header + row + `ben_x,"1.00,USD` + "\n" + row), "line 3"},
		"a quotation mark inside":     {[]byte(header + row + row + `ben_x,1"00,USD` + "\n"), "line 4"},
		"10,001 rows":                 {[]byte(header + strings.Repeat(row, 10_001)), "more than 10000 rows"},
		"UTF-16":                      {[]byte("\xff\xfeb\x00e\x00n\x00"), "UTF-16"},
		"a picture":                   {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00"), "neither CSV nor XLSX"},
		"a NUL":                       {bad, "neither CSV nor XLSX"},
		"too many columns":            {[]byte("amount" + strings.Repeat(",", 500) + "\n" + row), "columns"},
		"too many cells":              {[]byte(header + "ben_x" + strings.Repeat(",", 500) + "\n"), "cells in line 2"},
		"half a workbook":             {workbook(t, [][]any{{"amount"}})[:900], "no complete XLSX"},
		"a workbook with a password":  {encrypted, "password"},
		"a workbook without text":     {workbook(t, nil), "no text"},
		"a workbook with a header":    {workbook(t, [][]any{{"beneficiary_id", "amount", "currency"}}), "has no rows"},
		"an archive of something":     {archive(t, map[string]string{"readme.txt": "hello"}), "that we can read"},
		"a workbook that is cut":      {archive(t, map[string]string{"_rels/.rels": "<Relationships>"}), "read"},
		"a workbook that is too much": {bomb(t), "unpacks to more than"},
		"a workbook that says less":   {lyingBomb(t), "that we can read"},
		"a workbook far to the right": {workbook(t, [][]any{{"beneficiary_id", "amount", "currency"}}, func(f *excelize.File) error { return f.SetCellValue("Sheet1", "ZZ2", "x") }), "the cell ZZ2"},
	} {
		got := send(t, m, "batch", tt.content)
		if got.Status != http.StatusUnprocessableEntity || len(got.Fields()) == 0 || got.Fields()[0] != "content" || !strings.Contains(string(got.Raw), tt.says) {
			t.Errorf("%s: %d %s, want %q", what, got.Status, got.Raw, tt.says)
		}
	}
	if got := send(t, m, "batch", nil); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("no file: %d %s", got.Status, got.Raw)
	}
	if got := send(t, m, "batch", make([]byte, 32<<20+1)); got.Code() != "payload_too_large" {
		t.Errorf("more than 32 MiB: %d %s", got.Status, got.Raw)
	}
	if got := m.Post(t, "/v1/batches", "", `{"content":"YQ==","rows":[{"amount":"1"}]}`); got.Status != http.StatusUnprocessableEntity || got.Fields()[0] != "rows" {
		t.Errorf("a file and rows: %d %s", got.Status, got.Raw)
	}
	if n := len(m.Get(t, "/v1/batches").List()); n != 0 {
		t.Errorf("%d batches were stored", n)
	}
}

// largest is how long the longest file may be. While the race detector watches it is a sixteenth of that: blanks are read by one goroutine,
// one like the other.
func largest() int {
	if raced.On {
		return 2 << 20
	}
	return 32 << 20
}

// TestOneBadByteInTheLargestFile: a file as large as any may be is read to its last byte, and what is wrong there is told of its row alone.
func TestOneBadByteInTheLargestFile(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for bad, says := range map[string]string{"\xff": "is not UTF-8", "\x00": "must not contain control characters"} {
		header, first, last := "beneficiary_id,amount,currency,description\n", maria+",1.00,USD,right\n", maria+",1.00,USD,wr"+bad+"ng"
		file := header + first + strings.Repeat(" ", largest()-len(header)-len(first)-len(last)) + last
		got := send(t, m, "large.csv", []byte(file))
		if got.Status != http.StatusCreated {
			t.Fatalf("%q: %d %s", bad, got.Status, got.Raw)
		}
		id := got.Data()["id"].(string)
		s.Work()
		if b := batch(t, m, id); b["status"] != "validation_failed" || b["valid_rows"] != 1.0 || b["invalid_rows"] != 1.0 {
			t.Errorf("%q: %v", bad, b)
		}
		wrong := m.Get(t, "/v1/batches/"+id+"/errors").List()
		if len(wrong) != 1 || wrong[0]["row"] != 3.0 || wrong[0]["field"] != "description" || !strings.Contains(wrong[0]["message"].(string), says) {
			t.Errorf("%q: %v", bad, wrong)
		}
	}
}

// archive is a zip archive of the files.
func archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var content bytes.Buffer
	w := zip.NewWriter(&content)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
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

const relations = `<Relationships><Relationship Id="r1" Type="x/%s" Target="%s"/></Relationships>`

// bomb is a workbook of some kilobytes whose sheet unpacks to many megabytes.
func bomb(t testing.TB) []byte {
	t.Helper()
	return archive(t, map[string]string{
		"_rels/.rels":                fmt.Sprintf(relations, "officeDocument", "xl/workbook.xml"),
		"xl/workbook.xml":            `<workbook><sheets><sheet name="a" id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": fmt.Sprintf(relations, "worksheet", "sheet.xml"),
		"xl/sheet.xml":               `<worksheet>` + strings.Repeat(" ", 40<<20) + `</worksheet>`,
	})
}

// lyingBomb is a bomb whose directory says that its sheet has a hundred bytes.
func lyingBomb(t testing.TB) []byte {
	t.Helper()
	honest := bomb(t)
	size := binary.LittleEndian.AppendUint32(nil, uint32(len("<worksheet></worksheet>")+40<<20))
	if n := bytes.Count(honest, size); n != 2 { // in the data descriptor and in the directory
		t.Fatalf("the size of the sheet is there %d times", n)
	}
	return bytes.ReplaceAll(honest, size, []byte{100, 0, 0, 0})
}

// A file may be written by anybody's program: what it says counts, and the row numbers are those that a spreadsheet shows.
func TestFilesAreReadAsTheyCome(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i, file := range []struct{ content, separator string }{
		{"currency,amount,beneficiary_id,reference\nUSD,1.25,%s,x%d\n", "comma"},
		{"currency,amount,beneficiary_id,reference\r\nUSD,1.25,%s,x%d\r\n\r\n", "comma"},
		{"currency,amount,beneficiary_id,reference\rUSD,1.25,%s,x%d", "comma"},
		{"\ufeffcurrency;amount;beneficiary_id;reference\nUSD;1.25;%s;x%d", "semicolon"},
		{"currency\tamount\tbeneficiary_id\treference\nUSD\t 1.25\u00a0\t%s\tx%d\n,\t\n", "tab"},
		{"\"CURRENCY\", \"Amount\",Beneficiary ID,reference,\n\"USD\",1.25,\"%s\",x%d,\n", ""},
	} {
		content := fmt.Sprintf(file.content, maria, i)
		if file.separator == "" {
			if got := send(t, m, "batch.csv", []byte(content)); got.Status != http.StatusUnprocessableEntity {
				t.Errorf("a blank before a quotation mark: %d %s", got.Status, got.Raw)
			}
			continue
		}
		if file.separator == "tab" {
			content = strings.TrimSuffix(content, ",\t\n")
		}
		id := uploaded(t, m, content)
		s.Work()
		if b := batch(t, m, id); b["status"] != "validated" || b["separator"] != file.separator || b["total_rows"] != 1.0 {
			t.Errorf("%q: %v %s", content, b, m.Get(t, "/v1/batches/"+id+"/errors").Raw)
		}
	}
	id := uploaded(t, m, "beneficiary_id,amount,currency,description\n\n"+maria+",x,USD,\"two\nlines\"\n\n"+maria+",y,USD,\n")
	s.Work()
	errors := m.Get(t, "/v1/batches/"+id+"/errors").List()
	if len(errors) != 2 || errors[0]["row"] != 3.0 || errors[1]["row"] != 5.0 {
		t.Errorf("the errors are %v", errors)
	}
}

// A workbook says what people see in it. What a spreadsheet makes of digits is undone where that can be, and refused where it cannot.
func TestWorkbooks(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	header := []any{"beneficiary_id", "amount", "currency", "reference", "first_name", "last_name", "country", "iban", "account_number", "date_of_birth"}
	good := workbook(t, [][]any{
		header,
		{maria, 2500, "USD", 1042},
		{maria, 1.1, "USD", "A"},
		{maria, "1.10", "USD", "B"},
		{},
		{maria, 0.1, "USD"},
		{maria, 1e3, "USD"},
		{nil, 12.5, "EUR", nil, "Ana", "Lopez", "DE", "DE89 3704 0044 0532 0130 00", nil, 31149},
	}, func(f *excelize.File) error {
		if err := f.SetCellRichText("Sheet1", "D6", []excelize.RichTextRun{{Text: "INV-"}, {Text: "7"}}); err != nil {
			return err
		}
		_, err := f.NewSheet("Second")
		return err
	})
	got := send(t, m, "Zahlungen.xlsx", good)
	if got.Status != http.StatusCreated || got.Data()["format"] != "xlsx" || got.Data()["total_rows"] != 6.0 || got.Data()["separator"] != nil {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	id := got.Data()["id"].(string)
	s.Work()
	var amounts []string
	for _, r := range m.Get(t, "/v1/batches/"+id+"/results").List() {
		amounts = append(amounts, fmt.Sprint(r["row"], ":", r["amount"], ":", r["reference"]))
	}
	if got := strings.Join(amounts, " "); got != "2:2500.00:1042 3:1.10:A 4:1.10:B 6:0.10:INV-7 7:1000.00: 8:12.50:" {
		t.Errorf("the rows are %s; %s", got, m.Get(t, "/v1/batches/"+id+"/errors").Raw)
	}
	confirm(t, m, id)
	s.Work()
	ana := m.Get(t, "/v1/batches/"+id+"/results").List()[5]["beneficiary_id"].(string)
	if pii := m.Get(t, "/v1/beneficiaries/"+ana+"/pii").Data(); pii["date_of_birth"] != "1985-04-12" {
		t.Errorf("the date of birth is %v", pii["date_of_birth"])
	}
	bad := workbook(t, [][]any{
		header,
		{maria, nil, "USD"},
		{nil, 1, "USD", nil, "Ana", "Lopez", "US", nil, 9876543210, 0.5},
		{maria, 2500.001, "USD"},
		{maria, 1, "USD"},
		{maria, 123456789012345678, "USD"},
		{maria, true, "USD"},
	}, func(f *excelize.File) error {
		if err := f.SetCellFormula("Sheet1", "B2", "=1+1"); err != nil {
			return err
		}
		return f.SetRowVisible("Sheet1", 5, false)
	})
	id = send(t, m, "bad.xlsx", bad).Data()["id"].(string)
	s.Work()
	var said []string
	for _, e := range m.Get(t, "/v1/batches/"+id+"/errors").List() {
		said = append(said, fmt.Sprint(e["row"], " ", e["field"], " ", e["message"]))
	}
	for i, want := range []string{
		"2 amount is a formula (cell B2)", "3 account_number is stored as a number (cell I3), which loses leading zeros",
		"3 date_of_birth is a number that is no date (cell J3)", "3 routing_number is required", "4 amount has 3 digits after the point", "5  is hidden in the spreadsheet",
		"6 amount is a number with more digits than a spreadsheet keeps (cell B6)", "7 amount must be a decimal string",
	} {
		if i >= len(said) || !strings.HasPrefix(said[i], want) {
			t.Errorf("error %d is not %q: %q", i, want, said)
			break
		}
	}
}

// What the template offers is what is read.
func TestTheTemplateIsRead(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	csv := m.Get(t, "/v1/batches/template")
	if !strings.HasPrefix(string(csv.Raw), "beneficiary_id,external_ref,amount,currency,") || csv.Header.Get("Content-Disposition") != "attachment; filename=batch.csv" {
		t.Errorf("%d %s %v", csv.Status, csv.Raw, csv.Header)
	}
	german := m.Get(t, "/v1/batches/template?country=DE&format=csv")
	if line := string(german.Raw); !strings.Contains(line, ",iban,") || strings.Contains(line, "sort_code") || strings.Contains(line, "account_number") {
		t.Errorf("for Germany: %s", line)
	}
	if got := m.Get(t, "/v1/batches/template?country=ZZ"); got.Code() != "validation_error" {
		t.Errorf("for nowhere: %s", got.Raw)
	}
	f, err := excelize.OpenReader(bytes.NewReader(m.Get(t, "/v1/batches/template?format=xlsx&country=US").Raw))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("Batch")
	if err != nil || len(rows) != 1 {
		t.Fatalf("the sheet is %v, %v", rows, err)
	}
	for i, name := range rows[0] {
		value := map[string]string{
			"amount": "3.50", "currency": "USD", "first_name": "Ana", "last_name": "Lopez", "country": "US", "account_number": "0012345678", "routing_number": "021000021",
		}[name]
		at, err := excelize.CoordinatesToCellName(i+1, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetCellStr("Batch", at, value); err != nil {
			t.Fatal(err)
		}
	}
	filled, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	got := send(t, m, "batch.xlsx", filled.Bytes())
	if got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	s.Work()
	if b := batch(t, m, got.Data()["id"].(string)); b["status"] != "validated" {
		t.Errorf("%v", b)
	}
}

// A cell that a spreadsheet would run is none in what we give out.
func TestDownloadsRunNothing(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := paid(t, s, m, "beneficiary_id,amount,currency,reference\n"+maria+",1,USD,\"=HYPERLINK(\"\"http://example.com\"\")\"\n"+maria+",2,USD,+1\n"+maria+",3,USD,@x\n"+maria+",4,USD,-1\n")
	csv := string(m.Get(t, "/v1/batches/"+id+"/results/download").Raw)
	for _, want := range []string{`,"'=HYPERLINK(""http://example.com"")",`, ",'+1,", ",'@x,", ",'-1,"} {
		if !strings.Contains(csv, want) {
			t.Errorf("%s is not in %s", want, csv)
		}
	}
}
