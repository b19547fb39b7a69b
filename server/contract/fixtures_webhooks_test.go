package contract_test

import "maps"

// Nothing listens there: no test of this package delivers.
const nowhere = "http://127.0.0.1:9/hook"

func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.BalancesService/UpdateBalance": func(tenant) fields { return fields{"currency": "USD", "low_threshold": "10000.00"} },

		"/anton.v1.EventsService/ListEventDeliveries": func(tn tenant) fields { return fields{"id": tn.event} },
		"/anton.v1.EventsService/RedeliverEvent":      func(tn tenant) fields { return fields{"id": tn.event, "webhook_id": tn.webhook} },

		"/anton.v1.WebhooksService/CreateWebhook": func(tenant) fields {
			return fields{"url": "https://example.com/hook", "events": []any{"payout.*", "balance.deposit"}, "description": "Back office"}
		},
		"/anton.v1.WebhooksService/ListWebhooks": func(tenant) fields { return fields{} },
		"/anton.v1.WebhooksService/GetWebhook":   func(tn tenant) fields { return fields{"id": tn.webhook} },
		"/anton.v1.WebhooksService/UpdateWebhook": func(tn tenant) fields {
			return fields{"id": tn.webhook, "url": nowhere, "events": []any{"*"}, "description": "All of it", "status": "active"}
		},
		"/anton.v1.WebhooksService/DeleteWebhook":       func(tn tenant) fields { return fields{"id": tn.spareWebhook} },
		"/anton.v1.WebhooksService/RotateWebhookSecret": func(tn tenant) fields { return fields{"id": tn.webhook} },
		"/anton.v1.WebhooksService/TestWebhook":         func(tn tenant) fields { return fields{"id": tn.webhook} },
		"/anton.v1.WebhooksService/ReplayWebhook": func(tn tenant) fields {
			return fields{"id": tn.webhook, "from": "2026-02-13T00:00:00Z", "to": "2026-02-15T00:00:00Z", "only_failed": true}
		},
	})
}
