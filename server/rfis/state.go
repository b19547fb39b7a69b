package rfis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// A request's life. Every arrow is here, and again in the database's constraint rfi_arrow_exists.
//
//	open ─▶ responded ─▶ resolved      any of them ─▶ open, when we ask again
//	  │        │  ▲         ▲          open ─▶ resolved, when no answer is needed any more
//	  └────────┴──┼▶ escalated
//	              └────┘
var arrows = map[db.RfiStatus][]db.RfiStatus{
	db.RfiStatusOpen:      {db.RfiStatusResponded, db.RfiStatusResolved, db.RfiStatusEscalated},
	db.RfiStatusResponded: {db.RfiStatusOpen, db.RfiStatusResolved, db.RfiStatusEscalated},
	db.RfiStatusEscalated: {db.RfiStatusResponded, db.RfiStatusOpen, db.RfiStatusResolved},
	db.RfiStatusResolved:  {db.RfiStatusOpen},
}

// told are the events that announce the states; opening for the first time is rfi.created.
var told = map[db.RfiStatus]string{
	db.RfiStatusOpen:      "rfi.reopened",
	db.RfiStatusResponded: "rfi.responded",
	db.RfiStatusResolved:  "rfi.resolved",
	db.RfiStatusEscalated: "rfi.escalated",
}

// A step takes a request along one arrow.
type step struct {
	to        db.RfiStatus
	outcome   *db.RfiOutcome
	note      string
	response  []byte // encrypted
	documents []string
	due       *time.Time
}

// move is the only function that changes a request's state: the arrow is checked, the step and the new state are written from exactly
// the state the caller saw, the event tells the request as it then is, the audit row says who. The row is changed in memory as well.
func move(ctx context.Context, u *unit.Unit, row *db.Rfi, s step) error {
	if !slices.Contains(arrows[row.Status], s.to) {
		return apierr.Conflict("RFI %s is %s and cannot become %s.", row.ID, row.Status, s.to)
	}
	eventID := ids.New(ids.Event, u.Now)
	p := db.RfiMoveParams{
		MerchantID: row.MerchantID, At: u.Now, Actor: u.Actor, ID: row.ID, EventID: eventID, Seq: row.Seq, FromStatus: string(row.Status),
		ToStatus: string(s.to), Note: s.note, Response: s.response, DocumentIds: s.documents, DueAt: s.due,
	}
	if s.outcome != nil {
		word := string(*s.outcome)
		p.Outcome = &word
	}
	if p.DocumentIds == nil {
		p.DocumentIds = []string{}
	}
	if err := u.Queue(unit.Rows).RfiMove(ctx, p); err != nil {
		return err
	}
	from := row.Status
	apply(row, s, u)
	return tell(ctx, u, *row, eventID, told[s.to], from)
}

// apply changes the request in memory as rfi_move will change it in the database.
func apply(row *db.Rfi, s step, u *unit.Unit) {
	row.Status, row.Seq, row.UpdatedAt, row.Outcome = s.to, row.Seq+1, u.Now, s.outcome
	if s.note != "" {
		row.Note = s.note
	}
	if s.due != nil {
		row.DueAt = *s.due
	}
	row.ResolvedAt, row.ResolvedBy = nil, nil
	switch s.to {
	case db.RfiStatusOpen:
		row.OverdueAt = nil
	case db.RfiStatusResponded:
		row.Response, row.DocumentIds, row.RespondedAt = s.response, s.documents, &u.Now
	case db.RfiStatusResolved:
		row.ResolvedAt, row.ResolvedBy = &u.Now, &u.Actor
	case db.RfiStatusEscalated:
	}
}

// tell queues the event and the audit row of the step that led to the request's present state.
func tell(ctx context.Context, u *unit.Unit, row db.Rfi, eventID, kind string, from db.RfiStatus) error {
	object, err := publicProto(row)
	if err != nil {
		return err
	}
	err = events.Emit(ctx, u, events.Event{
		ID: eventID, Merchant: row.MerchantID, Type: kind, ObjectType: "rfi", ObjectID: row.ID, Sequence: row.Seq,
		PreviousStatus: string(from), Object: object,
	})
	if err != nil {
		return err
	}
	detail := map[string]string{"to": string(row.Status), "sequence": fmt.Sprint(row.Seq), "about": row.EntityID}
	if from != "" {
		detail["from"] = string(from)
	}
	if row.Outcome != nil {
		detail["outcome"] = string(*row.Outcome)
	}
	return audit.Record(ctx, u, audit.Row{Merchant: row.MerchantID, Action: "rfi.transition", Object: row.ID, Detail: detail})
}
