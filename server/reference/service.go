// Package reference tells what the platform knows of the world: currencies, countries, how bank accounts are named in each. It reads no
// table of the database and says the same to everybody. What it says is what amounts and beneficiaries are checked by, because all ask
// money and bankdetails.
package reference

import (
	"context"
	"maps"
	"slices"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
)

// Service is anton.v1.ReferenceService.
type Service struct{}

// ListCurrencies lists the currencies that amounts can be in.
func (*Service) ListCurrencies(context.Context, *antonv1.ListCurrenciesRequest) (*antonv1.ListCurrenciesResponse, error) {
	resp := &antonv1.ListCurrenciesResponse{}
	for _, c := range money.Currencies() {
		currency := &antonv1.Currency{Code: c.Code, Name: c.Name, MinorUnits: c.Digits}
		if c.Symbol != "" {
			currency.Symbol = &c.Symbol
		}
		resp.Data = append(resp.Data, currency)
	}
	return resp, nil
}

// ListCountries lists the countries, with their currencies and the ways to name an account there.
func (*Service) ListCountries(context.Context, *antonv1.ListCountriesRequest) (*antonv1.ListCountriesResponse, error) {
	resp := &antonv1.ListCountriesResponse{}
	for _, code := range slices.Sorted(maps.Keys(currenciesOf)) {
		country := &antonv1.Country{Code: code, Name: bankdetails.CountryName(code), Currencies: currenciesOf[code]}
		for _, s := range bankdetails.Schemas(code) {
			country.Methods = append(country.Methods, s.Method)
		}
		resp.Data = append(resp.Data, country)
	}
	return resp, nil
}

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
