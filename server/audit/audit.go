// Package audit writes who did what to which object, in the transaction of the change. Rows are never altered and hold no personal
// data: ids, states, amounts, and nothing else.
//
// Apart from every call's path, a Sealer chains the committed rows of each merchant by hashes, Check.Verify finds the first thing that
// was changed since, and Export writes what somebody else needs to find it too.
package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// A Row is one thing done. Merchant is empty for the platform's own.
type Row struct {
	Merchant string
	Action   string
	Object   string
	Detail   map[string]string
}

// Record writes the row at the end of the unit, with its actor, time and request id.
func Record(_ context.Context, u *unit.Unit, row Row) error {
	detail := []byte("{}")
	if row.Detail != nil {
		var err error
		if detail, err = json.Marshal(row.Detail); err != nil {
			return fmt.Errorf("write the detail of %s: %w", row.Action, err)
		}
	}
	unit.Gather(u, recorded{row, string(detail)}, insert)
	return nil
}

// A recorded row waits for the end of its unit.
type recorded struct {
	Row
	detail string
}

// insert queues all rows of a unit as one statement.
func insert(ctx context.Context, u *unit.Unit, rows []recorded) error {
	if len(rows) == 1 {
		return u.Queue(unit.Audit).AuditInsert(ctx, db.AuditInsertParams{
			MerchantID: rows[0].Merchant, ID: ids.New(ids.Audit, u.Now), At: u.Now, Actor: u.Actor, Action: rows[0].Action,
			ObjectID: rows[0].Object, RequestID: u.RequestID, Detail: rows[0].detail,
		})
	}
	p := db.AuditInsertAllParams{At: u.Now, Actor: u.Actor, RequestID: u.RequestID}
	for _, row := range rows {
		p.MerchantIds = append(p.MerchantIds, row.Merchant)
		p.Ids = append(p.Ids, ids.New(ids.Audit, u.Now))
		p.Actions = append(p.Actions, row.Action)
		p.ObjectIds = append(p.ObjectIds, row.Object)
		p.Details = append(p.Details, row.detail)
	}
	return u.Queue(unit.Audit).AuditInsertAll(ctx, p)
}
