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

// Emit writes the event at the end of the unit. What it tells is the object as it is now: the caller may change it afterwards.
func Emit(_ context.Context, u *unit.Unit, e Event) error {
	if e.ID == "" {
		e.ID = ids.New(ids.Event, u.Now)
	}
	data, err := e.data()
	if err != nil {
		return err
	}
	unit.Gather(u, told{e, data}, insert)
	return nil
}

// A told event waits for the end of its unit.
type told struct {
	Event
	data []byte
}

// insert queues all events of a unit as one statement.
func insert(ctx context.Context, u *unit.Unit, all []told) error {
	if len(all) == 1 {
		e := all[0]
		return u.Queue(unit.Event).EventInsert(ctx, db.EventInsertParams{
			MerchantID: e.Merchant, ID: e.ID, Type: e.Type, ObjectType: e.ObjectType, ObjectID: e.ObjectID, Sequence: e.Sequence,
			PreviousStatus: e.PreviousStatus, Data: string(e.data), CreatedAt: u.Now,
		})
	}
	p := db.EventsInsertParams{CreatedAt: u.Now}
	for _, e := range all {
		p.MerchantIds = append(p.MerchantIds, e.Merchant)
		p.Ids = append(p.Ids, e.ID)
		p.Types = append(p.Types, e.Type)
		p.ObjectTypes = append(p.ObjectTypes, e.ObjectType)
		p.ObjectIds = append(p.ObjectIds, e.ObjectID)
		p.Sequences = append(p.Sequences, e.Sequence)
		p.PreviousStatuses = append(p.PreviousStatuses, e.PreviousStatus)
		p.Datas = append(p.Datas, string(e.data))
	}
	return u.Queue(unit.Event).EventsInsert(ctx, p)
}

// Proto is the event as the API shows it, at the time of its unit. The event must have its id.
func (e Event) Proto(at time.Time) (*antonv1.Event, error) {
	data, err := e.data()
	if err != nil {
		return nil, err
	}
	row := db.Event{
		ID: e.ID, Type: e.Type, CreatedAt: at, Sequence: e.Sequence, ObjectType: e.ObjectType, ObjectID: e.ObjectID, Data: data,
	}
	if e.PreviousStatus != "" {
		row.PreviousStatus = &e.PreviousStatus
	}
	return toProto(row)
}

func (e Event) data() ([]byte, error) {
	if !slices.Contains(Types, e.Type) {
		return nil, fmt.Errorf("write event %s of %s: the type is not in events.Types", e.Type, e.ObjectID)
	}
	data, err := form.Marshal(e.Object)
	if err != nil {
		return nil, fmt.Errorf("write event %s of %s: %w", e.Type, e.ObjectID, err)
	}
	return data, nil
}
