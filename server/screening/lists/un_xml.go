package lists

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// The UN Security Council's consolidated list as XML, by its schema https://www.un.org/sc/resources/sc-sanctions.xsd.
//
// Names come in up to four parts in the order in which they are said; which is the family's it does not say. An alias of a person is
// good or low, one of an organisation is a.k.a. or f.k.a.

func readUN(b *book, list *List, in *bufio.Reader) error {
	d := newDocument(withoutBOM(in))
	root, err := d.root()
	if err != nil {
		return d.at(err)
	}
	for _, a := range root.Attr {
		if a.Name.Local == "dateGenerated" && len(isoOf(a.Value)) == len("2006-01-02") {
			list.Published = isoOf(a.Value)
		}
	}
	if list.Published == "" {
		return d.at(errors.New("dateGenerated does not say when the list was made"))
	}
	err = d.walk(func(x *element) error { return b.unEntry(x) }, "INDIVIDUAL", "ENTITY")
	if err != nil {
		return d.at(err)
	}
	return nil
}

func (b *book) unEntry(x *element) error {
	e, err := b.open(x.child("REFERENCE_NUMBER"))
	if err != nil {
		return err
	}
	e.Kind = Organisation
	if x.name == "INDIVIDUAL" {
		e.Kind = Person
	}
	var parts []string
	for _, part := range []string{"FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"} {
		parts = append(parts, x.child(part))
	}
	if err := b.name(e, Name{Text: strings.Join(parts, " "), Quality: Primary}); err != nil {
		return err
	}
	if err := b.name(e, Name{Text: x.child("NAME_ORIGINAL_SCRIPT"), Quality: Strong}); err != nil {
		return err
	}
	for _, alias := range append(x.all("INDIVIDUAL_ALIAS"), x.all("ENTITY_ALIAS")...) {
		if err := b.unAlias(e, alias); err != nil {
			return err
		}
	}
	b.program(e, x.child("UN_LIST_TYPE"))
	for _, v := range x.all("NATIONALITY", "VALUE") {
		b.country(e, v.text.String())
	}
	for _, born := range x.all("INDIVIDUAL_DATE_OF_BIRTH") {
		e.birth(unBirth(born))
	}
	for _, a := range append(x.all("INDIVIDUAL_ADDRESS"), x.all("ENTITY_ADDRESS")...) {
		b.unAddress(e, a)
	}
	for _, document := range x.all("INDIVIDUAL_DOCUMENT") {
		country := document.child("ISSUING_COUNTRY")
		if country == "" {
			country = document.child("COUNTRY_OF_ISSUE")
		}
		b.identifier(e, document.child("TYPE_OF_DOCUMENT"), document.child("NUMBER"), country)
	}
	for _, v := range x.all("DESIGNATION", "VALUE") {
		b.remark(e, v.text.String())
	}
	b.remark(e, x.child("COMMENTS1"))
	return nil
}

func (b *book) unAlias(e *Entry, alias *element) error {
	quality := Strong
	switch q := alias.child("QUALITY"); q {
	case "Low":
		quality = Weak
	case "Good", "a.k.a.", "f.k.a.", "":
	default:
		return fmt.Errorf("an alias of %s is of the unknown quality %.40q", e.ID, q)
	}
	text := alias.child("ALIAS_NAME")
	if text != "" {
		b.counts.Aliases++
	}
	return b.name(e, Name{Text: text, Quality: quality})
}

// unBirth reads a date, a year, a span of years, or what a note says instead.
func unBirth(x *element) Birth {
	about := strings.EqualFold(x.child("TYPE_OF_DATE"), "APPROXIMATELY")
	for _, field := range []string{"DATE", "YEAR"} {
		if from := isoOf(x.child(field)); from != "" {
			return Birth{From: from, Circa: about}
		}
	}
	if from, to := isoOf(x.child("FROM_YEAR")), isoOf(x.child("TO_YEAR")); from != "" && to != "" {
		return Birth{From: from, To: to, Circa: about}
	}
	if b, ok := spokenBirth(x.child("NOTE")); ok {
		b.Circa = b.Circa || about
		return b
	}
	return Birth{}
}

func (b *book) unAddress(e *Entry, x *element) {
	var lines []string
	for _, part := range []string{"STREET", "STATE_PROVINCE", "ZIP_CODE"} {
		if text := x.child(part); text != "" {
			lines = append(lines, text)
		}
	}
	a := Address{Text: strings.Join(lines, ", "), City: x.child("CITY"), Country: Country(x.child("COUNTRY"))}
	if a != (Address{}) {
		b.counts.Addresses++
	}
	b.address(e, a)
}
