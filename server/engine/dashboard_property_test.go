package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

// An account is a dashboard in a form that can be compared: one line a number, for each day and for the whole.
type account map[string]string

// lines are what differs.
func (a account) lines(other account) (diff []string) {
	for key := range maps.Keys(a) {
		if a[key] != other[key] {
			diff = append(diff, fmt.Sprintf("%s: %q, and what happened is %q", key, a[key], other[key]))
		}
	}
	for key := range other {
		if _, ok := a[key]; !ok {
			diff = append(diff, fmt.Sprintf("%s is missing, and what happened is %q", key, other[key]))
		}
	}
	return diff
}

type shownStretch struct {
	Volumes []struct {
		Outcome, Currency, Amount string
		Payouts                   int
	}
	Judged struct {
		Payouts, Cleared int
		BlockRate        string `json:"block_rate"`
		ReviewRate       string `json:"review_rate"`
	}
	Latency struct {
		Reviews int
		P50     *int `json:"p50_seconds"`
		P95     *int `json:"p95_seconds"`
	} `json:"review_latency"`
}

type shownDashboard struct {
	shownStretch
	From, To string
	Scores   []struct{ From, To, Payouts int }
	Rules    []struct {
		ID          string `json:"rule_id"`
		Blocked     int
		Reviewed    int
		WouldBlock  int `json:"would_block"`
		WouldReview int `json:"would_review"`
	}
	Signals []struct {
		Code            string
		Family          string
		Payouts, Points int
	}
	Alerts struct{ Possible, Certain int }
	Days   []struct {
		shownStretch
		Day string
	}
}

func (s *shownStretch) into(a account, where string) {
	for _, v := range s.Volumes {
		a[where+v.Outcome+" "+v.Currency] = fmt.Sprint(v.Payouts, " ", v.Amount)
	}
	if s.Judged.Payouts > 0 {
		a[where+"rates"] = fmt.Sprint(s.Judged.Payouts, " ", s.Judged.Cleared, " ", s.Judged.BlockRate, " ", s.Judged.ReviewRate)
	}
	if s.Latency.Reviews > 0 {
		a[where+"latency"] = fmt.Sprint(s.Latency.Reviews, " ", *s.Latency.P50, " ", *s.Latency.P95)
	}
}

func show(t testing.TB, c *testserver.Client, path string, since, until time.Time) account {
	t.Helper()
	sign := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
	got := c.Get(t, path+sign+"from="+since.Format(time.DateOnly)+"&to="+until.Format(time.DateOnly))
	if got.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, got.Status, got.Raw)
	}
	var body struct{ Data shownDashboard }
	if err := json.Unmarshal(got.Raw, &body); err != nil {
		t.Fatal(err)
	}
	d, a := body.Data, account{}
	d.into(a, "")
	for _, r := range d.Scores {
		a[fmt.Sprint("score ", r.From)] = fmt.Sprint(r.Payouts)
	}
	for _, r := range d.Rules {
		a["rule "+r.ID] = fmt.Sprint(r.Blocked, " ", r.Reviewed, " ", r.WouldBlock, " ", r.WouldReview)
	}
	for _, s := range d.Signals {
		a["signal "+s.Code] = fmt.Sprint(s.Payouts, " ", s.Points)
	}
	if d.Alerts.Possible+d.Alerts.Certain > 0 {
		a["alerts"] = fmt.Sprint(d.Alerts.Possible, " ", d.Alerts.Certain)
	}
	for i, day := range d.Days {
		if want := since.AddDate(0, 0, i).Format(time.DateOnly); day.Day != want {
			t.Fatalf("day %d is %s, not %s", i, day.Day, want)
		}
		day.into(a, day.Day+" ")
	}
	return a
}

// A happening is a transition with what was paid and what its verdict says, or a late return.
type happening struct {
	payout, from, to, currency string
	amount                     apd.Decimal
	at, before                 time.Time
	outcome                    *string // of the verdict
	score                      *int
	stages                     []byte
	alerts                     []string
}

// history reads everything that ever happened to a merchant's payouts, from the rows themselves.
func history(t testing.TB, s *testserver.Server, merchant string) []happening {
	t.Helper()
	rows, err := s.Owner.Query(t.Context(), `
		select t.payout_id, coalesce(t.from_status::text, ''), t.to_status::text, p.source_currency, p.source_amount, t.at,
		       coalesce((select b.at from payout_transitions b where b.merchant_id = t.merchant_id and b.payout_id = t.payout_id and b.seq = t.seq - 1), t.at),
		       v.outcome, v.score, v.stages,
		       array(select a.decision from screening_alerts a where a.merchant_id = t.merchant_id and a.verdict_id = v.id)
		from payout_transitions t
		join payouts p on p.merchant_id = t.merchant_id and p.id = t.payout_id
		left join verdicts v on v.merchant_id = t.merchant_id and v.payout_id = t.payout_id and v.created_at = t.at and v.id = t.verdict_id
		where t.merchant_id = $1
		union all
		select p.id, 'completed', 'late_returned', p.source_currency, p.source_amount, e.created_at, e.created_at, null, null, null, '{}'
		from events e join payouts p on p.merchant_id = e.merchant_id and p.id = e.object_id
		where e.merchant_id = $1 and e.type = 'payout.late_return'`, merchant)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []happening
	for rows.Next() {
		var h happening
		if err := rows.Scan(&h.payout, &h.from, &h.to, &h.currency, &h.amount, &h.at, &h.before, &h.outcome, &h.score, &h.stages, &h.alerts); err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return all
}

// reckoning is one stretch, counted by brute force.
type reckoning struct {
	n                     map[string]int
	amounts               map[string]*apd.Decimal
	judged, clear, review int
	blocked               int
	waits                 risk.Histogram
}

func newReckoning() *reckoning {
	return &reckoning{n: map[string]int{}, amounts: map[string]*apd.Decimal{}, waits: risk.Histogram{}}
}

func (r *reckoning) add(h happening) {
	outcome := map[string]string{"manual_review": "in_review", "approved": "cleared"}[h.to]
	switch {
	case slices.Contains([]string{"pending_screening", "pending_approval", "processing", "sent"}, h.to):
		return
	case h.to == "approved" && h.from == "manual_review":
		outcome = "released"
	case outcome == "":
		outcome = h.to
	}
	key := outcome + " " + h.currency
	if r.n[key]++; r.amounts[key] == nil {
		r.amounts[key] = new(apd.Decimal)
	}
	if _, err := apd.BaseContext.WithPrecision(30).Add(r.amounts[key], r.amounts[key], &h.amount); err != nil {
		panic(err)
	}
	if h.from == "manual_review" {
		seconds := h.at.Sub(h.before).Seconds()
		r.waits[max(0, int32(math.Ceil(math.Log(max(seconds, 1))/math.Log(1.1))))]++
	}
	switch outcome {
	case "cleared":
		r.clear++
	case "in_review":
		r.review++
	case "velocity_blocked", "screening_failed":
		r.blocked++
	default:
		return
	}
	r.judged++
}

func (r *reckoning) into(a account, where string) {
	for key, n := range r.n {
		a[where+key] = fmt.Sprint(n, " ", r.amounts[key].Text('f'))
	}
	if r.judged > 0 {
		a[where+"rates"] = fmt.Sprintf("%d %d %.4f %.4f", r.judged, r.clear, float64(r.blocked)/float64(r.judged), float64(r.review)/float64(r.judged))
	}
	if spread := r.waits.Spread(); spread.Count > 0 {
		a[where+"latency"] = fmt.Sprintf("%d %.0f %.0f", spread.Count, spread.Median, spread.High)
	}
}

// reckon counts a period from the history, as the merchant or as an operator sees it.
func reckon(t testing.TB, all []happening, since, until time.Time, forOperator bool) account {
	t.Helper()
	a, total, days := account{}, newReckoning(), map[string]*reckoning{}
	scores, rules, signals, points := map[int]int{}, map[string][4]int{}, map[string]int{}, map[string]int{}
	alerts := map[string]int{}
	for _, h := range all {
		if h.at.Before(since) || !h.at.Before(until) {
			continue
		}
		day := h.at.UTC().Format(time.DateOnly) + " "
		if days[day] == nil {
			days[day] = newReckoning()
		}
		total.add(h)
		days[day].add(h)
		if h.outcome == nil || h.from == "manual_review" {
			continue
		}
		var stages struct {
			Risk     risk.Result
			Velocity struct {
				Hits, Shadow []struct {
					ID     string `json:"rule_id"`
					Owner  string
					Effect string
				}
			}
		}
		if err := json.Unmarshal(h.stages, &stages); err != nil {
			t.Fatal(err)
		}
		if *h.outcome == "clear" || *h.outcome == "review" {
			scores[100*min(*h.score/100, 9)]++
			for _, s := range stages.Risk.Signals {
				if forOperator || s.Own() {
					signals[s.Code]++
					points[s.Code] += s.Points
				}
			}
		}
		told := false
		for i, hit := range slices.Concat(stages.Velocity.Hits, stages.Velocity.Shadow) {
			place := map[string]int{"block": 0, "review": 1}[hit.Effect]
			if i >= len(stages.Velocity.Hits) {
				place += 2
			}
			id, first := hit.ID, place == 0 && !told && *h.outcome == "velocity_block"
			told = told || place == 0
			if !forOperator && hit.Owner == "" {
				if !first {
					continue
				}
				id = "platform_rule"
			}
			n := rules[id]
			n[place]++
			rules[id] = n
		}
		for _, decision := range h.alerts {
			alerts[decision]++
		}
	}
	total.into(a, "")
	for day, r := range days {
		r.into(a, day)
	}
	for from, n := range scores {
		a[fmt.Sprint("score ", from)] = fmt.Sprint(n)
	}
	for id, n := range rules {
		a["rule "+id] = fmt.Sprint(n[0], " ", n[1], " ", n[2], " ", n[3])
	}
	for code, n := range signals {
		a["signal "+code] = fmt.Sprint(n, " ", points[code])
	}
	if forOperator && len(alerts) > 0 {
		a["alerts"] = fmt.Sprint(alerts["possible"], " ", alerts["certain"])
	}
	return a
}

// A payer is a merchant whose payouts come to all ends.
type payer struct {
	*testserver.Client
	s       *testserver.Server
	payees  []string
	payouts []string
	ops     *testserver.Client
}

func newPayer(t testing.TB, rt *rapid.T, s *testserver.Server) *payer {
	p := &payer{Client: entitled(t, s), s: s, ops: s.Ops()}
	// The second one's account fails at the rail, the third one's comes back; the last two are listed, for certain and perhaps.
	for i, name := range [][2]string{{"Maria", "Garcia"}, {"Maria", "Lopez"}, {"Maria", "Perez"}, {"Viktor", "Blackmarsh"}, {"Victor", "Blackmarch"}} {
		account := []string{"9876543210", "9876540001", "9876540002", "9876543213", "9876543214"}[i]
		body := strings.NewReplacer("Maria", name[0], "Garcia", name[1], "9876543210", account).Replace(testserver.Maria)
		made := p.Post(t, "/v1/beneficiaries", "", body)
		if made.Status != http.StatusCreated {
			t.Fatalf("%d %s", made.Status, made.Raw)
		}
		p.payees = append(p.payees, made.Data()["id"].(string))
	}
	mode := rapid.SampledFrom([]string{"enforce", "shadow"})
	action := rapid.SampledFrom([]string{"block", "review"})
	for i, rule := range []map[string]any{
		{"name": "Few an hour", "type": "count_per_window", "threshold": "3", "scope": "merchant", "window": map[string]any{"type": "rolling", "seconds": 3600}},
		{"name": "Small", "type": "max_amount_per_payout", "threshold": "900", "currency": "USD", "scope": "merchant"},
	} {
		rule["mode"], rule["action"] = mode.Draw(rt, fmt.Sprint("mode ", i)), action.Draw(rt, fmt.Sprint("action ", i))
		createRule(t, p.Client, rule)
	}
	return p
}

func (p *payer) step(t testing.TB, rt *rapid.T) {
	switch rapid.SampledFrom([]string{"pay", "pay", "pay", "decide", "cancel", "back", "wait", "wait"}).Draw(rt, "step") {
	case "pay":
		payee := rapid.SampledFrom(p.payees).Draw(rt, "payee")
		amount := rapid.SampledFrom([]string{"1.00", "12.34", "1000.00", "1313.13", "1414.14"}).Draw(rt, "amount")
		p.payouts = append(p.payouts, p.Payout(t, payee, amount, fmt.Sprint("payout ", len(p.payouts))))
	case "decide":
		for _, id := range p.payouts {
			if p.Status(t, id) == "manual_review" {
				how := rapid.SampledFrom([]string{"approve", "cancel"}).Draw(rt, "decision")
				// What screening found is not released so; it stays where it is then.
				p.ops.Post(t, "/ops/v1/reviews/"+id+"/"+how, "", `{"reason":"Looked at"}`)
				break
			}
		}
	case "cancel":
		if len(p.payouts) > 0 { // it may be too late
			p.Post(t, "/v1/payouts/"+p.payouts[len(p.payouts)-1]+"/cancel", "", "{}")
		}
	case "back":
		for _, id := range p.payouts {
			if p.Status(t, id) == "completed" {
				p.Post(t, "/v1/sandbox/payouts/"+id+"/advance", "", `{"outcome":"returned"}`)
				break
			}
		}
	case "wait":
		p.s.Clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, 90 * time.Second, time.Hour, 20 * time.Hour, 8 * 24 * time.Hour}).Draw(rt, "wait"))
	}
	if rapid.Bool().Draw(rt, "work") {
		p.s.Work()
	}
}

// TestDashboardsAreWhatHappened sends random payouts to all their ends. Whatever of them is added up, placed, or neither, the dashboards of the
// merchant and of the operator are what a count of all rows says.
func TestDashboardsAreWhatHappened(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := newPayer(t, rt, s)
		first := s.Clock.Now().Truncate(24 * time.Hour)
		compare := func(when string) {
			until := s.Clock.Now().Truncate(24*time.Hour).AddDate(0, 0, 1)
			since := first.AddDate(0, 0, rapid.SampledFrom([]int{-3, 0, 0, 1}).Draw(rt, "since"))
			if !since.Before(until) {
				since = first
			}
			until = until.AddDate(0, 0, rapid.SampledFrom([]int{0, 2}).Draw(rt, "until"))
			all := history(t, s, p.Merchant)
			if diff := show(t, p.Client, "/v1/engine/dashboard", since, until).lines(reckon(t, all, since, until, false)); len(diff) > 0 {
				rt.Fatalf("%s, the merchant reads: %s", when, strings.Join(diff, "\n"))
			}
			if diff := show(t, p.ops, "/ops/v1/engine/dashboard?merchant_id="+p.Merchant, since, until).lines(reckon(t, all, since, until, true)); len(diff) > 0 {
				rt.Fatalf("%s, the operator reads: %s", when, strings.Join(diff, "\n"))
			}
		}
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			for range rapid.IntRange(2, 6).Draw(rt, "steps") {
				p.step(t, rt)
			}
			compare("before anything is placed")
			place(t, s)
			compare("before anything is added up")
			stopWithin(t, s, p.Merchant)
			compare("after adding up was stopped")
			fold(t, s, p.Merchant, int64(rapid.IntRange(1, 20).Draw(rt, "places")))
			compare("in the middle of adding up")
			if rapid.Bool().Draw(rt, "to the end") {
				foldAtOnce(t, s)
				compare("after adding up")
			}
		}
	})
}

func place(t testing.TB, s *testserver.Server) {
	t.Helper()
	if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var errStop = errors.New("the server stops here")

// stopWithin adds up a slice and stops before it is committed.
func stopWithin(t testing.TB, s *testserver.Server, merchant string) {
	t.Helper()
	err := s.Runner.Do(t.Context(), unit.Who{Merchant: merchant, Actor: "tallier"}, false, func(ctx context.Context, u *unit.Unit) error {
		if _, err := engine.TallySlice(ctx, u, merchant, 5); err != nil {
			return err
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
}

// fold adds up so many places.
func fold(t testing.TB, s *testserver.Server, merchant string, places int64) {
	t.Helper()
	err := s.Runner.Do(t.Context(), unit.Who{Merchant: merchant, Actor: "tallier"}, false, func(ctx context.Context, u *unit.Unit) error {
		_, err := engine.TallySlice(ctx, u, merchant, places)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// foldAtOnce has three talliers add up the same, as on three servers.
func foldAtOnce(t testing.TB, s *testserver.Server) {
	t.Helper()
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			if _, err := (&engine.Tallier{Runner: s.Runner}).RunOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	// What one left to another is there now.
	if _, err := s.Tallier.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}
