package payouts

import (
	"context"
	"log/slog"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/unit"
)

// railWays says by which steps a rail's event takes a payout from where it is. A return that arrives while we still wait for the
// dispatch walks through `sent`; so does a settlement. No way: the event changes nothing.
var railWays = map[rails.Kind]map[db.PayoutStatus][]db.PayoutStatus{
	rails.Sent: {
		db.PayoutStatusApproved:   {db.PayoutStatusProcessing, db.PayoutStatusSent},
		db.PayoutStatusProcessing: {db.PayoutStatusSent},
	},
	rails.Settled: {
		db.PayoutStatusApproved:   {db.PayoutStatusProcessing, db.PayoutStatusSent, db.PayoutStatusCompleted},
		db.PayoutStatusProcessing: {db.PayoutStatusSent, db.PayoutStatusCompleted},
		db.PayoutStatusSent:       {db.PayoutStatusCompleted},
	},
	rails.Failed: {
		db.PayoutStatusApproved:   {db.PayoutStatusProcessing, db.PayoutStatusFailed},
		db.PayoutStatusProcessing: {db.PayoutStatusFailed},
		db.PayoutStatusSent:       {db.PayoutStatusFailed},
	},
	rails.Returned: {
		db.PayoutStatusApproved:   {db.PayoutStatusProcessing, db.PayoutStatusSent, db.PayoutStatusReturned},
		db.PayoutStatusProcessing: {db.PayoutStatusSent, db.PayoutStatusReturned},
		db.PayoutStatusSent:       {db.PayoutStatusReturned},
	},
}

// A report is all that a rail says of one payout.
type report struct {
	payout *db.Payout
	status rails.Status
}

// applyReports records what a rail says of payouts of one merchant and moves them accordingly. The payouts are locked. Events that
// were recorded before change nothing, whatever order they come in.
func (w *Worker) applyReports(ctx context.Context, u *unit.Unit, merchant, actor string, reports []report) error {
	known, err := knownEvents(ctx, u, merchant, reports)
	if err != nil {
		return err
	}
	var steps []step
	var ended []endedPayment
	for _, r := range reports {
		if r.payout.RailReference == nil && r.status.Known {
			if err := w.accept(ctx, u, r); err != nil {
				return err
			}
		}
		moved := false
		for _, e := range r.status.Events {
			if known[r.payout.ID+"\x00"+e.ID] {
				continue
			}
			err := u.Queue(unit.Rows).RailEventInsert(ctx, db.RailEventInsertParams{
				MerchantID: merchant, PayoutID: r.payout.ID, Rail: r.payout.Rail, EventID: e.ID, Kind: string(e.Kind),
				ReasonCode: e.Reason, ReceivedAt: u.Now,
			})
			if err != nil {
				return err
			}
			if e.Kind == rails.Returned || e.Kind == rails.Failed {
				ended = append(ended, endedPayment{r.payout, e.Kind})
			}
			if e.Kind == rails.Returned && r.payout.Status == db.PayoutStatusCompleted {
				if err := lateReturn(ctx, u, r.payout); err != nil {
					return err
				}
				continue
			}
			way := w.way(r.payout, steps, e)
			steps = append(steps, way...)
			moved = moved || len(way) > 0
		}
		if moved {
			steps[len(steps)-1].due = w.next(u, r)
			continue
		}
		if r.payout.Status != db.PayoutStatusProcessing && r.payout.Status != db.PayoutStatusSent {
			continue // it ended while we were asking
		}
		if err := u.Queue(unit.Work).PayoutSetDue(ctx, db.PayoutSetDueParams{MerchantID: merchant, ID: r.payout.ID, DueAt: w.next(u, r)}); err != nil {
			return err
		}
	}
	if err := w.endRecalls(ctx, u, merchant, ended); err != nil {
		return err
	}
	if len(steps) == 0 {
		return nil
	}
	return w.mover.move(ctx, u, merchant, actor, steps...)
}

func knownEvents(ctx context.Context, u *unit.Unit, merchant string, reports []report) (map[string]bool, error) {
	var payouts []string
	for _, r := range reports {
		payouts = append(payouts, r.payout.ID)
	}
	rows, err := u.Read().RailEventIDs(ctx, merchant, payouts)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, row := range rows {
		known[row.PayoutID+"\x00"+row.EventID] = true
	}
	return known, nil
}

// accept records that the rail took the payout, under its reference. It happens once: the instruction's key is the payout.
func (w *Worker) accept(ctx context.Context, u *unit.Unit, r report) error {
	r.payout.RailReference = &r.status.Reference
	err := u.Queue(unit.Rows).RailInstructionInsert(ctx, db.RailInstructionInsertParams{
		MerchantID: r.payout.MerchantID, PayoutID: r.payout.ID, Rail: r.payout.Rail, Reference: r.status.Reference, AcceptedAt: u.Now,
	})
	if err != nil {
		return err
	}
	return u.Queue(unit.Rows).PayoutAccepted(ctx, db.PayoutAcceptedParams{
		MerchantID: r.payout.MerchantID, ID: r.payout.ID, RailReference: r.payout.RailReference, DueAt: w.next(u, r),
	})
}

// lateReturn gives back the money of a completed payout that the bank sent back after all. The payout stays completed: it was. Its
// event takes the number after the last transition's, and the unique index payout_comes_back_once keeps it to one.
func lateReturn(ctx context.Context, u *unit.Unit, p *db.Payout) error {
	object, err := toProto(*p)
	if err != nil {
		return err
	}
	err = events.Emit(ctx, u, events.Event{
		Merchant: p.MerchantID, Type: "payout.late_return", ObjectType: "payout", ObjectID: p.ID, Sequence: p.Seq + 1,
		PreviousStatus: string(p.Status), Object: object,
	})
	if err != nil {
		return err
	}
	if err := audit.Record(ctx, u, audit.Row{Merchant: p.MerchantID, Action: "payout.late_return", Object: p.ID}); err != nil {
		return err
	}
	back, err := returned(ctx, u, p)
	if err != nil {
		return err
	}
	return ledger.Post(ctx, u, p.MerchantID, back...)
}

// way is the steps that the event takes the payout, given the steps it is about to take already.
func (w *Worker) way(p *db.Payout, taken []step, e rails.Event) []step {
	at := p.Status
	for _, s := range taken {
		if s.payout == p {
			at = s.to
		}
	}
	tos, ok := railWays[e.Kind][at]
	if !ok && !passed(at, e.Kind) {
		// Two final answers that contradict each other: the first one stands, a person has to look.
		w.Log.Error("a rail contradicts itself", slog.String("payout", p.ID), slog.String("status", string(at)), slog.String("event", string(e.Kind)))
	}
	var steps []step
	for _, to := range tos {
		steps = append(steps, step{payout: p, to: to})
	}
	if len(steps) > 0 {
		steps[len(steps)-1].reason = reason{e.Reason, e.Says}
	}
	return steps
}

// passed says whether a payout in the status has been where the event would take it.
func passed(s db.PayoutStatus, k rails.Kind) bool {
	switch k {
	case rails.Sent:
		return s == db.PayoutStatusSent || s == db.PayoutStatusCompleted || s == db.PayoutStatusReturned || s == db.PayoutStatusFailed
	case rails.Settled:
		return s == db.PayoutStatusCompleted
	case rails.Failed:
		return s == db.PayoutStatusFailed
	case rails.Returned:
		return s == db.PayoutStatusReturned
	}
	return false
}
