package payouts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/unit"
)

// A payout's life. Every arrow is here, and again in the database's constraint arrow_exists; nothing else changes a state.
//
//	created ─▶ pending_screening ─▶ pending_approval ─▶ approved ─▶ processing ─▶ sent ─▶ completed
//	   │              │                 │  │  │   ▲          └───────────────────▶ │ ├──▶ returned
//	   │              ▼                 │  │  │   │                  │             │ │
//	   │       screening_failed         │  │  ▼   │                  └─▶ failed ◀────┘
//	   ├──────────────────────────────────────▶ manual_review
//	   │                                │  ▼
//	   │                                │  velocity_blocked
//	   └──────────▶ cancelled ◀─────────┘   (also from pending_screening and manual_review)
var arrows = map[db.PayoutStatus][]db.PayoutStatus{
	db.PayoutStatusCreated:          {db.PayoutStatusPendingScreening, db.PayoutStatusManualReview, db.PayoutStatusCancelled},
	db.PayoutStatusPendingScreening: {db.PayoutStatusScreeningFailed, db.PayoutStatusPendingApproval, db.PayoutStatusCancelled},
	db.PayoutStatusPendingApproval: {
		db.PayoutStatusVelocityBlocked, db.PayoutStatusManualReview, db.PayoutStatusApproved, db.PayoutStatusCancelled,
	},
	db.PayoutStatusManualReview: {db.PayoutStatusApproved, db.PayoutStatusCancelled},
	db.PayoutStatusApproved:     {db.PayoutStatusProcessing, db.PayoutStatusSent},
	db.PayoutStatusProcessing:   {db.PayoutStatusSent, db.PayoutStatusFailed},
	db.PayoutStatusSent:         {db.PayoutStatusCompleted, db.PayoutStatusFailed, db.PayoutStatusReturned},
}

// leads says whether the table has the arrow.
func leads(from, to db.PayoutStatus) bool { return slices.Contains(arrows[from], to) }

// Who caused a transition, as a merchant reads it in the timeline.
const (
	byMerchant   = "merchant"
	byEngine     = "engine"
	byRail       = "rail"
	byOperations = "operations"
	bySandbox    = "sandbox"
)

// A reason is why a payout has its status, in the words a merchant may read.
type reason struct{ code, text string }

// A step takes a payout along one arrow. A payout may have several steps in one move; each starts where the one before ended.
type step struct {
	payout  *db.Payout
	to      db.PayoutStatus
	reason  reason
	verdict string         // the verdict that allows an approval
	due     *time.Time     // when the next work on it is due; nil: none is
	limit   engine.Verdict // of a velocity block: the verdict that names the limit
	review  string         // into review: what a person has to look at, for staff
	note    string         // out of review: why, in the words of who decided, for staff
}

// mover is what move needs beside the unit.
type mover struct {
	// keepHeld says that the money of a payout stopped by sanctions screening stays held until compliance decides. Where it is false
	// the money returns to the merchant at once.
	keepHeld bool
	metrics  *observe.Metrics
}

// move is the only function that changes a payout's state. For each step, in order: the arrow is checked, the transition and the new
// state are written from exactly the state the caller saw, the review queue is told, the event tells the payout as it then is, the audit row says who, the
// ledger transactions of the arrow are booked, and what the velocity rules had reserved, and the tiers of prices had counted, goes back where
// the payout will not be sent.
// The payouts are changed in memory as well. All in the unit: if we stop here, none of it happened.
func (m *mover) move(ctx context.Context, u *unit.Unit, merchant, actor string, steps ...step) error {
	p := db.PayoutMoveParams{MerchantID: merchant, At: u.Now, Actor: actor}
	var transactions []ledger.Transaction
	var freed []string
	for _, s := range steps {
		from := s.payout.Status
		if !leads(from, s.to) {
			return fmt.Errorf("payout %s: no arrow leads from %s to %s", s.payout.ID, from, s.to)
		}
		eventID := ids.New(ids.Event, u.Now)
		p.Ids = append(p.Ids, s.payout.ID)
		p.Seqs = append(p.Seqs, s.payout.Seq)
		p.Froms = append(p.Froms, string(from))
		p.Tos = append(p.Tos, string(s.to))
		p.ReasonCodes = append(p.ReasonCodes, s.reason.code)
		p.Reasons = append(p.Reasons, s.reason.text)
		p.EventIds = append(p.EventIds, eventID)
		p.VerdictIds = append(p.VerdictIds, s.verdict)
		p.DueAt = append(p.DueAt, dueText(s.due))
		apply(s, u.Now)
		if s.limit.Limit != nil {
			if err := nameLimit(ctx, u, s); err != nil {
				return err
			}
		}
		if err := tell(ctx, u, s.payout, eventID, from); err != nil {
			return err
		}
		booked, err := m.bookings(ctx, u, s)
		if err != nil {
			return err
		}
		transactions = append(transactions, booked...)
		if s.to == db.PayoutStatusCancelled || s.to == db.PayoutStatusFailed {
			freed = append(freed, s.payout.ID)
		}
	}
	if err := queueReviews(ctx, u, merchant, actor, steps, p.Froms); err != nil {
		return err
	}
	if err := u.Queue(unit.Transition).PayoutMove(ctx, p); err != nil {
		return err
	}
	u.AfterCommit(func() {
		for i := range p.Tos {
			m.metrics.Moved(p.Froms[i], p.Tos[i])
		}
	})
	if len(freed) > 0 {
		if err := u.Queue(unit.Work).VelocityWait(ctx, merchant); err != nil {
			return err
		}
		err := u.Queue(unit.Work).VelocityRelease(ctx, db.VelocityReleaseParams{MerchantID: merchant, PayoutIds: freed, ReleasedAt: &u.Now})
		if err != nil {
			return err
		}
	}
	if len(transactions) == 0 {
		return nil
	}
	if err := takeBackVolumes(ctx, u, merchant, steps, transactions); err != nil {
		return err
	}
	return ledger.Post(ctx, u, merchant, transactions...)
}

// nameLimit keeps with the payout which limit stopped it and until when. It is written after the transition, which it needs.
func nameLimit(ctx context.Context, u *unit.Unit, s step) error {
	p, limit := s.payout, s.limit
	p.VelocityResetsAt = limit.ResetsAt
	if limit.Limit.Owner != "" {
		p.VelocityRuleID = &limit.Limit.RuleID
	}
	return u.Queue(unit.Work).PayoutLimit(ctx, db.PayoutLimitParams{
		RuleID: p.VelocityRuleID, ResetsAt: p.VelocityResetsAt, MerchantID: p.MerchantID, ID: p.ID,
	})
}

// queueReviews queues what the steps mean to the review queue: a place in it, or the decision that ends it. payouts_move lets no payout
// out of its review without one.
func queueReviews(ctx context.Context, u *unit.Unit, merchant, actor string, steps []step, froms []string) error {
	opened := db.ReviewOpenParams{MerchantID: merchant, EnteredAt: u.Now}
	decided := db.ReviewDecideParams{MerchantID: merchant, DecidedBy: u.Actor, DecidedAt: u.Now}
	if actor == bySandbox {
		decided.DecidedBy = bySandbox // it plays a reviewer of the operator's, not the merchant that asks it to
	}
	for i, s := range steps {
		switch db.PayoutStatusManualReview {
		case s.to:
			opened.PayoutIds, opened.Reasons = append(opened.PayoutIds, s.payout.ID), append(opened.Reasons, s.review)
		case db.PayoutStatus(froms[i]):
			decided.PayoutIds = append(decided.PayoutIds, s.payout.ID)
			decided.Decisions, decided.Reasons = append(decided.Decisions, string(s.to)), append(decided.Reasons, s.note)
		}
	}
	if len(opened.PayoutIds) > 0 {
		if err := u.Queue(unit.Rows).ReviewOpen(ctx, opened); err != nil {
			return err
		}
	}
	if len(decided.PayoutIds) > 0 {
		return u.Queue(unit.Rows).ReviewDecide(ctx, decided)
	}
	return nil
}

// dueText is the time as payouts_move reads it; nothing where no work is due.
func dueText(due *time.Time) string {
	if due == nil {
		return ""
	}
	return due.Format(time.RFC3339Nano)
}

// apply changes the payout in memory as payouts_move will change it in the database.
func apply(s step, now time.Time) {
	p := s.payout
	p.Status, p.Seq, p.UpdatedAt, p.DueAt, p.Attempt = s.to, p.Seq+1, now, s.due, 0
	p.ReasonCode, p.Reason = s.reason.code, s.reason.text
	if s.verdict != "" {
		p.VerdictID = &s.verdict
	}
	switch s.to {
	case db.PayoutStatusScreeningFailed, db.PayoutStatusPendingApproval:
		p.ScreenedAt = &now
	case db.PayoutStatusApproved:
		p.ApprovedAt = &now
	case db.PayoutStatusProcessing:
		p.ProcessedAt = &now
	case db.PayoutStatusSent:
		p.SentAt = &now
	case db.PayoutStatusCompleted:
		p.CompletedAt = &now
	case db.PayoutStatusFailed:
		p.FailedAt = &now
	case db.PayoutStatusReturned:
		p.ReturnedAt = &now
	case db.PayoutStatusCancelled:
		p.CancelledAt = &now
	}
}

// tell queues the event and the audit row of the step that led to the payout's present state. The event's sequence is the step's.
func tell(ctx context.Context, u *unit.Unit, p *db.Payout, eventID string, from db.PayoutStatus) error {
	object, err := toProto(*p)
	if err != nil {
		return err
	}
	err = events.Emit(ctx, u, events.Event{
		ID: eventID, Merchant: p.MerchantID, Type: eventType(p.Status), ObjectType: "payout", ObjectID: p.ID, Sequence: p.Seq,
		PreviousStatus: string(from), Object: object,
	})
	if err != nil {
		return err
	}
	detail := map[string]string{"to": string(p.Status), "sequence": fmt.Sprint(p.Seq)}
	if from != "" {
		detail["from"] = string(from)
	}
	if p.ReasonCode != "" {
		detail["reason_code"] = p.ReasonCode
	}
	return audit.Record(ctx, u, audit.Row{Merchant: p.MerchantID, Action: "payout.transition", Object: p.ID, Detail: detail})
}

// eventType is the name of the event that announces a state: the state's own, but for pending_screening, which was published as
// payout.screening.
func eventType(s db.PayoutStatus) string {
	if s == db.PayoutStatusPendingScreening {
		return "payout.screening"
	}
	return "payout." + string(s)
}

// bookings are the ledger transactions that belong to the step's arrow. The hold itself belongs to the creation.
func (m *mover) bookings(ctx context.Context, u *unit.Unit, s step) ([]ledger.Transaction, error) {
	switch s.to {
	case db.PayoutStatusCompleted:
		return settled(s.payout)
	case db.PayoutStatusReturned:
		left, err := settled(s.payout) // the money had left
		if err != nil {
			return nil, err
		}
		back, err := returned(ctx, u, s.payout)
		return append(left, back...), err
	case db.PayoutStatusCancelled, db.PayoutStatusVelocityBlocked, db.PayoutStatusFailed:
		return released(s.payout)
	case db.PayoutStatusScreeningFailed:
		if m.keepHeld {
			return nil, nil
		}
		return released(s.payout)
	}
	return nil, nil
}

// released gives back what was held: nothing was sent.
func released(p *db.Payout) ([]ledger.Transaction, error) {
	total, err := money.Of(p.SourceCurrency, p.TotalDebited)
	if err != nil {
		return nil, err
	}
	return []ledger.Transaction{ledger.Release(p.ID, total)}, nil
}
