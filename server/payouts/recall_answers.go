package payouts

import (
	"context"
	"fmt"
	"maps"
	"slices"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/unit"
)

// recallsAnswered locks the recalls that the entries answer, by their payouts.
func recallsAnswered(
	ctx context.Context, u *unit.Unit, merchant string, payouts []string, entries []db.RailEntry,
) (map[string]*db.RecallsAnsweredLockRow, error) {
	if !slices.ContainsFunc(entries, func(e db.RailEntry) bool { return files.Kind(e.Kind).AnswersRecall() }) {
		return nil, nil
	}
	rows, err := u.Read().RecallsAnsweredLock(ctx, merchant, payouts)
	if err != nil {
		return nil, fmt.Errorf("lock the recalls: %w", err)
	}
	all := map[string]*db.RecallsAnsweredLockRow{}
	for i := range rows {
		all[rows[i].RailRecall.PayoutID] = &rows[i]
	}
	return all, nil
}

// judgeAnswer says what a bank's answer means to the recall: what it does to it, that it says nothing new, or that a person has to look.
func (f finding) judgeAnswer(kind files.Kind) (outcome, problem string) {
	switch {
	case f.recall == nil:
		return aCase, unknownRecall
	case f.recall.DeliveredAt == nil:
		return aCase, notSent
	case kind == files.RecallPending:
		return noted, "" // it stays open
	}
	status := opsv1.RecallStatus_Value(opsv1.RecallStatus_Value_value[f.recall.RailRecall.Status])
	yes := kind == files.RecallAccepted
	switch status {
	case opsv1.RecallStatus_sent:
		return applied, ""
	case opsv1.RecallStatus_closed:
		return noted, "" // a person ended it knowing that an answer could come
	case opsv1.RecallStatus_accepted, opsv1.RecallStatus_returned:
		if yes {
			return noted, ""
		}
	case opsv1.RecallStatus_rejected:
		if !yes {
			return noted, ""
		}
	default:
	}
	return aCase, contradiction
}

// answerRecall writes down the bank's yes or no. Neither moves money: what comes back is an entry of its own.
func answerRecall(ctx context.Context, u *unit.Unit, f finding, kind files.Kind) error {
	r := f.recall.RailRecall
	p := db.RecallAnswerParams{
		MerchantID: r.MerchantID, ID: r.ID, Seq: r.Seq + 1, FromStatus: &r.Status, Status: opsv1.RecallStatus_accepted.String(),
		AnswerCode: &f.entry.Code, AnsweredAt: &u.Now, Actor: u.Actor,
	}
	if kind == files.RecallRejected {
		p.Status, p.EndedAt = opsv1.RecallStatus_rejected.String(), &u.Now
	}
	if err := u.Queue(unit.Rows).RecallAnswer(ctx, p); err != nil {
		return err
	}
	return recordRecall(ctx, u, r, p.Status, map[string]string{"answer_code": f.entry.Code, "entry_id": f.entry.ID})
}

// An endedPayment is a payout whose payment came back, or was refused before it was made.
type endedPayment struct {
	payout *db.Payout
	how    rails.Kind
}

// endRecalls ends the recalls of payments that ended: the money is back, or never left.
func (w *Worker) endRecalls(ctx context.Context, u *unit.Unit, merchant string, ended []endedPayment) error {
	var payouts []string
	how := map[string]rails.Kind{}
	for _, e := range ended {
		rail, ok := w.Rails.Named(e.payout.Rail).(*files.Rail)
		if ok && rail.Recalls() != nil {
			payouts, how[e.payout.ID] = append(payouts, e.payout.ID), e.how
		}
	}
	if len(payouts) == 0 {
		return nil
	}
	open, err := u.Read().RecallsOpenLock(ctx, merchant, payouts)
	if err != nil {
		return fmt.Errorf("lock the recalls: %w", err)
	}
	for _, r := range open {
		status := opsv1.RecallStatus_returned
		if how[r.PayoutID] == rails.Returned {
			err = u.Queue(unit.Rows).RecallReturned(ctx, db.RecallReturnedParams{
				MerchantID: merchant, ID: r.ID, Seq: r.Seq + 1, FromStatus: &r.Status, At: &u.Now, Actor: u.Actor,
			})
		} else {
			status = opsv1.RecallStatus_closed
			err = closeRecall(ctx, u, &r, byRail+":"+r.Rail, "The payment was refused before it was made.")
		}
		if err != nil {
			return err
		}
		if err := recordRecall(ctx, u, r, status.String(), nil); err != nil {
			return err
		}
	}
	return nil
}

// recordRecall writes what became of a recall into the audit log.
func recordRecall(ctx context.Context, u *unit.Unit, r db.RailRecall, status string, detail map[string]string) error {
	row := audit.Row{Merchant: r.MerchantID, Action: "recall." + status, Object: r.ID, Detail: map[string]string{"payout_id": r.PayoutID}}
	maps.Copy(row.Detail, detail)
	return audit.Record(ctx, u, row)
}
