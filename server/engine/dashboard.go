package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/risk"
)

const (
	usualDays, daysAtMost = 30, 366
	merchantsTop          = 20 // rules and signals that a merchant's dashboard shows
	operatorsTop          = 50
	platformRule          = "platform_rule"
)

// A period is whole days in UTC, until not included.
type period struct{ since, until time.Time }

// periodOf reads a request's period. What is left out ends today, and has thirty days.
func periodOf(from, to string, now time.Time) (period, error) {
	p := period{until: now.Truncate(24*time.Hour).AddDate(0, 0, 1)}
	var wrong []apierr.Field
	if to != "" {
		var err error
		if p.until, err = time.Parse(time.DateOnly, to); err != nil {
			wrong = append(wrong, apierr.Field{Path: "to", Message: "is no day of the calendar"})
		}
	}
	p.since = p.until.AddDate(0, 0, -usualDays)
	if from != "" {
		var err error
		if p.since, err = time.Parse(time.DateOnly, from); err != nil {
			wrong = append(wrong, apierr.Field{Path: "from", Message: "is no day of the calendar"})
		}
	}
	switch {
	case len(wrong) > 0:
	case !p.since.Before(p.until):
		wrong = append(wrong, apierr.Field{Path: "from", Message: "must be before to; without to, the period ends today"})
	case p.since.AddDate(0, 0, daysAtMost).Before(p.until):
		wrong = append(wrong, apierr.Field{Path: "from", Message: fmt.Sprintf("must be at most %d days before to", daysAtMost)})
	}
	if len(wrong) > 0 {
		return p, apierr.Invalid(wrong...)
	}
	return p, nil
}

func (p period) from() string { return p.since.Format(time.DateOnly) }
func (p period) to() string   { return p.until.Format(time.DateOnly) }

// GetEngineDashboard shows the caller what the engine did with its payouts: nothing of it says what a list holds, which limit of the
// operator's was met, or what others' payouts say.
func (s *Service) GetEngineDashboard(ctx context.Context, req *antonv1.GetEngineDashboardRequest) (*antonv1.GetEngineDashboardResponse, error) {
	p, err := periodOf(req.GetFrom(), req.GetTo(), s.Clock())
	if err != nil {
		return nil, err
	}
	merchant := call.Merchant(ctx)
	f, err := readFigures(ctx, call.Reads(ctx), p, &merchant)
	if err != nil {
		return nil, err
	}
	rules, err := ownRules(ctx, call.Reads(ctx), merchant, f)
	if err != nil {
		return nil, err
	}
	judged := f.total.judged()
	data := &antonv1.EngineDashboard{
		From: p.from(), To: p.to(), Judged: judged, Scores: f.scoreRanges(), Rules: rules, Signals: f.ownSignals(),
		Compliance:    &antonv1.ComplianceTally{Stopped: judged.GetScreeningFailed(), Held: judged.GetInReview()},
		ReviewLatency: f.total.latency(),
	}
	if data.Volumes, err = f.total.volumesToProto(); err != nil {
		return nil, err
	}
	data.Days, err = f.daysToProto(p)
	return &antonv1.GetEngineDashboardResponse{Data: data}, err
}

// ownRules are the merchant's own rules that were broken most, and what stands for all of the operator's.
func ownRules(ctx context.Context, q *db.Queries, merchant string, f *figures) ([]*antonv1.RuleTally, error) {
	known, err := q.TallyRules(ctx, f.ruleIDs(), &merchant)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	var all []*antonv1.RuleTally
	for _, rule := range known {
		if n := f.rules[rule.ID]; rule.MerchantID == merchant {
			all = append(all, &antonv1.RuleTally{
				RuleId: rule.ID, Name: rule.Name, Blocked: count(n.effects["block"]), Reviewed: count(n.effects["review"]),
				WouldBlock: count(n.effects["would_block"]), WouldReview: count(n.effects["would_review"]),
			})
		}
	}
	if f.platform > 0 {
		all = append(all, &antonv1.RuleTally{RuleId: platformRule, Name: "Limits of the platform", Blocked: count(f.platform)})
	}
	return top(all, merchantsTop, func(r *antonv1.RuleTally) (int64, string) {
		return int64(r.GetBlocked()) + int64(r.GetReviewed()) + int64(r.GetWouldBlock()) + int64(r.GetWouldReview()), r.GetRuleId()
	}), nil
}

// ownSignals are the signals that were met most, of those that the merchant may read.
func (f *figures) ownSignals() []*antonv1.SignalTally {
	var all []*antonv1.SignalTally
	for key, n := range f.signals {
		if (risk.Signal{Code: key.code, Family: risk.Family(key.family)}).Own() {
			all = append(all, &antonv1.SignalTally{Code: key.code, Payouts: count(n.payouts), Points: count(n.points)})
		}
	}
	return top(all, merchantsTop, func(s *antonv1.SignalTally) (int64, string) { return int64(s.GetPayouts()), s.GetCode() })
}

// Operator is anton.ops.v1.EngineService: what the engine does, over all merchants.
type Operator struct{ Clock func() time.Time }

// GetEngineDashboard shows what the engine did with payouts of one merchant or of all.
func (o *Operator) GetEngineDashboard(ctx context.Context, req *opsv1.GetEngineDashboardRequest) (*opsv1.GetEngineDashboardResponse, error) {
	p, err := periodOf(req.GetFrom(), req.GetTo(), o.Clock())
	if err != nil {
		return nil, err
	}
	q, merchant := call.Reads(ctx), page.Text(req.GetMerchantId())
	if merchant != nil {
		if _, err := q.MerchantGet(ctx, *merchant); errors.Is(err, pgx.ErrNoRows) {
			return nil, apierr.NotFound("merchant", *merchant)
		} else if err != nil {
			return nil, fmt.Errorf("read the merchant: %w", err)
		}
	}
	f, err := readFigures(ctx, q, p, merchant)
	if err != nil {
		return nil, err
	}
	data := &opsv1.EngineDashboard{
		From: p.from(), To: p.to(), Judged: f.total.judged(), Scores: f.scoreRanges(), Signals: f.allSignals(), ReviewLatency: f.total.latency(),
	}
	if data.Rules, err = allRules(ctx, q, merchant, f); err != nil {
		return nil, err
	}
	open, err := q.TallyAlertsOpen(ctx, db.TallyAlertsOpenParams{Since: p.since, Until: p.until, MerchantID: merchant})
	if err != nil {
		return nil, fmt.Errorf("count the open alerts: %w", err)
	}
	data.Alerts = &opsv1.AlertTally{Possible: count(f.alerts["possible"]), Certain: count(f.alerts["certain"]), Open: count(open)}
	if data.Volumes, err = f.total.volumesToProto(); err != nil {
		return nil, err
	}
	data.Days, err = f.daysToProto(p)
	return &opsv1.GetEngineDashboardResponse{Data: data}, err
}

func allRules(ctx context.Context, q *db.Queries, merchant *string, f *figures) ([]*opsv1.EngineRule, error) {
	known, err := q.TallyRules(ctx, f.ruleIDs(), merchant)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	byID := map[string]db.TallyRulesRow{}
	for _, rule := range known {
		byID[rule.ID] = rule
	}
	var all []*opsv1.EngineRule
	for id, n := range f.rules {
		all = append(all, &opsv1.EngineRule{
			RuleId: id, MerchantId: byID[id].MerchantID, Name: byID[id].Name, Blocked: count(n.effects["block"]), Reviewed: count(n.effects["review"]),
			WouldBlock: count(n.effects["would_block"]), WouldReview: count(n.effects["would_review"]),
		})
	}
	return top(all, operatorsTop, func(r *opsv1.EngineRule) (int64, string) { return f.rules[r.GetRuleId()].all(), r.GetRuleId() }), nil
}

func (f *figures) allSignals() []*opsv1.EngineSignal {
	var all []*opsv1.EngineSignal
	for key, n := range f.signals {
		all = append(all, &opsv1.EngineSignal{Family: key.family, Code: key.code, Payouts: count(n.payouts), Points: count(n.points)})
	}
	return top(all, operatorsTop, func(s *opsv1.EngineSignal) (int64, string) { return int64(s.GetPayouts()), s.GetCode() })
}

// top are the first of all, by how often and then by name, so that the same figures always give the same answer.
func top[T any](all []T, most int, rank func(T) (int64, string)) []T {
	slices.SortFunc(all, func(a, b T) int {
		na, nameA := rank(a)
		nb, nameB := rank(b)
		return cmp.Or(cmp.Compare(nb, na), cmp.Compare(nameA, nameB))
	})
	return all[:min(len(all), most)]
}
