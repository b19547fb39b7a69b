package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// A book is the lists in force in the form in which names are looked up. It is never changed: new versions make a new one.
type book struct {
	index    *screening.Index
	versions []listVersion
	of       map[lists.Authority]string // the version of each authority's list
	names    string                     // all versions, as verdicts name them
}

// A listVersion is a list that a payout was screened with.
type listVersion struct {
	Authority lists.Authority `json:"authority"`
	Version   string          `json:"version"`
	Published string          `json:"published,omitempty"` // by the authority, YYYY-MM-DD; empty where its file does not say
	Hash      string          `json:"hash"`                // SHA-256 of its files
	Parser    string          `json:"parser"`
}

// Prepare makes the lists ready before they come into force. Payouts that are being judged meanwhile keep the lists they began with.
func (e *Engine) Prepare(set *sanctions.Set) error {
	b := &book{of: map[lists.Authority]string{}}
	var all []*lists.List
	for _, held := range set.Lists() {
		l := held.List
		if len(l.Entries) == 0 {
			return fmt.Errorf("the list of %s names nobody", l.Authority)
		}
		all = append(all, l)
		b.of[l.Authority] = held.Version
		b.versions = append(b.versions, listVersion{l.Authority, held.Version, l.Published, l.Hash, l.Parser})
	}
	b.index = screening.NewIndex(all...)
	b.names = strings.Join(set.Versions(), " ")
	e.book.Store(b)
	return nil
}

// inForce gives the lists to judge with. It fails while one that is required is missing or too old: the payout waits then, because
// nobody is cleared by the lists that are left.
func (e *Engine) inForce() (*book, error) {
	if err := e.Lists.Usable(); err != nil {
		return nil, fmt.Errorf("no payout can be screened: %w", err)
	}
	b := e.book.Load()
	if b == nil {
		return nil, errors.New("no payout can be screened: the sanctions lists are not prepared")
	}
	return b, nil
}

// screened is what screening found of a payout, as its verdict keeps it. Operators only: merchants read neutral words.
type screened struct {
	Decision string           `json:"decision"` // none, possible or certain: the strictest of the parties'
	Model    string           `json:"model"`    // how names were compared
	Lists    []listVersion    `json:"lists"`
	Parties  []*screenedParty `json:"parties"`
	// The block that compliance has on the beneficiary, which is as good as a certain match.
	Block string `json:"block,omitempty"`

	decision screening.Decision
	book     *book
	sequence int32 // of the beneficiary's events: what it was like
}

type screenedParty struct {
	Role     string       `json:"role"`    // beneficiary, merchant or sender
	Subject  string       `json:"subject"` // the beneficiary's or merchant's id; of a sender, which has none, the merchant's
	Decision string       `json:"decision"`
	Hits     []foundEntry `json:"hits,omitempty"`

	decision screening.Decision
	name     string
	hash     []byte // of everything that was compared
}

// A foundEntry is a listed party that somebody may be, and why.
type foundEntry struct {
	Decision  string              `json:"decision"`
	Authority lists.Authority     `json:"authority"`
	Version   string              `json:"version"`
	EntryID   string              `json:"entry_id"`
	EntryHash string              `json:"entry_hash"`
	EntryName string              `json:"entry_name"` // the listed name that matched best
	Score     float64             `json:"score"`
	NameScore float64             `json:"name_score"`
	Exact     bool                `json:"exact"`
	Words     []screening.Pairing `json:"words"`
	Parts     []screening.Part    `json:"parts"`
	// The reviewed pair that released the hit, so that it counts no more, or that made it certain.
	ReleasedBy  string `json:"released_by,omitempty"`
	ConfirmedBy string `json:"confirmed_by,omitempty"`

	decision screening.Decision // what it counts as
}

// A party is someone a payment concerns. Role says as what: beneficiary, merchant, sender.
type party struct {
	role, subject string
	query         screening.Query
}

// data is all that screening looks at, in one form. It is what a reviewed pair is about: a query with another field is other data.
func (p party) data() (string, error) {
	text, err := json.Marshal(p.query)
	if err != nil {
		return "", fmt.Errorf("write whom to screen: %w", err)
	}
	return p.role + "\x00" + p.subject + "\x00" + string(text), nil
}

// mostHits is how many listed parties one party may be. More are nobody's case: each name is compared with 64 at most.
const mostHits = 200

// screen looks up everyone the payouts concern: the beneficiary, the merchant, and the party paid for where there is one.
func (e *Engine) screen(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error {
	b, err := e.inForce()
	if err != nil {
		return err
	}
	rows, err := u.Read().EngineParties(ctx, merchant, payoutIDs(judgements))
	if err != nil {
		return fmt.Errorf("read whom to screen: %w", err)
	}
	found := map[string]screened{}
	known := map[string]*screenedParty{} // the payouts share their merchant, and often the beneficiary: each is looked up once
	for _, row := range rows {
		parties, err := e.partiesOf(merchant, row)
		if err != nil {
			return fmt.Errorf("read whom %s concerns: %w", row.PayoutID, err)
		}
		s := screened{Model: screening.Model, Lists: b.versions, book: b, sequence: row.EventSequence}
		if row.BlockID != nil {
			s.Block = *row.BlockID
		}
		for _, p := range parties {
			one, err := e.lookUp(b, p, known)
			if err != nil {
				return err
			}
			s.Parties = append(s.Parties, one)
		}
		found[row.PayoutID] = s
	}
	if err := heedPairs(ctx, u, merchant, known); err != nil {
		return err
	}
	for i := range judgements {
		j := &judgements[i]
		s, ok := found[j.payout.ID]
		if !ok {
			return fmt.Errorf("screen %s: nobody is there to be screened", j.payout.ID)
		}
		s.conclude()
		j.screening = s
	}
	return nil
}

// conclude takes the strictest of the parties' findings.
func (s *screened) conclude() {
	s.decision = screening.None
	if s.Block != "" {
		s.decision = screening.Certain
	}
	for _, p := range s.Parties {
		s.decision = max(s.decision, p.decision)
	}
	s.Decision = s.decision.String()
}

// lookUp finds a party on the lists, once for all payouts that concern it.
func (e *Engine) lookUp(b *book, p party, known map[string]*screenedParty) (*screenedParty, error) {
	data, err := p.data()
	if err != nil {
		return nil, err
	}
	if one, ok := known[data]; ok {
		return one, nil
	}
	one := &screenedParty{Role: p.role, Subject: p.subject, name: p.query.Name}
	if one.hash, err = e.Keys.Fingerprint("screened party", data); err != nil {
		return nil, err
	}
	one.Hits = b.lookUp(p.query)
	one.conclude()
	known[data] = one
	return one, nil
}

// conclude takes the strictest of the hits.
func (p *screenedParty) conclude() {
	p.decision = screening.None
	for _, hit := range p.Hits {
		p.decision = max(p.decision, hit.decision)
	}
	p.Decision = p.decision.String()
}

func (b *book) lookUp(q screening.Query) []foundEntry {
	var hits []foundEntry
	matches := b.index.Match(q, screening.PossibleScore, mostHits)
	for i := range matches {
		m := &matches[i]
		d := m.Decision()
		if d == screening.None {
			continue
		}
		hits = append(hits, foundEntry{
			Decision: d.String(), Authority: m.Authority, Version: b.of[m.Authority],
			EntryID: m.EntryID, EntryHash: m.EntryHash(), EntryName: m.Name,
			Score: m.Score, NameScore: m.NameScore, Exact: m.Exact, Words: m.Words, Parts: m.Parts, decision: d,
		})
	}
	return hits
}

func (e *Engine) partiesOf(merchant string, row db.EnginePartiesRow) ([]party, error) {
	beneficiary, err := e.beneficiary(merchant, row)
	if err != nil {
		return nil, err
	}
	all := []party{
		{"beneficiary", row.BeneficiaryID, beneficiary},
		// A merchant may be a person who trades: its kind is left open, so that it is compared with everyone.
		{"merchant", merchant, screening.Query{Name: row.MerchantName, Countries: []string{row.MerchantCountry}}},
	}
	if row.OnBehalfOf == nil {
		return all, nil
	}
	var sender struct{ Name, Type, Country string }
	if err := json.Unmarshal(row.OnBehalfOf, &sender); err != nil {
		return nil, fmt.Errorf("read the sender: %w", err)
	}
	query := screening.Query{Name: sender.Name, Kind: kindOf(db.PartyType(sender.Type))}
	if sender.Country != "" {
		query.Countries = []string{sender.Country}
	}
	return append(all, party{"sender", merchant, query}), nil
}

// beneficiary is the beneficiary with all that is known of it, as a query.
func (e *Engine) beneficiary(merchant string, row db.EnginePartiesRow) (screening.Query, error) {
	// The fields of beneficiaries' private data that lists know of people, too.
	var known struct {
		DateOfBirth        string `json:"date_of_birth"`
		Nationality        string `json:"nationality"`
		RegistrationNumber string `json:"registration_number"`
		TaxID              string `json:"tax_id"`
		Address            struct {
			City    string `json:"city"`
			Country string `json:"country"`
		} `json:"address"`
	}
	place := crypto.Place{Merchant: merchant, Object: row.BeneficiaryID, Field: "beneficiaries.private_data"}
	text, err := e.Keys.Open(place, row.PrivateData)
	if err != nil {
		return screening.Query{}, err
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return screening.Query{}, fmt.Errorf("read the private data of %s: %w", row.BeneficiaryID, err)
	}
	q := screening.Query{Name: fullName(row), Kind: kindOf(row.Type), Countries: []string{row.Country}}
	if row.MiddleName != nil && row.FirstName != nil && row.LastName != nil {
		// Lists often know a person without the middle name.
		q.Aliases = []string{*row.FirstName + " " + *row.LastName}
	}
	if known.DateOfBirth != "" {
		q.Births = []lists.Birth{{From: known.DateOfBirth}}
	}
	if known.Nationality != "" && known.Nationality != row.Country {
		q.Countries = append(q.Countries, known.Nationality)
	}
	for _, number := range []string{known.RegistrationNumber, known.TaxID} {
		if number != "" {
			q.Identifiers = append(q.Identifiers, lists.Identifier{Value: number})
		}
	}
	if known.Address.City != "" {
		q.Addresses = []lists.Address{{City: known.Address.City, Country: known.Address.Country}}
	}
	return q, nil
}

func kindOf(t db.PartyType) lists.Kind {
	switch t {
	case db.PartyTypeIndividual:
		return lists.Person
	case db.PartyTypeBusiness:
		return lists.Organisation
	}
	return lists.Unknown
}

func fullName(row db.EnginePartiesRow) string {
	var parts []string
	for _, part := range []*string{row.FirstName, row.MiddleName, row.LastName, row.CompanyName} {
		if part != nil {
			parts = append(parts, *part)
		}
	}
	return strings.Join(parts, " ")
}
