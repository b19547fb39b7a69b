// Package rfis is requests for information: what staff asks of a merchant about a payout, a beneficiary or the merchant itself, and what
// the merchant answers. A request that is not resolved as cleared keeps payouts from being approved; the database sees to that where
// states change, and this package never moves a payout.
//
// Answers are encrypted, and in no event, log or audit row: people write about people.
package rfis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/page"
)

// Service is anton.v1.RfisService.
type Service struct {
	Keys *crypto.Keys
}

// ListRfis lists the caller's requests, newest first.
func (s *Service) ListRfis(ctx context.Context, req *antonv1.ListRfisRequest) (*antonv1.ListRfisResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).RfiList(ctx, db.RfiListParams{
		MerchantID:    merchant,
		Status:        page.Word(req.GetStatus()),
		EntityType:    page.Word(req.GetEntityType()),
		EntityID:      page.Text(req.GetEntityId()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list RFIs: %w", err)
	}
	resp := &antonv1.ListRfisResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, position)
	for _, row := range rows {
		data, err := ToProto(s.Keys, row)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

func position(row db.Rfi) (time.Time, string) { return row.CreatedAt, row.ID }

// GetRfi shows one of the caller's requests.
func (s *Service) GetRfi(ctx context.Context, req *antonv1.GetRfiRequest) (*antonv1.GetRfiResponse, error) {
	row, err := call.Reads(ctx).RfiGet(ctx, call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	data, err := ToProto(s.Keys, row)
	return &antonv1.GetRfiResponse{Data: data}, err
}

// RespondToRfi stores the caller's answer, if it fits the questions.
func (s *Service) RespondToRfi(ctx context.Context, req *antonv1.RespondToRfiRequest) (*antonv1.RespondToRfiResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := tx.Read().RfiGetForUpdate(ctx, merchant, req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	if row.Status != db.RfiStatusOpen && row.Status != db.RfiStatusEscalated {
		return nil, apierr.Conflict("RFI %s is %s and takes no answer.", row.ID, row.Status)
	}
	questions, err := readQuestions(row)
	if err != nil {
		return nil, err
	}
	named, wrong := checkAnswers(questions, req)
	if len(wrong) == 0 {
		wrong, err = refuseForeign(ctx, tx, merchant, named)
		if err != nil {
			return nil, err
		}
	}
	if len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	sealed, err := s.seal(row, req)
	if err != nil {
		return nil, err
	}
	if err := move(ctx, tx, &row, step{to: db.RfiStatusResponded, response: sealed, documents: idsOf(named)}); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	data, err := ToProto(s.Keys, row)
	return &antonv1.RespondToRfiResponse{Data: data}, err
}

func notFound(err error, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("RFI", id)
	}
	return fmt.Errorf("read RFI: %w", err)
}
