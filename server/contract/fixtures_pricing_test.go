package contract_test

import (
	"maps"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

// rulesOfPrices has every field that a rule may have.
func rulesOfPrices() []any {
	return []any{
		fields{
			"source_currency": "USD", "dest_currency": "EUR", "country": "FR", "method": "iban", "fixed_fee": "1.00", "percentage_bps": 20,
			"min_fee": "1.50", "max_fee": "20.00", "tiers": []any{fields{"min_volume": "1000.00", "fixed_fee": "0.50", "percentage_bps": 10}},
		},
	}
}

// newPrices makes plans and a quote for the tenant's next payout, which is free: the tenant is on no plan.
func newPrices(t *testing.T, s *testserver.Server, tn *tenant) {
	t.Helper()
	made(t, s.Ops(), "/ops/v1/pricing/plans", `{"name":"Spare"}`) // so that the list has a second page
	tn.plan = made(t, s.Ops(), "/ops/v1/pricing/plans", `{"name":"Standard"}`)
	tn.promise = made(t, tn.Client, "/v1/pricing/quote", `{"amount":"12.50","source_currency":"USD","dest_currency":"EUR","country":"FR","method":"iban"}`)
}

func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.ReferenceService/ListCorridors": func(tenant) fields {
			return fields{"country": "DE", "currency": "EUR", "method": "iban"}
		},

		"/anton.v1.PricingService/GetPricing": func(tenant) fields { return fields{} },
		"/anton.v1.PricingService/CreatePricingQuote": func(tenant) fields {
			return fields{"amount": "1000.00", "source_currency": "USD", "dest_currency": "EUR", "country": "DE", "method": "iban", "fixed_side": "dest"}
		},
		"/anton.v1.PricingService/GetPricingQuote": func(tn tenant) fields { return fields{"id": tn.promise} },

		"/anton.ops.v1.PricingService/CreatePricingPlan": func(tenant) fields { return fields{"name": "Standard", "rules": rulesOfPrices()} },
		"/anton.ops.v1.PricingService/ChangePricingPlan": func(tn tenant) fields {
			return fields{"id": tn.plan, "name": "Standard", "rules": rulesOfPrices()}
		},
		"/anton.ops.v1.PricingService/GetPricingPlan":     func(tn tenant) fields { return fields{"id": tn.plan, "version": 1} },
		"/anton.ops.v1.PricingService/ListPricingPlans":   func(tenant) fields { return fields{"limit": 10} },
		"/anton.ops.v1.PricingService/GetMerchantPricing": func(tn tenant) fields { return fields{"merchant_id": tn.Merchant} },
		"/anton.ops.v1.PricingService/GetDefaultPricing":  func(tenant) fields { return fields{} },
		"/anton.ops.v1.PricingService/SetDefaultPricing":  func(tn tenant) fields { return fields{"plan_id": tn.plan} },
		"/anton.ops.v1.PricingService/SetMerchantPricing": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "plan_id": tn.plan}
		},
	})
}
