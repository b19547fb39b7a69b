package lists

import (
	"bufio"
	"fmt"
	"strings"
	"time"
)

// OFAC's lists as XML, SDN.XML and CONSOLIDATED.XML, by OFAC's schema XML.XSD ("sdnList"). They hold what the CSV files hold, in one
// file, with the day of publication, the number of entries, and for every alias whether it is strong or weak.

func readOFACXML(b *book, list *List, in *bufio.Reader) error {
	d := newDocument(withoutBOM(in))
	promised := -1
	err := d.walk(func(x *element) error {
		if x.name == "sdnEntry" {
			return b.ofacXMLEntry(x)
		}
		published, err := time.Parse("01/02/2006", x.child("Publish_Date"))
		if err != nil {
			return fmt.Errorf("the publication date is %.40q", x.child("Publish_Date"))
		}
		list.Published, promised = published.Format(time.DateOnly), -1
		if isDigits(x.child("Record_Count")) {
			_, _ = fmt.Sscan(x.child("Record_Count"), &promised) // digits
		}
		return nil
	}, "sdnEntry", "publshInformation", "publishInformation")
	if err != nil {
		return d.at(err)
	}
	if promised >= 0 && promised != len(b.entries) {
		return fmt.Errorf("the list says that it has %d entries, and has %d", promised, len(b.entries))
	}
	return nil
}

func (b *book) ofacXMLEntry(x *element) error {
	e, err := b.open(x.child("uid"))
	if err != nil {
		return err
	}
	switch kind := x.child("sdnType"); kind {
	case "Individual":
		e.Kind = Person
	case "Entity":
		e.Kind = Organisation
	case "Vessel":
		e.Kind = Vessel
	case "Aircraft":
		e.Kind = Aircraft
	default:
		return fmt.Errorf("the entry %s is of the unknown type %.40q", e.ID, kind)
	}
	if err := b.name(e, ofacXMLName(e, x, Primary)); err != nil {
		return err
	}
	for _, aka := range x.all("akaList", "aka") {
		b.counts.Aliases++
		quality := Strong
		if aka.child("category") == "weak" {
			quality = Weak
		}
		if err := b.name(e, ofacXMLName(e, aka, quality)); err != nil {
			return err
		}
	}
	for _, program := range x.all("programList", "program") {
		b.program(e, program.text.String())
	}
	for _, born := range x.all("dateOfBirthList", "dateOfBirthItem") {
		if birth, ok := spokenBirth(born.child("dateOfBirth")); ok {
			e.birth(birth)
		}
	}
	for _, from := range append(x.all("nationalityList", "nationality"), x.all("citizenshipList", "citizenship")...) {
		b.country(e, from.child("country"))
	}
	for _, a := range x.all("addressList", "address") {
		b.counts.Addresses++
		b.address(e, ofacXMLAddress(a))
	}
	for _, id := range x.all("idList", "id") {
		if kind, _ := documentType(id.child("idType")); kind != "" {
			b.identifier(e, id.child("idType"), id.child("idNumber"), id.child("idCountry"))
		}
	}
	for _, vessel := range x.all("vesselInfo") {
		b.identifier(e, "Call Sign", vessel.child("callSign"), "")
		b.country(e, vessel.child("vesselFlag"))
	}
	e.Remarks = joinRemarks(x.child("title"), x.child("remarks"))
	return nil
}

// ofacXMLName reads a name in its parts. What is no person has its whole name in lastName.
func ofacXMLName(e *Entry, x *element, q Quality) Name {
	first, last := x.child("firstName"), x.child("lastName")
	if e.Kind != Person || first == "" {
		return Name{Text: first + " " + last, Quality: q}
	}
	return ofacName(Person, last+", "+first, q)
}

func ofacXMLAddress(a *element) Address {
	var lines []string
	for _, part := range []string{"address1", "address2", "address3", "stateOrProvince", "postalCode"} {
		if text := a.child(part); text != "" {
			lines = append(lines, text)
		}
	}
	return Address{Text: strings.Join(lines, ", "), City: a.child("city"), Country: Country(a.child("country"))}
}
