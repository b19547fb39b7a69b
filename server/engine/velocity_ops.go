package engine

import (
	"context"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/velocity"
)

// VelocityOperator is anton.ops.v1.VelocityRulesService: the rules that hold for every merchant. They belong to the owner ”.
type VelocityOperator struct{}

const operator = ""

// ListVelocityRules lists the global rules, newest first.
func (*VelocityOperator) ListVelocityRules(ctx context.Context, req *opsv1.ListVelocityRulesRequest) (*opsv1.ListVelocityRulesResponse, error) {
	data, more, next, err := listRules(ctx, operator, req)
	return &opsv1.ListVelocityRulesResponse{Data: data, HasMore: more, NextCursor: next}, err
}

// GetVelocityRule shows one global rule.
func (*VelocityOperator) GetVelocityRule(ctx context.Context, req *opsv1.GetVelocityRuleRequest) (*opsv1.GetVelocityRuleResponse, error) {
	data, err := showRule(ctx, call.Reads(ctx), operator, req.GetId())
	return &opsv1.GetVelocityRuleResponse{Data: data}, err
}

// CreateVelocityRule makes a global rule.
func (*VelocityOperator) CreateVelocityRule(ctx context.Context, req *opsv1.CreateVelocityRuleRequest) (*opsv1.CreateVelocityRuleResponse, error) {
	data, err := createRule(ctx, operator, req)
	return &opsv1.CreateVelocityRuleResponse{Data: data}, err
}

// UpdateVelocityRule changes a global rule.
func (*VelocityOperator) UpdateVelocityRule(ctx context.Context, req *opsv1.UpdateVelocityRuleRequest) (*opsv1.UpdateVelocityRuleResponse, error) {
	data, err := updateRule(ctx, operator, req)
	return &opsv1.UpdateVelocityRuleResponse{Data: data}, err
}

// DisableVelocityRule puts a global rule out of force.
func (*VelocityOperator) DisableVelocityRule(ctx context.Context, req *opsv1.DisableVelocityRuleRequest) (*opsv1.DisableVelocityRuleResponse, error) {
	data, err := changeRule(ctx, operator, req.GetId(), func(r *velocity.Rule) []apierr.Field {
		r.Enabled = false
		return nil
	})
	return &opsv1.DisableVelocityRuleResponse{Data: data}, err
}
