package batches

import (
	"bytes"
	"context"
	"fmt"

	"github.com/antonpayments/anton/gen/db"
)

// A payee is somebody whom lines pay: a beneficiary that exists, or one that the line number creates first. id is empty until it exists.
type payee struct {
	id       string
	ref      string
	print    []byte // what it is known by: name and account
	first    int32  // the row that creates it; 0 where it existed before
	currency string // of one that is created
}

// payees finds out whom lines pay, with one query for many of them. Two lines that describe the same name and account pay the same one.
type payees struct {
	byID, byRef, byPrint map[string]*payee
}

func newPayees() *payees {
	return &payees{byID: map[string]*payee{}, byRef: map[string]*payee{}, byPrint: map[string]*payee{}}
}

// load reads the beneficiaries that the lines may mean.
func (p *payees) load(ctx context.Context, q *db.Queries, merchant string, lines []*line) error {
	look := db.BeneficiariesKnownParams{MerchantID: merchant, Ids: []string{}, ExternalRefs: []string{}, Fingerprints: [][]byte{}}
	for _, l := range lines {
		if id := l.cells.GetBeneficiaryId(); id != "" && p.byID[id] == nil {
			look.Ids = append(look.Ids, id)
		}
		if ref := l.cells.GetExternalRef(); ref != "" && p.byRef[ref] == nil {
			look.ExternalRefs = append(look.ExternalRefs, ref)
		}
		if l.newcomer != nil && p.byPrint[string(l.newcomer.Fingerprint)] == nil {
			look.Fingerprints = append(look.Fingerprints, l.newcomer.Fingerprint)
		}
	}
	if len(look.Ids)+len(look.ExternalRefs)+len(look.Fingerprints) == 0 {
		return nil
	}
	rows, err := q.BeneficiariesKnown(ctx, look)
	if err != nil {
		return fmt.Errorf("look for the beneficiaries: %w", err)
	}
	for _, row := range rows {
		if p.byID[row.ID] == nil { // one payee, however it is named
			p.byID[row.ID] = &payee{id: row.ID, print: row.Fingerprint}
		}
		one := p.byID[row.ID]
		if row.ExternalRef != nil {
			one.ref = *row.ExternalRef
			p.byRef[one.ref] = one
		}
		if row.Fingerprint != nil && row.Status == db.BeneficiaryStatusActive && p.byPrint[string(row.Fingerprint)] == nil {
			p.byPrint[string(row.Fingerprint)] = one
		}
	}
	return nil
}

// find finds whom the line pays, or says why that is nobody. Lines come in the order of the file.
func (p *payees) find(l *line) {
	ref := l.cells.GetExternalRef()
	switch {
	case l.cells.GetBeneficiaryId() != "":
		if l.who = p.byID[l.cells.GetBeneficiaryId()]; l.who == nil {
			l.refuse("beneficiary_id", "is not a beneficiary of yours", "")
		}
	case ref != "":
		p.findByRef(l, ref)
	case l.newcomer == nil: // what is wrong was said
	case p.byPrint[string(l.newcomer.Fingerprint)] != nil:
		l.who = p.byPrint[string(l.newcomer.Fingerprint)]
	default:
		p.add(l)
	}
	if l.who != nil && l.who.first != 0 && l.who.currency != l.cells.GetCurrency() {
		l.refuse("currency", fmt.Sprintf("is not %s, which row %d gives the account of this new beneficiary", l.who.currency, l.who.first), "")
	}
}

func (p *payees) findByRef(l *line, ref string) {
	one := p.byRef[ref]
	switch {
	case one == nil && l.newcomer == nil && firstDescribed(l.cells) == "":
		l.refuse("external_ref", "is not the reference of a beneficiary of yours", "Correct it, or fill in the columns of a new beneficiary, such as last_name and iban.")
	case one == nil && l.newcomer == nil: // what is wrong was said
	case one == nil:
		if twin := p.byPrint[string(l.newcomer.Fingerprint)]; twin != nil {
			l.refuse("external_ref", "is new, but "+twin.says()+" has the same name and account under another reference", "Use that reference, or leave external_ref empty.")
			return
		}
		p.add(l)
	case l.newcomer != nil && !bytes.Equal(one.print, l.newcomer.Fingerprint):
		l.refuse("external_ref", "is the reference of "+one.says()+", which has another name or account", "Leave the columns of new beneficiaries empty to pay that one, or choose another reference.")
	default:
		l.who = one
	}
}

func (p *payee) says() string {
	if p.id != "" {
		return "beneficiary " + p.id
	}
	return fmt.Sprintf("the beneficiary of row %d", p.first)
}

// add makes the line the one that creates whom it pays.
func (p *payees) add(l *line) {
	one := &payee{
		ref: l.cells.GetExternalRef(), print: l.newcomer.Fingerprint, first: l.number, currency: l.cells.GetCurrency(),
	}
	p.byPrint[string(one.print)] = one
	if one.ref != "" {
		p.byRef[one.ref] = one
	}
	l.who = one
}
