package beneficiaries

import (
	"context"
	"fmt"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/unit"
)

// ArchiveOldest archives the merchant's oldest active beneficiaries, up to the limit, each as the merchant would; more says whether
// others are left. It is the sandbox's reset.
func ArchiveOldest(ctx context.Context, tx *unit.Unit, merchant string, limit int32) (archived int32, more bool, err error) {
	rows, err := tx.Read().BeneficiariesActiveForUpdate(ctx, merchant, limit+1)
	if err != nil {
		return 0, false, fmt.Errorf("look for active beneficiaries: %w", err)
	}
	if more = len(rows) > int(limit); more {
		rows = rows[:limit]
	}
	for _, was := range rows {
		is := was
		is.Status = db.BeneficiaryStatusArchived
		if err := change(ctx, tx, was, &is, "beneficiary.archived"); err != nil {
			return 0, false, err
		}
		if err := audit.Record(ctx, tx, audit.Row{Merchant: merchant, Action: "beneficiary.archive", Object: is.ID}); err != nil {
			return 0, false, err
		}
	}
	return int32(len(rows)), more, nil
}
