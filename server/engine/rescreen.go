package engine

import (
	"context"
	"fmt"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// A Part of a list is the entries that a beneficiary is held against, each by the authority's id with its content hash.
type Part struct {
	Authority lists.Authority
	Entries   map[string]string
}

// has says whether the hit is on the part, as the part has the entry: one that was changed since is another version's.
func (p *Part) has(hit *foundEntry) bool {
	return hit.Authority == p.Authority && p.Entries[hit.EntryID] == hit.EntryHash
}

// Version is the version of the authority's list that this server screens with; empty where it screens with none.
func (e *Engine) Version(authority lists.Authority) string {
	if b := e.book.Load(); b != nil {
		return b.of[authority]
	}
	return ""
}

// A Finding is what screening finds of a beneficiary by itself, not of a payout to it.
type Finding struct {
	Decision screening.Decision
	screened screened
	row      db.Beneficiary
}

// Query is the beneficiary as it is compared. It fails where its private data cannot be read.
func (e *Engine) Query(row db.Beneficiary) (screening.Query, error) {
	return e.beneficiary(row.MerchantID, db.EnginePartiesRow{
		BeneficiaryID: row.ID, Type: row.Type, FirstName: row.FirstName, MiddleName: row.MiddleName, LastName: row.LastName,
		CompanyName: row.CompanyName, Country: row.Country, PrivateData: row.PrivateData,
	})
}

// ScreenBeneficiary looks a beneficiary up in the lists in force, as a payout to it would, and heeds the reviewed pairs. With a part of a list
// only hits on that part count. The scores are those of a payout, because the index is the same one.
func (e *Engine) ScreenBeneficiary(ctx context.Context, u *unit.Unit, row db.Beneficiary, query screening.Query, part *Part) (Finding, error) {
	f := Finding{row: row}
	b := e.book.Load()
	if b == nil {
		return f, fmt.Errorf("screen %s: the sanctions lists are not prepared", row.ID)
	}
	p, err := e.lookUp(b, party{"beneficiary", row.ID, query}, map[string]*screenedParty{})
	if err != nil {
		return f, err
	}
	if part != nil {
		var hits []foundEntry
		for i := range p.Hits {
			if part.has(&p.Hits[i]) {
				hits = append(hits, p.Hits[i])
			}
		}
		p.Hits = hits
		p.conclude()
	}
	if err := heedPairs(ctx, u, row.MerchantID, map[string]*screenedParty{"": p}); err != nil {
		return f, err
	}
	f.screened = screened{Model: screening.Model, Lists: b.versions, Parties: []*screenedParty{p}, book: b}
	f.screened.conclude()
	f.Decision = f.screened.decision
	return f, nil
}

// Cases are the alerts of what was found of a beneficiary: how many are new, and the first that is certain.
type Cases struct {
	New     int
	Certain string
}

// AlertOfRescreen queues the alerts of a finding by a re-screening.
func (f *Finding) AlertOfRescreen(ctx context.Context, u *unit.Unit, rescreen string) (Cases, error) {
	return f.alert(ctx, u, source{rescreen: &rescreen})
}

// AlertOfBlock queues the alerts of a finding that keeps a block from being lifted.
func (f *Finding) AlertOfBlock(ctx context.Context, u *unit.Unit, block string) (Cases, error) {
	return f.alert(ctx, u, source{block: &block})
}

func (f *Finding) alert(ctx context.Context, u *unit.Unit, of source) (Cases, error) {
	of.merchant, of.beneficiary, of.again = f.row.MerchantID, f.row.ID, true
	var all Cases
	err := f.screened.alert(ctx, u, of, func(hit *foundEntry, id string, isNew bool) {
		if isNew {
			all.New++
		}
		if hit.decision == screening.Certain && all.Certain == "" {
			all.Certain = id
		}
	})
	return all, err
}

// SelfTest looks every listed name up in the lists in force.
func (e *Engine) SelfTest(ctx context.Context) (SelfTest, error) {
	b := e.book.Load()
	if b == nil {
		return SelfTest{}, fmt.Errorf("test the screening: the sanctions lists are not prepared")
	}
	missed, err := b.index.Lost(ctx, 1, nil)
	return SelfTest{Lists: b.names, Names: b.index.Names(), Missed: missed}, err
}

// A SelfTest says which listed names do not find themselves.
type SelfTest struct {
	Lists  string // the versions
	Names  int
	Missed []screening.Lost
}
