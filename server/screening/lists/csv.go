package lists

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A table reads the rows of a CSV file and knows where it is. Every row must have as many columns as the format says, be UTF-8, and
// hold no field longer than any list's.
type table struct {
	rows    *csv.Reader
	in      *lastByte
	columns int
	line    int
	ended   bool
	// endsLines says that the last column matters, so that a file that stops without the end of its last line was cut off.
	endsLines bool
}

// A lastByte remembers how a file ends.
type lastByte struct {
	in   io.Reader
	last byte
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	if n > 0 {
		l.last = p[n-1]
	}
	return n, err
}

// endMark is what OFAC's files end with: Control-Z, the end of a text file since CP/M.
const endMark = "\x1a"

func newTable(in io.Reader, comma rune, columns int) *table {
	t := &table{in: &lastByte{in: in}, columns: columns}
	t.rows = csv.NewReader(t.in)
	t.rows.Comma, t.rows.FieldsPerRecord, t.rows.ReuseRecord = comma, -1, true
	return t
}

// next gives the next row, valid until the one after it, or io.EOF.
func (t *table) next() ([]string, error) {
	row, err := t.rows.Read()
	if errors.Is(err, io.EOF) {
		if t.endsLines && t.in.last != '\n' && t.in.last != endMark[0] && t.in.last != 0 {
			return nil, errors.New("the last line has no end: the file was cut off")
		}
		return nil, io.EOF
	}
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		t.line = broken.StartLine
		return nil, fmt.Errorf("the row is not CSV: %w", broken.Err)
	}
	if err != nil {
		return nil, err
	}
	t.line, _ = t.rows.FieldPos(0)
	if t.ended {
		return nil, errors.New("there is text behind the file's end mark")
	}
	if len(row) == 1 && row[0] == endMark {
		t.ended = true
		return t.next()
	}
	if t.columns > 0 && len(row) != t.columns {
		return nil, fmt.Errorf("the row has %d columns instead of %d", len(row), t.columns)
	}
	for i, field := range row {
		if len(field) > maxField {
			return nil, fmt.Errorf("column %d is longer than %d bytes", i+1, maxField)
		}
		if !utf8.ValidString(field) {
			return nil, fmt.Errorf("column %d is not UTF-8", i+1)
		}
	}
	return row, nil
}

// at says in which line of the file something is wrong.
func (t *table) at(err error) error {
	if err == nil || t.line == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", t.line, err)
}

// notEnd turns the end of a file, where more must come, into an error.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A headed row is one under its headings, of which it knows the ones that are read.
type headed struct {
	fields  []string
	columns map[string]int
}

func (r headed) get(column string) string {
	i, ok := r.columns[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(r.fields[i])
}
