package contract_test

import "maps"

// The fixtures of what changes, ends and shows beneficiaries and their instruments.
func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.BeneficiariesService/UpdateBeneficiary": func(tn tenant) fields {
			return fields{
				"id": tn.beneficiary, "middle_name": "Elena", "email": "maria@example.com", "phone": "+14155550123", "date_of_birth": "1985-04-12",
				"nationality": "US", "metadata": fields{"team": "south"}, "external_ref": "supplier-77",
				"address": fields{"street_line_1": "1 Main Street", "city": "Springfield", "country": "US"},
			}
		},
		"/anton.v1.BeneficiariesService/ArchiveBeneficiary": func(tn tenant) fields { return fields{"id": tn.archiving} },
		"/anton.v1.BeneficiariesService/RestoreBeneficiary": func(tn tenant) fields { return fields{"id": tn.archived} },
		"/anton.v1.BeneficiariesService/DeleteBeneficiary":  func(tn tenant) fields { return fields{"id": tn.deleting} },
		"/anton.v1.BeneficiariesService/GetBeneficiaryPii":  func(tn tenant) fields { return fields{"id": tn.beneficiary} },
		"/anton.v1.BeneficiariesService/ListInstruments": func(tn tenant) fields {
			return fields{"beneficiary_id": tn.beneficiary, "status": "active", "method": "us_bank", "currency": "USD", "limit": 10}
		},
		"/anton.v1.BeneficiariesService/UpdateInstrument": func(tn tenant) fields {
			return fields{"id": tn.instrument, "label": "Salary", "metadata": fields{"team": "south"}, "status": "active", "make_default": true}
		},
		"/anton.v1.BeneficiariesService/DeleteInstrument": func(tn tenant) fields { return fields{"id": tn.unused} },
		"/anton.v1.ReferenceService/ListPaymentMethods":   func(tenant) fields { return fields{"country": "GB"} },
	})
}
