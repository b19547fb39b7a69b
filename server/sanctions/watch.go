package sanctions

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/screening/lists"
)

const (
	// watchEvery is how often a server looks for another version, so within about that time all of them screen with it.
	watchEvery = 3 * time.Second
	// alarmEvery is how often a list that may not be screened with is told again.
	alarmEvery = time.Minute
	// MaxAge is how old a list may be when nobody says otherwise.
	MaxAge = 7 * 24 * time.Hour
)

// A Watcher gives a server the lists that are in force. It asks the database every few seconds, so a version that any server or the
// command line put in force reaches all of them without a restart.
type Watcher struct {
	Pool  *pgxpool.Pool
	Clock func() time.Time
	Log   *slog.Logger
	// Required are the authorities whose lists must be there before a payout is judged.
	Required []lists.Authority
	// MaxAge is how long after its last refresh a list may be screened with; MaxAge when zero.
	MaxAge time.Duration
	// Own are lists that the server brings along, the sandbox's. They do not age.
	Own []*lists.List
	// Prepare, where it is set, is called with a set of other versions before it takes the place of the one before, to build what
	// screening needs of it. An error keeps the set before.
	Prepare func(*Set) error

	mu      sync.Mutex // one look at a time
	set     atomic.Pointer[Set]
	alarmed time.Time
	alarm   string
}

// Set gives the lists in force as this server knows them. Before the first look it is empty, and so not usable where lists are
// required of the database.
func (w *Watcher) Set() *Set {
	if set := w.set.Load(); set != nil {
		return set
	}
	return &Set{required: w.Required, maxAge: w.maxAge()}
}

// Usable fails when payouts must wait; see Set.Usable.
func (w *Watcher) Usable() error { return w.Set().Usable(w.Clock()) }

func (w *Watcher) maxAge() time.Duration {
	if w.MaxAge == 0 {
		return MaxAge
	}
	return w.MaxAge
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if err := w.RunOnce(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("look for new sanctions lists", slog.String("cause", err.Error()))
		}
		w.sound()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce looks which versions are in force and swaps in what changed. A version that cannot be read leaves the one before in its
// place, which then ages; the others are swapped in all the same.
func (w *Watcher) RunOnce(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.Set()
	next := &Set{required: w.Required, maxAge: w.maxAge()}
	for _, list := range w.Own {
		next.held = append(next.held, Held{List: list, Version: fmt.Sprintf("%s-%.8s.%s", list.Authority, list.Hash, list.Parser)})
	}
	q := db.New(w.Pool)
	rows, err := q.SanctionsInForce(ctx)
	if err != nil {
		return fmt.Errorf("read which lists are in force: %w", err)
	}
	var failed error
	for _, row := range rows {
		if !slices.Contains(w.Required, lists.Authority(row.Authority)) {
			continue
		}
		held, ok := before.Of(lists.Authority(row.Authority))
		if !ok || held.Version != row.ListID {
			list, err := Load(ctx, q, row.ListID)
			if err != nil {
				failed = err
				if ok {
					next.held = append(next.held, held)
				}
				continue
			}
			held = Held{List: list, Version: row.ListID}
		}
		held.RefreshedAt = row.RefreshedAt
		next.held = append(next.held, held)
	}
	slices.SortFunc(next.held, func(a, b Held) int { return strings.Compare(string(a.List.Authority), string(b.List.Authority)) })
	return w.swap(before, next, failed)
}

// swap puts the next set in the place of the one before.
func (w *Watcher) swap(before, next *Set, failed error) error {
	if w.set.Load() != nil && next.Same(before) {
		w.set.Store(next) // only the times of refresh are other ones
		return failed
	}
	if w.Prepare != nil {
		if err := w.Prepare(next); err != nil {
			return fmt.Errorf("prepare the lists %s: %w", strings.Join(next.Versions(), ", "), err)
		}
	}
	w.set.Store(next)
	w.Log.Info("sanctions lists are in force", slog.Any("versions", next.Versions()))
	return failed
}

// sound logs an error while payouts must wait for a list: at once when that begins or its cause changes, then every minute.
func (w *Watcher) sound() {
	err := w.Usable()
	if err == nil {
		w.alarm = ""
		return
	}
	if now := time.Now(); err.Error() != w.alarm || now.Sub(w.alarmed) >= alarmEvery {
		w.alarm, w.alarmed = err.Error(), now
		w.Log.Error("payouts wait: the sanctions lists are not complete", slog.String("cause", w.alarm))
	}
}
