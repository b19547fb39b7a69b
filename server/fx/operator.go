package fx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/unit"
)

// Operator is anton.ops.v1.FxService.
type Operator struct {
	Desk   Desk
	Source Source
	Clock  func() time.Time
}

// GetFxRates shows the newest rates and how they are.
func (o *Operator) GetFxRates(ctx context.Context, _ *opsv1.GetFxRatesRequest) (*opsv1.GetFxRatesResponse, error) {
	status, err := o.Desk.Status(ctx, call.Reads(ctx), o.Clock(), nil)
	if err != nil {
		return nil, err
	}
	out := &opsv1.FxRates{Source: status.Source, BusinessDaysOld: int32(status.Missed), Usable: status.Usable} //nolint:gosec // at most 1000
	if status.AsOf != nil {
		out.AsOf = timestamppb.New(*status.AsOf)
	}
	if status.Last != nil {
		out.LastRefresh = refreshToProto(*status.Last)
	}
	for _, row := range status.Rates {
		out.Rates = append(out.Rates, &opsv1.FxReferenceRate{Currency: row.Quote, Rate: row.Rate.Text('f')})
	}
	return &opsv1.GetFxRatesResponse{Data: out}, nil
}

// foundKey is under which Fetch leaves what it found.
type foundKey struct{}

// Fetch asks the source before RefreshFxRates has its transaction.
func (o *Operator) Fetch(ctx context.Context, _ any) (context.Context, error) {
	return context.WithValue(ctx, foundKey{}, Fetch(ctx, o.Source)), nil
}

// RefreshFxRates takes what Fetch found, if it is newer and right.
func (o *Operator) RefreshFxRates(ctx context.Context, req *opsv1.RefreshFxRatesRequest) (*opsv1.RefreshFxRatesResponse, error) {
	tx := call.Tx(ctx)
	found, ok := ctx.Value(foundKey{}).(Found)
	if !ok {
		return nil, errors.New("nothing was fetched before the call")
	}
	row, err := Record(ctx, tx, found, tx.Actor, Waiver(req.GetAcceptReason()))
	if err != nil {
		return nil, err
	}
	tx.About("", row.ID)
	return &opsv1.RefreshFxRatesResponse{Data: refreshToProto(row)}, nil
}

// ListFxMarkups lists what was set for a merchant.
func (*Operator) ListFxMarkups(ctx context.Context, req *opsv1.ListFxMarkupsRequest) (*opsv1.ListFxMarkupsResponse, error) {
	q := call.Reads(ctx)
	if err := merchantExists(ctx, q, req.GetMerchantId()); err != nil {
		return nil, err
	}
	rows, err := q.FxMarkups(ctx, req.GetMerchantId())
	if err != nil {
		return nil, fmt.Errorf("list the markups: %w", err)
	}
	resp := &opsv1.ListFxMarkupsResponse{}
	for _, row := range rows {
		resp.Data = append(resp.Data, markupToProto(row))
	}
	return resp, nil
}

// SetFxMarkup sets the markup of a pair, or the merchant's default.
func (*Operator) SetFxMarkup(ctx context.Context, req *opsv1.SetFxMarkupRequest) (*opsv1.SetFxMarkupResponse, error) {
	tx := call.Tx(ctx)
	if req.GetSellCurrency()+req.GetBuyCurrency() != "" {
		if err := checkPair(Pair{req.GetSellCurrency(), req.GetBuyCurrency()}); err != nil {
			return nil, err
		}
	}
	if err := merchantExists(ctx, tx.Read(), req.GetMerchantId()); err != nil {
		return nil, err
	}
	row := db.FxMarkup{
		MerchantID: req.GetMerchantId(), SellCurrency: req.GetSellCurrency(), BuyCurrency: req.GetBuyCurrency(), Bps: req.GetBps(),
		SetBy: tx.Actor, SetAt: tx.Now,
	}
	before, err := tx.Read().FxMarkupGetForUpdate(ctx, db.FxMarkupGetForUpdateParams{
		MerchantID: row.MerchantID, SellCurrency: row.SellCurrency, BuyCurrency: row.BuyCurrency,
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read the markup: %w", err)
	}
	tx.About(row.MerchantID, row.MerchantID)
	tx.Detail = map[string]string{"sell_currency": row.SellCurrency, "buy_currency": row.BuyCurrency, "bps.after": strconv.Itoa(int(row.Bps))}
	if err == nil { // else the pair had none of its own
		tx.Detail["bps.before"] = strconv.Itoa(int(before))
	}
	return &opsv1.SetFxMarkupResponse{Data: markupToProto(row)}, tx.Queue(unit.Rows).FxMarkupSet(ctx, db.FxMarkupSetParams(row))
}

func merchantExists(ctx context.Context, q *db.Queries, id string) error {
	_, err := q.MerchantGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("merchant", id)
	}
	if err != nil {
		return fmt.Errorf("read the merchant: %w", err)
	}
	return nil
}
