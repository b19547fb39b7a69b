package contract_test

import "maps"

// smallPDF is the least that is a PDF, in base64.
const smallPDF = "JVBERi0xLjQKc3RhcnR4cmVmCjAKJSVFT0YK"

// The fixtures of reviews, requests for information, and documents.
func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.DocumentsService/CreateDocument": func(tenant) fields {
			return fields{"category": "invoice", "file_name": "invoice.pdf", "description": "Of January", "content": smallPDF}
		},
		"/anton.v1.DocumentsService/ListDocuments": func(tenant) fields {
			return fields{"category": "invoice", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.v1.DocumentsService/GetDocument": func(tn tenant) fields { return fields{"id": tn.document} },

		"/anton.v1.DocumentsService/DownloadDocument":     func(tn tenant) fields { return fields{"id": tn.document} },
		"/anton.ops.v1.DocumentsService/DownloadDocument": func(tn tenant) fields { return fields{"id": tn.document} },

		"/anton.v1.EngineService/GetPayoutVerdict":      func(tn tenant) fields { return fields{"payout_id": tn.reviewed} },
		"/anton.v1.EngineService/GetBeneficiaryVerdict": func(tn tenant) fields { return fields{"beneficiary_id": tn.beneficiary} },
		"/anton.v1.EngineService/GetEngineDashboard":    func(tenant) fields { return fields{"from": "2026-02-10", "to": "2026-02-15"} },
		"/anton.ops.v1.EngineService/GetEngineDashboard": func(tn tenant) fields {
			return fields{"from": "2026-02-10", "to": "2026-02-15", "merchant_id": tn.Merchant}
		},

		"/anton.v1.RfisService/ListRfis": func(tn tenant) fields {
			return fields{"entity_type": "beneficiary", "entity_id": tn.archiving, "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.v1.RfisService/GetRfi": func(tn tenant) fields { return fields{"id": tn.asked} },
		"/anton.v1.RfisService/RespondToRfi": func(tn tenant) fields {
			return fields{
				"id": tn.asked, "response": "See the passport", "answers": []any{fields{"question": "born", "value": "1985-04-12"}},
				"document_ids": []any{tn.document},
			}
		},

		"/anton.ops.v1.RfisService/CreateRfi": func(tn tenant) fields {
			return fields{
				"merchant_id": tn.Merchant, "category": "documentation", "urgency": "low", "entity_type": "beneficiary", "entity_id": tn.archiving,
				"subject": "The invoice", "description": "It cannot be read", "due_at": "2026-03-01T00:00:00Z", "note": "Ask nicely",
				"questions": []any{fields{"id": "kind", "prompt": "Which one?", "type": "choice", "required": true, "choices": []any{"this", "that"}}},
			}
		},
		"/anton.ops.v1.RfisService/GetRfi": func(tn tenant) fields { return fields{"id": tn.asked} },
		"/anton.ops.v1.RfisService/ListRfis": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "entity_id": tn.archiving, "status": "open", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
		},
		"/anton.ops.v1.RfisService/ResolveRfi": func(tn tenant) fields {
			return fields{"id": tn.resolving, "outcome": "cleared", "note": "The passport fits"}
		},
		"/anton.ops.v1.RfisService/ReopenRfi": func(tn tenant) fields {
			return fields{"id": tn.reopening, "note": "A page is missing", "due_at": "2026-03-01T00:00:00Z"}
		},
		"/anton.ops.v1.RfisService/EscalateRfi": func(tn tenant) fields { return fields{"id": tn.escalated, "note": "It looks altered"} },

		"/anton.ops.v1.ReviewService/ListReviews": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "reason": "sandbox", "currency": "USD", "min_amount": "10.00", "max_amount": "2000.00", "limit": 10}
		},
		"/anton.ops.v1.ReviewService/GetReview":     func(tn tenant) fields { return fields{"payout_id": tn.claiming} },
		"/anton.ops.v1.ReviewService/ClaimReview":   func(tn tenant) fields { return fields{"payout_id": tn.claiming} },
		"/anton.ops.v1.ReviewService/ReleaseReview": func(tn tenant) fields { return fields{"payout_id": tn.reviewed} },
		"/anton.ops.v1.ReviewService/ApproveReview": func(tn tenant) fields {
			return fields{"payout_id": tn.approving, "reason": "A known supplier"}
		},
		"/anton.ops.v1.ReviewService/CancelReview": func(tn tenant) fields {
			return fields{"payout_id": tn.cancelling, "reason": "The invoice is not theirs"}
		},
	})
}
