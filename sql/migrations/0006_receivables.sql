-- What a merchant owes: money that was taken back after it was spent. And corrections of balances, which a second person approves.

-- +goose Up

-- ------------------------------------------------------------------------------------------------------------------ receivables

alter type ledger_transaction_type add value 'deposit_reversal';     -- a deposit was recalled
alter type ledger_transaction_type add value 'return_reversal';      -- what a bank had sent back, it took again
alter type ledger_transaction_type add value 'receivable_repayment'; -- what was owed, taken from money that became available

-- Whoever owes has nothing available: money that becomes available repays first, in the transaction that brings it.
alter table balances
    add column receivable numeric not null default 0 constraint receivable_is_not_negative check (receivable >= 0),
    add constraint receivable_is_repaid_first check (available = 0 or receivable = 0);

alter table ledger_transactions
    add column receivable_delta numeric not null default 0,
    add column receivable_after numeric not null default 0;

-- ledger_post_owed books transactions one by one where somebody owes, or comes to. Two rules, for all transactions alike:
--
--   1. A posting that debits the receivable takes from what is available first, and only the rest becomes owed.
--   2. A transaction that leaves money available beside something owed is followed by a repayment of the lesser of both, as a
--      transaction of its own: it names what it was taken from, and the payout of that. Both are there at once or not at all.
--
-- A repayment's id is made of the id of what it was taken from, which has one at most.
-- +goose StatementBegin
create function ledger_post_owed(
    p_merchant text, p_at timestamptz,
    p_ids text[], p_types text[], p_currencies text[], p_payouts text[], p_descriptions text[],
    p_txns integer[], p_debits text[], p_credits text[], p_amounts numeric[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    before        balances;
    after         balances;
    to_available  numeric;
    to_held       numeric;
    to_receivable numeric;
    debits        text[];
    credits       text[];
    amounts       numeric[];
    taken         numeric;
    rest          numeric;
    repaid        numeric;
    repayment     text;
begin
    if array_length(p_ids, 1) is distinct from (select count(distinct t) from unnest(p_txns) t) then
        raise exception 'ledger_post: a transaction without postings';
    end if;

    for i in 1 .. cardinality(p_ids) loop
        insert into balances (merchant_id, currency, position)
        select p_merchant, p_currencies[i], coalesce((select max(position) from balances where merchant_id = p_merchant), 0) + 1
        where not exists (select from balances where merchant_id = p_merchant and currency = p_currencies[i])
        on conflict do nothing;
        select * into strict before from balances where merchant_id = p_merchant and currency = p_currencies[i] for no key update;

        to_available := 0;
        to_held := 0;
        to_receivable := 0;
        debits := '{}';
        credits := '{}';
        amounts := '{}';
        for j in 1 .. cardinality(p_txns) loop
            continue when p_txns[j] is distinct from i;
            taken := case when p_debits[j] = 'receivable' then greatest(0, least(before.available + to_available, p_amounts[j])) else 0 end;
            rest := p_amounts[j] - taken;
            if taken > 0 then
                debits := array_append(debits, 'available');
                credits := array_append(credits, p_credits[j]);
                amounts := array_append(amounts, taken);
            end if;
            if taken = 0 or rest is distinct from 0 then
                debits := array_append(debits, p_debits[j]);
                credits := array_append(credits, p_credits[j]);
                amounts := array_append(amounts, rest);
            end if;
            to_available := to_available - taken
                + case 'available' when p_credits[j] then p_amounts[j] when p_debits[j] then -p_amounts[j] else 0 end;
            to_held := to_held + case 'held' when p_credits[j] then p_amounts[j] when p_debits[j] then -p_amounts[j] else 0 end;
            to_receivable := to_receivable
                + case 'receivable' when p_credits[j] then -p_amounts[j] when p_debits[j] then rest else 0 end;
        end loop;
        after := before;
        after.available := before.available + to_available;
        after.held := before.held + to_held;
        after.receivable := before.receivable + to_receivable;

        repaid := case when after.available > 0 and after.receivable > 0 then least(after.available, after.receivable) else 0 end;
        update balances
        set available = after.available - repaid, held = after.held, receivable = after.receivable - repaid,
            sequence = before.sequence + case when repaid > 0 then 2 else 1 end
        where merchant_id = p_merchant and currency = p_currencies[i];

        insert into ledger_transactions (merchant_id, id, type, currency, available_delta, held_delta, receivable_delta,
                                         available_after, held_after, receivable_after,
                                         payout_id, description, created_at, value_date, sequence)
        values (p_merchant, p_ids[i], p_types[i]::ledger_transaction_type, p_currencies[i],
                to_available, to_held, to_receivable, after.available, after.held, after.receivable,
                nullif(p_payouts[i], ''), p_descriptions[i], p_at, (p_at at time zone 'UTC')::date, before.sequence + 1);
        insert into ledger_postings (merchant_id, transaction_id, line, currency, debit, credit, amount)
        select p_merchant, p_ids[i], l.line, p_currencies[i], l.debit::ledger_account, l.credit::ledger_account, l.amount
        from unnest(debits, credits, amounts) with ordinality l(debit, credit, amount, line);

        continue when repaid = 0;
        repayment := 'txn_' || substr(p_ids[i], 5, 6) || substr(md5(p_ids[i]), 1, 13) || '0';
        insert into ledger_transactions (merchant_id, id, type, currency, available_delta, held_delta, receivable_delta,
                                         available_after, held_after, receivable_after,
                                         payout_id, description, created_at, value_date, sequence)
        values (p_merchant, repayment, 'receivable_repayment', p_currencies[i], -repaid, 0, -repaid,
                after.available - repaid, after.held, after.receivable - repaid,
                nullif(p_payouts[i], ''), 'Repays what you owe, from ' || p_ids[i], p_at, (p_at at time zone 'UTC')::date, before.sequence + 2);
        insert into ledger_postings (merchant_id, transaction_id, line, currency, debit, credit, amount)
        values (p_merchant, repayment, 1, p_currencies[i], 'available', 'receivable', repaid);
    end loop;
end $$;
-- +goose StatementEnd

revoke execute on function ledger_post_owed from public;

-- ledger_post is the only door for money, as before. What every payout starts with still takes the plain statements, for one comparison
-- more: a balance that owes nothing, and postings that leave the receivable alone. For everything else the balances are locked, in the
-- order of their currencies, before it is decided how to book: a debt that commits in between cannot be passed by.
-- +goose StatementBegin
create or replace function ledger_post(
    p_merchant text, p_at timestamptz,
    p_ids text[], p_types text[], p_currencies text[], p_payouts text[], p_descriptions text[],
    p_txns integer[], p_debits text[], p_credits text[], p_amounts numeric[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    moves_receivable boolean := 'receivable' = any (p_debits || p_credits);
    to_available     numeric := 0;
    to_held          numeric := 0;
    moved            record;
begin
    if cardinality(p_ids) = 1 and p_txns <@ '{1}' and cardinality(p_txns) > 0 and not moves_receivable then
        for line in 1 .. cardinality(p_txns) loop
            to_available := to_available + case 'available' when p_credits[line] then p_amounts[line] when p_debits[line] then -p_amounts[line] else 0 end;
            to_held := to_held + case 'held' when p_credits[line] then p_amounts[line] when p_debits[line] then -p_amounts[line] else 0 end;
        end loop;
        update balances b
        set available = b.available + to_available, held = b.held + to_held, sequence = b.sequence + 1
        where b.merchant_id = p_merchant and b.currency = p_currencies[1] and b.receivable = 0
        returning b.available, b.held, b.sequence into moved;
    end if;
    if moved is null then
        if moves_receivable or (
            select bool_or(b.receivable > 0) from (
                select receivable from balances
                where merchant_id = p_merchant and currency = any (p_currencies) order by currency for no key update
            ) b
        ) then
            perform ledger_post_owed(p_merchant, p_at, p_ids, p_types, p_currencies, p_payouts, p_descriptions, p_txns, p_debits, p_credits, p_amounts);
        else
            perform ledger_post_slice(p_merchant, p_at, p_ids, p_types, p_currencies, p_payouts, p_descriptions, p_txns, p_debits, p_credits, p_amounts);
        end if;
        return;
    end if;

    insert into ledger_transactions (merchant_id, id, type, currency, available_delta, held_delta, available_after, held_after,
                                     payout_id, description, created_at, value_date, sequence)
    values (p_merchant, p_ids[1], p_types[1]::ledger_transaction_type, p_currencies[1], to_available, to_held, moved.available, moved.held,
            nullif(p_payouts[1], ''), p_descriptions[1], p_at, (p_at at time zone 'UTC')::date, moved.sequence);
    for line in 1 .. cardinality(p_txns) loop
        insert into ledger_postings (merchant_id, transaction_id, line, currency, debit, credit, amount)
        values (p_merchant, p_ids[1], line, p_currencies[1], p_debits[line]::ledger_account, p_credits[line]::ledger_account, p_amounts[line]);
    end loop;
end $$;
-- +goose StatementEnd

-- ------------------------------------------------------------------------------------------------------------------ adjustments

-- How much of a deposit, or of what a bank sent back, was taken again. The row is the lock that reversals of one transaction wait for.
create table reversals (
    merchant_id    text not null,
    transaction_id text not null,
    currency       text not null,
    credited       numeric not null,
    reversed       numeric not null default 0,

    primary key (merchant_id, transaction_id),
    foreign key (merchant_id, transaction_id, currency) references ledger_transactions (merchant_id, id, currency),
    constraint no_more_is_reversed_than_was_credited check (reversed between 0 and credited)
);

-- What the adjustments' four eyes hang on: where the environment is live, nobody approves what they asked for.
alter table deployment add constraint deployment_has_one_environment unique (environment);

create type adjustment_type as enum ('deposit', 'deposit_reversal', 'return_reversal', 'credit', 'debit');
create type adjustment_status as enum ('pending_approval', 'executed', 'rejected');

-- Money that operators move by hand. One that waits too long for a second person is expired: expires_at says so, no job has to.
create table adjustments (
    merchant_id    text not null references merchants,
    id             text not null,
    type           adjustment_type not null,
    status         adjustment_status not null default 'pending_approval',
    currency       text not null constraint adjustment_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    amount         numeric not null constraint adjustment_amount_is_positive check (amount > 0),
    -- What is reversed: a deposit's ledger transaction, or the one of a payout that came back.
    reverses       text constraint reversal_says_of_what check ((reverses is not null) = (type in ('deposit_reversal', 'return_reversal'))),
    payout_id      text constraint return_reversal_names_its_payout check ((payout_id is not null) = (type = 'return_reversal')),
    -- The ledger transaction that books it has this id, once it is executed.
    transaction_id text not null,
    reason         text not null constraint adjustment_reason_is_bounded check (length(reason) <= 500),
    environment    text not null references deployment (environment),
    requested_by   text not null,
    requested_at   timestamptz not null,
    expires_at     timestamptz not null,
    decided_by     text,
    decided_at     timestamptz,

    primary key (merchant_id, id),
    foreign key (merchant_id, reverses) references reversals (merchant_id, transaction_id),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id),
    constraint decision_has_its_person_and_time
        check ((status = 'pending_approval') = (decided_by is null) and (decided_by is null) = (decided_at is null)),
    constraint live_adjustment_is_approved_by_another check (environment = 'test' or status <> 'executed' or decided_by <> requested_by),
    constraint adjustment_is_executed_in_time check (status <> 'executed' or decided_at <= expires_at)
);
create index adjustments_of_all on adjustments (requested_at desc, id desc);
create index adjustments_by_id on adjustments (id);

grant select on reversals, adjustments to anton_app;
grant insert, update (reversed) on reversals to anton_app;
grant insert, update (status, decided_by, decided_at) on adjustments to anton_app;

-- +goose Down
-- There is no way back: what merchants owe would be forgotten.
select 1 / 0;
