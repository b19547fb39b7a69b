package velocity

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Rulebook is rules that are asked together. A thousand rules have few windows, few filters and few sums in common: each of those is
// found once for all of them.
type Rulebook struct {
	windows   []*Window // each once
	asks      []ask     // each window of each scope once
	scopes    []scopeAsks
	filters   []*Rule // a rule of each filter
	questions []question
	caps      []limit
	foreign   []*Rule // a rule of each filter and currency, of those about amounts
}

// An ask is a window, by its place, of the subjects of a scope.
type ask struct {
	scope  Scope
	window int
}

// scopeAsks are the asks of a scope, by their places.
type scopeAsks struct {
	scope Scope
	asks  []int
}

// A limit is a cap on single payouts as a float.
type limit struct {
	rule *Rule
	at   float64
}

// NewRulebook puts rules together. The rules are the book's from then on.
func NewRulebook(rules []*Rule) *Rulebook {
	b := &Rulebook{}
	windows, asks, filters := places[Window]{}, places[ask]{}, places[string]{}
	foreign := places[[2]string]{}
	type name struct {
		ask, filter int
		counted     Type
		currency    string
	}
	questions := places[name]{}
	for _, r := range rules {
		var isNew bool
		r.ask = -1
		if r.Window != nil {
			a := ask{scope: r.Scope}
			if a.window, isNew = windows.of(r.Window.name()); isNew {
				b.windows = append(b.windows, r.Window)
			}
			if r.ask, isNew = asks.of(a); isNew {
				b.addAsk(a)
			}
		}
		if r.filter, isNew = filters.of(r.filterName()); isNew {
			b.filters = append(b.filters, r)
		}
		if place, isNew := questions.of(name{r.ask, r.filter, r.Type, r.Currency}); isNew {
			b.questions = append(b.questions, newQuestion(r))
		} else {
			b.questions[place].add(r)
		}
		if r.Currency != "" {
			if _, isNew = foreign.of([2]string{r.Currency, r.filterName()}); isNew {
				b.foreign = append(b.foreign, r)
			}
		}
		if r.Type == MaxAmount && r.Enabled && r.Mode == Enforce {
			b.caps = append(b.caps, limit{r, thresholdOf(r)})
		}
	}
	return b
}

func (b *Rulebook) addAsk(a ask) {
	place := slices.IndexFunc(b.scopes, func(s scopeAsks) bool { return s.scope == a.scope })
	if place < 0 {
		place = len(b.scopes)
		b.scopes = append(b.scopes, scopeAsks{scope: a.scope})
	}
	b.scopes[place].asks = append(b.scopes[place].asks, len(b.asks))
	b.asks = append(b.asks, a)
}

// thresholdOf is the threshold as a float. One that no float holds is above every payout.
func thresholdOf(r *Rule) float64 {
	at, err := r.Threshold.Float64()
	if err != nil {
		return math.Inf(1)
	}
	return at
}

// places gives each thing a number, the same to those that are the same.
type places[K comparable] map[K]int

func (p places[K]) of(k K) (place int, isNew bool) {
	place, known := p[k]
	if !known {
		place = len(p)
		p[k] = place
	}
	return place, !known
}

// filterName is the same for rules that look at the same kinds of payouts.
func (r *Rule) filterName() string {
	f := r.Filter
	if r.aboutCountries() {
		f.Countries = nil
	}
	return fmt.Sprintf("%q", f)
}

// OnlyBlocks gives the rules in force that can stop a payout: what is asked again when a person releases one.
func (b *Rulebook) OnlyBlocks() *Rulebook {
	only := *b
	only.questions = nil
	for _, q := range b.questions {
		q.rules = slices.DeleteFunc(slices.Clone(q.rules), func(r *Rule) bool { return r.Action != Block || r.Mode != Enforce })
		if len(q.rules) > 0 {
			only.questions = append(only.questions, q)
		}
	}
	return &only
}

// looks says of each of the book's filters whether it lets the kind through.
func (b *Rulebook) looks(k *Kind) []bool {
	all := make([]bool, len(b.filters))
	for i, r := range b.filters {
		all[i] = r.looksAt(k)
	}
	return all
}

// Needed are the series that the rules ask for, each with the moment from which on it must be complete.
func Needed(book *Rulebook, now time.Time) map[Series]time.Time {
	starts := make([]time.Time, len(book.windows))
	for i, w := range book.windows {
		starts[i] = w.Start(now)
	}
	all := map[Series]time.Time{}
	for _, a := range book.asks {
		start := starts[a.window]
		for _, step := range book.windows[a.window].steps(start) {
			since := time.Unix(floor(start.Unix(), step), 0).UTC()
			s := Series{a.scope, step}
			if known, ok := all[s]; !ok || since.Before(known) {
				all[s] = since
			}
		}
	}
	return all
}
