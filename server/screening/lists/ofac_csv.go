package lists

import (
	"bufio"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
)

// The CSV files of OFAC: sdn.csv, alt.csv, add.csv and sdn_comments.csv, and the same four of the consolidated list under the names
// cons_*. "Specially Designated Nationals and Blocked Persons Data Specification", OFAC, 25 September 2023. They have no header, write
// `-0- ` for nothing, end with Control-Z, and are joined by the number in front.
//
// A strong alias is a row of alt.csv. A weak one stands in the remarks, in quotes: a.k.a. 'X' (OFAC FAQ 122 to 125). Remarks longer
// than 1,000 characters go on in the comments, in the middle of a word. The files do not say when they were published.

// nothing is how OFAC writes an empty column.
const nothing = "-0-"

func given(column string) string {
	column = strings.TrimSpace(column)
	if column == nothing {
		return ""
	}
	return column
}

var rowSeed = maphash.MakeSeed()

func readOFACEntries(b *book, _ *List, in *bufio.Reader) error {
	t := newTable(withoutBOM(in), ',', 12)
	t.endsLines = true
	seen := map[string]uint64{}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.at(err)
		}
		// The same row twice says nothing new. Another row under the same number is an edit by someone else than OFAC.
		print, id := maphash.String(rowSeed, strings.Join(row, "\x00")), strings.TrimSpace(row[0])
		if earlier, ok := seen[id]; ok && earlier == print {
			continue
		}
		if err := b.ofacEntry(row); err != nil {
			return t.at(err)
		}
		seen[b.entries[len(b.entries)-1].ID] = print
	}
}

// ofacEntry takes a row: number, name, type, programs, title, call sign, and of a vessel its type, tonnage, gross tonnage, flag and
// owner, then the remarks, which are read when the comments have been added to them.
func (b *book) ofacEntry(row []string) error {
	if !isDigits(row[0]) {
		return fmt.Errorf("the entry's number is %.40q", row[0])
	}
	e, err := b.open(strings.TrimSpace(row[0]))
	if err != nil {
		return err
	}
	switch kind := strings.ToLower(given(row[2])); kind {
	case "individual":
		e.Kind = Person
	case "vessel":
		e.Kind = Vessel
	case "aircraft":
		e.Kind = Aircraft
	case "", "entity":
		e.Kind = Organisation
	default:
		return fmt.Errorf("the entry %s is of the unknown type %.40q", e.ID, kind)
	}
	if err := b.name(e, ofacName(e.Kind, given(row[1]), Primary)); err != nil {
		return err
	}
	for program := range strings.SplitSeq(given(row[3]), "] [") {
		b.program(e, strings.Trim(program, "[]"))
	}
	b.identifier(e, "Call Sign", given(row[5]), "")
	b.country(e, given(row[9]))
	e.Remarks = strings.Clone(given(row[11]))
	title := strings.Clone(given(row[4]))
	b.atEnd = append(b.atEnd, func() {
		b.ofacRemarks(e, e.Remarks)
		e.Remarks = joinRemarks(title, e.Remarks)
	})
	return nil
}

func joinRemarks(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p = squeeze(p); p != "" {
			said = append(said, p)
		}
	}
	return strings.Clone(cut(strings.Join(said, "; "), maxRemarks))
}

func readOFACAliases(b *book, _ *List, in *bufio.Reader) error {
	t := newTable(withoutBOM(in), ',', 5)
	t.endsLines = true
	seen := map[string]bool{}
	return b.ofacRows(t, "alias", func(e *Entry, row []string) error {
		if seen[row[1]] {
			return fmt.Errorf("the alias number %.40s is there twice", row[1])
		}
		seen[strings.Clone(row[1])] = true
		if kind := given(row[2]); kind != "aka" && kind != "fka" && kind != "nka" {
			return fmt.Errorf("the alias %.40s is of the unknown type %.40q", row[1], kind)
		}
		b.counts.Aliases++
		return b.name(e, ofacName(e.Kind, given(row[3]), Strong))
	})
}

func readOFACAddresses(b *book, _ *List, in *bufio.Reader) error {
	t := newTable(withoutBOM(in), ',', 6)
	t.endsLines = true
	return b.ofacRows(t, "address", func(e *Entry, row []string) error {
		b.counts.Addresses++
		b.address(e, Address{Text: given(row[2]), City: given(row[3]), Country: Country(given(row[4]))})
		return nil
	})
}

func readOFACComments(b *book, _ *List, in *bufio.Reader) error {
	t := newTable(withoutBOM(in), ',', 2)
	t.endsLines = true
	return b.ofacRows(t, "comment", func(e *Entry, row []string) error {
		e.Remarks += row[1] // a new string: the seam lies within a word
		return nil
	})
}

// ofacRows reads rows that belong to an entry. One that belongs to none was put there by someone else than OFAC.
func (b *book) ofacRows(t *table, what string, take func(*Entry, []string) error) error {
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.at(err)
		}
		e := b.byID[strings.TrimSpace(row[0])]
		if e == nil {
			return t.at(fmt.Errorf("the %s belongs to the entry %.40q, which the list does not have", what, row[0]))
		}
		if err := take(e, row); err != nil {
			return t.at(err)
		}
	}
}

// ofacName reads a name as the CSV files and the remarks have it: a person's as "LAST, First", everything else as it is.
func ofacName(kind Kind, name string, q Quality) Name {
	family, first, found := strings.Cut(name, ", ")
	if kind != Person || !found {
		return Name{Text: name, Quality: q}
	}
	// "DELOS REYES, Feliciano, Jr." and "KANNIAPPAN, JR, Ezekial": the suffix is no given name.
	parts := strings.Split(first, ", ")
	var forenames, suffixes []string
	for _, p := range parts {
		if isSuffix(p) {
			suffixes = append(suffixes, p)
		} else {
			forenames = append(forenames, p)
		}
	}
	n := person(strings.Join(forenames, " "), family, q)
	n.Text = strings.Join(append([]string{n.Text}, suffixes...), " ")
	return n
}

func isSuffix(s string) bool {
	switch strings.ToLower(strings.Trim(s, ". ")) {
	case "jr", "sr", "ii", "iii", "iv":
		return true
	}
	return false
}
