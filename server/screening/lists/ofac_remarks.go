package lists

import (
	"regexp"
	"slices"
	"strings"
)

// ofacDocuments are the identifiers that OFAC writes into remarks, and the types of its XML's <idType>, in OFAC's own words, as they
// occur in the lists of 2021 to 2025. What is no identifier of the party (gender, websites, kinds of sanctions) is not among them.
var ofacDocuments = []string{
	"Afghan Money Service Provider License Number", "Aircraft Construction Number (also called L/N or S/N or F/N)",
	"Aircraft Manufacturer's Serial Number (MSN)", "Aircraft Serial Identification", "Aircraft Tail Number",
	"BIK (RU)", "Bank Identifier Code", "Birth Certificate Number", "Bosnian Personal ID No.", "British National Overseas Passport",
	"Business Number", "Business Registration Document #", "Business Registration Number", "C.I.F.", "C.R. No.", "C.U.I.", "C.U.I.P.", "C.U.I.T.",
	"C.U.R.P.", "C.U.R.P", "CNP (Personal Numerical Code)", "Cartilla de Servicio Militar Nacional", "Cedula No.", "Cedula de Ciudadania",
	"Cedula de Residencia", "Central Registration Number", "Certificate of Incorporation Number", "Chamber of Commerce Number",
	"Chinese Commercial Code", "Citizen's Card Number", "Commercial Registry Number", "Company ID", "Company Number", "Credencial electoral",
	"D-U-N-S Number", "D.N.I.", "Digital Currency Address", "Diplomatic Passport", "Driver's License No.", "Dubai Chamber of Commerce Membership No.",
	"Economic Register Number (CBLS)", "Electoral Registry No.", "Enterprise Number", "Federal ID Card", "File Number", "Fiscal Code",
	"Folio Mercantil No.", "Foreign Registration Number", "Global Intermediary Identification Number", "Government Gazette Number",
	"I.F.E.", "I.M.S.S.", "I.N.E.", "Identification Number", "Immigration No.", "Interpol: Red Notice. File No.", "Istanbul Chamber of Comm. No.",
	"Italian Fiscal Code", "Kenyan ID No.", "LE Number", "LEI", "Legal Entity Number", "License", "Loan ID", "MMSI", "Matricula Mercantil No",
	"Maritime Mobile Service Identity", "Military Registration Number", "N.I.E.", "N.I.F. (Spain)", "NIT #", "National Foreign ID Number", "National ID No.",
	"Numero de Identidad", "Numero Unico de Identificacion Tributaria (NUIT)", "Organization Code", "Paraguayan tax identification number",
	"Passport", "Permit Number", "Personal ID Card", "Pilot License Number", "Public Registration Number", "Public Security and Immigration No.",
	"R.F.C.", "RFC", "RIF #", "RTN", "RUC #", "RUC", "Refugee ID Card", "Registered Charity No.", "Registration Certificate Number (Dubai)", "Registration ID",
	"Registration Number", "Residency Number", "Romanian C.R.", "Romanian Permanent Resident", "Romanian Tax Registration", "SRE Permit No.", "SSN",
	"SWIFT/BIC", "Seafarer's Identification Document", "Serial No.", "Stateless Person ID Card", "Stateless Person Passport", "Tax ID No.", "Tazkira National ID Card",
	"Tourism License No.", "Trade License No.", "Travel Document Number", "Trademark number", "Turkish Identification Number", "U.S. FEIN", "UAE Identification", "UK Company Number",
	"US FEIN", "Unified Social Credit Code (USCC)", "United Social Credit Code Certificate (USCCC)", "V.A.T. Number", "VAT Number", "VisaNumberID",
	"Vessel Registration Identification", "Vessel Registration Number", "Virtual Currency Address",
}

// documentsByWord finds the identifiers that begin with a word, the longest first.
var documentsByWord = func() map[string][]string {
	index := map[string][]string{}
	for _, d := range ofacDocuments {
		word, _, _ := strings.Cut(d, " ")
		index[word] = append(index[word], d)
	}
	for _, documents := range index {
		slices.SortFunc(documents, func(a, b string) int { return len(b) - len(a) })
	}
	return index
}()

// documentType gives the type that a text begins with, and what stands behind it.
func documentType(text string) (kind, rest string) {
	word, _, _ := strings.Cut(text, " ")
	for _, d := range documentsByWord[word] {
		if rest, ok := strings.CutPrefix(text, d); ok && (rest == "" || rest[0] == ' ') {
			return d, strings.TrimSpace(rest)
		}
	}
	return "", text
}

var (
	quotedAlias = regexp.MustCompile(`^(?:a|f|n)\.k\.a\. '(.*)'$`)
	issuedBy    = regexp.MustCompile(`^(.*?) \(([^()]*)\)(?: .*)?$`)
)

// ofacRemarks reads what OFAC says of a party in its remarks: "DOB 12 Oct 1943; alt. DOB 1944; nationality Iran; Passport A1 (Iran);
// a.k.a. 'SHORTY'." What is not understood stays in the remarks and is no error: they are written for people. They end with a full
// stop; without one they were cut after 1,000 characters, and their last word says nothing certain.
func (b *book) ofacRemarks(e *Entry, remarks string) {
	remarks, finished := strings.CutSuffix(strings.TrimSpace(remarks), ".")
	sentences := strings.Split(remarks, "; ")
	if !finished {
		sentences = sentences[:len(sentences)-1]
	}
	for _, said := range sentences {
		said = strings.TrimPrefix(strings.TrimSpace(said), "alt. ")
		if m := quotedAlias.FindStringSubmatch(said); m != nil {
			_ = b.name(e, ofacName(e.Kind, m[1], Weak)) // more weak aliases than fit do not matter
			continue
		}
		what, value, _ := strings.Cut(said, " ")
		switch what {
		case "DOB":
			if birth, ok := spokenBirth(value); ok {
				e.birth(birth)
			}
		case "nationality", "citizen":
			b.country(e, value)
		default:
			b.ofacDocument(e, said)
		}
	}
}

// ofacDocument reads an identifier: its type, its value, and in brackets who issued it.
func (b *book) ofacDocument(e *Entry, said string) {
	kind, value := documentType(said)
	if kind == "" || value == "" {
		return
	}
	country := ""
	if m := issuedBy.FindStringSubmatch(value); m != nil {
		value, country = m[1], m[2]
	} else if before, _, found := strings.Cut(value, " issued "); found {
		value = before
	} else if before, _, found := strings.Cut(value, " expires "); found {
		value = before
	}
	// "Digital Currency Address - XBT 1abc": the currency belongs to the type.
	if rest, ok := strings.CutPrefix(value, "- "); ok {
		if currency, address, found := strings.Cut(rest, " "); found {
			kind, value = kind+" - "+currency, address
		}
	}
	b.identifier(e, kind, value, country)
}
