package merchants

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/call"
)

// Self is anton.v1.MerchantService: what a merchant may know of itself.
type Self struct {
	// Environment is "test" or "live".
	Environment string
}

// GetMerchant shows the caller's merchant. Why it is suspended, if it is, stays with the operators.
func (s *Self) GetMerchant(ctx context.Context, _ *antonv1.GetMerchantRequest) (*antonv1.GetMerchantResponse, error) {
	row, err := find(ctx, call.Reads(ctx), call.Merchant(ctx))
	if err != nil {
		return nil, err
	}
	return &antonv1.GetMerchantResponse{Data: &antonv1.Merchant{
		Id: row.ID, Name: row.Name, Country: row.Country,
		Status:             antonv1.MerchantStatus_Value(antonv1.MerchantStatus_Value_value[string(row.Status)]),
		Environment:        antonv1.Environment_Value(antonv1.Environment_Value_value[s.Environment]),
		RateLimitPerMinute: call.PerMinute * row.RateLimitMultiplier,
		CreatedAt:          timestamppb.New(row.CreatedAt),
	}}, nil
}
