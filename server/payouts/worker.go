package payouts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/unit"
)

// Worker moves payouts on: it has them judged, hands them to their rail, and asks the rail what became of them. Payouts are their own
// queue: due_at says when the next work on one is due, so a server that stops anywhere leaves nothing behind that another would not
// find. Any number of workers may run, on any number of servers.
type Worker struct {
	Runner *unit.Runner
	Engine *engine.Engine
	Rails  *rails.Registry
	Log    *slog.Logger
	// ReviewWithin is how long a payout waits in review before it is cancelled.
	ReviewWithin time.Duration

	mover  mover
	wake   chan struct{}
	turned atomic.Int64 // when it was last seen at work; as UnixNano, 0 before its first turn
}

// NewWorker makes a worker. keepHeld says that money of payouts which sanctions screening stopped stays held until compliance decides.
func NewWorker(runner *unit.Runner, e *engine.Engine, r *rails.Registry, keepHeld bool, log *slog.Logger) *Worker {
	return &Worker{
		Runner: runner, Engine: e, Rails: r, Log: log, ReviewWithin: reviewWithin, mover: mover{keepHeld: keepHeld, metrics: runner.Metrics}, wake: make(chan struct{}, 1),
	}
}

const (
	// pollEvery is how long a payout waits at most when nobody wakes the worker: one that another server created, or whose time came.
	pollEvery = 100 * time.Millisecond
	// sliceSize is how many payouts of a merchant are worked in one transaction.
	sliceSize = 100
	// merchantsAtOnce is how many merchants are worked at the same time.
	merchantsAtOnce = 4
	// askAfter is when a rail is asked about a payout that was handed over and not answered.
	askAfter = 5 * time.Second
	// retryAfter is the wait after a piece of work failed; it doubles up to retryAtMost.
	retryAfter, retryAtMost = time.Second, 5 * time.Minute
	// reviewWithin is how long a review may take, unless the operator says otherwise.
	reviewWithin = 7 * 24 * time.Hour
)

// Wake says that there is work now. It never blocks.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Turned is when the worker last began a turn or a slice of one, by the process's own clock: from how long ago that is one sees that it
// hangs. It is zero before the first turn.
func (w *Worker) Turned() time.Time {
	if at := w.turned.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

func (w *Worker) turn() { w.turned.Store(time.Now().UnixNano()) }

// Run works until ctx ends; the transactions that are under way then are finished.
func (w *Worker) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if _, err := w.RunOnce(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("payout worker", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
	}
}

// RunOnce works everything that is due now and returns how many pieces of work it did.
func (w *Worker) RunOnce(ctx context.Context) (int, error) {
	w.turn()
	merchants, err := db.New(w.Runner.Pool).PayoutMerchantsDue(ctx, w.Runner.Now())
	if err != nil {
		return 0, fmt.Errorf("look for due payouts: %w", err)
	}
	done := make([]int, len(merchants))
	var group errgroup.Group
	group.SetLimit(merchantsAtOnce)
	for i, merchant := range merchants {
		group.Go(func() error {
			ctx, span := w.Runner.Tracer.Start(ctx, "worker", trace.SpanKindInternal)
			// Each kind of work stands for itself: a list that is missing must not keep what was sent from being followed.
			var failed error
			for _, stage := range []stage{{"evaluate", w.evaluate}, {"submit", w.submit}, {"ask", w.ask}, {"expire reviews", w.expireReviews}} {
				n, err := w.run(ctx, stage, merchant)
				done[i] += n
				failed = errors.Join(failed, err)
			}
			span.End(failed)
			return failed
		})
	}
	err = group.Wait()
	total := 0
	for _, n := range done {
		total += n
	}
	return total, err
}

// A stage is one kind of work, under the name that metrics and traces give it.
type stage struct {
	name string
	do   func(ctx context.Context, merchant string) (int, error)
}

func (w *Worker) run(ctx context.Context, s stage, merchant string) (int, error) {
	ctx, span := w.Runner.Tracer.Start(ctx, "worker."+s.name, trace.SpanKindInternal)
	began := time.Now()
	n, err := s.do(ctx, merchant)
	if n > 0 {
		w.Runner.Metrics.Staged(s.name, began)
	}
	span.End(err)
	return n, err
}

// traced tells the context's span which payouts it is about. It is what ties the work on a payout to the call that created it, whose
// span names the same id: to link the two, a trace's id would have to be stored with every payout.
func traced(ctx context.Context, payouts []db.Payout) {
	span := observe.SpanOf(ctx)
	if !span.Traced() {
		return
	}
	var ids []string
	for _, p := range payouts {
		ids = append(ids, p.ID)
	}
	span.Set(attribute.StringSlice("anton.payout_ids", ids))
}

// inSlices does a piece of work on a merchant's due payouts in slices, until a slice is not full. A slice that fails is done again one
// by one, so that one payout's fault stays its own; that payout is postponed. When ctx ends, the slice under way is the last.
func (w *Worker) inSlices(ctx context.Context, merchant string, work func(ctx context.Context, limit int32) ([]db.Payout, error)) (int, error) {
	total := 0
	for limit := int32(sliceSize); ctx.Err() == nil; {
		w.turn()
		payouts, err := work(context.WithoutCancel(ctx), limit)
		switch {
		case err == nil:
			total += len(payouts)
			if len(payouts) < int(limit) {
				return total, nil
			}
		case unit.ConnectionLost(err) || len(payouts) == 0:
			return total, err
		case limit > 1:
			limit = 1
		default:
			if err := w.postpone(ctx, merchant, payouts[0], err); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// postpone puts off the work on a payout that failed, and says so loudly: it stays where it is, with its money held.
func (w *Worker) postpone(ctx context.Context, merchant string, p db.Payout, cause error) error {
	wait := min(retryAtMost, retryAfter<<min(p.Attempt, 16))
	w.Log.Error("work on a payout failed", slog.String("payout", p.ID), slog.String("status", string(p.Status)),
		slog.Int("attempt", int(p.Attempt)+1), slog.Duration("again_in", wait), slog.Any("cause", cause))
	due := w.Runner.Now().Add(wait)
	return db.New(w.Runner.Pool).PayoutPostpone(ctx, db.PayoutPostponeParams{MerchantID: merchant, ID: p.ID, Seq: p.Seq, DueAt: &due})
}

// evaluate has due payouts judged and moves them as the engine says, in one transaction a slice: judgement, reservation, transitions
// and the money that goes back commit together.
func (w *Worker) evaluate(ctx context.Context, merchant string) (int, error) {
	return w.inSlices(ctx, merchant, func(ctx context.Context, limit int32) ([]db.Payout, error) {
		var payouts []db.Payout
		err := w.Runner.Do(ctx, unit.Who{Merchant: merchant, Actor: byEngine}, false, func(ctx context.Context, u *unit.Unit) error {
			var err error
			payouts, err = u.Read().PayoutsDueLock(ctx, db.PayoutsDueLockParams{
				MerchantID: merchant, Now: u.Now, RowLimit: limit, Statuses: []string{"created", "pending_screening", "pending_approval"},
			})
			if err != nil || len(payouts) == 0 {
				return err
			}
			traced(ctx, payouts)
			verdicts, err := w.Engine.Evaluate(ctx, u, merchant, payouts)
			if err != nil {
				return err
			}
			if err := reviewAsked(ctx, u, merchant, payouts, verdicts); err != nil {
				return err
			}
			moving := slices.Clone(payouts) // payouts stays as it was, for postpone
			var steps []step
			for i := range moving {
				steps = append(steps, w.verdictSteps(&moving[i], verdicts[i], u.Now)...)
			}
			return w.mover.move(ctx, u, merchant, byEngine, steps...)
		})
		return payouts, err
	})
}

// reviewAsked sends to a person what the engine would clear while a request for information about it is not cleared. One that is opened
// while we look is met by payouts_move, and the unit is run again.
func reviewAsked(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout, verdicts []engine.Verdict) error {
	look := db.PayoutObstaclesParams{MerchantID: merchant}
	for i, v := range verdicts {
		if v.Outcome == engine.Clear {
			look.PayoutIds, look.VerdictIds = append(look.PayoutIds, payouts[i].ID), append(look.VerdictIds, v.ID)
		}
	}
	if len(look.PayoutIds) == 0 {
		return nil
	}
	obstacles, err := u.Read().PayoutObstacles(ctx, look)
	if err != nil {
		return fmt.Errorf("look for requests for information: %w", err)
	}
	for i := range verdicts {
		asked := slices.ContainsFunc(obstacles, func(o db.PayoutObstaclesRow) bool {
			// That it does not count yet is no obstacle: it will be counted with this very verdict.
			return o.PayoutID == payouts[i].ID && o.Obstacle == openRFI
		})
		if asked && verdicts[i].Outcome == engine.Clear {
			verdicts[i].Outcome, verdicts[i].Review = engine.Review, "rfi"
		}
	}
	return nil
}

// expireReviews cancels what nobody decided in time.
func (w *Worker) expireReviews(ctx context.Context, merchant string) (int, error) {
	return w.inSlices(ctx, merchant, func(ctx context.Context, limit int32) ([]db.Payout, error) {
		var payouts []db.Payout
		err := w.Runner.Do(ctx, unit.Who{Merchant: merchant, Actor: byEngine}, false, func(ctx context.Context, u *unit.Unit) error {
			var err error
			payouts, err = u.Read().PayoutsDueLock(ctx, db.PayoutsDueLockParams{
				MerchantID: merchant, Now: u.Now, RowLimit: limit, Statuses: []string{"manual_review"},
			})
			if err != nil || len(payouts) == 0 {
				return err
			}
			moving := slices.Clone(payouts) // payouts stays as it was, for postpone
			var steps []step
			for i := range moving {
				steps = append(steps, step{
					payout: &moving[i], to: db.PayoutStatusCancelled, note: "Nobody decided in time.",
					reason: reason{"review_expired", "The review ended without a release."},
				})
			}
			return w.mover.move(ctx, u, merchant, byEngine, steps...)
		})
		return payouts, err
	})
}

// verdictSteps is the way from where a payout is to where its verdict sends it.
func (w *Worker) verdictSteps(p *db.Payout, v engine.Verdict, now time.Time) []step {
	way := []db.PayoutStatus{db.PayoutStatusPendingScreening, db.PayoutStatusPendingApproval}
	last := step{verdict: v.ID}
	switch v.Outcome {
	case engine.ScreeningHit:
		way = way[:1]
		last.to = db.PayoutStatusScreeningFailed
		last.reason = complianceBlock
	case engine.VelocityBlock:
		last.to = db.PayoutStatusVelocityBlocked
		last.reason, last.limit = limitReason(v), v
	case engine.Review:
		last.to = db.PayoutStatusManualReview
		last.reason = reason{"under_review", "A person is looking at the payout. This usually takes minutes."}
		expires := now.Add(w.ReviewWithin)
		last.review, last.due = v.Review, &expires
	case engine.Clear:
		last.to, last.due = db.PayoutStatusApproved, &now
	}
	var steps []step
	passed := p.Status == db.PayoutStatusCreated
	for _, to := range way {
		if passed {
			steps = append(steps, step{payout: p, to: to})
		}
		passed = passed || p.Status == to
	}
	last.payout = p
	return append(steps, last)
}

// limitReason says in the merchant's words which limit stopped a payout. Of the operator's rules it says no more than that there is one.
func limitReason(v engine.Verdict) reason {
	text := "A velocity limit is reached."
	if v.Limit.Owner != "" {
		text = fmt.Sprintf("Your velocity rule %q stopped the payout.", v.Limit.Rule)
	}
	if v.ResetsAt != nil {
		text += " It resets at " + v.ResetsAt.Format(time.RFC3339) + "."
	}
	return reason{"velocity_limit", text}
}

// submit hands approved payouts to their rail.
//
//  1. In a transaction they become `processing`, and the time to ask about them is set. If we stop here, the rail is asked by our
//     key, knows nothing, and is handed the payout then. Those that must not leave any more fail in that transaction.
//  2. The rail is called, outside any transaction. If we stop here, or it does not answer, it is asked by our key.
//  3. In a transaction its answer is recorded.
func (w *Worker) submit(ctx context.Context, merchant string) (int, error) {
	return w.inSlices(ctx, merchant, func(ctx context.Context, limit int32) ([]db.Payout, error) {
		var claimed, moving []db.Payout
		err := w.Runner.Do(ctx, unit.Who{Merchant: merchant, Actor: byRail}, false, func(ctx context.Context, u *unit.Unit) error {
			var err error
			claimed, err = u.Read().PayoutsDueLock(ctx, db.PayoutsDueLockParams{
				MerchantID: merchant, Now: u.Now, RowLimit: limit, Statuses: []string{"approved"},
			})
			if err != nil || len(claimed) == 0 {
				return err
			}
			traced(ctx, claimed)
			moving = slices.Clone(claimed) // claimed stays as it was, for postpone
			return w.claim(ctx, u, merchant, moving)
		})
		if err != nil {
			return claimed, err
		}
		w.handOver(ctx, merchant, slices.DeleteFunc(moving, func(p db.Payout) bool { return p.Status != db.PayoutStatusProcessing }))
		return claimed, nil
	})
}

// handOver gives payouts that are `processing` to their rails and records the answers. What fails here is no failure of a payout:
// the rail will be asked.
func (w *Worker) handOver(ctx context.Context, merchant string, payouts []db.Payout) {
	byRail := map[string][]rails.Instruction{}
	for _, p := range payouts {
		in, err := w.instruction(ctx, p)
		if err != nil {
			w.Log.Error("prepare an instruction", slog.String("payout", p.ID), slog.Any("cause", err))
			continue
		}
		byRail[p.Rail] = append(byRail[p.Rail], in)
	}
	for name, instructions := range byRail {
		err := w.submitAndRecord(ctx, merchant, name, instructions)
		if err != nil {
			w.Log.Warn("a rail gave no answer; it will be asked", slog.String("rail", name), slog.Int("payouts", len(instructions)), slog.Any("cause", err))
		}
	}
}

func (w *Worker) instruction(ctx context.Context, p db.Payout) (rails.Instruction, error) {
	row, err := db.New(w.Runner.Pool).InstrumentGet(ctx, p.MerchantID, p.InstrumentID)
	if err != nil {
		return rails.Instruction{}, fmt.Errorf("read the instrument: %w", err)
	}
	return rails.Instruction{
		Merchant: p.MerchantID, Key: p.ID, Amount: p.DestAmount.Text('f'), Currency: p.DestCurrency, Method: p.Method, Last4: row.Instrument.Last4,
		Reference: p.Reference, Purpose: p.Purpose,
		Parties: func(ctx context.Context) (rails.Parties, error) { return w.parties(ctx, p.MerchantID, p.ID) },
	}, nil
}

func (w *Worker) submitAndRecord(ctx context.Context, merchant, name string, instructions []rails.Instruction) error {
	rail := w.Rails.Named(name)
	if rail == nil {
		return fmt.Errorf("this server does not run the rail %s", name)
	}
	statuses, err := w.speak(ctx, name, "submit", func(ctx context.Context) ([]rails.Status, error) { return rail.Submit(ctx, instructions) })
	if err != nil {
		return err
	}
	var keys []string
	for _, in := range instructions {
		keys = append(keys, in.Key)
	}
	return w.recordStatuses(ctx, merchant, name, keys, statuses)
}

// speak calls a rail, in a span, and notes how long it took to answer.
func (w *Worker) speak(ctx context.Context, rail, call string, do func(context.Context) ([]rails.Status, error)) ([]rails.Status, error) {
	ctx, span := w.Runner.Tracer.Start(ctx, "rail."+call, trace.SpanKindClient, attribute.String("anton.rail", rail))
	began := time.Now()
	statuses, err := do(ctx)
	w.Runner.Metrics.RailAnswered(rail, call, began, err)
	span.End(err)
	return statuses, err
}

// recordStatuses applies what a rail answered about keys, in one transaction.
func (w *Worker) recordStatuses(ctx context.Context, merchant, rail string, keys []string, statuses []rails.Status) error {
	byKey := map[string]rails.Status{}
	for i, key := range keys {
		byKey[key] = statuses[i]
	}
	return w.Runner.Do(ctx, unit.Who{Merchant: merchant, Actor: byRail + ":" + rail}, false, func(ctx context.Context, u *unit.Unit) error {
		payouts, err := u.Read().PayoutsLock(ctx, merchant, keys)
		if err != nil {
			return fmt.Errorf("lock the payouts: %w", err)
		}
		traced(ctx, payouts)
		var reports []report
		for i := range payouts {
			reports = append(reports, report{&payouts[i], byKey[payouts[i].ID]})
		}
		return w.applyReports(ctx, u, merchant, byRail, reports)
	})
}

// ask asks the rails about payouts that were handed over and are not final. One that its rail does not know was lost on the way and
// is handed over again, under the same key.
func (w *Worker) ask(ctx context.Context, merchant string) (int, error) {
	due, err := db.New(w.Runner.Pool).PayoutsDue(ctx, db.PayoutsDueParams{
		MerchantID: merchant, Now: w.Runner.Now(), RowLimit: 10 * sliceSize, Statuses: []string{"processing", "sent"},
	})
	if err != nil {
		return 0, fmt.Errorf("look for payouts to ask about: %w", err)
	}
	keys := map[string][]string{}
	for _, row := range due {
		keys[row.Rail] = append(keys[row.Rail], row.ID)
	}
	for name, keys := range keys {
		if err := w.askRail(context.WithoutCancel(ctx), merchant, name, keys); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

func (w *Worker) askRail(ctx context.Context, merchant, name string, keys []string) error {
	rail := w.Rails.Named(name)
	if rail == nil {
		return fmt.Errorf("this server does not run the rail %s", name)
	}
	statuses, err := w.speak(ctx, name, "ask", func(ctx context.Context) ([]rails.Status, error) { return rail.Ask(ctx, merchant, keys) })
	if err != nil {
		later := w.Runner.Now().Add(askAfter)
		err = fmt.Errorf("ask the rail %s: %w", name, err)
		return errors.Join(err, db.New(w.Runner.Pool).PayoutsAskLater(ctx, db.PayoutsAskLaterParams{MerchantID: merchant, Ids: keys, DueAt: &later}))
	}
	if err := w.recordStatuses(ctx, merchant, name, keys, statuses); err != nil {
		return err
	}
	var lost []db.Payout
	for i, key := range keys {
		if statuses[i].Known {
			continue
		}
		p, err := db.New(w.Runner.Pool).PayoutGet(ctx, merchant, key)
		if err != nil {
			return fmt.Errorf("read a payout that its rail does not know: %w", err)
		}
		if p.Status == db.PayoutStatusProcessing {
			lost = append(lost, p)
		}
	}
	if len(lost) > 0 {
		w.handOver(ctx, merchant, lost)
	}
	return nil
}

// next is when to ask a rail about the payout again: as the rail says, or in a while when it does not know it, or never.
func (w *Worker) next(u *unit.Unit, r report) *time.Time {
	if r.status.Known {
		return r.status.AskAgain
	}
	at := u.Now.Add(askAfter)
	return &at
}
