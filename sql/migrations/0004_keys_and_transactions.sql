-- Keys that expire and say when they were used, merchants that are suspended for a reason, the order of a balance's transactions, the
-- accounts that merchants wire to, and the environment that a database belongs to.

-- +goose Up

-- What the database is for. The first server that starts on it writes the row; a server of the other environment refuses to start.
create table deployment (
    only_row    boolean primary key default true constraint there_is_one_deployment check (only_row),
    environment text not null constraint environment_is_known check (environment in ('test', 'live')),
    claimed_at  timestamptz not null
);

-- Why and since when; the reason is for operators alone.
alter table merchants
    add column suspended_at      timestamptz,
    add column suspension_reason text not null default '' constraint suspension_reason_is_bounded check (length(suspension_reason) <= 500);
update merchants set suspended_at = created_at where status = 'suspended';
alter table merchants add constraint suspended_has_suspended_at check ((status = 'suspended') = (suspended_at is not null));

-- last_used_at is written at most once a minute, so it is at most that much older than the last use.
alter table api_keys
    add column expires_at   timestamptz,
    add column last_used_at timestamptz;
create index api_keys_newest_first on api_keys (merchant_id, created_at desc, id desc);

alter table operator_keys
    add column last4        text not null default '' constraint last4_shows_four_at_most check (length(last4) <= 4),
    add column last_used_at timestamptz;
create index operator_keys_newest_first on operator_keys (created_at desc, id desc);

-- Where merchants wire to, one account a currency: the platform's own (a small reference table, so no merchant leads its key).
create table funding_accounts (
    currency       text primary key constraint funding_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    country        text not null constraint funding_country_is_two_letters check (country ~ '^[A-Z]{2}$'),
    bank_name      text not null,
    account_holder text not null,
    account_number text not null default '',
    routing_number text not null default '',
    sort_code      text not null default '',
    iban           text not null default '',
    bic            text not null default '',
    updated_at     timestamptz not null,

    constraint funding_account_names_an_account check (account_number <> '' or iban <> '')
);

-- The transactions of a balance are numbered from 1 without gaps, in the order in which they commit: the number is taken under the
-- lock of the balance's row. Time cannot give that order, because a transaction knows its time before it has the lock.
alter table balances add column sequence bigint not null default 0;
alter table ledger_transactions add column sequence bigint;
-- Rows from before the numbers: time is the best that is known of them.
update ledger_transactions t
set sequence = o.sequence
from (
    select merchant_id, id, row_number() over (partition by merchant_id, currency order by created_at, id) as sequence
    from ledger_transactions
) o
where t.merchant_id = o.merchant_id and t.id = o.id;
update balances b
set sequence = t.sequence
from (select merchant_id, currency, max(sequence) as sequence from ledger_transactions group by merchant_id, currency) t
where b.merchant_id = t.merchant_id and b.currency = t.currency;
alter table ledger_transactions
    alter column sequence set not null,
    add constraint transactions_of_a_balance_have_an_order unique (merchant_id, currency, sequence);
create index ledger_transactions_by_payout on ledger_transactions (merchant_id, payout_id) where payout_id is not null;

-- ledger_post as it was, and the transactions take their numbers from the balance that they move.
-- +goose StatementBegin
create or replace function ledger_post(
    p_merchant text, p_at timestamptz,
    p_ids text[], p_types text[], p_currencies text[], p_payouts text[], p_descriptions text[],
    p_txns integer[], p_debits text[], p_credits text[], p_amounts numeric[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if array_length(p_ids, 1) is distinct from (select count(distinct t) from unnest(p_txns) t) then
        raise exception 'ledger_post: a transaction without postings';
    end if;

    insert into balances (merchant_id, currency, position)
    select p_merchant, c.currency,
           coalesce((select max(position) from balances where merchant_id = p_merchant), 0) + row_number() over (order by c.first)
    from (select currency, min(ord) as first from unnest(p_currencies) with ordinality u(currency, ord) group by currency) c
    where not exists (select from balances b where b.merchant_id = p_merchant and b.currency = c.currency)
    on conflict do nothing;

    with transactions as (
        select t.ord, t.id, t.type::ledger_transaction_type as type, t.currency, t.payout_id, t.description,
               coalesce(sum(case 'available' when p.credit then p.amount when p.debit then -p.amount end), 0) as available_delta,
               coalesce(sum(case 'held' when p.credit then p.amount when p.debit then -p.amount end), 0) as held_delta
        from unnest(p_ids, p_types, p_currencies, p_payouts, p_descriptions) with ordinality
                 t(id, type, currency, payout_id, description, ord)
        join unnest(p_txns, p_debits, p_credits, p_amounts) p(txn, debit, credit, amount) on p.txn = t.ord
        group by t.ord, t.id, t.type, t.currency, t.payout_id, t.description
    ), sums as (
        select currency, count(*) as booked, sum(available_delta) as available, sum(held_delta) as held from transactions group by currency
    ), moved as (
        update balances b
        set available = b.available + s.available, held = b.held + s.held, sequence = b.sequence + s.booked
        from sums s
        where b.merchant_id = p_merchant and b.currency = s.currency
        returning b.currency, b.available - s.available as available_before, b.held - s.held as held_before,
                  b.sequence - s.booked as sequence_before
    ), booked as (
        insert into ledger_transactions (merchant_id, id, type, currency, available_delta, held_delta, available_after, held_after,
                                         payout_id, description, created_at, value_date, sequence)
        select p_merchant, t.id, t.type, t.currency, t.available_delta, t.held_delta,
               m.available_before + sum(t.available_delta) over each_currency,
               m.held_before + sum(t.held_delta) over each_currency,
               nullif(t.payout_id, ''), t.description, p_at, (p_at at time zone 'UTC')::date,
               m.sequence_before + row_number() over each_currency
        from transactions t join moved m using (currency)
        window each_currency as (partition by t.currency order by t.ord)
    )
    insert into ledger_postings (merchant_id, transaction_id, line, currency, debit, credit, amount)
    select p_merchant, t.id, row_number() over (partition by t.ord order by p.line), t.currency,
           p.debit::ledger_account, p.credit::ledger_account, p.amount
    from unnest(p_txns, p_debits, p_credits, p_amounts) with ordinality p(txn, debit, credit, amount, line)
    join transactions t on t.ord = p.txn;
end $$;
-- +goose StatementEnd

grant select on deployment, funding_accounts to anton_app;
grant insert on deployment to anton_app;
grant insert, update on funding_accounts to anton_app;

-- +goose Down
-- There is no way back: the numbers of transactions that were booked since would be lost.
select 1 / 0;
