// Package invariants holds what must be true of the database at every moment between transactions, as SQL, in one place. Tests check
// it after everything they do, the server checks it every few minutes, operators whenever they like. It reads and never repairs: a
// broken invariant is a fault of ours that a person must see.
package invariants

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// An Invariant is a sentence and the query that finds what breaks it: one text a broken row.
type Invariant struct {
	Name  string
	Says  string
	query string
}

// A Breach is one row that breaks an invariant.
type Breach struct {
	Invariant Invariant
	Row       string
}

func (b Breach) String() string { return b.Invariant.Name + ": " + b.Invariant.Says + ": " + b.Row }

// All are the invariants, the ledger's first.
var All = slices.Concat(core, books, receivables, exchanges, history, limits, compliance, feed, risks, screening, tallies, batches, railFiles, prices)

// core are the rules that tie payouts to money and to what is told about them.
var core = []Invariant{
	{
		"ledger_transactions_have_postings", "a ledger transaction's deltas are what its postings say",
		`select t.id from ledger_transactions t
		 left join (
		     select merchant_id, transaction_id,
		            sum(case 'available'::ledger_account when credit then amount when debit then -amount else 0 end) as available,
		            sum(case 'held'::ledger_account when credit then amount when debit then -amount else 0 end) as held
		     from ledger_postings group by merchant_id, transaction_id
		 ) p on p.merchant_id = t.merchant_id and p.transaction_id = t.id
		 where p.transaction_id is null or p.available <> t.available_delta or p.held <> t.held_delta`,
	},
	{
		"balances_are_their_postings", "a balance is the sum of its postings",
		`select b.merchant_id || ' ' || b.currency from balances b
		 left join (
		     select merchant_id, currency,
		            sum(case 'available'::ledger_account when credit then amount when debit then -amount else 0 end) as available,
		            sum(case 'held'::ledger_account when credit then amount when debit then -amount else 0 end) as held
		     from ledger_postings group by merchant_id, currency
		 ) p using (merchant_id, currency)
		 where b.available <> coalesce(p.available, 0) or b.held <> coalesce(p.held, 0)`,
	},
	{
		"balances_follow_their_transactions", "a balance is what some transaction left behind",
		`select b.merchant_id || ' ' || b.currency from balances b
		 where (b.available <> 0 or b.held <> 0) and not exists (
		     select from ledger_transactions t
		     where t.merchant_id = b.merchant_id and t.currency = b.currency and t.available_after = b.available and t.held_after = b.held
		 )`,
	},
	{
		"transactions_follow_each_other", "a balance's transactions are numbered without gaps, and each leaves what the one before it left and its deltas",
		`select t.id from (
		     select *, lag(available_after, 1, 0) over numbered as available_before, lag(held_after, 1, 0) over numbered as held_before,
		            row_number() over numbered as place, count(*) over (partition by merchant_id, currency) as booked
		     from ledger_transactions window numbered as (partition by merchant_id, currency order by sequence)
		 ) t
		 join balances b using (merchant_id, currency)
		 where t.sequence <> t.place or t.available_after <> t.available_before + t.available_delta
		    or t.held_after <> t.held_before + t.held_delta or b.sequence <> t.booked`,
	},
	{
		"held_is_payouts_in_progress", "what is held in a currency is what its payouts in progress will debit",
		`select b.merchant_id || ' ' || b.currency from balances b
		 left join (
		     select p.merchant_id, p.source_currency as currency, sum(p.total_debited) as held from payouts p
		     where not exists (
		         select from ledger_transactions t
		         where t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type in ('payout_release', 'payout_settlement')
		     )
		     group by p.merchant_id, p.source_currency
		 ) o using (merchant_id, currency)
		 where b.held <> coalesce(o.held, 0)`,
	},
	{
		"payouts_are_held_once", "a payout has exactly one hold, of what it debits",
		`select p.id from payouts p
		 left join ledger_transactions t on t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type = 'payout_hold'
		 where t.id is null or t.held_delta <> p.total_debited or t.available_delta <> -p.total_debited`,
	},
	{
		"ended_payouts_let_go", "a payout that ended has released or settled its hold, and one in progress has not",
		`select p.id from payouts p
		 where (p.status in ('completed', 'failed', 'returned', 'velocity_blocked', 'cancelled')) <> exists (
		     select from ledger_transactions t
		     where t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type in ('payout_release', 'payout_settlement')
		 ) and p.status <> 'screening_failed'`,
	},
	{
		"payouts_stand_at_their_last_transition", "a payout's state is where its last transition went",
		`select p.id from payouts p
		 left join lateral (
		     select seq, to_status from payout_transitions t
		     where t.merchant_id = p.merchant_id and t.payout_id = p.id order by seq desc limit 1
		 ) last on true
		 where last.seq is distinct from p.seq or last.to_status is distinct from p.status`,
	},
	{
		"transitions_are_told", "a transition has its event, with its own number and the state before it, for as long as events are kept",
		`select t.payout_id || ' ' || t.seq from payout_transitions t
		 left join events e on e.merchant_id = t.merchant_id and e.id = t.event_id
		 where (e.id is null and not exists (select from event_feeds f where f.merchant_id = t.merchant_id and t.at <= f.pruned_before))
		    or (e.id is not null and (e.object_id <> t.payout_id or e.sequence <> t.seq
		        or e.previous_status is distinct from t.from_status::text or e.data ->> 'status' <> t.to_status::text))`,
	},
	{
		"event_sequences_have_no_gap", "the events of an object are numbered without gaps, and from 1 where none was removed for its age",
		`select object_id from events e group by merchant_id, object_id
		 having count(*) <> max(sequence) - min(sequence) + 1
		     or (min(sequence) <> 1 and not exists (select from event_feeds f where f.merchant_id = e.merchant_id and f.pruned_position > 0))`,
	},
	{
		"transitions_are_audited", "a transition has exactly one audit row",
		`select t.payout_id || ' ' || t.seq from payout_transitions t
		 where (select count(*) from audit_log a
		        where a.merchant_id = t.merchant_id and a.object_id = t.payout_id and a.action = 'payout.transition'
		          and a.detail ->> 'sequence' = t.seq::text) <> 1`,
	},
	{
		"sent_payouts_were_cleared", "nothing reached a rail without a verdict on that very payout",
		`select p.id from payouts p
		 left join verdicts v on v.merchant_id = p.merchant_id and v.payout_id = p.id and v.id = p.verdict_id
		 where p.processed_at is not null and (v.id is null or v.outcome not in ('clear', 'review'))`,
	},
	{
		"default_instruments_are_there", "a beneficiary's default instrument is its own and not deleted before it",
		`select b.id from beneficiaries b
		 where b.default_instrument_id is not null and not exists (
		     select from instruments i
		     where i.merchant_id = b.merchant_id and i.beneficiary_id = b.id and i.id = b.default_instrument_id
		       and i.deleted_at is not distinct from b.deleted_at
		 )`,
	},
	{
		"payouts_in_progress_have_whom_to_pay", "no payout is on its way to a beneficiary or an instrument that was deleted",
		`select p.id from payouts p
		 join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
		 join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
		 where (i.deleted_at is not null or b.deleted_at is not null)
		   and p.status not in ('completed', 'failed', 'returned', 'screening_failed', 'velocity_blocked', 'cancelled')`,
	},
}

// ByName gives the broken rows of each invariant that has any.
func ByName(breaches []Breach) map[string][]string {
	rows := map[string][]string{}
	for _, b := range breaches {
		rows[b.Invariant.Name] = append(rows[b.Invariant.Name], b.Row)
	}
	return rows
}

// Shown is how many rows that break an invariant are named.
const Shown = 20

// Check runs every invariant on one snapshot of the database and returns what breaks them, up to Shown rows each.
func Check(ctx context.Context, pool *pgxpool.Pool) (breaches []Breach, err error) {
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		breaches, err = CheckIn(ctx, tx)
		return err
	})
	return breaches, err
}

// CheckIn is Check of what a transaction sees.
func CheckIn(ctx context.Context, tx pgx.Tx) ([]Breach, error) {
	var breaches []Breach
	for _, invariant := range All {
		// To prepare what is asked once takes PostgreSQL as long as to answer it.
		rows, err := tx.Query(ctx, fmt.Sprintf("%s limit %d", invariant.query, Shown), pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", invariant.Name, err)
		}
		broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", invariant.Name, err)
		}
		for _, row := range broken {
			breaches = append(breaches, Breach{invariant, row})
		}
	}
	return breaches, nil
}
