// Package events tells what happened: one event a change, with the object as it was right after it, written in the transaction of the
// change. A change without its event, or an event without its change, cannot be committed.
package events

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// An Event is one change of one object. Object is the public message, which holds no bank details.
type Event struct {
	ID             string // empty: one is made
	Merchant       string
	Type           string // "payout.sent"
	ObjectType     string // "payout"
	ObjectID       string
	Sequence       int32 // from 1 for each object, without gaps
	PreviousStatus string
	Object         proto.Message
}

// form is how the object is written: as the REST API shows it.
var form = protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}

// Emit queues the event.
func Emit(ctx context.Context, u *unit.Unit, e Event) error {
	if e.ID == "" {
		e.ID = ids.New(ids.Event, u.Now)
	}
	row, err := e.row(u.Now)
	if err != nil {
		return err
	}
	return u.Queue(unit.Event).EventInsert(ctx, row)
}

// Proto is the event as the API shows it, at the time of its unit. The event must have its id.
func (e Event) Proto(at time.Time) (*antonv1.Event, error) {
	row, err := e.row(at)
	if err != nil {
		return nil, err
	}
	return toProto(db.Event{
		ID: row.ID, Type: row.Type, CreatedAt: row.CreatedAt, Sequence: row.Sequence, ObjectType: row.ObjectType, ObjectID: row.ObjectID,
		Data: row.Data, PreviousStatus: row.PreviousStatus,
	})
}

func (e Event) row(at time.Time) (db.EventInsertParams, error) {
	if !slices.Contains(Types, e.Type) {
		return db.EventInsertParams{}, fmt.Errorf("write event %s of %s: the type is not in events.Types", e.Type, e.ObjectID)
	}
	data, err := form.Marshal(e.Object)
	if err != nil {
		return db.EventInsertParams{}, fmt.Errorf("write event %s of %s: %w", e.Type, e.ObjectID, err)
	}
	row := db.EventInsertParams{
		MerchantID: e.Merchant,
		ID:         e.ID,
		Type:       e.Type,
		ObjectType: e.ObjectType,
		ObjectID:   e.ObjectID,
		Sequence:   e.Sequence,
		Data:       data,
		CreatedAt:  at,
	}
	if e.PreviousStatus != "" {
		row.PreviousStatus = &e.PreviousStatus
	}
	return row, nil
}
