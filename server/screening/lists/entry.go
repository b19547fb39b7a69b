// Package lists reads the sanctions lists that authorities publish, each in the authority's own format, into one form. It knows
// nothing of payments and stores nothing: bytes in, entries out, or an error that says what is wrong and where.
//
// A list that cannot be read completely is not read at all: half a list would wave through whom the other half names.
package lists

// An Authority publishes a list.
type Authority string

// The authorities, in the words of the command line, the API and the database.
const (
	OFAC       Authority = "ofac"        // US Treasury, Specially Designated Nationals
	OFACNonSDN Authority = "ofac-nonsdn" // US Treasury, consolidated list without the SDN
	EU         Authority = "eu"          // European Commission, Financial Sanctions Files
	UK         Authority = "uk"          // UK Sanctions List of the FCDO; the OFSI consolidated list until January 2026
	UN         Authority = "un"          // UN Security Council consolidated list
	Sandbox    Authority = "sandbox"     // invented by us; it must never clear a real payment
)

// A Kind is what a listed party is.
type Kind uint8

// The kinds. An authority that does not say leaves Unknown, which is compared with everyone.
const (
	Unknown Kind = iota
	Person
	Organisation
	Vessel
	Aircraft
)

// A Quality is how far the authority vouches for a name.
type Quality uint8

// Primary is the name the entry is listed under. Weak aliases are not to be screened by themselves, only to support another finding
// (OFAC FAQ 122 to 125).
const (
	Primary Quality = iota
	Strong
	Weak
)

// A Name is one way a party is called, in the authority's spelling and any script. Given and Family are set where the authority tells
// them apart; Text is always the whole name, in the natural order (given names first) where that is known.
type Name struct {
	Text    string  `json:"text"`
	Given   string  `json:"given,omitempty"`
	Family  string  `json:"family,omitempty"`
	Quality Quality `json:"quality,omitempty"`
}

// A Birth is a date or a span of possible dates, both ends included, as YYYY, YYYY-MM or YYYY-MM-DD; To is empty for a single date.
// Circa marks what the authority itself calls approximate.
type Birth struct {
	From  string `json:"from"`
	To    string `json:"to,omitempty"`
	Circa bool   `json:"circa,omitempty"`
}

// An Identifier is a passport, a registration or another number of the party; Country is ISO 3166-1 alpha-2 where it is known.
type Identifier struct {
	Type    string `json:"type"`
	Value   string `json:"value"`
	Country string `json:"country,omitempty"`
}

// An Address has whatever the authority gives; Country is ISO 3166-1 alpha-2 where it is known.
type Address struct {
	Text    string `json:"text,omitempty"`
	City    string `json:"city,omitempty"`
	Country string `json:"country,omitempty"`
}

// An Entry is one listed party. Its JSON is what is stored and what is hashed, so a tag, once released, keeps its name and its order.
type Entry struct {
	ID          string       `json:"id"` // the authority's own
	Kind        Kind         `json:"kind,omitempty"`
	Names       []Name       `json:"names"` // at least one; the primary name first
	Births      []Birth      `json:"births,omitempty"`
	Countries   []string     `json:"countries,omitempty"` // nationality, citizenship or registration, ISO 3166-1 alpha-2, sorted, each once
	Identifiers []Identifier `json:"identifiers,omitempty"`
	Addresses   []Address    `json:"addresses,omitempty"`
	Programs    []string     `json:"programs,omitempty"`
	Remarks     string       `json:"remarks,omitempty"`
}

// A List is everything one authority published at one time. It is never changed after it was read.
type List struct {
	Authority Authority
	Published string // the authority's publication date, YYYY-MM-DD; empty where the file does not say
	Hash      string // SHA-256 over the files' bytes in the order they were read, in lower-case hex
	Parser    string // the version of our reader, so that a changed reading is a changed version
	Entries   []Entry
	Read      Counts
}

// Counts says what the files hold, to be compared with what the authority says of them. An entry keeps each name, alias and address
// once, so it may hold fewer.
type Counts struct {
	Aliases   int // aliases and further spellings, in any script
	Addresses int
	Nameless  int // entries that the authority gave no name: left out, for there is nothing to compare
}
