package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/antonpayments/anton/gen/db"
)

// A line of an export holds one of these.
type line struct {
	Row  *exportedRow  `json:"row,omitempty"`
	Seal *exportedSeal `json:"seal,omitempty"`
	End  *exportedEnd  `json:"end,omitempty"`
}

type exportedRow struct {
	Merchant string          `json:"merchant_id"`
	Position int64           `json:"position"`
	ID       string          `json:"id"`
	At       string          `json:"at"`
	Actor    string          `json:"actor"`
	Action   string          `json:"action"`
	Object   string          `json:"object_id"`
	Request  string          `json:"request_id"`
	Detail   json.RawMessage `json:"detail"`
	Hash     string          `json:"hash"`
}

type exportedSeal struct {
	Merchant string `json:"merchant_id"`
	Number   int64  `json:"number"`
	From     int64  `json:"from_position"`
	To       int64  `json:"to_position"`
	Previous string `json:"previous_hash"`
	Hash     string `json:"hash"`
	SealedAt string `json:"sealed_at"`
}

type exportedEnd struct {
	Rows  int64 `json:"rows"`
	Seals int64 `json:"seals"`
}

// Export writes the sealed rows of one merchant, or of everybody, as JSON lines: each chain's rows in their order, each seal behind
// the rows it covers, and a last line that counts them. It judges nothing: damage is written as it is found. A row that was deleted is
// not there, and neither is a row that has no seal yet.
func Export(ctx context.Context, q *db.Queries, merchant *string, out io.Writer) (rows, seals int64, err error) {
	chains, err := q.AuditChains(ctx, merchant)
	if err != nil {
		return 0, 0, fmt.Errorf("list the chains: %w", err)
	}
	e := exporter{q: q, out: json.NewEncoder(out)}
	for _, chain := range chains {
		if err := e.chain(ctx, chain.MerchantID); err != nil {
			return 0, 0, err
		}
	}
	if err := e.out.Encode(line{End: &e.end}); err != nil {
		return 0, 0, fmt.Errorf("write the export: %w", err)
	}
	return e.end.Rows, e.end.Seals, nil
}

type exporter struct {
	q   *db.Queries
	out *json.Encoder
	end exportedEnd
}

func (e *exporter) chain(ctx context.Context, merchant string) error {
	var number int64
	for {
		page, err := e.q.AuditSealPage(ctx, db.AuditSealPageParams{MerchantID: merchant, AfterNumber: number, RowLimit: 500})
		if err != nil {
			return fmt.Errorf("read seals: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, s := range page {
			number = s.Number
			if err := e.rows(ctx, merchant, s); err != nil {
				return err
			}
			e.end.Seals++
			err := e.out.Encode(line{Seal: &exportedSeal{
				merchant, s.Number, s.FromPosition, s.ToPosition, hex.EncodeToString(s.PreviousHash), hex.EncodeToString(s.Hash), s.SealedAt,
			}})
			if err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
		}
	}
}

func (e *exporter) rows(ctx context.Context, merchant string, s db.AuditSealPageRow) error {
	page, err := e.q.AuditPositionPage(ctx, db.AuditPositionPageParams{
		MerchantID: merchant, FromPosition: s.FromPosition, ToPosition: s.ToPosition, RowLimit: sliceSize,
	})
	if err != nil {
		return fmt.Errorf("read sealed rows: %w", err)
	}
	for _, row := range page {
		if row.ID == "" {
			continue
		}
		e.end.Rows++
		err := e.out.Encode(line{Row: &exportedRow{
			merchant, row.Position, row.ID, row.At, row.Actor, row.Action, row.ObjectID, row.RequestID, json.RawMessage(row.Detail),
			hex.EncodeToString(row.RowHash),
		}})
		if err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
	}
	return nil
}
