// Package reference tells what the platform knows of the world: how bank accounts are named in each country. It reads no table of the
// database and says the same to everybody. What it says is what beneficiaries are checked by, because both ask bankdetails.
package reference

import (
	"context"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
)

// Service is anton.v1.ReferenceService.
type Service struct{}

// ListPaymentMethods lists the ways to name an account of a country.
func (*Service) ListPaymentMethods(_ context.Context, req *antonv1.ListPaymentMethodsRequest) (*antonv1.ListPaymentMethodsResponse, error) {
	schemas := bankdetails.Schemas(req.GetCountry())
	if schemas == nil {
		return nil, apierr.InvalidField("country", "is not an ISO 3166-1 country")
	}
	resp := &antonv1.ListPaymentMethodsResponse{}
	for _, s := range schemas {
		way := &antonv1.PaymentMethodSchema{Method: s.Method}
		for _, f := range s.Fields {
			way.Fields = append(way.Fields, &antonv1.PaymentMethodField{
				Name: f.Name, Label: f.Label, Help: f.Help, Example: f.Example, Required: f.Required, DefaultValue: f.Default,
				Pattern: f.Pattern, MinLength: int32(f.MinLength), MaxLength: int32(f.MaxLength), Choices: f.Choices,
			})
		}
		resp.Data = append(resp.Data, way)
	}
	return resp, nil
}
