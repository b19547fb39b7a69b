package lists

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The European Union's consolidated list of persons, groups and entities under financial sanctions ("Financial Sanctions Files", FSF, of
// the European Commission), as XML 1.1 (xmlFullSanctionsList_1_1, name space http://eu.europa.ec/fpi/fsd/export), as CSV 1.1
// (csvFullSanctionsList_1_1), and as the CSV before it, whose columns "FSF - Description of the fields inside the csv" describes.
//
// A party has a name for each language and spelling. Only the XML says which aliases are weak (strong="false"). In the CSV a party has as
// many rows as it has names, addresses and so on, with the others' columns empty.

func readEUXML(b *book, list *List, in *bufio.Reader) error {
	d := newDocument(withoutBOM(in))
	root, err := d.root()
	if err != nil {
		return d.at(err)
	}
	for _, a := range root.Attr {
		if a.Name.Local == "generationDate" && len(isoOf(a.Value)) == len("2006-01-02") {
			list.Published = isoOf(a.Value)
		}
	}
	if list.Published == "" {
		return d.at(errors.New("generationDate does not say when the list was made"))
	}
	if err := d.walk(b.euEntity, "sanctionEntity"); err != nil {
		return d.at(err)
	}
	return nil
}

func (b *book) euEntity(x *element) error {
	e, err := b.open(x.attr("logicalId"))
	if err != nil {
		return err
	}
	for _, subject := range x.all("subjectType") {
		e.Kind = euKind(subject.attr("code") + subject.attr("classificationCode"))
	}
	for i, alias := range x.all("nameAlias") {
		quality := euQuality(i, alias.attr("strong"))
		if quality != Primary {
			b.counts.Aliases++
		}
		n := euName(e.Kind, alias.attr("firstName"), alias.attr("middleName"), alias.attr("lastName"), alias.attr("wholeName"), quality)
		if err := b.name(e, n); err != nil {
			return err
		}
	}
	for _, born := range x.all("birthdate") {
		e.birth(euBirth(born.attr))
	}
	for _, citizen := range x.all("citizenship") {
		b.euCountry(e, citizen.attr("countryIso2Code"))
	}
	for _, a := range x.all("address") {
		b.euAddress(e, a.attr("street"), a.attr("poBox"), a.attr("zipCode"), a.attr("region"), a.attr("city"), a.attr("countryIso2Code"))
	}
	for _, id := range x.all("identification") {
		b.euIdentifier(e, id.attr("identificationTypeCode"), id.attr("number"), id.attr("latinNumber"), id.attr("countryIso2Code"))
	}
	for _, law := range x.all("regulation") {
		b.program(e, law.attr("programme"))
	}
	for _, remark := range x.all("remark") {
		b.remark(e, remark.text.String())
	}
	b.identifier(e, "EU", x.attr("euReferenceNumber"), "")
	b.identifier(e, "UN", x.attr("unitedNationId"), "")
	return nil
}

func euKind(subject string) Kind {
	switch strings.ToLower(subject) {
	case "personp", "person", "p":
		return Person
	case "enterprisee", "enterprise", "e":
		return Organisation
	}
	return Unknown
}

// euQuality: the first name that is strong is the one the party is listed under.
func euQuality(position int, strong string) Quality {
	switch {
	case strong == "false":
		return Weak
	case position == 0:
		return Primary
	}
	return Strong
}

// euName: a whole name is mandatory; a person's is made of its parts, where they are known.
func euName(kind Kind, first, middle, last, whole string, q Quality) Name {
	n := person(first+" "+middle, last, q)
	if squeeze(whole) != "" {
		n.Text = whole
	}
	if kind == Organisation || squeeze(n.Given) == "" || squeeze(last) == "" {
		n.Given, n.Family = "", ""
	}
	return n
}

// euBirth reads a birth date by the names of the XML's attributes. One in another calendar is left out: it is another day in ours.
func euBirth(get func(string) string) Birth {
	if calendar := get("calendarType"); calendar != "" && !strings.EqualFold(calendar, "GREGORIAN") {
		return Birth{}
	}
	circa := strings.EqualFold(get("circa"), "true")
	if from, to := isoOf(get("yearRangeFrom")), isoOf(get("yearRangeTo")); from != "" && to != "" {
		return Birth{From: from, To: to, Circa: circa}
	}
	from := isoOf(get("birthdate"))
	if from == "" {
		from = date(number(get("year")), number(get("monthOfYear")), number(get("dayOfMonth")))
	}
	return Birth{From: from, Circa: circa}
}

func (b *book) euCountry(e *Entry, code string) {
	if code = codeOf(code); code != "" {
		e.Countries = append(e.Countries, code)
	}
}

func (b *book) euAddress(e *Entry, street, box, zip, region, city, country string) {
	var lines []string
	for _, line := range []string{street, box, zip, region} {
		if line = squeeze(line); line != "" {
			lines = append(lines, line)
		}
	}
	a := Address{Text: strings.Join(lines, ", "), City: city, Country: codeOf(country)}
	if a != (Address{}) {
		b.counts.Addresses++
	}
	b.address(e, a)
}

func (b *book) euIdentifier(e *Entry, kind, number, latin, country string) {
	for _, value := range []string{number, latin} {
		b.identifier(e, kind, value, codeOf(country))
	}
}

// euColumns are the headings that we read, in CSV 1.1 and in the one before it.
var euColumns = map[string][2]string{
	"published":          {"fileGenerationDate", "Date_file"},
	"id":                 {"Entity_LogicalId", "Entity_logical_id"},
	"kind":               {"Entity_SubjectType_ClassificationCode", "Subject_type"},
	"firstName":          {"NameAlias_FirstName", "Naal_firstname"},
	"middleName":         {"NameAlias_MiddleName", "Naal_middlename"},
	"lastName":           {"NameAlias_LastName", "Naal_lastname"},
	"wholeName":          {"NameAlias_WholeName", "Naal_wholename"},
	"birthdate":          {"BirthDate_BirthDate", "Birt_date"},
	"city":               {"Address_City", "Addr_city"},
	"street":             {"Address_Street", "Addr_street"},
	"zipCode":            {"Address_ZipCode", "Addr_zipcode"},
	"country":            {"Address_CountryIso2Code", "Addr_country"},
	"citizenship":        {"Citizenship_CountryIso2Code", "Citi_country"},
	"number":             {"Identification_Number", "Iden_number"},
	"issuer":             {"Identification_CountryIso2Code", "Iden_country"},
	"reference":          {"Entity_EU_ReferenceNumber", "EU_ref_num"},
	"programme":          {"Entity_Regulation_Programme", "Programme"},
	"remark":             {"Entity_Remark", "Entity_remark"},
	"dayOfMonth":         {"BirthDate_Day"},
	"monthOfYear":        {"BirthDate_Month"},
	"year":               {"BirthDate_Year"},
	"yearRangeFrom":      {"BirthDate_YearRangeFrom"},
	"yearRangeTo":        {"BirthDate_YearRangeTo"},
	"circa":              {"BirthDate_Circa"},
	"calendarType":       {"BirthDate_CalendarType"},
	"poBox":              {"Address_PoBox"},
	"region":             {"Address_Region"},
	"identificationType": {"Identification_TypeCode"},
	"latinNumber":        {"Identification_LatinNumber"},
	"unitedNationId":     {"Entity_UnitedNationId"},
}

func isEUHeader(line string) bool {
	return strings.Contains(line, ";") &&
		(strings.Contains(line, "Entity_LogicalId") || strings.Contains(line, "Entity_logical_id"))
}

func readEUCSV(b *book, list *List, in *bufio.Reader) error {
	t := newTable(withoutBOM(in), ';', 0)
	header, err := t.next()
	if err != nil {
		return t.at(err)
	}
	columns, err := euHeader(header)
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
			err = b.euRow(list, headed{row, columns})
		}
		if err != nil {
			return t.at(err)
		}
	}
}

func euHeader(header []string) (map[string]int, error) {
	at := map[string]int{}
	for i, heading := range header {
		at[strings.ToLower(squeeze(heading))] = i
	}
	columns := map[string]int{}
	for name, headings := range euColumns {
		for _, heading := range headings {
			if i, ok := at[strings.ToLower(heading)]; ok && heading != "" {
				columns[name] = i
				break
			}
		}
	}
	for _, must := range []string{"published", "id", "kind", "wholeName"} {
		if _, ok := columns[must]; !ok {
			return nil, fmt.Errorf("the column %q is missing", euColumns[must][0])
		}
	}
	return columns, nil
}

func (b *book) euRow(list *List, r headed) error {
	if list.Published == "" {
		if list.Published = euPublished(r.get("published")); list.Published == "" {
			return fmt.Errorf("the file's date is %.40q", r.get("published"))
		}
	}
	id := r.get("id")
	e := b.byID[id]
	if e == nil {
		var err error
		if e, err = b.open(id); err != nil {
			return err
		}
		e.Kind = euKind(r.get("kind"))
		b.identifier(e, "EU", r.get("reference"), "")
		b.identifier(e, "UN", r.get("unitedNationId"), "")
	}
	n := euName(e.Kind, r.get("firstName"), r.get("middleName"), r.get("lastName"), r.get("wholeName"), euQuality(len(e.Names), ""))
	if squeeze(n.Text) != "" && n.Quality != Primary {
		b.counts.Aliases++
	}
	if err := b.name(e, n); err != nil {
		return err
	}
	e.birth(euBirth(r.get))
	b.euCountry(e, r.get("citizenship"))
	b.euAddress(e, r.get("street"), r.get("poBox"), r.get("zipCode"), r.get("region"), r.get("city"), r.get("country"))
	b.euIdentifier(e, r.get("identificationType"), r.get("number"), r.get("latinNumber"), r.get("issuer"))
	b.program(e, r.get("programme"))
	b.remark(e, r.get("remark"))
	return nil
}

// euPublished reads the file's date, which CSV 1.1 writes 21/11/2026 and the one before it 2026-11-21.
func euPublished(text string) string {
	for _, day := range []string{isoOf(text), slashedOf(text)} {
		if len(day) == len("2006-01-02") {
			return day
		}
	}
	return ""
}
