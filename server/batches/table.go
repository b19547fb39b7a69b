package batches

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
)

// What a batch may have at most. The database says the same of the rows: batch_has_ten_thousand_rows_at_most.
const (
	maxFile    = 32 << 20
	maxRows    = 10_000
	maxColumns = 200
	maxCell    = 500
	// maxProblems is how many mistakes of one row are told.
	maxProblems = 20
)

// A table is what was sent, row by row.
type table struct {
	format    db.BatchFormat
	separator *db.BatchSeparator
	rows      []row

	columns  []column
	date1904 bool // of a workbook: the day that its dates are counted from
}

// A row is one line of the table, and what its reading found wrong with it.
type row struct {
	number int32
	cells  *antonv1.BatchRow
	wrong  []problem
}

// A problem is one thing that is wrong with a row: the column (empty for the row as a whole), a sentence that follows its name, and what
// was probably meant. It repeats nothing personal.
type problem struct{ field, message, suggestion string }

// A cell is a text, or what a spreadsheet holds besides.
type cell struct {
	text string
	kind cellKind
	name string // such as C17; of a workbook alone
}

type cellKind int

const (
	aText cellKind = iota
	aNumber
	aFormula
	aFault // #REF! and its like
)

// refuse says that the file cannot be read, so that nothing is stored of it.
func refuse(format string, args ...any) error { return apierr.InvalidField("content", format, args...) }

// header begins the table with the cells of its first line.
func (t *table) header(cells []string) (err error) {
	if len(cells) > maxColumns {
		return refuse("has %d columns, and %d are the most", len(cells), maxColumns)
	}
	t.columns, err = readHeader(cells)
	return err
}

// add adds a row, unless all its cells are empty.
func (t *table) add(number int, cells []cell, wrong ...problem) error {
	if !slices.ContainsFunc(cells, func(c cell) bool { return c.kind != aText || trim(c.text) != "" }) {
		return nil
	}
	if len(t.rows) == maxRows {
		return refuse("has more than %d rows: send it as several batches", maxRows)
	}
	r := row{number: int32(number), cells: &antonv1.BatchRow{}, wrong: wrong}
	for i, c := range cells {
		if c.kind == aText && trim(c.text) == "" {
			continue
		}
		if i >= len(t.columns) || t.columns[i] == nil {
			r.note(problem{
				message:    fmt.Sprintf("has a value in its cell %d, which stands under no column's name", i+1),
				suggestion: "Put a text that has the separator in it into quotation marks, or name the column.",
			})
			continue
		}
		text, wrong := t.value(t.columns[i], c)
		if wrong.message != "" {
			r.note(wrong)
			continue
		}
		set(r.cells, t.columns[i], text)
	}
	t.rows = append(t.rows, r)
	return nil
}

func (r *row) note(p problem) {
	if len(r.wrong) < maxProblems {
		r.wrong = append(r.wrong, p)
	}
}

// value is what the cell says in its column, or why it says nothing.
func (t *table) value(in column, c cell) (string, problem) {
	name := string(in.Name())
	wrong := func(message, suggestion string) (string, problem) { return "", problem{name, message, suggestion} }
	text := trim(c.text)
	switch {
	case c.kind == aFormula:
		return wrong("is a formula (cell "+c.name+"), and a batch takes values only", "Copy the column and paste it as values.")
	case c.kind == aFault:
		return wrong("is an error of the spreadsheet (cell "+c.name+")", "")
	case c.kind == aNumber && name == "date_of_birth":
		if text = day(text, t.date1904); text == "" {
			return wrong("is a number that is no date (cell "+c.name+")", "Write dates as 1985-04-12, in a column that is formatted as text.")
		}
	case c.kind == aNumber && slices.Contains(numbered, name):
		return wrong("is stored as a number (cell "+c.name+"), which loses leading zeros", "Format the column as text and enter the number again.")
	case c.kind == aNumber:
		if text = exact(text); text == "" {
			return wrong("is a number with more digits than a spreadsheet keeps (cell "+c.name+")", "Format the column as text and enter the number again.")
		}
	}
	switch {
	case !utf8.ValidString(text):
		return wrong("is not UTF-8", "Save the file as CSV UTF-8.")
	case utf8.RuneCountInString(text) > maxCell:
		return wrong(fmt.Sprintf("must be at most %d characters long", maxCell), "")
	}
	return text, problem{}
}

// numbered are the columns whose numbers may begin with zeros, and name another account without them.
var numbered = []string{
	"account_number", "routing_number", "sort_code", "institution_number", "transit_number", "bsb", "clabe", "bank_code", "branch_code", "iban", "bic", "ifsc",
}

// exact is a spreadsheet's number in digits, as a person saw it; empty when that cannot be known. Spreadsheets keep the binary number that
// is nearest to what was typed or computed, write it with up to 17 digits, and show and compare 15: 1.1 is 1.1000000000000001 in the file,
// and what a formula made of 0.1+0.2 is 0.30000000000000004. With 15 digits both are what was seen (IEEE 754, double precision), and no
// sum that we take has more.
func exact(text string) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) || math.Abs(number) >= 1e15 {
		return ""
	}
	seen, _ := strconv.ParseFloat(strconv.FormatFloat(number, 'g', 15, 64), 64) // what FormatFloat wrote
	return strconv.FormatFloat(seen, 'f', -1, 64)
}

// day is the date that a spreadsheet means by a number: days since the end of 1899, or since the beginning of 1904 in workbooks that say
// so (ECMA-376, part 1, 18.17.4.1); empty when it is none.
func day(text string, since1904 bool) string {
	days, err := strconv.ParseFloat(text, 64)
	if err != nil || days != math.Trunc(days) || days < 61 || days > 100_000 {
		return "" // before 61 the count has a 29th of February 1900 that never was
	}
	first := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	if since1904 {
		first = time.Date(1904, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return first.AddDate(0, 0, int(days)).Format(time.DateOnly)
}

// trim takes white space away at both ends, and the byte order mark that some programs write before every file they join.
func trim(text string) string {
	return strings.TrimSpace(strings.Trim(text, "\ufeff"))
}

// end says what the table lacks after its last row.
func (t *table) end() (*table, error) {
	if len(t.rows) == 0 {
		return nil, refuse("has no rows under its first line")
	}
	return t, nil
}
