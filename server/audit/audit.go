// Package audit writes who did what to which object, in the transaction of the change. Rows are never altered and hold no personal
// data: ids, states, amounts, and nothing else.
//
// Apart from every call's path, a Sealer chains the committed rows of each merchant by hashes, Check.Verify finds the first thing that
// was changed since, and Export writes what somebody else needs to find it too.
package audit

import (
	"context"

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

// Record queues the row, with the unit's actor, time and request id.
func Record(ctx context.Context, u *unit.Unit, row Row) error {
	if row.Detail == nil {
		row.Detail = map[string]string{}
	}
	return u.Queue(unit.Audit).AuditInsert(ctx, db.AuditInsertParams{
		MerchantID: row.Merchant,
		ID:         ids.New(ids.Audit, u.Now),
		At:         u.Now,
		Actor:      u.Actor,
		Action:     row.Action,
		ObjectID:   row.Object,
		RequestID:  u.RequestID,
		Detail:     row.Detail,
	})
}
