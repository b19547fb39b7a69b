-- name: BalanceGet :one
select b.currency, b.available, b.held, b.receivable, a.threshold as low_threshold from balances b
left join balance_alerts a on a.merchant_id = b.merchant_id and a.currency = b.currency
where b.merchant_id = @merchant_id and b.currency = @currency;

-- name: BalanceList :many
select b.currency, b.available, b.held, b.receivable, a.threshold as low_threshold from balances b
left join balance_alerts a on a.merchant_id = b.merchant_id and a.currency = b.currency
where b.merchant_id = @merchant_id order by b.position, b.currency;

-- name: LedgerPost :exec
select ledger_post(@merchant_id, @at::timestamptz, @ids::text[], @types::text[], @currencies::text[], @payout_ids::text[],
                   @descriptions::text[], @lines::integer[], @debits::text[], @credits::text[], @amounts::numeric[]);

-- name: BalanceSequences :many
-- How many transactions each balance has; all of them are visible to whoever reads this.
select currency, sequence from balances
where merchant_id = @merchant_id and (sqlc.narg('currency')::text is null or currency = sqlc.narg('currency')::text)
order by currency;

-- name: TransactionList :many
-- The next transactions below a place in each balance. Each balance is read in the order of its numbers; between balances the later
-- time goes first, where a transaction counts as no later than those that its balance booked after it. So a page always takes from the
-- top of what each balance has left, and the next place is again one number a balance.
-- Types that few transactions have are looked up by an index that holds nothing else: one of the two halves never runs.
-- What moved only the platform's own accounts, as the delivered side of a payout across currencies does, is none of the merchant's.
select sqlc.embed(t), coalesce((
    select x.id from fx_exchanges x
    where t.type = 'fx_exchange' and x.merchant_id = t.merchant_id and t.id in (x.sell_transaction_id, x.buy_transaction_id)
), '')::text as exchange_id
from ledger_transactions t
join (
    select picked.merchant_id, picked.id,
           min(picked.created_at) over (partition by picked.currency order by picked.sequence desc) as place
    from (select unnest(@currencies::text[]) as currency, unnest(@belows::bigint[]) as below) b
    cross join lateral (
        (select l.merchant_id, l.id, l.currency, l.sequence, l.created_at from ledger_transactions l
         where l.merchant_id = @merchant_id and l.currency = b.currency and l.sequence < b.below
           and l.type <> 'return_suspense' -- the platform's own
           and (sqlc.narg('type')::text is null or sqlc.narg('type')::text in ('payout_hold', 'payout_settlement', 'fee'))
           and (sqlc.narg('type')::text is null or l.type = sqlc.narg('type')::ledger_transaction_type)
           and (sqlc.narg('currency')::text is null or l.currency = sqlc.narg('currency')::text)
           and (sqlc.narg('payout_id')::text is null or l.payout_id = sqlc.narg('payout_id')::text)
           and (sqlc.narg('created_after')::timestamptz is null or l.created_at > sqlc.narg('created_after')::timestamptz)
           and (sqlc.narg('created_before')::timestamptz is null or l.created_at < sqlc.narg('created_before')::timestamptz)
           and (l.available_delta <> 0 or l.held_delta <> 0 or l.receivable_delta <> 0)
         order by l.sequence desc limit @row_limit)
        union all
        (select l.merchant_id, l.id, l.currency, l.sequence, l.created_at from ledger_transactions l
         where l.merchant_id = @merchant_id and l.currency = b.currency and l.sequence < b.below
           and l.type not in ('payout_hold', 'payout_settlement', 'fee') and l.type = sqlc.narg('type')::ledger_transaction_type
           and (sqlc.narg('currency')::text is null or l.currency = sqlc.narg('currency')::text)
           and (sqlc.narg('payout_id')::text is null or l.payout_id = sqlc.narg('payout_id')::text)
           and (sqlc.narg('created_after')::timestamptz is null or l.created_at > sqlc.narg('created_after')::timestamptz)
           and (sqlc.narg('created_before')::timestamptz is null or l.created_at < sqlc.narg('created_before')::timestamptz)
           and (l.available_delta <> 0 or l.held_delta <> 0 or l.receivable_delta <> 0)
         order by l.sequence desc limit @row_limit)
    ) picked
) p on p.merchant_id = t.merchant_id and p.id = t.id
order by p.place desc, t.currency, t.sequence desc
limit @row_limit;

-- name: TransactionTime :one
select created_at from ledger_transactions where merchant_id = @merchant_id and currency = @currency and sequence = @sequence;

-- name: TransactionFirstSince :one
-- The number of a balance's first transaction at a time or later, above a number that is known to be below it.
select sequence from ledger_transactions
where merchant_id = @merchant_id and currency = @currency and sequence > @above::bigint and sequence <= @last::bigint
  and created_at >= @since::timestamptz
order by sequence limit 1;

-- name: StatementBalance :one
-- What the balance was in all after a transaction.
select (available_after + held_after)::numeric as total from ledger_transactions
where merchant_id = @merchant_id and currency = @currency and sequence = @sequence;

-- name: StatementSummary :one
-- How many movements of the total lie between two transactions, and what they come to.
select count(*) filter (where available_delta + held_delta > 0) as credits,
       count(*) filter (where available_delta + held_delta < 0) as debits,
       coalesce(sum(available_delta + held_delta) filter (where available_delta + held_delta > 0), 0)::numeric as credited,
       coalesce(-sum(available_delta + held_delta) filter (where available_delta + held_delta < 0), 0)::numeric as debited
from ledger_transactions
where merchant_id = @merchant_id and currency = @currency and sequence > @after::bigint and sequence <= @last::bigint;

-- name: StatementEntries :many
-- The next movements of the total, in the order in which they were booked. What moves between available and held is none.
select t.sequence, t.id, t.type, (t.available_delta + t.held_delta)::numeric as delta, (t.available_after + t.held_after)::numeric as total,
       t.payout_id, t.description, t.created_at, t.value_date,
       coalesce(p.reference, '') as payout_reference, coalesce(p.description, '') as payout_description
from ledger_transactions t
left join payouts p on p.merchant_id = t.merchant_id and p.id = t.payout_id
where t.merchant_id = @merchant_id and t.currency = @currency and t.sequence > @after::bigint and t.sequence <= @last::bigint
  and t.available_delta + t.held_delta <> 0
order by t.sequence
limit @row_limit;
