package lists

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"
)

// OFAC's lists in the Advanced Sanctions Data Model, SDN_ADVANCED.XML and CONS_ADVANCED.XML ("Explanatory Documentation for Advanced
// Sanctions Data Model format", https://ofac.treasury.gov/media/10391/download; the root is Sanctions). They alone hold names in their
// original scripts. Everything is a number that some earlier part of the file explains: words, then places, then documents, then parties,
// and last the entries, which say by what programme a party is listed. A party's number is the one that the other formats have.

// An advanced file while it is read: what its numbers mean.
type advanced struct {
	*book
	list      *List
	words     map[string]map[string]string // by the element that explains them, such as Country, and number
	partyOf   map[string]string            // the type of party of each sub-type
	places    map[string]place
	documents map[string][]paper
	entries   int
}

// A place is an address or the name of a country, which stands where the place has no country of its own.
type place struct {
	Address
	named string
}

// A paper is a passport or another document of an identity.
type paper struct{ kind, number, country string }

func readOFACAdvanced(b *book, list *List, in *bufio.Reader) error {
	d := newDocument(withoutBOM(in))
	a := &advanced{book: b, list: list, places: map[string]place{}, documents: map[string][]paper{}}
	parts := map[string]func(*element) error{
		"DateOfIssue": a.issued, "ReferenceValueSets": a.explain, "Location": a.location, "IDRegDocument": a.document, "DistinctParty": a.party,
		"SanctionsEntry": a.entry,
	}
	err := d.walk(func(x *element) error {
		if a.words == nil && x.name != "ReferenceValueSets" && x.name != "DateOfIssue" {
			return errors.New("the words that the numbers stand for do not come first")
		}
		return parts[x.name](x)
	}, "DateOfIssue", "ReferenceValueSets", "Location", "IDRegDocument", "DistinctParty", "SanctionsEntry")
	switch {
	case err != nil:
		return d.at(err)
	case list.Published == "":
		return errors.New("DateOfIssue does not say when the list was made")
	case a.entries == 0:
		return errors.New("the list says of nobody why they are listed")
	}
	return nil
}

func (a *advanced) issued(x *element) error {
	day := dateIn(x)
	if len(day) != len(time.DateOnly) {
		return fmt.Errorf("DateOfIssue is %.40q", day)
	}
	a.list.Published = day
	return nil
}

// explain keeps what the numbers mean.
func (a *advanced) explain(x *element) error {
	a.words, a.partyOf = map[string]map[string]string{}, map[string]string{}
	for _, set := range x.children {
		for _, word := range set.children {
			if a.words[word.name] == nil {
				a.words[word.name] = map[string]string{}
			}
			a.words[word.name][word.attr("ID")] = squeeze(word.text.String())
			if word.name == "PartySubType" {
				a.partyOf[word.attr("ID")] = word.attr("PartyTypeID")
			}
		}
	}
	return nil
}

// meaning is what a number of the kind stands for, "" for a number that is not explained.
func (a *advanced) meaning(kind, number string) string { return a.words[kind][number] }

func (a *advanced) location(x *element) error {
	parts := map[string]string{}
	for _, part := range x.all("LocationPart") {
		kind := strings.ToUpper(a.meaning("LocPartType", part.attr("LocPartTypeID")))
		for _, value := range part.all("LocationPartValue") {
			if text := value.child("Value"); parts[kind] == "" || value.attr("Primary") == "true" {
				parts[kind] = text
			}
		}
	}
	var lines []string
	for _, kind := range []string{"ADDRESS1", "ADDRESS2", "ADDRESS3", "REGION", "STATE/PROVINCE", "POSTAL CODE"} {
		if parts[kind] != "" {
			lines = append(lines, parts[kind])
		}
	}
	country := ""
	for _, of := range x.all("LocationCountry") {
		country = a.meaning("Country", of.attr("CountryID"))
	}
	for _, of := range x.all("LocationAreaCode") {
		if country == "" {
			country = a.meaning("AreaCode", of.attr("AreaCodeID"))
		}
	}
	if country == "" {
		country = parts["UNKNOWN"]
	}
	a.places[x.attr("ID")] = place{Address{Text: strings.Join(lines, ", "), City: parts["CITY"], Country: Country(country)}, country}
	return nil
}

func (a *advanced) document(x *element) error {
	identity := x.attr("IdentityID")
	a.documents[identity] = append(a.documents[identity], paper{
		a.meaning("IDRegDocType", x.attr("IDRegDocTypeID")), x.child("IDRegistrationNo"), a.meaning("Country", x.attr("IssuedBy-CountryID")),
	})
	return nil
}

func (a *advanced) party(x *element) error {
	for _, profile := range x.all("Profile") {
		if err := a.profile(profile, x.child("Comment")); err != nil {
			return err
		}
	}
	return nil
}

func (a *advanced) profile(profile *element, comment string) error {
	e, err := a.open(profile.attr("ID"))
	if err != nil {
		return err
	}
	if e.Kind, err = a.kind(profile.attr("PartySubTypeID")); err != nil {
		return fmt.Errorf("the party %s: %w", e.ID, err)
	}
	for _, identity := range profile.all("Identity") {
		if err := a.names(e, identity); err != nil {
			return err
		}
		for _, d := range a.documents[identity.attr("ID")] {
			a.identifier(e, d.kind, d.number, d.country)
		}
	}
	for _, feature := range profile.all("Feature") {
		what := a.meaning("FeatureType", feature.attr("FeatureTypeID"))
		for _, version := range feature.all("FeatureVersion") {
			a.feature(e, what, version)
		}
	}
	a.remark(e, comment)
	return nil
}

// kind: vessels and aircraft are sub-types of their own, people and organisations are types of which there is one sub-type each.
func (a *advanced) kind(subType string) (Kind, error) {
	for _, word := range []string{a.meaning("PartySubType", subType), a.meaning("PartyType", a.partyOf[subType])} {
		switch strings.ToLower(word) {
		case "individual":
			return Person, nil
		case "entity":
			return Organisation, nil
		case "vessel":
			return Vessel, nil
		case "aircraft":
			return Aircraft, nil
		}
	}
	return Unknown, fmt.Errorf("it is of the unknown type %.40q", subType)
}

// names reads an identity's aliases. Each is documented in one script or several; the first of the primary one is the party's name.
func (a *advanced) names(e *Entry, identity *element) error {
	types := map[string]string{}
	for _, group := range identity.all("NamePartGroups", "MasterNamePartGroup", "NamePartGroup") {
		types[group.attr("ID")] = strings.ToLower(a.meaning("NamePartType", group.attr("NamePartTypeID")))
	}
	for _, alias := range identity.all("Alias") {
		quality := Strong
		switch {
		case alias.attr("LowQuality") == "true":
			quality = Weak
		case alias.attr("Primary") == "true":
			quality = Primary
		}
		for _, documented := range alias.all("DocumentedName") {
			if quality != Primary {
				a.counts.Aliases++
			}
			if err := a.name(e, advancedName(e.Kind, documented, types, quality)); err != nil {
				return err
			}
			quality = max(quality, Strong)
		}
	}
	return nil
}

// advancedName puts a name together from its parts, which have types only where the party is a person.
func advancedName(kind Kind, documented *element, types map[string]string, q Quality) Name {
	var given, family, all []string
	for _, part := range documented.all("DocumentedNamePart", "NamePartValue") {
		text := squeeze(part.text.String())
		all = append(all, text)
		switch types[part.attr("NamePartGroupID")] {
		case "last name", "maiden name", "matronymic":
			family = append(family, text)
		case "first name", "middle name", "patronymic":
			given = append(given, text)
		}
	}
	if kind != Person || len(family) == 0 || len(given)+len(family) < len(all) {
		return Name{Text: strings.Join(all, " "), Quality: q}
	}
	if len(given) == 0 {
		return Name{Text: strings.Join(family, " "), Quality: q}
	}
	return ofacName(Person, strings.Join(family, " ")+", "+strings.Join(given, " "), q)
}

func (a *advanced) feature(e *Entry, what string, version *element) {
	var at []place
	for _, of := range version.all("VersionLocation") {
		at = append(at, a.places[of.attr("LocationID")])
	}
	text := version.child("VersionDetail")
	for _, detail := range version.all("VersionDetail") {
		if text == "" {
			text = a.meaning("DetailReference", detail.attr("DetailReferenceID"))
		}
	}
	switch strings.ToLower(what) {
	case "birthdate":
		for _, period := range version.all("DatePeriod") {
			e.birth(periodOf(period))
		}
	case "nationality country", "citizenship country", "nationality of registration", "vessel flag":
		a.country(e, text)
		for _, p := range at {
			a.country(e, p.named)
		}
	case "location":
		for _, p := range at {
			a.counts.Addresses++
			a.address(e, p.Address)
		}
	case "vessel call sign":
		a.identifier(e, "Call Sign", text, "")
	case "title":
		a.remark(e, text)
	default:
		if kind, _ := documentType(what); kind != "" {
			a.identifier(e, what, text, "")
		}
	}
}

// entry says by what programmes a party is listed. One for a party that the file does not have means that somebody took the party out.
func (a *advanced) entry(x *element) error {
	e := a.byID[x.attr("ProfileID")]
	if e == nil {
		return fmt.Errorf("an entry lists the party %.40q, which the file does not have", x.attr("ProfileID"))
	}
	a.entries++
	for _, measure := range x.all("SanctionsMeasure") {
		if strings.EqualFold(a.meaning("SanctionsType", measure.attr("SanctionsTypeID")), "program") {
			a.program(e, measure.child("Comment"))
		}
	}
	return nil
}

// periodOf reads when somebody was born: between the first day of the start and the last day of the end. A whole year is that year.
func periodOf(period *element) Birth {
	var b Birth
	day := func(path ...string) string {
		for _, x := range period.all(path...) {
			return dateIn(x)
		}
		return ""
	}
	for _, x := range period.children {
		b.Circa = b.Circa || x.attr("Approximate") == "true"
	}
	b.From = day("Start", "From")
	last := day("End", "To")
	if last == "" {
		last = day("Start", "To")
	}
	switch first := b.From; {
	case last == "" || last == first || len(first) != len(last) || len(first) < len(time.DateOnly):
	case first[:4] == last[:4] && first[4:] == "-01-01" && last[4:] == "-12-31":
		b.From = first[:4]
	case first[:7] == last[:7] && strings.HasSuffix(first, "-01") && endsMonth(last):
		b.From = first[:7]
	default:
		b.To = last
	}
	return b
}

// endsMonth says whether a day is the last of its month.
func endsMonth(day string) bool {
	at, err := time.Parse(time.DateOnly, day)
	return err == nil && at.AddDate(0, 0, 1).Month() != at.Month()
}

// dateIn reads a date that stands in elements Year, Month and Day.
func dateIn(x *element) string {
	return date(number(x.child("Year")), number(x.child("Month")), number(x.child("Day")))
}
