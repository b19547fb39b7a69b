package webhooks

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/unit"
)

const (
	// scanEvery is how long a delivery waits at most when nobody says that it is due: one that another server made, or a retry.
	scanEvery = 250 * time.Millisecond
	// lease is how long a delivery belongs to who claimed it: an attempt, its record and some more. After it anybody may claim it.
	lease = 30 * time.Second
	// lanesAtOnce is how many webhooks are asked for in one claim.
	lanesAtOnce = 200
	// recordAtMost is how many attempts are recorded in one transaction.
	recordAtMost = 200
	// stopWithin is how long attempts that are under way have when the server stops; another server makes them again.
	stopWithin = 5 * time.Second
	// pruneEvery and pruneSlice are how often and how much of what is too old is removed.
	pruneEvery, pruneSlice = time.Minute, 1000
)

// A Deliverer makes the attempts. Deliveries are their own queue: due_at says when the next attempt on one is due, so a server that stops
// anywhere leaves nothing behind that another would not find. Any number may run, on any number of servers.
//
//  1. A delivery is claimed: due again when the lease ends, in one statement. If we stop here, it is attempted after that.
//  2. It is sent, outside any transaction. If we stop here, the receiver has it and gets it again.
//  3. In a transaction the answer is recorded: the attempt, the delivery's end or next attempt, and the object's next event is let go.
type Deliverer struct {
	runner *unit.Runner
	keys   *crypto.Keys
	log    *slog.Logger
	client *http.Client
	lanes  *lanes
	wake   chan struct{}
}

// DelivererConfig is what a Deliverer works with. Loopback lets it call this machine, for the sandbox. A nil Resolver is the system's.
type DelivererConfig struct {
	Runner   *unit.Runner
	Keys     *crypto.Keys
	Log      *slog.Logger
	Loopback bool
	Resolver *net.Resolver
}

// NewDeliverer makes a deliverer.
func NewDeliverer(c DelivererConfig) *Deliverer {
	return &Deliverer{
		runner: c.Runner, keys: c.Keys, log: c.Log, client: newGuard(c.Loopback).client(c.Resolver), lanes: newLanes(), wake: make(chan struct{}, 1),
	}
}

// Told says that something of the webhooks is due. It never blocks.
func (d *Deliverer) Told(keys ...events.WebhookKey) {
	d.lanes.told(keys...)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends; the attempts that are under way then have a few seconds to end.
func (d *Deliverer) Run(ctx context.Context) {
	attempts, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	outcomes := make(chan outcome, maxInFlight)
	var sending, recording sync.WaitGroup
	recording.Go(func() { d.recordAll(outcomes) })
	recording.Go(func() { d.tidy(ctx) })
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for scan := true; ctx.Err() == nil; {
		jobs, err := d.claim(ctx, scan)
		if err != nil && ctx.Err() == nil {
			d.log.Error("claim deliveries", slog.Any("cause", err))
		}
		for _, j := range jobs {
			sending.Go(func() {
				if o := d.attempt(attempts, j); o.ok() || attempts.Err() == nil { // what we broke off was no failure of the receiver's
					outcomes <- o
				}
			})
		}
		select {
		case <-ctx.Done():
		case <-d.wake:
			scan = false
		case <-tick.C:
			scan = true
		}
	}
	late := time.AfterFunc(stopWithin, abandon)
	sending.Wait()
	late.Stop()
	close(outcomes)
	recording.Wait()
	d.client.CloseIdleConnections()
}

// RunOnce makes all attempts that are due now, until none is, and returns how many it made.
func (d *Deliverer) RunOnce(ctx context.Context) (made int, err error) {
	if err := d.endDisabled(ctx); err != nil {
		return 0, err
	}
	for {
		jobs, err := d.claim(ctx, true)
		if err != nil || len(jobs) == 0 {
			return made, err
		}
		batch := make([]outcome, len(jobs))
		var sending sync.WaitGroup
		for i, j := range jobs {
			sending.Go(func() { batch[i] = d.attempt(ctx, j) })
		}
		sending.Wait()
		made += len(jobs)
		if err := d.record(ctx, batch); err != nil {
			return made, err
		}
	}
}

// A job is a delivery that was claimed, with all that an attempt needs.
type job = db.DeliveriesClaimRow

func keyOf(j job) events.WebhookKey {
	return events.WebhookKey{Merchant: j.MerchantID, ID: j.WebhookID}
}

// claim takes due deliveries, of each webhook as many as its lane has room for. scan looks for webhooks that nobody told of.
func (d *Deliverer) claim(ctx context.Context, scan bool) ([]job, error) {
	q, now := db.New(d.runner.Pool), d.runner.Now()
	if scan {
		waiting, err := q.WebhooksWaiting(ctx, &now, 10_000)
		if err != nil {
			return nil, fmt.Errorf("look for webhooks with something due: %w", err)
		}
		for _, w := range waiting {
			d.lanes.told(events.WebhookKey{Merchant: w.MerchantID, ID: w.WebhookID})
		}
	}
	var all []job
	for {
		open := d.lanes.rooms(lanesAtOnce)
		if len(open) == 0 {
			return all, nil
		}
		until := now.Add(lease)
		ask := db.DeliveriesClaimParams{Now: &now, LeaseUntil: &until}
		for _, r := range open {
			ask.Merchants, ask.Webhooks, ask.Rooms = append(ask.Merchants, r.key.Merchant), append(ask.Webhooks, r.key.ID), append(ask.Rooms, int32(r.free))
		}
		jobs, err := q.DeliveriesClaim(ctx, ask)
		filled := map[events.WebhookKey]int{}
		for _, j := range jobs {
			filled[keyOf(j)]++
		}
		d.lanes.begun(open, filled)
		if err != nil {
			return all, fmt.Errorf("claim deliveries: %w", err)
		}
		all = append(all, jobs...)
	}
}

// recordAll records outcomes as they come, many in one transaction when many come.
func (d *Deliverer) recordAll(outcomes <-chan outcome) {
	ctx := context.Background() // what was sent is recorded, also when the server stops
	for first := range outcomes {
		batch := []outcome{first}
		for more := true; more && len(batch) < recordAtMost; {
			select {
			case o, ok := <-outcomes:
				if more = ok; ok {
					batch = append(batch, o)
				}
			default:
				more = false
			}
		}
		if err := d.record(ctx, batch); err != nil {
			// Nothing is lost: when the leases end the deliveries are attempted again.
			d.log.Error("record deliveries", slog.Int("attempts", len(batch)), slog.Any("cause", err))
		}
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// tidy ends what waits for disabled webhooks and removes what is too old, until ctx ends.
func (d *Deliverer) tidy(ctx context.Context) {
	end, prune := time.NewTicker(time.Second), time.NewTicker(pruneEvery)
	defer end.Stop()
	defer prune.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			err = d.endDisabled(ctx)
		case <-prune.C:
			d.lanes.forget()
			_, err = d.Prune(ctx)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Error("tidy deliveries", slog.Any("cause", err))
		}
	}
}

// endDisabled gives up what waits for webhooks that are disabled.
func (d *Deliverer) endDisabled(ctx context.Context) error {
	for {
		n, err := db.New(d.runner.Pool).DeliveriesEndDisabled(ctx, d.runner.Now(), pruneSlice)
		if err != nil {
			return fmt.Errorf("give up deliveries to disabled webhooks: %w", err)
		}
		if n < pruneSlice {
			return nil
		}
	}
}

// How long events and attempts are kept, as the contract promises.
const eventsKept, attemptsKept = 90 * 24 * time.Hour, 30 * 24 * time.Hour

// Prune removes a bounded part of what is too old and returns how many slices held something.
func (d *Deliverer) Prune(ctx context.Context) (slices int, err error) {
	now := d.runner.Now()
	for slices < 20 {
		n, err := db.New(d.runner.Pool).WebhooksPrune(ctx, db.WebhooksPruneParams{
			EventsBefore: now.Add(-eventsKept), AttemptsBefore: now.Add(-attemptsKept), RowLimit: pruneSlice,
		})
		if err != nil {
			return slices, fmt.Errorf("remove old events and attempts: %w", err)
		}
		if n == 0 {
			return slices, nil
		}
		slices++
	}
	return slices, nil
}
