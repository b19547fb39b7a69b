package batches

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"github.com/antonpayments/anton/gen/db"
)

// separators are what may stand between cells, the usual one first.
var separators = []struct {
	mark rune
	word db.BatchSeparator
}{{',', db.BatchSeparatorComma}, {';', db.BatchSeparatorSemicolon}, {'\t', db.BatchSeparatorTab}}

// readCSV reads comma-separated values as RFC 4180 has them, in UTF-8, with any line ends and any of the separators. Rows are numbered
// as a spreadsheet shows them: a cell with several lines is one row.
func readCSV(content []byte) (*table, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return nil, refuse("is in UTF-16: save it as CSV UTF-8")
	case len(bytes.TrimSpace(content)) == 0:
		return nil, refuse("is empty")
	case bytes.IndexByte(content[:min(len(content), 4096)], 0) >= 0:
		return nil, refuse("is neither CSV nor XLSX")
	case bytes.IndexByte(content, '\n') < 0: // the line ends of an old Macintosh
		content = bytes.ReplaceAll(content, []byte("\r"), []byte("\n"))
	}
	t := &table{format: db.BatchFormatCsv}
	separator, err := separatorOf(content)
	if err != nil {
		return nil, err
	}
	t.separator = &separators[separator].word
	lines := newReader(content, separators[separator].mark)
	for more := 0; ; { // more is how many lines there were so far than rows
		texts, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return t.end()
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if t.columns == nil {
			if err := t.header(texts); err != nil {
				return nil, err
			}
			continue
		}
		if len(texts) > maxColumns {
			line, _ := lines.FieldPos(0)
			return nil, refuse("has %d cells in line %d, and %d are the most", len(texts), line, maxColumns)
		}
		line, _ := lines.FieldPos(0)
		cells := make([]cell, len(texts))
		within := 0
		for i, text := range texts {
			cells[i].text = text
			within += strings.Count(text, "\n")
		}
		if err := t.add(line-more, cells); err != nil {
			return nil, err
		}
		more += within
	}
}

func newReader(content []byte, separator rune) *csv.Reader {
	r := csv.NewReader(bytes.NewReader(content))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separator, -1, true
	return r
}

// separatorOf finds the separator by which the first line names the most columns.
func separatorOf(content []byte) (int, error) {
	best, most := 0, 0
	for i, s := range separators {
		if texts, err := newReader(content, s.mark).Read(); err == nil && known(texts) > most {
			best, most = i, known(texts)
		}
	}
	if most > 0 {
		return best, nil
	}
	if _, err := newReader(content, separators[0].mark).Read(); err != nil {
		return 0, unreadable(err)
	}
	return 0, refuse("must name its columns in the first line, such as beneficiary_id,amount,currency, separated by commas, semicolons or tabs; it names none that we know")
}

// unreadable says where the quotation marks do not fit.
func unreadable(err error) error {
	broken, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return refuse("is no CSV file")
	}
	if broken.Line != broken.StartLine {
		return refuse("has a quotation mark in line %d that is not closed where it should be (the text goes on to line %d): write a quotation mark inside a text twice", broken.StartLine, broken.Line)
	}
	return refuse("has a quotation mark in line %d that does not fit: put the whole text into quotation marks, and write one inside it twice", broken.Line)
}
