package payouts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

// contractArrows is the table of the contract, written down once more: neither Go's table nor SQL's is allowed to be the judge.
var contractArrows = map[db.PayoutStatus][]db.PayoutStatus{
	"created":           {"pending_screening", "manual_review", "cancelled"},
	"pending_screening": {"screening_failed", "pending_approval", "cancelled"},
	"pending_approval":  {"velocity_blocked", "manual_review", "approved", "cancelled"},
	"manual_review":     {"approved", "cancelled"},
	"approved":          {"processing", "sent"},
	"processing":        {"sent", "failed"},
	"sent":              {"completed", "failed", "returned"},
}

// ways lead to each status along arrows.
var ways = map[db.PayoutStatus][]db.PayoutStatus{
	"created":           {},
	"pending_screening": {"pending_screening"},
	"screening_failed":  {"pending_screening", "screening_failed"},
	"pending_approval":  {"pending_screening", "pending_approval"},
	"velocity_blocked":  {"pending_screening", "pending_approval", "velocity_blocked"},
	"manual_review":     {"manual_review"},
	"approved":          {"manual_review", "approved"},
	"processing":        {"manual_review", "approved", "processing"},
	"sent":              {"manual_review", "approved", "sent"},
	"completed":         {"manual_review", "approved", "sent", "completed"},
	"failed":            {"manual_review", "approved", "processing", "failed"},
	"returned":          {"manual_review", "approved", "sent", "returned"},
	"cancelled":         {"cancelled"},
}

func TestOnlyTheContractsArrowsPassInGo(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	// The test takes the arrows by itself: no work is due on the payouts, and no rail hears of them.
	s.Breaks("payouts_do_not_get_stuck", "sent_payouts_have_an_instruction", "approved_payouts_count")
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	n := 0
	for _, from := range db.AllPayoutStatusValues() {
		for _, to := range db.AllPayoutStatusValues() {
			n++
			p := readPayout(t, s, m, m.Payout(t, maria, "1.00", fmt.Sprint("pair ", n)))
			verdict := addVerdict(t, s, p)
			for _, step := range ways[from] {
				if err := moveInGo(s, &p, step, verdict); err != nil {
					t.Fatalf("on the way to %s: %v", from, err)
				}
			}
			err := moveInGo(s, &p, to, verdict)
			if allowed := slices.Contains(contractArrows[from], to); allowed != (err == nil) {
				t.Errorf("%s → %s in Go: allowed %v, got %v", from, to, allowed, err)
			}
			if payouts.Leads(from, to) != slices.Contains(contractArrows[from], to) {
				t.Errorf("%s → %s: Go's table differs from the contract's", from, to)
			}
		}
	}
	if n != 13*13 {
		t.Errorf("%d pairs", n)
	}
}

func TestOnlyTheContractsArrowsPassInSQL(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	p := readPayout(t, s, m, m.Payout(t, maria, "1.00", "sql"))
	verdict := addVerdict(t, s, p)
	for _, from := range db.AllPayoutStatusValues() {
		for _, to := range db.AllPayoutStatusValues() {
			err := rolledBack(t, s, func(tx pgx.Tx) error {
				at, seq := db.PayoutStatusCreated, int32(1)
				for _, step := range ways[from] {
					if err := moveInSQL(t.Context(), tx, p, seq, at, step, verdict); err != nil {
						return fmt.Errorf("on the way to %s: %w", from, err)
					}
					at, seq = step, seq+1
				}
				return moveInSQL(t.Context(), tx, p, seq, from, to, verdict)
			})
			if allowed := slices.Contains(contractArrows[from], to); allowed != (err == nil) {
				t.Errorf("%s → %s in SQL: allowed %v, got %v", from, to, allowed, err)
			}
		}
	}
}

// TestNoOtherDoor tries, as the role that serves, every other way to a state, a balance or the past.
func TestNoOtherDoor(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	p := readPayout(t, s, m, m.Payout(t, maria, "1.00", "door"))
	for _, tt := range []struct{ name, sql, code string }{
		{"a state by update", "update payouts set status = 'completed'", "42501"},
		{"a state by update with its number", "update payouts set status = 'created', seq = 1", "42501"},
		{"an amount by update", "update payouts set amount = 1000000", "42501"},
		{"a payout born completed", "insert into payouts (merchant_id, id, status) values ('" + p.MerchantID + "', 'pay_x', 'completed')", "42501"},
		{"a payout deleted", "delete from payouts", "42501"},
		{"a later transition by insert", "insert into payout_transitions (merchant_id, payout_id, seq, from_status, to_status, at, actor, event_id) values ('" + p.MerchantID + "', '" + p.ID + "', 2, 'created', 'cancelled', now(), 'x', 'evt_x')", "42501"},
		{"a later transition as if it were the first", "insert into payout_transitions (merchant_id, payout_id, seq, to_status, at, actor, event_id) values ('" + p.MerchantID + "', '" + p.ID + "', 2, 'cancelled', now(), 'x', 'evt_x')", "23514"},
		{"a transition rewritten", "update payout_transitions set to_status = 'cancelled'", "42501"},
		{"a balance by update", "update balances set available = 1000000", "42501"},
		{"a balance by insert", "insert into balances (merchant_id, currency, available, position) values ('" + p.MerchantID + "', 'CHF', 5, 9)", "42501"},
		{"a posting by insert", "insert into ledger_postings select * from ledger_postings", "42501"},
		{"a posting rewritten", "update ledger_postings set amount = 2", "42501"},
		{"a posting deleted", "delete from ledger_postings", "42501"},
		{"a ledger transaction rewritten", "update ledger_transactions set description = ''", "42501"},
		{"an event rewritten", "update events set type = 'x'", "42501"},
		{"an event deleted", "delete from events", "42501"},
		{"an audit row rewritten", "update audit_log set actor = 'x'", "42501"},
		{"an audit row deleted", "delete from audit_log", "42501"},
		{"a verdict rewritten", "update verdicts set outcome = 'clear'", "42501"},
		{"the past truncated", "truncate audit_log", "42501"},
		{"a trigger switched off", "alter table payouts disable trigger all", "42501"},
		{"more money than there is", "select ledger_post('" + p.MerchantID + "', now(), '{txn_x}', '{payout_hold}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{available}', '{held}', '{1000000}')", "23514"},
		{"a posting of nothing", "select ledger_post('" + p.MerchantID + "', now(), '{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{available}', '{0}')", "23514"},
		{"a transaction without postings", "select ledger_post('" + p.MerchantID + "', now(), '{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{}', '{}', '{}', '{}')", "P0001"},
		{"an approval without a verdict", "select payouts_move('" + p.MerchantID + "', now(), 'x', '{" + p.ID + "," + p.ID + "}', '{1,2}', '{created,manual_review}', '{manual_review,approved}', '{\"\",\"\"}', '{\"\",\"\"}', '{evt_x,evt_y}', '{\"\",\"\"}', '{\"\",\"\"}')", "23514"},
		{"a posting into a table of one's own", "create temp table ledger_postings (like ledger_postings); create temp table ledger_transactions (like ledger_transactions); grant all on ledger_postings, ledger_transactions to public; select ledger_post('" + p.MerchantID + "', now(), '{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{available}', '{5}'); do $$ begin if (select count(*) from pg_temp.ledger_postings) = 0 then raise insufficient_privilege; end if; end $$", "42501"},
		{"postings past the door", "select ledger_post_slice('" + p.MerchantID + "', now(), '{txn_x}', '{deposit}', '{USD}', '{\"\"}', '{\"\"}', '{1}', '{funding}', '{available}', '{5}')", "42501"},
		{"a second hold of one payout", "select ledger_post('" + p.MerchantID + "', now(), '{txn_x}', '{payout_hold}', '{USD}', '{" + p.ID + "}', '{\"\"}', '{1}', '{available}', '{held}', '{1}')", "23505"},
	} {
		err := rolledBack(t, s, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), tt.sql)
			return err
		})
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != tt.code {
			t.Errorf("%s: got %v, want SQLSTATE %s", tt.name, err, tt.code)
		}
	}
}

func readPayout(t *testing.T, s *testserver.Server, m *testserver.Client, id string) db.Payout {
	t.Helper()
	p, err := db.New(s.Pool).PayoutGet(t.Context(), m.Merchant, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func addVerdict(t *testing.T, s *testserver.Server, p db.Payout) string {
	t.Helper()
	id := ids.New(ids.Verdict, s.Clock.Now())
	err := db.New(s.Pool).VerdictInsert(t.Context(), db.VerdictInsertParams{
		MerchantID: p.MerchantID, ID: id, PayoutID: p.ID, Outcome: "clear", Stages: []byte("{}"), Inputs: []byte("{}"), CreatedAt: s.Clock.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// moveInGo moves the payout; when that fails the payout is as it was.
func moveInGo(s *testserver.Server, p *db.Payout, to db.PayoutStatus, verdict string) error {
	moved := *p
	if to != db.PayoutStatusApproved {
		verdict = ""
	}
	err := s.Runner.Do(context.Background(), unit.Who{Actor: "test"}, false, func(ctx context.Context, u *unit.Unit) error {
		moved = *p
		return s.Worker.MoveOnce(ctx, u, &moved, to, verdict)
	})
	if err == nil {
		*p = moved
	}
	return err
}

func moveInSQL(ctx context.Context, tx pgx.Tx, p db.Payout, seq int32, from, to db.PayoutStatus, verdict string) error {
	if to != db.PayoutStatusApproved {
		verdict = ""
	}
	return db.New(tx).PayoutMove(ctx, db.PayoutMoveParams{
		MerchantID: p.MerchantID, At: testserver.Start, Actor: "test", Ids: []string{p.ID}, Seqs: []int32{seq}, Froms: []string{string(from)},
		Tos: []string{string(to)}, ReasonCodes: []string{""}, Reasons: []string{""}, EventIds: []string{fmt.Sprint("evt_", seq)},
		VerdictIds: []string{verdict}, DueAt: []string{""},
	})
}

// rolledBack runs f as the role that serves and undoes it.
func rolledBack(t *testing.T, s *testserver.Server, f func(pgx.Tx) error) error {
	t.Helper()
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	return f(tx)
}
