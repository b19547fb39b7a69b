package ledger_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// TestOneTransactionIsBookedAsASliceOfOne holds the plain statements that book a single transaction against the set-based one that
// books all others, and both against the one that books for those who owe: where nobody owes, the same arguments leave the same rows,
// or fail with the same code.
func TestOneTransactionIsBookedAsASliceOfOne(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for name, arguments := range map[string]string{
		"a deposit":                "'{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{wire}', '{1}', '{funding}', '{available}', '{12.34}'",
		"a hold":                   "'{txn_x}', '{payout_hold}', '{KWD}', '{pay_x}', '{\"\"}', '{1}', '{available}', '{held}', '{10.005}'",
		"three postings":           "'{txn_x}', '{payout_settlement}', '{USD}', '{pay_x}', '{\"\"}', '{1,1,1}', '{available,held,held}', '{held,rail_clearing,fee_income}', '{7,5,2}'",
		"neither available":        "'{txn_x}', '{adjustment}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{rounding}', '{fee_income}', '{1}'",
		"the first in a currency":  "'{txn_x}', '{deposit}', '{CHF}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{available}', '{3}'",
		"more than is there":       "'{txn_x}', '{payout_hold}', '{USD}', '{pay_x}', '{\"\"}', '{1}', '{available}', '{held}', '{1000000}'",
		"more than is held":        "'{txn_x}', '{payout_release}', '{USD}', '{pay_x}', '{\"\"}', '{1}', '{held}', '{available}', '{1}'",
		"an unknown account":       "'{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{pocket}', '{1}'",
		"an unknown type":          "'{txn_x}', '{gift}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{available}', '{1}'",
		"no postings":              "'{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{}', '{}', '{}', '{}'",
		"an amount that is absent": "'{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{available}', '{null}'",
	} {
		one, oneErr := book(t, s, m.Merchant, "ledger_post", arguments)
		slice, sliceErr := book(t, s, m.Merchant, "ledger_post_slice", arguments)
		if diff := cmp.Diff(slice, one); diff != "" || oneErr != sliceErr {
			t.Errorf("%s: as a slice and alone differ (%q, %q): %s", name, sliceErr, oneErr, diff)
		}
		owed, owedErr := book(t, s, m.Merchant, "ledger_post_owed", arguments)
		if diff := cmp.Diff(slice, owed); diff != "" || owedErr != sliceErr {
			t.Errorf("%s: as a slice and as if somebody owed differ (%q, %q): %s", name, sliceErr, owedErr, diff)
		}
		if one == "" && oneErr == "" {
			t.Errorf("%s: nothing was booked and nothing failed", name)
		}
	}
}

// book runs the function as the schema's owner and gives the rows that it left, or the constraint or code that it failed with; and
// takes it back.
func book(t *testing.T, s *testserver.Server, merchant, function, arguments string) (rows, failure string) {
	t.Helper()
	taken := errors.New("taken back")
	err := pgx.BeginFunc(t.Context(), s.Owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "select "+function+"('"+merchant+"', '2026-02-14T23:30:00Z', "+arguments+")"); err != nil {
			return err
		}
		const left = `select jsonb_pretty(jsonb_build_object(
			'transactions', (select jsonb_agg(t) from ledger_transactions t where t.id = 'txn_x'),
			'postings', (select jsonb_agg(p order by line) from ledger_postings p where p.transaction_id = 'txn_x'),
			'balances', (select jsonb_agg(b order by position) from balances b where b.merchant_id = $1)))`
		if err := tx.QueryRow(t.Context(), left, merchant).Scan(&rows); err != nil {
			t.Error(err)
		}
		return taken
	})
	if errors.Is(err, taken) {
		return rows, ""
	}
	return "", codeOf(err)
}

func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code + " " + pg.ConstraintName
	}
	return err.Error()
}
