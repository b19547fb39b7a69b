package engine

import (
	"context"
	"encoding/json"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/unit"
)

// pairKey is a party as it was screened, and an entry as it is listed. With anything that changes on either side it is another one.
type pairKey struct{ role, subject, party, authority, entry, content string }

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
			pair, ok := pairs[pairKey{p.Role, p.Subject, string(p.hash), string(hit.Authority), hit.EntryID, hit.EntryHash}]
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

// alert queues a case for each hit that nobody has released.
func (j *judgement) alert(ctx context.Context, u *unit.Unit, merchant, verdict string) error {
	for _, p := range j.screening.Parties {
		for _, hit := range p.Hits {
			if hit.decision == screening.None {
				continue
			}
			finding, err := json.Marshal(hit)
			if err != nil {
				return fmt.Errorf("write the alert: %w", err)
			}
			inForce, err := json.Marshal(j.screening.Lists)
			if err != nil {
				return fmt.Errorf("write the alert: %w", err)
			}
			err = u.Queue(unit.Rows).ScreeningAlertInsert(ctx, db.ScreeningAlertInsertParams{
				MerchantID: merchant, ID: ids.New(ids.ScreeningAlert, u.Now), PayoutID: j.payout.ID, VerdictID: verdict,
				BeneficiaryID: j.payout.BeneficiaryID, Role: db.ScreenedRole(p.Role), SubjectID: p.Subject, PartyName: p.name, PartyHash: p.hash,
				Authority: string(hit.Authority), EntryID: hit.EntryID, EntryHash: hit.EntryHash, Decision: hit.decision.String(),
				Model: j.screening.Model, Finding: finding, Lists: inForce, CreatedAt: u.Now,
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// screenAgain refuses to release a payout while screening stands in its way: what was found when it was judged and is not released, or
// what the lists in force find now. Nothing of it is said but that there is something.
func (e *Engine) screenAgain(ctx context.Context, u *unit.Unit, merchant string, payout db.Payout) error {
	if err := e.Lists.Usable(); err != nil {
		return apierr.New(antonv1.ErrorCode_unavailable, "Payout %s cannot be released now: it cannot be checked. Try again later.", payout.ID)
	}
	open, err := u.Read().ScreeningUnreleased(ctx, merchant, payout.ID)
	if err != nil {
		return fmt.Errorf("read what screening found: %w", err)
	}
	if len(open) > 0 {
		return apierr.Conflict("Payout %s cannot be released: compliance has not cleared it.", payout.ID)
	}
	again := []judgement{{payout: payout}}
	if err := e.screen(ctx, u, merchant, again); err != nil {
		return err
	}
	if again[0].screening.decision != screening.None {
		return apierr.Conflict("Payout %s cannot be released: what compliance has cleared is not what it is now. Cancel it and send it again.", payout.ID)
	}
	return nil
}
