package xsd

import (
	"strings"
	"testing"
)

// schema is a small one that has all that those of ISO 20022 have.
const schema = `<xs:schema xmlns="urn:test" xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified" targetNamespace="urn:test">
	<xs:element name="Document" type="Document"/>
	<xs:complexType name="Document"><xs:sequence>
		<xs:element name="Id" type="Max5Text"/>
		<xs:element maxOccurs="1" minOccurs="0" name="Made" type="ISODateTime"/>
		<xs:element maxOccurs="2" minOccurs="1" name="Sum" type="Amount"/>
		<xs:element maxOccurs="unbounded" minOccurs="0" name="Who" type="PartyChoice"/>
		<xs:element minOccurs="0" name="Extra" type="Envelope"/>
	</xs:sequence></xs:complexType>
	<xs:complexType name="PartyChoice"><xs:choice><xs:element name="Cd" type="Code"/><xs:element name="BIC" type="BIC"/></xs:choice></xs:complexType>
	<xs:complexType name="Envelope"><xs:sequence><xs:any namespace="##any" processContents="lax"/></xs:sequence></xs:complexType>
	<xs:complexType name="Amount"><xs:simpleContent><xs:extension base="Amount_SimpleType">
		<xs:attribute name="Ccy" type="Currency" use="required"/></xs:extension></xs:simpleContent></xs:complexType>
	<xs:simpleType name="Amount_SimpleType"><xs:restriction base="xs:decimal">
		<xs:fractionDigits value="2"/><xs:totalDigits value="5"/><xs:minInclusive value="0"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Currency"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{3,3}"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="BIC"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{4}|[0-9]{4}"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Code"><xs:restriction base="xs:string"><xs:enumeration value="ACCR"/><xs:enumeration value="RJCR"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Max5Text"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="5"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="ISODateTime"><xs:restriction base="xs:dateTime"/></xs:simpleType>
</xs:schema>`

const message = `<Document xmlns="urn:test"><Id>Größe</Id><Made>2026-02-18T17:00:00.5+01:00</Made><Sum Ccy="EUR">0123.4500</Sum>
	<Who><Cd>ACCR</Cd></Who><Who><BIC>1234</BIC></Who><Extra><a xmlns="urn:other" b="c">d</a></Extra></Document>`

func TestAMessageIsHeldAgainstItsSchema(t *testing.T) {
	t.Parallel()
	s, err := Load([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check([]byte(message)); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"<Id>Größe</Id>", "", "Document: Id is missing"},
		{"<Id>Größe</Id>", "<Id>Größen</Id>", `Document/Id: "Größen" is longer than 5`},
		{"<Id>Größe</Id>", "<Id/>", "shorter than 1"},
		{"<Id>Größe</Id>", "<Id>a<b/></Id>", "b is in it, and it is a text"},
		{"<Id>Größe</Id>", `<Id x="1">a</Id>`, "Document/Id: it has no attribute x"},
		{"<Id>Größe</Id>", `<Id xmlns="urn:other">a</Id>`, "Id is missing"},
		{"</Id>", "</Id>text", "text stands among"},
		{"</Id>", "</Id><New/>", "Sum is missing"},
		{"</Sum>", `</Sum><Sum Ccy="EUR">1</Sum><Sum Ccy="EUR">1</Sum>`, "Document: Sum is unknown there, or out of its order, or once too often"},
		{"</Made>", "</Made><Made>2026-02-18T17:00:00Z</Made>", "Made is unknown there"},
		{"2026-02-18T", "2026-02-30T", "is no dateTime"},
		{"+01:00", "+1", "is no dateTime"},
		{"0123.4500", "1.456", "more than 2 digits after the point"},
		{"0123.4500", "1234.56", "more than 5 digits"},
		{"0123.4500", "-1", "is less than 0"},
		{"0123.4500", "1,5", "is no decimal"},
		{"0123.4500", "", "is no decimal"},
		{` Ccy="EUR"`, "", "Document/Sum[1]: the attribute Ccy is missing"},
		{` Ccy="EUR"`, ` Ccy="EURO"`, "Document/Sum[1]/@Ccy"},
		{"ACCR", "accr", "Document/Who[1]/Cd: \"accr\" is none of ACCR, RJCR"},
		{"1234", "12345", "Document/Who[2]/BIC: \"12345\" is not like"},
		{"<BIC>1234</BIC>", "", "Document/Who[2]: it has none of Cd, BIC"},
		{"</BIC>", "</BIC><Cd>ACCR</Cd>", "Document/Who[2]: Cd is unknown there"},
		{"</Extra>", "</Extra><Id>a</Id>", "Id is unknown there"},
		{"urn:test", "urn:other", "a message begins with Document of urn:test"},
		{"</Document>", "", "read the message"},
	} {
		text := strings.Replace(message, c.old, c.new, 1)
		if err := s.Check([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: want %q, got %v", c.new, c.old, c.want, err)
		}
	}
}

func TestASchemaThatUsesMoreIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new string }{
		{"<xs:choice>", `<xs:choice maxOccurs="2">`},
		{`<xs:maxLength value="5"/>`, `<xs:whiteSpace value="collapse"/>`},
		{`type="PartyChoice"`, `type="Nobody"`},
		{"xs:dateTime", "xs:duration"},
		{`elementFormDefault="qualified" `, ""},
		{"<xs:sequence>", "<xs:sequence><xs:group/>"},
		{"</xs:schema>", "<xs:import/></xs:schema>"},
		{`value="[A-Z]{3,3}"`, `value="[A-Z"`},
	} {
		if s, err := Load([]byte(strings.Replace(schema, c.old, c.new, 1))); err == nil {
			t.Errorf("%s is taken as %v", c.new, s)
		}
	}
}

// Every schema is read whole, and where two versions are compared, the version's own types with it. Elements that came later are refused.
func TestEverySchemaIsThere(t *testing.T) {
	t.Parallel()
	folder := schemas(t)
	for version := range sources {
		all, err := load(folder, version)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		for _, s := range all {
			if s.space != space+version || len(s.contents) < 50 || len(s.texts) < 40 {
				t.Errorf("%s is of %s and has %d types of elements and %d of texts", version, s.space, len(s.contents), len(s.texts))
			}
		}
	}
	all, err := load(folder, "pacs.008.001.08")
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	const later = "CreditTransferTransaction"
	if !hasElement(all[0], later+"43", "MndtRltdInf") || hasElement(all[1], later+"39", "MndtRltdInf") || !hasElement(all[1], later+"39", "ChrgBr") {
		t.Error("what pacs.008.001.09 has more than pacs.008.001.08 is not told apart")
	}
	if err := all[1].complete(); err != nil {
		t.Error(err)
	}
}

func hasElement(s *Schema, of, name string) bool {
	for _, e := range s.contents[of].elements {
		if e.name == name {
			return true
		}
	}
	return false
}
