package engine_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/velocity"
)

// entitled is a new merchant that may use the engine.
func entitled(t testing.TB, s *testserver.Server) *testserver.Client {
	t.Helper()
	m := s.Merchant(t)
	granted := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/entitlements", "", `{"entitlement":"engine"}`)
	if granted.Status != http.StatusOK {
		t.Fatalf("grant: %d %s", granted.Status, granted.Raw)
	}
	return m
}

func createRule(t testing.TB, c *testserver.Client, rule map[string]any) string {
	t.Helper()
	body, err := json.Marshal(rule)
	if err != nil {
		t.Fatal(err)
	}
	made := c.Post(t, "/v1/velocity/rules", "", string(body))
	if made.Status != http.StatusCreated {
		t.Fatalf("create a rule: %d %s", made.Status, made.Raw)
	}
	return made.Data()["id"].(string)
}

// A paid is what the model remembers of a payout.
type paid struct {
	id          string
	at          time.Time
	amount      string
	beneficiary int
	passed      bool
	gone        bool // given back
	first       bool
}

// A world is a merchant with three beneficiaries and what it paid. The third one's account fails at the rail.
type world struct {
	s    *testserver.Server
	m    *testserver.Client
	bens []string
	all  []*paid
}

func newWorld(t testing.TB, s *testserver.Server) *world {
	w := &world{s: s, m: entitled(t, s)}
	for i, account := range []string{"9876543210", "9876543211", "9876540001"} {
		w.bens = append(w.bens, w.m.Beneficiary(t, fmt.Sprint("Payee ", i), account))
	}
	return w
}

func (w *world) pay(t testing.TB, beneficiary int, amount string) *paid {
	w.s.Work()
	p := &paid{at: w.s.Clock.Now(), amount: amount, beneficiary: beneficiary}
	p.id = w.m.Payout(t, w.bens[beneficiary], amount, fmt.Sprint("payout ", len(w.all)))
	w.s.Work()
	w.all = append(w.all, p)
	p.passed = w.m.Status(t, p.id) != "velocity_blocked"
	return p
}

// cancel cancels the newest payout that waits for a reviewer, where there is one, in both worlds.
func cancel(t testing.TB, ruled, free *world) {
	for i, p := range slices.Backward(ruled.all) {
		if ruled.m.Status(t, p.id) == "manual_review" {
			for _, w := range []*world{ruled, free} {
				got := w.m.Post(t, "/v1/payouts/"+w.all[i].id+"/cancel", "", "{}")
				if got.Status != http.StatusOK {
					t.Fatalf("cancel: %d %s", got.Status, got.Raw)
				}
			}
			return
		}
	}
}

// look reads which payouts were given back since.
func (w *world) look(t testing.TB) {
	for _, p := range w.all {
		if !p.passed || p.gone {
			continue
		}
		if status := w.m.Status(t, p.id); status == "failed" || status == "cancelled" {
			p.gone = true
			w.inherit(p)
		}
	}
}

func (w *world) inherit(gone *paid) {
	if !gone.first {
		return
	}
	for _, p := range w.all {
		if p.beneficiary == gone.beneficiary && p.passed && !p.gone {
			p.first = true
			return
		}
	}
}

// A modelRule is a rule in the model's own words.
type modelRule struct {
	kind, scope string
	window      *velocity.Window
	threshold   int64
}

func drawRule(t *rapid.T) (modelRule, map[string]any) {
	r := modelRule{
		kind:      rapid.SampledFrom([]string{"amount_per_window", "count_per_window", "new_beneficiaries_per_window"}).Draw(t, "type"),
		scope:     rapid.SampledFrom([]string{"merchant", "beneficiary", "instrument", "country", "method"}).Draw(t, "scope"),
		threshold: rapid.Int64Range(1, 3).Draw(t, "threshold"),
	}
	draft := map[string]any{"name": "Drawn", "type": r.kind}
	switch r.kind {
	case "amount_per_window":
		r.threshold *= 1000
		draft["currency"] = "USD"
	case "new_beneficiaries_per_window":
		r.scope, r.threshold = "merchant", min(r.threshold, 2)
	}
	draft["scope"], draft["threshold"] = r.scope, fmt.Sprint(r.threshold)
	w := rapid.SampledFrom([]map[string]any{
		{"type": "rolling", "seconds": 10},
		{"type": "rolling", "seconds": 3600},
		{"type": "rolling", "seconds": 90000},
		{"type": "calendar_day"},
		{"type": "calendar_day", "zone": "Asia/Kolkata"},
		{"type": "calendar_month", "zone": "America/New_York"},
	}).Draw(t, "window")
	draft["window"] = w
	seconds, _ := w["seconds"].(int)
	zone, _ := w["zone"].(string)
	var err error
	if r.window, err = velocity.NewWindow(w["type"].(string), int32(seconds), zone); err != nil {
		t.Fatal(err)
	}
	return r, draft
}

// allows is the model: it looks at everything that was ever paid.
func (r modelRule) allows(all []*paid, p *paid) bool {
	since := r.window.Start(p.at)
	var used, adds int64
	isNew := true
	for _, o := range all {
		if !o.passed || o.gone || o == p {
			continue
		}
		isNew = isNew && o.beneficiary != p.beneficiary
		// Every beneficiary has one account; all are in one country, by one method.
		same := o.beneficiary == p.beneficiary || r.scope == "merchant" || r.scope == "country" || r.scope == "method"
		if !same || o.at.Before(since) {
			continue
		}
		switch {
		case r.kind == "amount_per_window":
			used += cents(o.amount)
		case r.kind == "count_per_window" || o.first:
			used++
		}
	}
	p.first = isNew
	threshold := r.threshold
	switch {
	case r.kind == "amount_per_window":
		adds, threshold = cents(p.amount), threshold*100
	case r.kind == "count_per_window" || isNew:
		adds = 1
	}
	return adds == 0 || used+adds <= threshold
}

func cents(amount string) int64 {
	d, _, err := apd.NewFromString(amount)
	if err != nil {
		panic(err)
	}
	var out apd.Decimal
	if _, err := apd.BaseContext.WithPrecision(30).Mul(&out, d, apd.New(100, 0)); err != nil {
		panic(err)
	}
	n, err := out.Int64()
	if err != nil {
		panic(err)
	}
	return n
}

// simulate gives the ids of the payouts that a draft would have blocked, the knock-on counted.
func simulate(t testing.TB, m *testserver.Client, draft map[string]any, from time.Time) map[string]bool {
	t.Helper()
	body, err := json.Marshal(map[string]any{"rule": draft, "from": from})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Post(t, "/v1/velocity/rules/simulate", "", string(body))
	if got.Status != http.StatusOK {
		t.Fatalf("simulate: %d %s", got.Status, got.Raw)
	}
	blocked := map[string]bool{}
	affected, _ := got.Data()["affected"].([]any)
	for _, a := range affected {
		if a := a.(map[string]any); a["knock_on"] == "block" {
			blocked[a["payout_id"].(string)] = true
		}
	}
	return blocked
}

// TestEnforcementIsWhatAModelSaysAndWhatASimulationSays sends random payouts, cancellations and failures through the server, in one merchant
// with a rule and in one without. Two servers take turns as it comes, each with its own memory. What the rule blocks must be what a model in memory blocks, and what a simulation over the merchant without
// the rule says it would. The rule may come late: what was paid before it counts all the same.
func TestEnforcementIsWhatAModelSaysAndWhatASimulationSays(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	servers := []*testserver.Server{s, testserver.On(t, s.Database, s.Clock)}
	rapid.Check(t, func(rt *rapid.T) {
		ruled, free := newWorld(t, s), newWorld(t, s)
		rule, draft := drawRule(rt)
		comes := rapid.SampledFrom([]int{0, 0, 3}).Draw(rt, "the rule comes at")
		from := s.Clock.Now()
		for i := range rapid.IntRange(4, 14).Draw(rt, "steps") {
			if i == comes {
				createRule(t, ruled.m, draft)
				from = s.Clock.Now()
			}
			ruled.s = rapid.SampledFrom(servers).Draw(rt, "server")
			step(t, rt, ruled, free, func(p *paid) bool { return rule.allows(ruled.all, p) || i < comes })
		}
		simulated := simulate(t, free.m, draft, from)
		for i, p := range ruled.all {
			if asked := !p.at.Before(from); asked && simulated[free.all[i].id] == p.passed {
				rt.Fatalf("payout %d passed: %t, and the simulation says %t", i, p.passed, !simulated[free.all[i].id])
			}
		}
		s.Clock.Advance(24 * time.Hour)
		s.Work()
	})
}

// step does one thing in both worlds.
func step(t *testing.T, rt *rapid.T, ruled, free *world, allowed func(*paid) bool) {
	s := ruled.s
	switch rapid.SampledFrom([]string{"pay", "pay", "pay", "cancel", "wait"}).Draw(rt, "step") {
	case "pay":
		b, amount := rapid.IntRange(0, 2).Draw(rt, "beneficiary"), rapid.SampledFrom([]string{"1", "333.33", "1000", "1313.13"}).Draw(rt, "amount")
		p := ruled.pay(t, b, amount)
		if want := allowed(p); p.passed != want {
			rt.Fatalf("payout %d of %s at %s: passed %t, and the model says %t", len(ruled.all)-1, amount, p.at, p.passed, want)
		}
		p.first = p.first && p.passed
		free.pay(t, b, amount)
	case "cancel":
		cancel(t, ruled, free)
	case "wait":
		s.Clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, 11 * time.Second, time.Hour, 3 * time.Hour, 26 * time.Hour}).Draw(rt, "wait"))
	}
	s.Clock.Advance(time.Millisecond)
	s.Work()
	ruled.look(t)
	s.Clock.Advance(time.Millisecond)
	s.Work()
	ruled.look(t)
}
