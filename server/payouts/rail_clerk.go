package payouts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/unit"
)

// RailClerk decides what banks' files mean. Each entry is decided once, with its payout locked: it is applied, says what is known already,
// came before in another file, or becomes a case for a person. Nothing is dropped. If we stop anywhere, the entries that are not decided
// are found again. Any number of clerks may run.
type RailClerk struct {
	Worker *Worker
	Log    *slog.Logger
}

const (
	clerkEvery   = 2 * time.Second
	entriesAtOne = 500 // entries that are looked at together
)

// Run decides until ctx ends.
func (c *RailClerk) Run(ctx context.Context) {
	tick := time.NewTicker(clerkEvery)
	defer tick.Stop()
	for {
		if _, err := c.RunOnce(ctx); err != nil && ctx.Err() == nil {
			c.Log.Error("decide what banks' files say", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce decides every entry that waits and returns how many. A file that fails keeps no other waiting.
func (c *RailClerk) RunOnce(ctx context.Context) (int, error) {
	waiting, err := db.New(c.Worker.Runner.Pool).RailFilesUnprocessed(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for files of banks: %w", err)
	}
	total := 0
	var failed error
	for _, file := range waiting {
		n, err := c.Process(ctx, file.Rail, file.ID, nil)
		total += n
		failed = errors.Join(failed, err)
	}
	return total, failed
}

// Process decides the entries of one file and returns how many. progress, where it is given, is told after each slice how many it were.
func (c *RailClerk) Process(ctx context.Context, rail, file string, progress func(int)) (total int, err error) {
	r, ok := c.Worker.Rails.Named(rail).(*files.Rail)
	if !ok {
		return 0, fmt.Errorf("this server does not run the rail %s, of which %s is", rail, file)
	}
	for ctx.Err() == nil {
		pending, err := db.New(c.Worker.Runner.Pool).RailEntriesPending(ctx, db.RailEntriesPendingParams{Rail: rail, FileID: file, RowLimit: entriesAtOne})
		if err != nil {
			return total, fmt.Errorf("read the entries of %s: %w", file, err)
		}
		if len(pending) == 0 {
			break
		}
		for merchant, entries := range sorted(pending) {
			if err := c.decide(context.WithoutCancel(ctx), r, merchant, entries); err != nil {
				return total, fmt.Errorf("decide entries of %s: %w", file, err)
			}
			total += len(entries)
			if progress != nil {
				progress(len(entries))
			}
		}
	}
	err = db.New(c.Worker.Runner.Pool).RailFileProcessed(ctx, db.RailFileProcessedParams{Rail: rail, ID: file, At: c.now()})
	return total, errors.Join(err, ctx.Err())
}

func (c *RailClerk) now() *time.Time {
	now := c.Worker.Runner.Now()
	return &now
}

// sorted sorts entries by whose payouts they are about; those of nobody's under "". Of a payout it takes one entry at a time: what
// the second means depends on what the first did.
func sorted(pending []db.RailEntriesPendingRow) map[string][]db.RailEntriesPendingRow {
	all, seen := map[string][]db.RailEntriesPendingRow{}, map[string]bool{}
	for _, row := range pending {
		if row.OrderPayoutID == "" {
			all[""] = append(all[""], row)
			continue
		}
		if !seen[row.OrderPayoutID] {
			seen[row.OrderPayoutID] = true
			all[row.OrderMerchantID] = append(all[row.OrderMerchantID], row)
		}
	}
	return all
}

// A finding is an entry with all that decides what it means.
type finding struct {
	entry   db.RailEntry
	payout  *db.Payout
	order   db.RailOrdersOfPayoutsRow
	recall  *db.RecallsAnsweredLockRow // the last recall of the payout that is in a file
	applied bool                       // this very message was applied before
	earlier bool                       // and that was before the recall went out
}

// decide decides entries about one merchant's payouts, or about nobody's, in one transaction.
func (c *RailClerk) decide(ctx context.Context, r *files.Rail, merchant string, pending []db.RailEntriesPendingRow) error {
	who := unit.Who{Merchant: merchant, Actor: byRail + ":" + r.Name()}
	return c.Worker.Runner.Do(ctx, who, false, func(ctx context.Context, u *unit.Unit) error {
		findings, err := c.find(ctx, u, r.Name(), merchant, pending)
		if err != nil {
			return err
		}
		for _, f := range findings {
			if _, err := c.conclude(ctx, u, r, f); err != nil {
				return fmt.Errorf("entry %s: %w", f.entry.ID, err)
			}
		}
		return nil
	})
}

// find locks the payouts, then the entries that are still not decided, and gathers what is known of both.
func (c *RailClerk) find(ctx context.Context, u *unit.Unit, rail, merchant string, pending []db.RailEntriesPendingRow) ([]finding, error) {
	var entryIDs, payoutIDs []string
	payoutOf := map[string]string{}
	for _, row := range pending {
		entryIDs = append(entryIDs, row.RailEntry.ID)
		if row.OrderPayoutID != "" {
			payoutIDs = append(payoutIDs, row.OrderPayoutID)
			payoutOf[row.RailEntry.ID] = row.OrderPayoutID
		}
	}
	payouts, err := u.Read().PayoutsLock(ctx, merchant, payoutIDs)
	if err != nil {
		return nil, fmt.Errorf("lock the payouts: %w", err)
	}
	entries, err := u.Read().RailEntriesLock(ctx, rail, entryIDs)
	if err != nil {
		return nil, fmt.Errorf("lock the entries: %w", err)
	}
	orders, err := u.Read().RailOrdersOfPayouts(ctx, merchant, payoutIDs)
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	applied, err := u.Read().RailEntriesApplied(ctx, &merchant, payoutIDs)
	if err != nil {
		return nil, fmt.Errorf("read what was applied: %w", err)
	}
	recalls, err := recallsAnswered(ctx, u, merchant, payoutIDs, entries)
	if err != nil {
		return nil, err
	}
	var findings []finding
	for _, e := range entries {
		f := finding{entry: e}
		if id, ok := payoutOf[e.ID]; ok {
			f.payout = &payouts[slices.IndexFunc(payouts, func(p db.Payout) bool { return p.ID == id })]
			f.order = orders[slices.IndexFunc(orders, func(o db.RailOrdersOfPayoutsRow) bool { return o.PayoutID == id })]
			f.recall = recalls[id]
			if i := slices.IndexFunc(applied, func(a db.RailEntriesAppliedRow) bool {
				return *a.PayoutID == id && a.Kind == e.Kind && a.Message == e.Message
			}); i >= 0 {
				f.applied, f.earlier = true, f.recall != nil && f.recall.DeliveredAt != nil && applied[i].DecidedAt.Before(*f.recall.DeliveredAt)
			}
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// The outcomes of an entry and the kinds of a case, in the words of their tables.
const (
	applied, noted, duplicate, aCase = "applied", "noted", "duplicate", "case"

	unknownReference, differentAmount, contradiction, notSent, unreadable = "unknown_reference", "different_amount", "contradiction", "not_sent", "unreadable"

	unknownRecall, takenBack = "unknown_recall", "taken_back"
)

// judge says what an entry means to its payout: its outcome, and what kind of case it is when it is one.
func (f finding) judge() (outcome, problem string) {
	kind := files.Kind(f.entry.Kind)
	switch {
	case f.payout == nil:
		return aCase, unknownReference
	case f.applied && f.earlier && kind.AnswersRecall():
		return aCase, contradiction // the bank may repeat itself, or mean the recall that is open
	case f.applied:
		return duplicate, ""
	case f.order.DeliveredAt == nil:
		return aCase, notSent
	case f.entry.Amount != nil && (f.entry.Amount.Cmp(&f.order.Amount) != 0 || *f.entry.Currency != f.order.Currency):
		return aCase, differentAmount
	case kind == files.Unreadable:
		return aCase, unreadable
	case kind.AnswersRecall():
		return f.judgeAnswer(kind)
	}
	status := f.payout.Status
	under := status == db.PayoutStatusProcessing || status == db.PayoutStatusSent
	switch kind {
	case files.Accepted:
		if status == db.PayoutStatusProcessing {
			return applied, ""
		}
		return noted, ""
	case files.Settled:
		switch {
		case under:
			return applied, ""
		case status == db.PayoutStatusCompleted && !f.order.CameBack:
			return noted, ""
		}
	case files.Failed:
		if under {
			return applied, ""
		}
	case files.Returned:
		if under || status == db.PayoutStatusCompleted && !f.order.CameBack {
			return applied, ""
		}
	case files.ReturnReversed:
		if f.order.CameBack && !f.order.TakenBack {
			return applied, ""
		}
	case files.Advice:
		return applied, ""
	}
	// Two final answers that contradict each other: the first one stands, a person has to look.
	return aCase, contradiction
}

// A conclusion is how an entry was decided, and the case that it became, if it became one.
type conclusion struct{ outcome, caseID string }

// conclude writes down what an entry means, and moves its payout where it does.
func (c *RailClerk) conclude(ctx context.Context, u *unit.Unit, r *files.Rail, f finding) (conclusion, error) {
	outcome, problem := f.judge()
	decision := db.RailEntryDecideParams{Rail: f.entry.Rail, ID: f.entry.ID, Outcome: &outcome, DecidedAt: &u.Now}
	if f.payout != nil {
		decision.MerchantID, decision.PayoutID = &f.payout.MerchantID, &f.payout.ID
	}
	if err := u.Queue(unit.Rows).RailEntryDecide(ctx, decision); err != nil {
		return conclusion{}, err
	}
	out := conclusion{outcome: outcome}
	var err error
	switch outcome {
	case applied:
		err = c.apply(ctx, u, r, f)
	case aCase:
		out.caseID, err = c.openCase(ctx, u, f, problem)
	}
	return out, err
}

// apply takes the payout where the entry says it is, by the same way as what a rail answers.
func (c *RailClerk) apply(ctx context.Context, u *unit.Unit, r *files.Rail, f finding) error {
	switch kind := files.Kind(f.entry.Kind); kind {
	case files.RecallAccepted, files.RecallRejected:
		return answerRecall(ctx, u, f, kind)
	case files.Advice:
		return advise(ctx, u, f.payout, f.entry)
	case files.ReturnReversed:
		amount, err := money.Of(*f.entry.Currency, *f.entry.Amount)
		if err != nil {
			return err
		}
		if err := merchants.ReturnTakenBack(ctx, u, f.payout.MerchantID, f.payout.ID, amount, byRail+":"+r.Name(), f.entry.ID); err != nil {
			return err
		}
		// Nobody decided that a merchant's money goes again, so somebody has to see it.
		_, err = c.openCase(ctx, u, f, takenBack)
		return err
	default:
	}
	event, ok := r.Event(files.Kind(f.entry.Kind), f.entry.Message, f.entry.Reason)
	if !ok {
		return fmt.Errorf("a %s moves no payout", f.entry.Kind)
	}
	// Whatever else there may be to know, the rail will say: it is asked at once.
	status := rails.Status{Known: true, Reference: f.order.Reference, Events: []rails.Event{event}}
	if event.Kind == rails.Sent {
		status.AskAgain = &u.Now
	}
	return c.Worker.applyReports(ctx, u, f.payout.MerchantID, byRail, []report{{f.payout, status}})
}

// openCase hands an entry to a person. Money that came back with it and that we cannot book waits in the merchant's return suspense.
func (c *RailClerk) openCase(ctx context.Context, u *unit.Unit, f finding, problem string) (id string, err error) {
	row := db.RailCaseInsertParams{
		Rail: f.entry.Rail, ID: ids.New(ids.RailCase, u.Now), EntryID: f.entry.ID, Kind: problem,
		Amount: f.entry.Amount, Currency: f.entry.Currency, OpenedAt: u.Now,
	}
	if f.payout != nil {
		row.MerchantID, row.PayoutID = &f.payout.MerchantID, &f.payout.ID
		held, err := suspense(f)
		if err != nil {
			return "", err
		}
		if held.Positive() {
			t := ledger.Suspend(f.payout.ID, held)
			t.ID = ids.New(ids.Transaction, u.Now)
			row.SuspenseID = &t.ID
			if err := ledger.Post(ctx, u, f.payout.MerchantID, t); err != nil {
				return "", err
			}
		}
	}
	if err := u.Queue(unit.Rows).RailCaseInsert(ctx, row); err != nil {
		return "", err
	}
	c.Log.Warn("a bank says what a person has to look at", slog.String("case", row.ID), slog.String("rail", row.Rail), slog.String("kind", problem),
		slog.String("entry", f.entry.ID))
	return row.ID, audit.Record(ctx, u, audit.Row{Action: "rail_case.opened", Object: row.ID, Detail: map[string]string{
		"rail": row.Rail, "entry_id": row.EntryID, "kind": problem,
	}})
}

// suspense is the money that came back with an entry that became a case: of a return, and of what we could not read, which may be one.
func suspense(f finding) (money.Amount, error) {
	kind := files.Kind(f.entry.Kind)
	if f.entry.Amount == nil || (kind != files.Returned && kind != files.Unreadable) {
		return money.Amount{}, nil
	}
	return money.Of(*f.entry.Currency, *f.entry.Amount)
}
