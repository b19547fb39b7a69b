package beneficiaries

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
)

// ToProto is the beneficiary as its merchant sees it, for those who show it with something else.
func ToProto(row db.Beneficiary) *antonv1.Beneficiary { return toProto(row) }

func toProto(row db.Beneficiary) *antonv1.Beneficiary {
	return &antonv1.Beneficiary{
		Id:                  row.ID,
		Type:                antonv1.PartyType_Value(antonv1.PartyType_Value_value[string(row.Type)]),
		FirstName:           row.FirstName,
		LastName:            row.LastName,
		CompanyName:         row.CompanyName,
		Country:             row.Country,
		Currency:            row.Currency,
		Status:              antonv1.BeneficiaryStatus_Value(antonv1.BeneficiaryStatus_Value_value[string(row.Status)]),
		ExternalRef:         orBlank(row.ExternalRef),
		DefaultInstrumentId: orBlank(row.DefaultInstrumentID),
		Metadata:            row.Metadata,
		CreatedAt:           timestamppb.New(row.CreatedAt),
		UpdatedAt:           timestamppb.New(row.UpdatedAt),
	}
}

func instrumentToProto(row db.Instrument, isDefault bool) *antonv1.Instrument {
	return &antonv1.Instrument{
		Id:            row.ID,
		BeneficiaryId: row.BeneficiaryID,
		Method:        methodOf(row),
		Currency:      row.Currency,
		Country:       row.Country,
		BankName:      row.BankName,
		Last4:         row.Last4,
		Masked:        row.Masked,
		Label:         row.Label,
		Status:        antonv1.InstrumentStatus_Value(antonv1.InstrumentStatus_Value_value[string(row.Status)]),
		IsDefault:     isDefault,
		Verification:  antonv1.InstrumentVerification_Value(antonv1.InstrumentVerification_Value_value[string(row.Verification)]),
		Metadata:      row.Metadata,
		CreatedAt:     timestamppb.New(row.CreatedAt),
		UpdatedAt:     timestamppb.New(row.UpdatedAt),
	}
}

func methodOf(row db.Instrument) antonv1.PaymentMethod_Value {
	return antonv1.PaymentMethod_Value(antonv1.PaymentMethod_Value_value[string(row.Method)])
}

func orBlank(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// orEmpty keeps null out of the metadata columns.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
