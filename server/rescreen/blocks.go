package rescreen

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/unit"
)

// Blocks is anton.ops.v1.BeneficiariesService: whom merchants may not pay.
type Blocks struct{ Engine *engine.Engine }

// BlockBeneficiary blocks a beneficiary in the caller's name.
func (*Blocks) BlockBeneficiary(ctx context.Context, req *opsv1.BlockBeneficiaryRequest) (*opsv1.BlockBeneficiaryResponse, error) {
	tx := call.Tx(ctx)
	row, err := lock(ctx, tx, req.GetMerchantId(), req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	if row.BlockID != nil {
		block, err := blockOf(ctx, tx, row)
		return &opsv1.BlockBeneficiaryResponse{Data: blockToProto(block, row)}, err
	}
	row, block, err := beneficiaries.Block(ctx, tx, row, nil, req.GetReason())
	if err != nil {
		return nil, err
	}
	return &opsv1.BlockBeneficiaryResponse{Data: blockToProto(block, row)}, nil
}

// UnblockBeneficiary lifts a block, unless the lists in force certainly name the beneficiary.
func (b *Blocks) UnblockBeneficiary(ctx context.Context, req *opsv1.UnblockBeneficiaryRequest) (*opsv1.UnblockBeneficiaryResponse, error) {
	tx := call.Tx(ctx)
	row, err := lock(ctx, tx, req.GetMerchantId(), req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	block, err := blockOf(ctx, tx, row)
	if err != nil {
		return nil, err
	}
	if row.BlockID != nil {
		if err := b.refuseListed(ctx, tx, row); err != nil {
			return nil, err
		}
		if row, err = beneficiaries.Unblock(ctx, tx, row, &block, req.GetReason()); err != nil {
			return nil, err
		}
	}
	return &opsv1.UnblockBeneficiaryResponse{Data: blockToProto(block, row)}, nil
}

// refuseListed keeps a beneficiary blocked while it certainly is a listed party. The alert that says so may be a new one, of an entry that
// nobody held against it before: it is written though the call is refused, so that compliance has something to resolve.
func (b *Blocks) refuseListed(ctx context.Context, tx *unit.Unit, row db.Beneficiary) error {
	if err := b.Engine.Lists.Usable(); err != nil {
		return apierr.New(antonv1.ErrorCode_unavailable, "Beneficiary %s cannot be unblocked now: it cannot be screened. Try again later.", row.ID)
	}
	query, err := b.Engine.Query(row)
	if err != nil {
		return err
	}
	found, err := b.Engine.ScreenBeneficiary(ctx, tx, row, query, nil)
	if err != nil || found.Decision != screening.Certain {
		return err
	}
	return unit.Keep(func(ctx context.Context, u *unit.Unit) (refusal, err error) {
		cases, err := found.AlertOfBlock(ctx, u, *row.BlockID)
		return apierr.Conflict("Beneficiary %s is certainly a listed party, says alert %s. Resolve it as a false positive first.", row.ID, cases.Certain), err
	})
}

func lock(ctx context.Context, tx *unit.Unit, merchant, id string) (db.Beneficiary, error) {
	row, err := tx.Read().BeneficiaryGetForUpdate(ctx, merchant, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("beneficiary of this merchant", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the beneficiary: %w", err)
	}
	return row, nil
}

// blockOf is the block in force, or the last one of a beneficiary that is not blocked any more.
func blockOf(ctx context.Context, tx *unit.Unit, row db.Beneficiary) (db.BeneficiaryBlock, error) {
	var block db.BeneficiaryBlock
	var err error
	if row.BlockID != nil {
		block, err = tx.Read().BlockGet(ctx, db.BlockGetParams{MerchantID: row.MerchantID, BeneficiaryID: row.ID, ID: *row.BlockID})
	} else {
		block, err = tx.Read().BlockLast(ctx, row.MerchantID, row.ID)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return block, apierr.Conflict("Beneficiary %s is %s and was never blocked.", row.ID, row.Status)
	}
	if err != nil {
		return block, fmt.Errorf("read the block: %w", err)
	}
	return block, nil
}

func blockToProto(b db.BeneficiaryBlock, row db.Beneficiary) *opsv1.BeneficiaryBlock {
	p := &opsv1.BeneficiaryBlock{
		Id: b.ID, MerchantId: b.MerchantID, BeneficiaryId: b.BeneficiaryID,
		Cause:   opsv1.BeneficiaryBlockCause_Value(opsv1.BeneficiaryBlockCause_Value_value[string(b.Cause)]),
		AlertId: b.AlertID, Reason: b.Reason, BlockedBy: b.BlockedBy, CreatedAt: timestamppb.New(b.BlockedAt),
		LiftedBy: b.LiftedBy, LiftReason: b.LiftReason, Beneficiary: beneficiaries.ToProto(row),
	}
	if b.LiftedAt != nil {
		p.LiftedAt = timestamppb.New(*b.LiftedAt)
	}
	return p
}
