package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/unit"
)

// pairKey is a party as it was screened, and an entry as it is listed. With anything that changes on either side it is another one.
type pairKey struct{ role, subject, party, authority, entry, content string }

func (p *screenedParty) key(hit *foundEntry) pairKey {
	return pairKey{p.Role, p.Subject, string(p.hash), string(hit.Authority), hit.EntryID, hit.EntryHash}
}

// heedPairs has the hits count as compliance decided on them: a false positive no more, a true match as certain.
func heedPairs(ctx context.Context, u *unit.Unit, merchant string, parties map[string]*screenedParty) error {
	var hashes [][]byte
	for _, p := range parties {
		if len(p.Hits) > 0 {
			hashes = append(hashes, p.hash)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	rows, err := u.Read().ScreeningPairsOf(ctx, merchant, hashes)
	if err != nil {
		return fmt.Errorf("read the reviewed pairs: %w", err)
	}
	pairs := map[pairKey]db.ScreeningPairsOfRow{}
	for _, r := range rows {
		pairs[pairKey{string(r.Role), r.SubjectID, string(r.PartyHash), r.Authority, r.EntryID, r.EntryHash}] = r
	}
	for _, p := range parties {
		for i := range p.Hits {
			hit := &p.Hits[i]
			pair, ok := pairs[p.key(hit)]
			switch {
			case !ok:
			case pair.Decision == db.ScreeningAlertStatusFalsePositive:
				hit.ReleasedBy, hit.decision = pair.ID, screening.None
			default:
				hit.ConfirmedBy, hit.decision = pair.ID, screening.Certain
			}
		}
		p.conclude()
	}
	return nil
}

// A source is what alerts are of: a payout's verdict, a re-screening, or a block that was to be lifted; one of them.
type source struct {
	merchant, beneficiary            string
	payout, verdict, rescreen, block *string
	again                            bool // some may be written already
}

// alert queues a case for each hit that nobody has released and that has none yet. It tells each, where anyone listens.
func (s *screened) alert(ctx context.Context, u *unit.Unit, of source, tell func(hit *foundEntry, id string, isNew bool)) error {
	for _, p := range s.Parties {
		known := map[pairKey]string{}
		if of.again && p.decision != screening.None {
			var err error
			if known, err = alertsOf(ctx, u, of, p); err != nil {
				return err
			}
		}
		for i := range p.Hits {
			hit := &p.Hits[i]
			if hit.decision == screening.None {
				continue
			}
			id, ok := known[p.key(hit)]
			if !ok {
				id = ids.New(ids.ScreeningAlert, u.Now)
				if err := queueAlert(ctx, u, of, id, s, p, hit); err != nil {
					return err
				}
			}
			if tell != nil {
				tell(hit, id, !ok)
			}
		}
	}
	return nil
}

// alertsOf are the alerts that there are of a party already, by what they are about.
func alertsOf(ctx context.Context, u *unit.Unit, of source, p *screenedParty) (map[pairKey]string, error) {
	rows, err := u.Read().ScreeningAlertsOfParty(ctx, db.ScreeningAlertsOfPartyParams{
		MerchantID: of.merchant, BeneficiaryID: of.beneficiary, PartyHash: p.hash, Role: db.ScreenedRole(p.Role), SubjectID: p.Subject, PayoutID: of.payout,
	})
	if err != nil {
		return nil, fmt.Errorf("read the alerts of %s: %w", of.beneficiary, err)
	}
	known := map[pairKey]string{}
	for _, r := range rows {
		known[pairKey{p.Role, p.Subject, string(p.hash), r.Authority, r.EntryID, r.EntryHash}] = r.ID
	}
	return known, nil
}

func queueAlert(ctx context.Context, u *unit.Unit, of source, id string, s *screened, p *screenedParty, hit *foundEntry) error {
	finding, err := json.Marshal(hit)
	if err != nil {
		return fmt.Errorf("write the alert: %w", err)
	}
	inForce, err := json.Marshal(s.Lists)
	if err != nil {
		return fmt.Errorf("write the alert: %w", err)
	}
	return u.Queue(unit.Rows).ScreeningAlertInsert(ctx, db.ScreeningAlertInsertParams{
		MerchantID: of.merchant, ID: id, PayoutID: of.payout, VerdictID: of.verdict, RescreenID: of.rescreen, BlockID: of.block,
		BeneficiaryID: of.beneficiary, Role: db.ScreenedRole(p.Role), SubjectID: p.Subject, PartyName: p.name, PartyHash: p.hash,
		Authority: string(hit.Authority), EntryID: hit.EntryID, EntryHash: hit.EntryHash, Decision: hit.decision.String(),
		Model: s.Model, Finding: finding, Lists: inForce, CreatedAt: u.Now,
	})
}
