package contract_test

import (
	"maps"
	"testing"
)

// batches are a tenant's: one to be confirmed, one with mistakes, one to be cancelled.
type batches struct{ confirming, mistaken, withdrawing string }

// newBatches sends the batches of a tenant. They are checked by the worker.
func newBatches(t *testing.T, tn tenant) batches {
	t.Helper()
	row := func(amount, currency string) string {
		return `{"beneficiary_id":"` + tn.beneficiary + `","amount":"` + amount + `","currency":"` + currency + `"}`
	}
	rows := func(some string) string { return made(t, tn.Client, "/v1/batches", `{"rows":[`+some+`]}`) }
	return batches{
		confirming: rows(row("1.00", "USD") + "," + row("2.00", "USD")), mistaken: rows(row("1e9", "USD") + "," + row("1.00", "UDS")),
		withdrawing: rows(row("3.00", "USD")),
	}
}

// The fixtures of batches.
func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.BatchesService/CreateBatch": func(tenant) fields {
			return fields{
				"file_name": "salaries.csv", "description": "Of January",
				"rows": []any{fields{
					"first_name": "Eva", "last_name": "Braun", "country": "DE", "iban": "DE02500105170137075030", "amount": "5.00", "currency": "EUR",
				}},
			}
		},
		"/anton.v1.BatchesService/ListBatches": func(tenant) fields {
			return fields{"limit": 10, "status": "validated", "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.v1.BatchesService/GetBatch": func(tn tenant) fields { return fields{"id": tn.confirming} },
		"/anton.v1.BatchesService/GetBatchTemplate": func(tenant) fields {
			return fields{"format": "csv", "country": "US"}
		},
		"/anton.v1.BatchesService/ListBatchErrors":     func(tn tenant) fields { return fields{"id": tn.mistaken, "limit": 10} },
		"/anton.v1.BatchesService/DownloadBatchErrors": func(tn tenant) fields { return fields{"id": tn.mistaken} },
		"/anton.v1.BatchesService/GetBatchSummary":     func(tn tenant) fields { return fields{"id": tn.confirming} },
		"/anton.v1.BatchesService/ConfirmBatch":        func(tn tenant) fields { return fields{"id": tn.confirming} },
		"/anton.v1.BatchesService/CancelBatch":         func(tn tenant) fields { return fields{"id": tn.withdrawing, "reason": "The wrong month"} },
		"/anton.v1.BatchesService/ListBatchResults": func(tn tenant) fields {
			return fields{"id": tn.confirming, "status": "valid", "limit": 10}
		},
		"/anton.v1.BatchesService/DownloadBatchResults": func(tn tenant) fields { return fields{"id": tn.confirming} },
	})
}
