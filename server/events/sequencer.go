package events

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

const (
	// placeEvery is how long a committed event waits at most for its place.
	placeEvery = 100 * time.Millisecond
	// placeAgain is the pause after a round that placed something: long enough that the next one has something to do.
	placeAgain = 10 * time.Millisecond
	// placeSlice is how many events are placed in one transaction.
	placeSlice = 1000
)

// A Sequencer gives committed events their places in their merchants' feeds, and makes the deliveries to the webhooks that listen, in one
// transaction. It is off the path of every call. Any number may run, on any number of servers: the feed's row is locked while it is
// written. An event that is committed late gets a late place; none is left out, so a reader who has seen a place has seen all before it.
type Sequencer struct {
	Runner *unit.Runner
	Log    *slog.Logger
	// Placed hears, after the commit, whose feeds have grown and for which webhooks deliveries were made. It must not block.
	Placed func(merchants []string, webhooks []WebhookKey)

	asking sync.Mutex
	next   *round // that has not begun; who asks now shares it

	mu sync.Mutex // one round at a time
	// from is the first transaction whose events may lack a place. Zero: look through all events, as after a start. See audit.Sealer.
	from int64
}

// A WebhookKey names a webhook.
type WebhookKey struct{ Merchant, ID string }

// NewSequencer makes a sequencer.
func NewSequencer(runner *unit.Runner, log *slog.Logger, placed func([]string, []WebhookKey)) *Sequencer {
	return &Sequencer{Runner: runner, Log: log, Placed: placed}
}

// Run places events until ctx ends. If it stops anywhere, another sequencer finds what has no place.
func (s *Sequencer) Run(ctx context.Context) {
	for {
		n, err := s.RunOnce(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("place events", slog.Any("cause", err))
		}
		pause := placeEvery
		if n > 0 && err == nil {
			pause = placeAgain
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// RunOnce places all events that are committed now and returns how many it placed.
func (s *Sequencer) RunOnce(ctx context.Context) (placed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	placed, _, err = s.look(ctx)
	return placed, err
}

// look places all events that are committed now. all says that none of them is left, for another sequencer or for one that must come
// before it.
func (s *Sequencer) look(ctx context.Context) (placed int, all bool, err error) {
	q := db.New(s.Runner.Pool)
	horizon, err := q.EventHorizon(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("look which transactions are running: %w", err)
	}
	slice := db.EventsUnplacedParams{AfterXid: s.from - 1, BeforeXid: horizon.Begun, RowLimit: placeSlice}
	if s.from == 0 || horizon.Finished < s.from {
		// All of them, whatever the numbers say: rows of a restored database may have any.
		slice.AfterXid, slice.BeforeXid = -1, math.MaxInt64
	}
	for all = true; ; {
		rows, err := q.EventsUnplaced(ctx, slice)
		if err != nil {
			return placed, false, fmt.Errorf("read events without a place: %w", err)
		}
		n, err := s.place(ctx, rows)
		placed, all = placed+n, all && n == len(rows)
		if err != nil {
			return placed, false, err
		}
		if len(rows) == placeSlice {
			last := rows[len(rows)-1]
			slice.AfterXid, slice.AfterMerchant, slice.AfterID = last.Xid, last.MerchantID, last.ID
			continue
		}
		if all {
			s.from = horizon.Finished // otherwise the next round looks at the same rows again
		}
		return placed, all, nil
	}
}

// place gives a slice of events their places, in one transaction:
//
//  1. The feeds are locked; those that another sequencer is writing are left to it.
//  2. What still has no place is read again. An event whose object's event before it must come first waits for it.
//  3. What is pending for the same objects is locked, so that nobody ends it unseen while its successors are made.
//  4. Places and deliveries are written.
func (s *Sequencer) place(ctx context.Context, rows []db.EventsUnplacedRow) (int, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	var written *slab
	err := s.Runner.Do(ctx, unit.Who{Actor: "events"}, false, func(ctx context.Context, u *unit.Unit) (err error) {
		written, err = s.write(ctx, u, rows)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(written.places.Ids) > 0 {
		s.Placed(slices.Compact(slices.Sorted(slices.Values(written.places.Merchants))), written.webhooks)
	}
	return len(written.places.Ids), nil
}

// A slab is what one transaction writes.
type slab struct {
	places     db.EventsPlaceParams
	deliveries db.DeliveriesMakeParams
	webhooks   []WebhookKey
}

func (s *Sequencer) write(ctx context.Context, u *unit.Unit, rows []db.EventsUnplacedRow) (*slab, error) {
	var merchants []string
	ofMerchant := map[string][]string{}
	for _, row := range rows {
		if ofMerchant[row.MerchantID] == nil {
			merchants = append(merchants, row.MerchantID)
		}
		ofMerchant[row.MerchantID] = append(ofMerchant[row.MerchantID], row.ID)
	}
	if err := u.Ahead(nil).EventFeedsOpen(ctx, merchants); err != nil {
		return nil, err
	}
	feeds, err := u.Read().EventFeedsLock(ctx, merchants)
	if err != nil || len(feeds) == 0 {
		return &slab{}, err
	}
	last := map[string]int64{}
	var ofMerchants, eventIDs []string
	for _, feed := range feeds {
		last[feed.MerchantID] = feed.LastPosition
		for _, id := range ofMerchant[feed.MerchantID] {
			ofMerchants, eventIDs = append(ofMerchants, feed.MerchantID), append(eventIDs, id)
		}
	}
	events, err := u.Read().EventsToPlace(ctx, eventIDs, ofMerchants)
	if err != nil {
		return nil, fmt.Errorf("read the events to place: %w", err)
	}
	events = inOrder(events)
	out := &slab{}
	for _, e := range events {
		last[e.MerchantID]++
		out.places.Merchants = append(out.places.Merchants, e.MerchantID)
		out.places.Ids = append(out.places.Ids, e.ID)
		out.places.Positions = append(out.places.Positions, last[e.MerchantID])
	}
	if len(events) == 0 {
		return out, nil
	}
	if err := out.deliver(ctx, u, events); err != nil {
		return nil, err
	}
	return out, u.Queue(unit.Rows).EventsPlace(ctx, out.places)
}

type objectKey struct{ merchant, object string }

// inOrder leaves out what must wait, and puts the events of each object in the order of their numbers: a transaction's number says when
// it began to write, and one that began earlier may have written the later event.
func inOrder(rows []db.EventsToPlaceRow) []db.EventsToPlaceRow {
	byObject := map[objectKey][]db.EventsToPlaceRow{}
	waits := map[objectKey]bool{}
	for _, row := range rows {
		key := objectKey{row.MerchantID, row.ObjectID}
		byObject[key] = append(byObject[key], row)
		waits[key] = waits[key] || row.Awaits
	}
	for _, of := range byObject {
		slices.SortFunc(of, func(a, b db.EventsToPlaceRow) int { return int(a.Sequence - b.Sequence) })
	}
	var ordered []db.EventsToPlaceRow
	for _, row := range rows {
		key := objectKey{row.MerchantID, row.ObjectID}
		if !waits[key] {
			ordered = append(ordered, byObject[key][0])
			byObject[key] = byObject[key][1:]
		}
	}
	return ordered
}

// deliver queues a delivery of each event to each webhook that listens to it.
func (out *slab) deliver(ctx context.Context, u *unit.Unit, events []db.EventsToPlaceRow) error {
	rows, err := u.Read().WebhooksListening(ctx, slices.Compact(slices.Sorted(slices.Values(out.places.Merchants))))
	if err != nil {
		return fmt.Errorf("read who listens: %w", err)
	}
	listening := map[string][]db.WebhooksListeningRow{}
	for _, w := range rows {
		listening[w.MerchantID] = append(listening[w.MerchantID], w)
	}
	d := &out.deliveries
	d.Now = u.Now
	type line struct{ webhook, object string }
	begun, told := map[line]bool{}, map[WebhookKey]bool{}
	for _, e := range events {
		for _, w := range listening[e.MerchantID] {
			if !hears(w, e) {
				continue
			}
			at := line{w.ID, e.ObjectID}
			d.Merchants, d.Ids, d.Webhooks = append(d.Merchants, e.MerchantID), append(d.Ids, ids.New(ids.Delivery, u.Now)), append(d.Webhooks, w.ID)
			d.Events, d.Objects = append(d.Events, e.ID), append(d.Objects, e.ObjectID)
			d.Sequences, d.Firsts = append(d.Sequences, e.Sequence), append(d.Firsts, !begun[at])
			begun[at], told[WebhookKey{e.MerchantID, w.ID}] = true, true
		}
	}
	if len(d.Ids) == 0 {
		return nil
	}
	for key := range told {
		out.webhooks = append(out.webhooks, key)
	}
	_, err = u.Read().DeliveriesAheadLock(ctx, db.DeliveriesAheadLockParams{Merchants: d.Merchants, Webhooks: d.Webhooks, Objects: d.Objects})
	if err != nil {
		return fmt.Errorf("lock what is on its way: %w", err)
	}
	return u.Queue(unit.Work).DeliveriesMake(ctx, *d)
}

// hears says whether a webhook is told of the event: of what happened since it was made and it listens to; of a test, if it is its own.
// Since says the number of the transaction, because servers' clocks differ; or the time, because a restored database counts anew.
func hears(w db.WebhooksListeningRow, e db.EventsToPlaceRow) bool {
	if e.Type == TestType {
		return e.ObjectID == w.ID
	}
	since := e.Xid >= w.Xid || !e.CreatedAt.Before(w.CreatedAt)
	return since && Matches(w.Events, e.Type)
}
