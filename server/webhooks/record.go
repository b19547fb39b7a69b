package webhooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/unit"
)

// retries are the waits before the second attempt, the third, and so on; each is taken a tenth longer or shorter, so that what failed
// together is not sent together again.
var retries = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

// hopelessAfter is how long a webhook may do nothing but fail before it is disabled.
const hopelessAfter = 5 * 24 * time.Hour

// byWebhooks is who disables webhooks, in the audit log.
const byWebhooks = "webhooks"

// next is when a failed delivery is tried again; false when it was tried for the last time.
func (o outcome) next(now time.Time) (time.Time, bool) {
	if o.gone() || int(o.Tries) > len(retries) {
		return time.Time{}, false
	}
	wait := retries[o.Tries-1]
	wait += time.Duration((rand.Float64() - 0.5) / 5 * float64(wait))
	return now.Add(max(wait, o.retryAfter)), true
}

// record writes what attempts came to, in one transaction, and gives their places back.
func (d *Deliverer) record(ctx context.Context, batch []outcome) error {
	// In one order, so that two servers wait for each other and do not deadlock.
	slices.SortFunc(batch, func(a, b outcome) int {
		return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.ID, b.ID))
	})
	err := d.runner.Do(ctx, unit.Who{Actor: byWebhooks}, true, func(ctx context.Context, u *unit.Unit) error { return d.write(ctx, u, batch) })
	for _, o := range batch {
		d.lanes.ended(keyOf(o.job), o.ok(), true)
	}
	return err
}

func (d *Deliverer) write(ctx context.Context, u *unit.Unit, batch []outcome) error {
	var a db.AttemptsRecordParams
	r := db.DeliveriesRecordParams{Now: u.Now}
	for _, o := range batch {
		a.Merchants, a.Deliveries, a.Numbers = append(a.Merchants, o.MerchantID), append(a.Deliveries, o.ID), append(a.Numbers, o.Attempts)
		a.Times, a.Durations = append(a.Times, o.at), append(a.Durations, int32(o.took.Milliseconds()))
		a.Statuses, a.Bodies, a.Errors = append(a.Statuses, int32(o.status)), append(a.Bodies, o.body), append(a.Errors, o.err)
		status, due := "delivered", ""
		if !o.ok() {
			status = "failed"
			if at, again := o.next(u.Now); again {
				status, due = "pending", at.Format(time.RFC3339Nano)
			}
		}
		r.Outcomes, r.Due = append(r.Outcomes, status), append(r.Due, due)
	}
	r.Merchants, r.Ids, r.Numbers, r.Statuses, r.Errors = a.Merchants, a.Deliveries, a.Numbers, a.Statuses, a.Errors
	// Whoever makes further deliveries of the same objects waits here, and then sees that these have ended; or came first, and then the
	// statement below sees theirs.
	if _, err := u.Read().DeliveriesRecordLock(ctx, r.Merchants, r.Ids); err != nil {
		return fmt.Errorf("lock the deliveries: %w", err)
	}
	q := u.Queue(unit.Rows)
	if err := q.AttemptsRecord(ctx, a); err != nil {
		return err
	}
	if err := q.DeliveriesRecord(ctx, r); err != nil {
		return err
	}
	if err := q.DeliveriesRelease(ctx, db.DeliveriesReleaseParams{Now: &u.Now, Merchants: r.Merchants, Ids: r.Ids}); err != nil {
		return err
	}
	return d.health(ctx, u, batch)
}

// health notes which webhooks fail and which recovered, and disables those that are gone or hopeless.
func (d *Deliverer) health(ctx context.Context, u *unit.Unit, batch []outcome) error {
	took, gone := map[events.WebhookKey]bool{}, map[events.WebhookKey]bool{}
	for _, o := range batch {
		key := keyOf(o.job)
		took[key] = took[key] || o.ok()
		gone[key] = gone[key] || o.gone()
	}
	var well, ill db.WebhooksHopelessParams
	for _, key := range sorted(took) {
		to := &ill
		if took[key] {
			to = &well
		}
		to.Merchants, to.Ids = append(to.Merchants, key.Merchant), append(to.Ids, key.ID)
	}
	if len(well.Ids) > 0 {
		if err := u.Queue(unit.Work).WebhooksRecovered(ctx, well.Merchants, well.Ids); err != nil {
			return err
		}
	}
	if len(ill.Ids) == 0 {
		return nil
	}
	err := u.Queue(unit.Work).WebhooksFailing(ctx, db.WebhooksFailingParams{Now: &u.Now, Merchants: ill.Merchants, Ids: ill.Ids})
	if err != nil {
		return err
	}
	since := u.Now.Add(-hopelessAfter)
	ill.Since = &since
	hopeless, err := u.Read().WebhooksHopeless(ctx, ill)
	if err != nil {
		return fmt.Errorf("look for hopeless webhooks: %w", err)
	}
	why := map[events.WebhookKey]db.WebhookDisabledReason{}
	for _, row := range hopeless {
		why[events.WebhookKey{Merchant: row.MerchantID, ID: row.ID}] = db.WebhookDisabledReasonFailing
	}
	for key := range gone {
		if gone[key] {
			why[key] = db.WebhookDisabledReasonGone
		}
	}
	for _, key := range sorted(why) {
		if err := disable(ctx, u, key, why[key]); err != nil {
			return err
		}
	}
	return nil
}

func sorted[V any](of map[events.WebhookKey]V) []events.WebhookKey {
	var keys []events.WebhookKey
	for key := range of {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b events.WebhookKey) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.ID, b.ID))
	})
	return keys
}

// disable ends a webhook because of what it answered, and tells the merchant's other ones.
func disable(ctx context.Context, u *unit.Unit, key events.WebhookKey, why db.WebhookDisabledReason) error {
	row, err := u.Read().WebhookLock(ctx, key.Merchant, key.ID)
	if err != nil {
		return notFoundIsFine(err)
	}
	if row.Status != db.WebhookStatusActive {
		return nil
	}
	off(&row, why, u.Now)
	row.EventSequence++
	err = events.Emit(ctx, u, events.Event{
		Merchant: row.MerchantID, Type: events.DisabledType, ObjectType: "webhook", ObjectID: row.ID, Sequence: row.EventSequence,
		PreviousStatus: string(db.WebhookStatusActive), Object: toProto(row),
	})
	if err != nil {
		return err
	}
	err = audit.Record(ctx, u, audit.Row{
		Merchant: row.MerchantID, Action: "webhook.disable", Object: row.ID, Detail: map[string]string{"reason": string(why)},
	})
	if err != nil {
		return err
	}
	return update(ctx, u, row)
}

// notFoundIsFine: a webhook that was deleted meanwhile needs no disabling.
func notFoundIsFine(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return fmt.Errorf("lock the webhook: %w", err)
}
