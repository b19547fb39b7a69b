-- A database remembers which keyset encrypts it, so that no server seals new rows with one that cannot read the old. And lists of
-- transactions find the types that few of them have.

-- +goose Up

-- The mark is a keyed hash that stays the same through all rotations and says nothing of the keys. The first server writes it.
create table keyset_mark (
    only_row boolean primary key default true constraint there_is_one_mark check (only_row),
    mark     bytea not null constraint mark_is_a_fingerprint check (length(mark) = 32)
);

grant select, insert on keyset_mark to anton_app;

-- Without it a filter on `deposit` reads all payouts in between. A completed payout books nothing of these types, so it pays nothing.
create index rare_transactions_by_type on ledger_transactions (merchant_id, currency, type, sequence desc)
    where type not in ('payout_hold', 'payout_settlement', 'fee');

-- +goose Down
drop index rare_transactions_by_type;
drop table keyset_mark;
