package reference

import (
	"context"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/corridors"
	"github.com/antonpayments/anton/server/money"
)

// ListCorridors lists the ways for money to arrive in a country, or of a currency. All of both would be tens of thousands.
func (*Service) ListCorridors(_ context.Context, req *antonv1.ListCorridorsRequest) (*antonv1.ListCorridorsResponse, error) {
	countries, currencies, err := asked(req)
	if err != nil {
		return nil, err
	}
	resp := &antonv1.ListCorridorsResponse{}
	for _, country := range countries {
		for _, currency := range currencies {
			for _, method := range corridors.Methods(country) {
				if req.GetMethod() != antonv1.PaymentMethod_unspecified && method != req.GetMethod() {
					continue
				}
				if c, ok := corridors.Of(currency, country, method); ok {
					resp.Data = append(resp.Data, corridorToProto(&c))
				}
			}
		}
	}
	return resp, nil
}

func asked(req *antonv1.ListCorridorsRequest) (countries, currencies []string, err error) {
	country, currency := req.GetCountry(), req.GetCurrency()
	switch {
	case country == "" && currency == "":
		return nil, nil, apierr.InvalidField("country", "is required, or else currency")
	case country != "" && !bankdetails.KnownCountry(country):
		return nil, nil, apierr.InvalidField("country", "is not an ISO 3166-1 country")
	case currency != "" && !money.Known(currency):
		return nil, nil, apierr.InvalidField("currency", "%v", money.ErrCurrency)
	}
	countries, currencies = []string{country}, []string{currency}
	if country == "" {
		countries = bankdetails.Countries()
	}
	if currency == "" {
		currencies = nil
		for _, c := range money.Currencies() {
			currencies = append(currencies, c.Code)
		}
	}
	return countries, currencies, nil
}

func corridorToProto(c *corridors.Corridor) *antonv1.Corridor {
	out := &antonv1.Corridor{
		Currency: c.Currency, Country: c.Country, Method: c.Method, MinAmount: c.Least.String(), MaxAmount: c.Most.String(),
		MinBusinessDays: int32(c.Fastest), MaxBusinessDays: int32(c.Slowest), //nolint:gosec // days
	}
	if c.CutOff != "" {
		out.CutOff, out.CutOffTimeZone = &c.CutOff, &c.Zone
	}
	return out
}
