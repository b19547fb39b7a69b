package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/patch"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// Velocity is anton.v1.VelocityService: a merchant's own rules. That the merchant may is checked with its scope.
type Velocity struct {
	// Clock is what time it is: a simulation ends now where its caller names no end.
	Clock func() time.Time
}

// ListVelocityRules lists the caller's rules, newest first.
func (*Velocity) ListVelocityRules(ctx context.Context, req *antonv1.ListVelocityRulesRequest) (*antonv1.ListVelocityRulesResponse, error) {
	data, more, next, err := listRules(ctx, call.Merchant(ctx), req)
	return &antonv1.ListVelocityRulesResponse{Data: data, HasMore: more, NextCursor: next}, err
}

// GetVelocityRule shows one of the caller's rules.
func (*Velocity) GetVelocityRule(ctx context.Context, req *antonv1.GetVelocityRuleRequest) (*antonv1.GetVelocityRuleResponse, error) {
	data, err := showRule(ctx, call.Reads(ctx), call.Merchant(ctx), req.GetId())
	return &antonv1.GetVelocityRuleResponse{Data: data}, err
}

// CreateVelocityRule makes a rule of the caller's.
func (*Velocity) CreateVelocityRule(ctx context.Context, req *antonv1.CreateVelocityRuleRequest) (*antonv1.CreateVelocityRuleResponse, error) {
	data, err := createRule(ctx, call.Merchant(ctx), req)
	return &antonv1.CreateVelocityRuleResponse{Data: data}, err
}

// UpdateVelocityRule changes one of the caller's rules.
func (*Velocity) UpdateVelocityRule(ctx context.Context, req *antonv1.UpdateVelocityRuleRequest) (*antonv1.UpdateVelocityRuleResponse, error) {
	data, err := updateRule(ctx, call.Merchant(ctx), req)
	return &antonv1.UpdateVelocityRuleResponse{Data: data}, err
}

// mostRules is how many rules a merchant can have, and the operator; the database has the same bound.
const mostRules = 1000

// The owner of a rule is a merchant, or empty for the operator.

type listRequest interface {
	page.Request
	GetType() antonv1.VelocityRuleType_Value
	GetEnabled() bool
	GetCreatedAfter() *timestamppb.Timestamp
	GetCreatedBefore() *timestamppb.Timestamp
}

func listRules(ctx context.Context, owner string, req listRequest) (data []*antonv1.VelocityRule, more bool, next *string, err error) {
	p, err := page.Of(owner, req)
	if err != nil {
		return nil, false, nil, err
	}
	filter := db.VelocityRuleListParams{
		MerchantID: owner, Type: page.Word(req.GetType()), BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	}
	filter.Enabled, filter.CreatedAfter, filter.CreatedBefore = listBounds(req)
	rows, err := call.Reads(ctx).VelocityRuleList(ctx, filter)
	if err != nil {
		return nil, false, nil, fmt.Errorf("list velocity rules: %w", err)
	}
	rows, more, next = page.Cut(p, rows, func(r db.VelocityRuleListRow) (time.Time, string) {
		return r.RuleCreatedAt, r.VelocityRuleVersion.RuleID
	})
	for _, row := range rows {
		data = append(data, ruleToProto(row.VelocityRuleVersion, row.RuleCreatedAt))
	}
	return data, more, next, addStatistics(ctx, call.Reads(ctx), owner, data...)
}

// addStatistics says how often the rules were broken: of a merchant's by its own payouts, of the operator's by everyone's.
func addStatistics(ctx context.Context, q *db.Queries, owner string, rules ...*antonv1.VelocityRule) error {
	byID := map[string]*antonv1.VelocityRule{}
	var all []string
	for _, r := range rules {
		byID[r.GetId()] = r
		all = append(all, r.GetId())
	}
	rows, err := q.VelocityHitsOfRules(ctx, all, owner)
	if err != nil {
		return fmt.Errorf("read how often rules were broken: %w", err)
	}
	for _, row := range rows {
		countHits(byID[row.RuleID].GetStatistics(), row)
	}
	return nil
}

func findRule(ctx context.Context, q *db.Queries, owner, id string) (db.VelocityRuleGetRow, error) {
	row, err := q.VelocityRuleGet(ctx, owner, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("velocity rule", id)
	}
	if err != nil {
		return row, fmt.Errorf("read a velocity rule: %w", err)
	}
	return row, nil
}

func showRule(ctx context.Context, q *db.Queries, owner, id string) (*antonv1.VelocityRule, error) {
	row, err := findRule(ctx, q, owner, id)
	if err != nil {
		return nil, err
	}
	data := ruleToProto(row.VelocityRuleVersion, row.RuleCreatedAt)
	return data, addStatistics(ctx, q, owner, data)
}

// createRule queues a rule with its first version. Evaluations wait for the book's lock, so the rule holds for all that come after.
func createRule(ctx context.Context, owner string, req ruleDraft) (*antonv1.VelocityRule, error) {
	tx := call.Tx(ctx)
	rule, wrong := ruleFrom(req)
	if len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	book, err := lockBook(ctx, tx, owner)
	if err != nil {
		return nil, err
	}
	if book.Rules >= mostRules {
		return nil, apierr.Conflict("There are %d velocity rules already, which is the most. Change one that is disabled instead.", book.Rules)
	}
	rule.Merchant, rule.ID, rule.Version = owner, ids.New(ids.VelocityRule, tx.Now), 1
	tx.About(owner, rule.ID)
	version := versionOf(rule, tx)
	q := tx.Queue(unit.Rows)
	err = errors.Join(
		q.VelocityRuleVersionInsert(ctx, version),
		q.VelocityRuleInsert(ctx, db.VelocityRuleInsertParams{MerchantID: owner, ID: rule.ID, CreatedAt: tx.Now}),
		q.VelocityBookTurn(ctx, 1, owner),
		auditVersion(ctx, tx, nil, rule),
	)
	return ruleToProto(db.VelocityRuleVersion(version), tx.Now), err
}

// updateRule queues a new version with what the request changes. The outcome is held to the rules of a creation.
func updateRule(ctx context.Context, owner string, req ruleUpdate) (*antonv1.VelocityRule, error) {
	changes, err := patch.Of(req)
	if err != nil {
		return nil, err
	}
	return changeRule(ctx, owner, req.GetId(), func(r *velocity.Rule) []apierr.Field { return applyUpdate(changes, req, r) })
}

// changeRule locks the book, applies the edit and queues the outcome as a new version, unless nothing is different.
func changeRule(ctx context.Context, owner, id string, edit func(*velocity.Rule) []apierr.Field) (*antonv1.VelocityRule, error) {
	tx := call.Tx(ctx)
	if _, err := lockBook(ctx, tx, owner); err != nil {
		return nil, err
	}
	row, err := findRule(ctx, tx.Read(), owner, id)
	if err != nil {
		return nil, err
	}
	was, err := ruleOf(row.VelocityRuleVersion)
	if err != nil {
		return nil, err
	}
	tx.About(owner, id)
	is := *was
	wrong := append(edit(&is), is.Problems()...)
	if len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	if err := settleThreshold(&is); err != nil {
		return nil, err
	}
	version := row.VelocityRuleVersion
	if len(differences(was, &is)) > 0 {
		is.Version++
		params := versionOf(&is, tx)
		version = db.VelocityRuleVersion(params)
		q := tx.Queue(unit.Rows)
		err = errors.Join(
			q.VelocityRuleVersionInsert(ctx, params),
			q.VelocityRuleTurn(ctx, db.VelocityRuleTurnParams{Version: is.Version, MerchantID: owner, ID: id}),
			q.VelocityBookTurn(ctx, 0, owner),
			auditVersion(ctx, tx, was, &is),
		)
		if err != nil {
			return nil, err
		}
	}
	data := ruleToProto(version, row.RuleCreatedAt)
	return data, addStatistics(ctx, tx.Read(), owner, data)
}

// auditVersion records what a version changed: each field as it was and as it is. Free text is not repeated in the audit log.
func auditVersion(ctx context.Context, tx *unit.Unit, was, is *velocity.Rule) error {
	detail := map[string]string{"version": fmt.Sprint(is.Version)}
	if was == nil {
		was = &velocity.Rule{}
	}
	for _, d := range differences(was, is) {
		if d.field == "name" || d.field == "description" {
			detail[d.field] = "changed"
			continue
		}
		detail[d.field+".before"], detail[d.field+".after"] = d.before, d.after
	}
	return audit.Record(ctx, tx, audit.Row{Merchant: is.Merchant, Action: "velocity_rule.version", Object: is.ID, Detail: detail})
}
