package lists

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of what is read. The longest real list has 20,000 entries, the longest real field 8,000 bytes, the most names 160.
const (
	maxEntries    = 250_000
	maxField      = 64 << 10
	maxNames      = 2_000
	maxRemarks    = 16 << 10
	maxIdentifier = 500
)

// A book collects the entries of one list while it is read. Values that occur often (programs, countries, kinds of documents) are kept
// once, and every other one is copied out of the row it came in, so that a list does not hold its file in memory.
type book struct {
	entries []*Entry
	byID    map[string]*Entry
	words   map[string]string
	counts  Counts
	atEnd   []func() // what is to be done when all files have been read
}

func newBook() *book {
	return &book{byID: map[string]*Entry{}, words: map[string]string{}}
}

// open adds an entry. An id that was there before is an error: an authority gives each once, so somebody edited the file.
func (b *book) open(id string) (*Entry, error) {
	switch {
	case id == "" || len(id) > 100:
		return nil, fmt.Errorf("an entry has no usable id: %.40q", id)
	case b.byID[id] != nil:
		return nil, fmt.Errorf("the id %s is there twice", id)
	case len(b.entries) == maxEntries:
		return nil, fmt.Errorf("more than %d entries", maxEntries)
	}
	e := &Entry{ID: strings.Clone(id)}
	b.entries, b.byID[e.ID] = append(b.entries, e), e
	return e, nil
}

// word keeps a value that occurs often, once.
func (b *book) word(s string) string {
	s = squeeze(s)
	if s == "" {
		return ""
	}
	if kept, ok := b.words[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	b.words[s] = s
	return s
}

// name adds a name, unless it is empty.
func (b *book) name(e *Entry, n Name) error {
	n.Text, n.Given, n.Family = squeeze(n.Text), squeeze(n.Given), squeeze(n.Family)
	if !legible(n.Text) {
		return nil
	}
	if len(e.Names) == maxNames {
		return fmt.Errorf("the entry %s has more than %d names", e.ID, maxNames)
	}
	n.Text, n.Given, n.Family = strings.Clone(n.Text), strings.Clone(n.Given), strings.Clone(n.Family)
	e.Names = append(e.Names, n)
	return nil
}

// legible says whether a name holds anything to compare: a letter or a digit of any script.
func legible(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// person is a name in its parts; its text is in the natural order.
func person(given, family string, q Quality) Name {
	return Name{Text: given + " " + family, Given: given, Family: family, Quality: q}
}

func (b *book) country(e *Entry, text string) {
	if code := Country(text); code != "" {
		e.Countries = append(e.Countries, code)
	}
}

// identifier adds an identifier; its country is a name or a code.
func (b *book) identifier(e *Entry, kind, value, country string) {
	value = squeeze(value)
	if value == "" || !legible(value) || len(value) > maxIdentifier {
		return
	}
	e.Identifiers = append(e.Identifiers, Identifier{Type: b.word(kind), Value: strings.Clone(value), Country: codeOf(country)})
}

func (b *book) address(e *Entry, a Address) {
	a.Text, a.City = squeeze(a.Text), b.word(a.City)
	if a == (Address{}) {
		return
	}
	a.Text = strings.Clone(a.Text)
	e.Addresses = append(e.Addresses, a)
}

func (b *book) program(e *Entry, name string) {
	if name = b.word(name); name != "" {
		e.Programs = append(e.Programs, name)
	}
}

// remark adds free text to what is said of an entry, each text once.
func (b *book) remark(e *Entry, text string) {
	text = squeeze(text)
	if text == "" || strings.Contains(e.Remarks, text) {
		return
	}
	if e.Remarks != "" {
		text = e.Remarks + "; " + text
	}
	e.Remarks = strings.Clone(cut(text, maxRemarks))
}

// close gives the entries in one form whatever order the authority wrote them in, so that a list whose rows were only shuffled is the
// same list. Every entry has its primary name first.
func (b *book) close() []Entry {
	for _, do := range b.atEnd {
		do()
	}
	entries := make([]Entry, 0, len(b.entries))
	for _, e := range b.entries {
		if len(e.Names) == 0 {
			b.counts.Nameless++
			continue
		}
		e.tidy()
		entries = append(entries, *e)
	}
	return entries
}

func (e *Entry) tidy() {
	first := max(0, slices.IndexFunc(e.Names, func(n Name) bool { return n.Quality == Primary }))
	if e.Names[first].Quality == Weak {
		first = max(0, slices.IndexFunc(e.Names, func(n Name) bool { return n.Quality != Weak }))
	}
	primary := e.Names[first]
	primary.Quality = Primary
	var others []Name
	for _, n := range e.Names {
		if n.Quality == Primary {
			n.Quality = Strong // an entry is listed under one name; its other spellings count as much as a strong alias
		}
		if n.Text != primary.Text || n.Given != primary.Given {
			others = append(others, n)
		}
	}
	// The same name as a strong and as a weak alias is a strong one: the stronger sorts first and stays.
	slices.SortFunc(others, func(a, b Name) int {
		return cmp.Or(strings.Compare(a.Text, b.Text), strings.Compare(a.Given, b.Given), cmp.Compare(a.Quality, b.Quality))
	})
	others = slices.CompactFunc(others, func(a, b Name) bool { return a.Text == b.Text && a.Given == b.Given })
	slices.SortStableFunc(others, func(a, b Name) int { return cmp.Compare(a.Quality, b.Quality) })
	e.Names = append([]Name{primary}, others...)

	e.Births = sorted(e.Births, func(a, b Birth) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), compareBool(a.Circa, b.Circa))
	})
	e.Countries = sorted(e.Countries, strings.Compare)
	e.Programs = sorted(e.Programs, strings.Compare)
	e.Identifiers = sorted(e.Identifiers, func(a, b Identifier) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Value, b.Value), strings.Compare(a.Country, b.Country))
	})
	e.Addresses = sorted(e.Addresses, func(a, b Address) int {
		return cmp.Or(strings.Compare(a.Text, b.Text), strings.Compare(a.City, b.City), strings.Compare(a.Country, b.Country))
	})
}

// sorted gives the values in order, each once, in a slice no longer than it must be.
func sorted[T comparable](values []T, compare func(a, b T) int) []T {
	slices.SortFunc(values, compare)
	return slices.Clip(slices.Compact(values))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// squeeze gives a text without spaces at its ends and with single ones inside.
func squeeze(s string) string {
	clean := true
	space := true
	for _, r := range s {
		plain := r > ' ' && r < 0x7f || r == ' ' && !space
		if !plain && (r == ' ' || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			clean = false
			break
		}
		space = r == ' '
	}
	if clean && !strings.HasSuffix(s, " ") {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200c': // invisible marks; the zero-width non-joiner is part of Persian spelling
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut gives a text of at most n bytes, without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
