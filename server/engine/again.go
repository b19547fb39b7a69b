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

// screenAgain refuses to release a payout while screening stands in its way: what was found when it was judged and is not released, or
// what the lists in force find now. What it finds now is kept, with its alerts, whether the payout is released or not. Nothing of it is
// said to the caller but that there is something.
func (e *Engine) screenAgain(ctx context.Context, u *unit.Unit, merchant string, payout db.Payout) error {
	if err := e.Lists.Usable(); err != nil {
		return apierr.New(antonv1.ErrorCode_unavailable, "Payout %s cannot be released now: it cannot be checked. Try again later.", payout.ID)
	}
	open, err := u.Read().ScreeningUnreleased(ctx, merchant, payout.ID)
	if err != nil {
		return fmt.Errorf("read what screening found: %w", err)
	}
	notCleared := apierr.Conflict("Payout %s cannot be released: compliance has not cleared it.", payout.ID)
	if len(open) > 0 {
		return notCleared
	}
	again := []judgement{{payout: payout}}
	if err := e.screen(ctx, u, merchant, again); err != nil {
		return err
	}
	if again[0].screening.decision == screening.None {
		return again[0].storeSecond(ctx, u, merchant, db.ScreenedAtApproval)
	}
	// The payout is locked by this unit, so the refusal is written after it.
	return unit.Keep(func(ctx context.Context, u *unit.Unit) (refusal, err error) {
		return notCleared, again[0].storeSecond(ctx, u, merchant, db.ScreenedAtApproval)
	})
}

// ScreenAtClaim looks once more at approved payouts that are about to be handed to their rail, locked by the caller, and gives those that
// must not be: a list, the beneficiary or a decision of compliance is another one than when they were judged, and now somebody of them may
// be listed, or is blocked. It fails while the lists must not be used, so that payouts wait.
func (e *Engine) ScreenAtClaim(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) (stopped map[string]bool, err error) {
	b, err := e.inForce()
	if err != nil {
		return nil, err
	}
	changed, err := u.Read().PayoutsToScreenAgain(ctx, db.PayoutsToScreenAgainParams{MerchantID: merchant, PayoutIds: idsOf(payouts), Lists: b.names})
	if err != nil {
		return nil, fmt.Errorf("look what changed since the payouts were judged: %w", err)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	byID := map[string]db.Payout{}
	for _, p := range payouts {
		byID[p.ID] = p
	}
	again := make([]judgement, len(changed))
	for i, id := range changed {
		again[i].payout = byID[id]
	}
	if err := e.screen(ctx, u, merchant, again); err != nil {
		return nil, err
	}
	stopped = map[string]bool{}
	for i := range again {
		if err := again[i].storeSecond(ctx, u, merchant, db.ScreenedAtClaim); err != nil {
			return nil, err
		}
		if again[i].screening.decision != screening.None {
			stopped[again[i].payout.ID] = true
		}
	}
	return stopped, nil
}

// storeSecond queues what a second screening found, with the versions of the lists, and an alert of each hit that has none yet.
func (j *judgement) storeSecond(ctx context.Context, u *unit.Unit, merchant string, at db.ScreenedAt) error {
	text, err := json.Marshal(j.screening)
	if err != nil {
		return fmt.Errorf("write what screening found: %w", err)
	}
	err = u.Queue(unit.Rows).PayoutScreeningInsert(ctx, db.PayoutScreeningInsertParams{
		MerchantID: merchant, ID: ids.New(ids.Screening, u.Now), PayoutID: j.payout.ID, VerdictID: *j.payout.VerdictID, At: at,
		Decision: j.screening.Decision, Screening: text, CreatedAt: u.Now,
	})
	if err != nil {
		return err
	}
	of := source{merchant: merchant, beneficiary: j.payout.BeneficiaryID, payout: &j.payout.ID, verdict: j.payout.VerdictID, again: true}
	return j.screening.alert(ctx, u, of, nil)
}

func idsOf(payouts []db.Payout) []string {
	all := make([]string, len(payouts))
	for i, p := range payouts {
		all[i] = p.ID
	}
	return all
}
