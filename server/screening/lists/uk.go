package lists

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// The United Kingdom's two lists. Both have one row for each name, address or other detail of a party, in any order, joined by an id.
//
// The UK Sanctions List of the Foreign, Commonwealth & Development Office: 58 columns, "Report Date: 13-Feb-2026" in the first row
// (UK-Sanctions-List.csv, https://www.gov.uk/government/publications/the-uk-sanctions-list; format guide on the same page). It is the
// only one since 28 January 2026.
//
// The consolidated list of the Office of Financial Sanctions Implementation until then: 36 columns, "Last Updated,14/04/2025" in the
// first row (ConList.csv, format "2022"; "Consolidated list: format guide", OFSI, February 2022).

// ukColumns says under which heading a list has what we read. The headings of the FCDO come first, then OFSI's where it differs.
var ukColumns = map[string][2]string{
	"id":        {"Unique ID", "Group ID"},
	"family":    {"Name 6"},
	"name1":     {"Name 1"},
	"name2":     {"Name 2"},
	"name3":     {"Name 3"},
	"name4":     {"Name 4"},
	"name5":     {"Name 5"},
	"nametype":  {"Name type", "Alias Type"},
	"strength":  {"Alias strength", "Alias Quality"},
	"script":    {"Name non-latin script", "Name Non-Latin Script"},
	"kind":      {"Designation Type", "Group Type"},
	"regime":    {"Regime Name", "Regime"},
	"born":      {"D.O.B", "DOB"},
	"national":  {"Nationality(/ies)", "Nationality"},
	"address1":  {"Address Line 1", "Address 1"},
	"address2":  {"Address Line 2", "Address 2"},
	"address3":  {"Address Line 3", "Address 3"},
	"address4":  {"Address Line 4", "Address 4"},
	"address5":  {"Address Line 5", "Address 5"},
	"address6":  {"Address Line 6", "Address 6"},
	"postcode":  {"Address Postal Code", "Post/Zip Code"},
	"country":   {"Address Country", "Country"},
	"passport":  {"Passport number", "Passport Number"},
	"passports": {"Passport additional information", "Passport Details"},
	"identity":  {"National Identifier number", "National Identification Number"},
	"position":  {"Position"},
	"other":     {"Other Information"},
}

// ukOwn are the columns that only the FCDO's list has.
var ukOwn = map[string]string{
	"reasons": "UK Statement of Reasons", "business": "Business registration number (s)", "imo": "IMO number", "hull": "Hull identification number (HIN)",
	"flag": "Current believed flag of ship", "un": "UN Reference Number",
}

func readUKList(b *book, list *List, in *bufio.Reader) error { return readUK(b, list, in, 0) }

func readConList(b *book, list *List, in *bufio.Reader) error { return readUK(b, list, in, 1) }

func readUK(b *book, list *List, in *bufio.Reader, generation int) error {
	t := newTable(withoutBOM(in), ',', 0)
	t.endsLines = generation == 1 // its last column is the id
	first, err := t.next()
	if err == nil {
		list.Published, err = ukPublished(first, generation)
	}
	if err != nil {
		return t.at(err)
	}
	header, err := t.next()
	if err != nil {
		return t.at(notEnd(err))
	}
	columns, err := ukHeader(header, generation)
	if err != nil {
		return t.at(err)
	}
	t.columns = len(header)
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = b.ukRow(headed{row, columns})
		}
		if err != nil {
			return t.at(err)
		}
	}
}

var ukDates = [2]string{"2-Jan-2006", "02/01/2006"}

func ukPublished(row []string, generation int) (string, error) {
	text := strings.Join(row, " ")
	text = strings.NewReplacer("Report Date", "", "Last Updated", "", ":", "").Replace(text)
	at, err := time.Parse(ukDates[generation], strings.TrimSpace(text))
	if err != nil {
		return "", fmt.Errorf("the first row does not say when the list was made: %.60q", strings.Join(row, ","))
	}
	return at.Format(time.DateOnly), nil
}

func ukHeader(header []string, generation int) (map[string]int, error) {
	at := map[string]int{}
	for i, heading := range header {
		if _, twice := at[squeeze(heading)]; twice && heading != "Last Updated" {
			return nil, fmt.Errorf("the column %.40q is there twice", heading)
		}
		at[squeeze(heading)] = i
	}
	columns := map[string]int{}
	for name, headings := range ukColumns {
		heading := headings[0]
		if generation == 1 && headings[1] != "" {
			heading = headings[1]
		}
		i, ok := at[heading]
		if !ok {
			return nil, fmt.Errorf("the column %q is missing", heading)
		}
		columns[name] = i
	}
	for name, heading := range ukOwn {
		i, ok := at[heading]
		if !ok && generation == 0 {
			return nil, fmt.Errorf("the column %q is missing", heading)
		}
		if ok {
			columns[name] = i
		}
	}
	return columns, nil
}

func (b *book) ukRow(r headed) error {
	kind, err := ukKind(r.get("kind"))
	if err != nil {
		return err
	}
	id := r.get("id")
	e := b.byID[id]
	if e == nil {
		if e, err = b.open(id); err != nil {
			return err
		}
		e.Kind = kind
	}
	if e.Kind != kind {
		return fmt.Errorf("%s is %.20q here and something else in an earlier row", id, r.get("kind"))
	}
	if err := b.ukName(e, r); err != nil {
		return err
	}
	b.ukDetails(e, r)
	return nil
}

func ukKind(text string) (Kind, error) {
	switch strings.ToLower(text) {
	case "individual":
		return Person, nil
	case "entity":
		return Organisation, nil
	case "ship":
		return Vessel, nil
	}
	return Unknown, fmt.Errorf("an entry is of the unknown type %.40q", text)
}

func (b *book) ukName(e *Entry, r headed) error {
	quality := Strong
	switch strings.ToLower(r.get("nametype")) {
	case "primary name":
		quality = Primary
	case "primary name variation", "alias", "aka", "fka", "":
	default:
		return fmt.Errorf("a name of %s is of the unknown type %.40q", e.ID, r.get("nametype"))
	}
	if strings.EqualFold(r.get("strength"), "Low quality") {
		quality = Weak
	}
	if quality != Primary {
		b.counts.Aliases++
	}
	var first []string
	for _, part := range []string{"name1", "name2", "name3", "name4", "name5"} {
		if text := r.get(part); text != "" {
			first = append(first, text)
		}
	}
	n := person(strings.Join(first, " "), r.get("family"), quality)
	if e.Kind != Person || n.Given == "" {
		n.Given, n.Family = "", ""
	}
	if err := b.name(e, n); err != nil {
		return err
	}
	return b.name(e, Name{Text: r.get("script"), Quality: max(quality, Strong)})
}

// ukDetails reads what is the same in every row of a party, or one of several in each. A row that repeats adds nothing.
func (b *book) ukDetails(e *Entry, r headed) {
	b.program(e, r.get("regime"))
	for _, born := range numbered(r.get("born")) {
		e.birth(Birth{From: slashedOf(born)})
	}
	for _, nationality := range numbered(r.get("national")) {
		b.country(e, nationality)
	}
	b.country(e, r.get("flag"))
	issuers := numbered(r.get("passports"))
	for i, passport := range numbered(r.get("passport")) {
		issuer := ""
		if i < len(issuers) {
			issuer = issuerOf(issuers[i])
		}
		b.identifier(e, "Passport", passport, issuer)
	}
	for kind, column := range map[string]string{"National ID": "identity", "Registration": "business", "IMO": "imo", "Hull": "hull", "UN": "un"} {
		for _, value := range numbered(r.get(column)) {
			b.identifier(e, kind, value, "")
		}
	}
	var lines []string
	for _, line := range []string{"address1", "address2", "address3", "address4", "address5", "address6", "postcode"} {
		if text := r.get(line); text != "" {
			lines = append(lines, text)
		}
	}
	a := Address{Text: strings.Join(lines, ", "), Country: Country(r.get("country"))}
	if a != (Address{}) {
		b.counts.Addresses++
	}
	b.address(e, a)
	for _, column := range []string{"position", "other", "reasons"} {
		b.remark(e, r.get(column))
	}
}

var enumeration = regexp.MustCompile(`(?:^|\s)\(\d+(?:-\d+)?\)\s*|\|`)

// numbered takes apart what is written as "(1) one (2) another", or "one|another", as the FCDO's file of October 2026 joins some values.
func numbered(text string) []string {
	var values []string
	for _, value := range enumeration.Split(text, -1) {
		if value = strings.TrimRight(squeeze(value), ". "); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// issuerOf finds the country at the beginning of a passport's details: "Tunisia number. Issued on 16 Nov. 1989."
func issuerOf(details string) string {
	words := strings.Fields(details)
	for n := min(4, len(words)); n > 0; n-- {
		if name := strings.Trim(strings.Join(words[:n], " "), ".,"); Country(name) != "" {
			return name
		}
	}
	return ""
}
