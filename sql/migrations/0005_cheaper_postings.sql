-- What every payout pays for and need not: see docs/performance.md for what it cost.

-- +goose Up

-- The arrows as words. PostgreSQL reads a constraint's expression anew for every statement that inserts, and two comparisons an arrow
-- were longer than everything else a transition is checked for.
alter table payout_transitions drop constraint arrow_exists;
alter table payout_transitions add constraint arrow_exists check (
    from_status is null
    or from_status::text || '>' || to_status::text = any ('{
        created>pending_screening, created>manual_review, created>cancelled,
        pending_screening>screening_failed, pending_screening>pending_approval, pending_screening>cancelled,
        pending_approval>velocity_blocked, pending_approval>manual_review, pending_approval>approved, pending_approval>cancelled,
        manual_review>approved, manual_review>cancelled,
        approved>processing, approved>sent,
        processing>sent, processing>failed,
        sent>completed, sent>failed, sent>returned
    }'::text[])
);

-- ledger_post_slice is ledger_post as it was. Setting its statement up takes PostgreSQL longer than running it.
alter function ledger_post(
    text, timestamptz, text[], text[], text[], text[], text[], integer[], text[], text[], numeric[]
) rename to ledger_post_slice;
revoke execute on function ledger_post_slice from anton_app;

-- ledger_post is the only door for money, with the same meaning as before. A single transaction on a balance that is there, which is
-- what every payout starts with, is booked by plain statements; everything else by ledger_post_slice.
-- +goose StatementBegin
create or replace function ledger_post(
    p_merchant text, p_at timestamptz,
    p_ids text[], p_types text[], p_currencies text[], p_payouts text[], p_descriptions text[],
    p_txns integer[], p_debits text[], p_credits text[], p_amounts numeric[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    to_available numeric := 0;
    to_held      numeric := 0;
    moved        record;
begin
    if cardinality(p_ids) = 1 and p_txns <@ '{1}' and cardinality(p_txns) > 0 then
        for line in 1 .. cardinality(p_txns) loop
            to_available := to_available + case 'available' when p_credits[line] then p_amounts[line] when p_debits[line] then -p_amounts[line] else 0 end;
            to_held := to_held + case 'held' when p_credits[line] then p_amounts[line] when p_debits[line] then -p_amounts[line] else 0 end;
        end loop;
        update balances b
        set available = b.available + to_available, held = b.held + to_held, sequence = b.sequence + 1
        where b.merchant_id = p_merchant and b.currency = p_currencies[1]
        returning b.available, b.held, b.sequence into moved;
    end if;
    if moved is null then
        perform ledger_post_slice(p_merchant, p_at, p_ids, p_types, p_currencies, p_payouts, p_descriptions, p_txns, p_debits, p_credits, p_amounts);
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

revoke execute on function ledger_post from public;
grant execute on function ledger_post to anton_app;

-- +goose Down
drop function ledger_post;
alter function ledger_post_slice rename to ledger_post;
grant execute on function ledger_post to anton_app;
