package contract_test

import "maps"

// The fixtures of velocity rules and of entitlements.
func init() {
	draft := func() fields {
		return fields{
			"name": "New accounts an hour", "description": "Board decision", "type": "amount_per_window", "scope": "instrument",
			"window": fields{"type": "calendar_day", "zone": "Europe/Berlin"}, "threshold": "10000.00", "currency": "USD",
			"filter": fields{
				"countries": []any{"US"}, "methods": []any{"us_bank"}, "currencies": []any{"USD"}, "beneficiary_types": []any{"individual"},
			},
			"action": "review", "mode": "shadow", "priority": 7, "enabled": true,
		}
	}
	update := func(id string) fields {
		req := fields{
			"id": id, "name": "Spare", "description": "Changed", "scope": "merchant", "window": fields{"type": "calendar_day", "zone": "Europe/Berlin"},
			"threshold": "5000", "filter": fields{"countries": []any{"GB"}, "methods": []any{"iban"}, "currencies": []any{"EUR"}, "beneficiary_types": []any{"business"}},
			"action": "block", "mode": "shadow", "priority": 8, "enabled": true,
		}
		return req
	}
	list := fields{"limit": 10, "type": "count_per_window", "enabled": true, "created_after": "2026-02-13T00:00:00Z"}
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.VelocityService/ListVelocityRules":  func(tenant) fields { return copied(list) },
		"/anton.v1.VelocityService/GetVelocityRule":    func(tn tenant) fields { return fields{"id": tn.rule} },
		"/anton.v1.VelocityService/CreateVelocityRule": func(tenant) fields { return draft() },
		"/anton.v1.VelocityService/UpdateVelocityRule": func(tn tenant) fields { return update(tn.rule) },
		"/anton.v1.VelocityService/SimulateVelocityRule": func(tenant) fields {
			return fields{"rule": draft(), "from": "2026-02-13T00:00:00Z", "to": "2026-02-15T00:00:00Z"}
		},
		"/anton.ops.v1.VelocityRulesService/ListVelocityRules":   func(tenant) fields { return copied(list) },
		"/anton.ops.v1.VelocityRulesService/GetVelocityRule":     func(tn tenant) fields { return fields{"id": tn.globalRule} },
		"/anton.ops.v1.VelocityRulesService/CreateVelocityRule":  func(tenant) fields { return draft() },
		"/anton.ops.v1.VelocityRulesService/UpdateVelocityRule":  func(tn tenant) fields { return update(tn.globalRule) },
		"/anton.ops.v1.VelocityRulesService/DisableVelocityRule": func(tn tenant) fields { return fields{"id": tn.globalRule} },

		"/anton.ops.v1.MerchantsService/GrantEntitlement":  func(tn tenant) fields { return fields{"id": tn.Merchant, "entitlement": "engine"} },
		"/anton.ops.v1.MerchantsService/RevokeEntitlement": func(tn tenant) fields { return fields{"id": tn.neighbour, "entitlement": "engine"} },
	})
}
