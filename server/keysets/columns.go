// Package keysets looks after what is encrypted in the database: which key each row needs, and how the rows of an old key come under
// the new one while servers run. It never writes anything but a new ciphertext of the same text, and only over the one it read.
package keysets

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/crypto"
)

// A column is one that holds ciphertexts. Its rows are known by two columns that lead the primary key, and these, with
// `table.name`, are the place that the ciphertexts are bound to (crypto.Place). A copy of another column's ciphertexts is bound to the
// place of the original, whose id stands before the slash in the copy's.
type column struct{ table, merchant, object, name, copyOf string }

// columns are all of them; a test holds them against the schema.
var columns = []column{
	{"beneficiaries", "merchant_id", "id", "private_data", ""},
	{"instruments", "merchant_id", "id", "details", ""},
	{"idempotency_keys", "owner_id", "key", "response", ""},
	{"rfis", "merchant_id", "id", "response", ""},
	{"rfi_steps", "merchant_id", "id", "response", "rfis.response"},
	{"document_contents", "merchant_id", "document_id", "content", ""},
	{"batch_rows", "merchant_id", "id", "data", ""},
	{"rail_orders", "merchant_id", "payout_id", "details", ""},
	{"rail_file_contents", "rail", "file_id", "content", ""},
	{"rail_entries", "rail", "id", "detail", ""},
	{"webhooks", "merchant_id", "id", "secret", ""},
	{"webhooks", "merchant_id", "id", "previous_secret", "webhooks.secret"},
}

func (c column) String() string { return c.table + "." + c.name }

func (c column) place(merchant, object string) crypto.Place {
	if c.copyOf != "" {
		original, _, _ := strings.Cut(object, "/")
		return crypto.Place{Merchant: merchant, Object: original, Field: c.copyOf}
	}
	return crypto.Place{Merchant: merchant, Object: object, Field: c.String()}
}

// A Count is how many rows of a column need a key.
type Count struct {
	Column string
	Key    uint32
	Rows   int64
}

// ErrNoCiphertext says that a row holds something that no key of ours made.
var ErrNoCiphertext = errors.New("it holds what no key of ours made")

// Counts counts the rows that each key encrypts. It reads every row.
func Counts(ctx context.Context, pool *pgxpool.Pool) ([]Count, error) {
	var all []Count
	for _, c := range columns {
		rows, err := pool.Query(ctx, fmt.Sprintf("select substring(%[2]s from 1 for %[3]d), count(*) from %[1]s where %[2]s is not null group by 1 order by 1",
			c.table, c.name, crypto.PrefixSize))
		if err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", c, err)
		}
		counts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Count, error) {
			var prefix []byte
			count := Count{Column: c.String()}
			if err := row.Scan(&prefix, &count.Rows); err != nil {
				return count, err
			}
			var ok bool
			if count.Key, ok = crypto.KeyOf(prefix); !ok {
				return count, ErrNoCiphertext
			}
			return count, nil
		})
		if err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", c, err)
		}
		all = append(all, counts...)
	}
	return all, nil
}

// RowsOf sums up how many rows need each key.
func RowsOf(counts []Count) map[uint32]int64 {
	rows := map[uint32]int64{}
	for _, c := range counts {
		rows[c.Key] += c.Rows
	}
	return rows
}
