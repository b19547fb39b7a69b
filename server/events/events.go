// Package events tells what happened: one event a change, with the object as it was right after it, written in the transaction of the
// change. A change without its event, or an event without its change, cannot be committed.
package events

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

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
	data, err := form.Marshal(e.Object)
	if err != nil {
		return fmt.Errorf("write event %s of %s: %w", e.Type, e.ObjectID, err)
	}
	if e.ID == "" {
		e.ID = ids.New(ids.Event, u.Now)
	}
	row := db.EventInsertParams{
		MerchantID: e.Merchant,
		ID:         e.ID,
		Type:       e.Type,
		ObjectType: e.ObjectType,
		ObjectID:   e.ObjectID,
		Sequence:   e.Sequence,
		Data:       data,
		CreatedAt:  u.Now,
	}
	if e.PreviousStatus != "" {
		row.PreviousStatus = &e.PreviousStatus
	}
	return u.Queue(unit.Event).EventInsert(ctx, row)
}
