-- The foundation: merchants and their keys, idempotency, beneficiaries, the ledger, payouts with their state machine, the engine's
-- memory, events, the audit log.
--
-- What holds everywhere:
--   * merchant_id leads every primary key, unique key and foreign key of merchant data, so that a row cannot point at another
--     merchant's row and the schema distributes by merchant. Exemptions are named where they are.
--   * anton_app, the role that serves, gets the grants at the end and no more. History is insert-only for it; balances, ledger rows
--     and the states of payouts it cannot write at all: it has the two doors ledger_post and payouts_move for that.
--   * No triggers, no deferrable constraints, no session state.
--   * Rows written with every payout have no foreign key to merchants: checking one locks the merchant's row for every payout at once,
--     and the rows they do point at (instruments, balances) point there already.
--   * Constraint names are sentences: the server turns the few that a customer can cause into answers.

-- +goose Up

-- ---------------------------------------------------------------------------------------------------------------- merchants

create type merchant_status as enum ('active', 'suspended');

create table merchants (
    id                    text primary key,
    name                  text not null constraint merchant_name_is_bounded check (length(name) between 1 and 200),
    country               text not null constraint merchant_country_is_two_letters check (country ~ '^[A-Z]{2}$'),
    status                merchant_status not null default 'active',
    rate_limit_multiplier integer not null default 1 constraint multiplier_is_positive check (rate_limit_multiplier between 1 and 1000),
    created_at            timestamptz not null
);
create index merchants_newest_first on merchants (created_at desc, id desc);

-- Keyed by the hash: a caller shows only the key, and its merchant is what we are looking for (exemption from merchant-led keys).
create table api_keys (
    hash        bytea primary key constraint hash_is_sha256 check (length(hash) = 32),
    merchant_id text not null references merchants,
    id          text not null,
    name        text not null constraint key_name_is_bounded check (length(name) between 1 and 100),
    scopes      text[] not null constraint key_has_scopes check (cardinality(scopes) between 1 and 30),
    last4       text not null,
    created_at  timestamptz not null,
    revoked_at  timestamptz,

    constraint api_key_id_is_unique unique (merchant_id, id)
);

create type operator_role as enum ('viewer', 'operator', 'compliance', 'admin');

create table operator_keys (
    hash       bytea primary key constraint hash_is_sha256 check (length(hash) = 32),
    id         text not null constraint operator_key_id_is_unique unique,
    name       text not null constraint key_name_is_bounded check (length(name) between 1 and 100),
    role       operator_role not null,
    created_at timestamptz not null,
    revoked_at timestamptz
);

-- The sandbox keeps its encryption keys beside its data, so that every server on this database can read it. A live server refuses
-- to start when this table has a row.
create table sandbox_keyset (
    only_row boolean primary key default true constraint there_is_one_keyset check (only_row),
    keyset   bytea not null
);

-- -------------------------------------------------------------------------------------------------------------- idempotency

-- One row a key, written in the transaction of the call that used it first. The response is encrypted: it may hold personal data.
-- Operators' calls have an owner of their own kind in owner_id (their key's id), so that two people cannot replay each other.
create table idempotency_keys (
    owner_id     text not null,
    key          text not null constraint idempotency_key_is_bounded check (length(key) between 1 and 255),
    method       text not null,
    request_hash bytea not null,
    response     bytea,
    created_at   timestamptz not null,
    replays      integer not null default 0,
    -- Null keeps the key as long as what it created: a payout's key never expires.
    expires_at   timestamptz,

    constraint idempotency_key_is_used_once primary key (owner_id, key)
);
create index idempotency_keys_expired on idempotency_keys (expires_at) where expires_at is not null;

-- ------------------------------------------------------------------------------------------------------------ beneficiaries

create type party_type as enum ('individual', 'business');
create type beneficiary_status as enum ('active', 'archived', 'blocked');
create type payment_method as enum ('us_bank', 'iban', 'uk_bank', 'ca_bank', 'au_bank', 'in_bank', 'clabe', 'jp_bank', 'swift');
create type instrument_status as enum ('active', 'disabled');
create type instrument_verification as enum ('unverified', 'verified', 'mismatch');

create table beneficiaries (
    merchant_id           text not null references merchants,
    id                    text not null,
    type                  party_type not null,
    first_name            text,
    middle_name           text,
    last_name             text,
    company_name          text,
    country               text not null constraint beneficiary_country_is_two_letters check (country ~ '^[A-Z]{2}$'),
    currency              text not null constraint beneficiary_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    status                beneficiary_status not null default 'active',
    external_ref          text constraint external_ref_is_bounded check (length(external_ref) between 1 and 100),
    default_instrument_id text,
    -- E-mail, telephone, birth date, address and numbers, encrypted as one message for this merchant and beneficiary.
    private_data          bytea not null,
    -- A keyed hash of name and account: the same person and account gives the same bytes in every merchant, and nothing else does.
    fingerprint           bytea,
    allow_duplicate       boolean not null default false,
    metadata              jsonb not null default '{}',
    -- How many events it had; the next one takes the next number.
    event_sequence        integer not null default 1,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,

    primary key (merchant_id, id),
    constraint names_fit_the_type check (
        (type = 'individual') = (first_name is not null and last_name is not null) and (type = 'business') = (company_name is not null)
    ),
    constraint external_ref_is_unique unique (merchant_id, external_ref)
);
create index beneficiaries_newest_first on beneficiaries (merchant_id, created_at desc, id desc);
create unique index beneficiary_is_not_a_duplicate on beneficiaries (merchant_id, fingerprint) where not allow_duplicate and status = 'active';
create index beneficiaries_by_fingerprint on beneficiaries (fingerprint);

create table instruments (
    merchant_id    text not null,
    id             text not null,
    beneficiary_id text not null,
    method         payment_method not null,
    currency       text not null constraint instrument_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    country        text not null constraint instrument_country_is_two_letters check (country ~ '^[A-Z]{2}$'),
    bank_name      text not null default '',
    last4          text not null constraint last4_shows_four_at_most check (length(last4) <= 4),
    masked         text not null,
    label          text not null default '',
    status         instrument_status not null default 'active',
    verification   instrument_verification not null default 'unverified',
    -- The account's details, encrypted for this merchant and instrument.
    details        bytea not null,
    -- A keyed hash of the account alone: the same account gives the same bytes in every merchant.
    fingerprint    bytea not null,
    metadata       jsonb not null default '{}',
    created_at     timestamptz not null,
    updated_at     timestamptz not null,

    primary key (merchant_id, id),
    foreign key (merchant_id, beneficiary_id) references beneficiaries (merchant_id, id),
    -- What a payout's foreign key points at: an instrument of this very beneficiary.
    constraint instrument_belongs_to_one_beneficiary unique (merchant_id, beneficiary_id, id)
);
create index instruments_newest_first on instruments (merchant_id, beneficiary_id, created_at desc, id desc);
create index instruments_by_fingerprint on instruments (fingerprint);

-- ------------------------------------------------------------------------------------------------------------------- ledger

-- The accounts every merchant has in every currency. All are the merchant's own: no row is shared between two merchants.
create type ledger_account as enum (
    'available', 'held', 'receivable',                -- what we owe the merchant, and what it owes us
    'funding', 'rail_clearing',                       -- money that came in, money that went out
    'fee_income', 'fx_position', 'fx_spread', 'rounding', 'return_suspense', 'unallocated_deposits'
);

create type ledger_transaction_type as enum (
    'deposit', 'payout_hold', 'payout_release', 'payout_settlement', 'fee', 'fx_exchange', 'return', 'adjustment'
);

-- What the merchant holds: the running sum of its postings on `available` and `held`. Written by ledger_post alone.
create table balances (
    merchant_id text not null references merchants,
    currency    text not null constraint balance_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    available   numeric not null default 0 constraint available_balance_covers_debit check (available >= 0),
    held        numeric not null default 0 constraint held_balance_covers_debit check (held >= 0),
    -- The order in which the merchant opened its currencies.
    position    integer not null,

    primary key (merchant_id, currency)
) with (fillfactor = 50);

create table ledger_transactions (
    merchant_id     text not null,
    id              text not null,
    type            ledger_transaction_type not null,
    currency        text not null,
    available_delta numeric not null,
    held_delta      numeric not null,
    available_after numeric not null,
    held_after      numeric not null,
    payout_id       text,
    description     text not null default '',
    created_at      timestamptz not null,
    value_date      date not null,

    primary key (merchant_id, id),
    -- A posting cannot disagree with its transaction about the currency.
    constraint ledger_transaction_has_one_currency unique (merchant_id, id, currency)
);
create index ledger_transactions_newest_first on ledger_transactions (merchant_id, created_at desc, id desc);
-- A payout's money is set aside once, and leaves that state once.
create unique index payout_is_held_once on ledger_transactions (merchant_id, payout_id) where type = 'payout_hold';
create unique index payout_is_released_or_settled_once on ledger_transactions (merchant_id, payout_id)
    where type in ('payout_release', 'payout_settlement');
-- What a bank sends back, it sends back once.
create unique index payout_comes_back_once on ledger_transactions (merchant_id, payout_id) where type = 'return';

-- A posting takes from one account and gives to another, so it balances by construction.
create table ledger_postings (
    merchant_id    text not null,
    transaction_id text not null,
    line           smallint not null,
    currency       text not null,
    debit          ledger_account not null,
    credit         ledger_account not null,
    amount         numeric not null constraint posting_amount_is_positive check (amount > 0),

    primary key (merchant_id, transaction_id, line),
    foreign key (merchant_id, transaction_id, currency) references ledger_transactions (merchant_id, id, currency),
    constraint posting_moves_between_two_accounts check (debit <> credit)
);

-- ledger_post is the only door for money. It books the transactions in the order given, all of one merchant, all or none, and moves
-- the balances by exactly what the postings say. The balance rows are touched by its last statement, so that their locks live as
-- short as they can. Raises the constraint available_balance_covers_debit when the money is not there.
--
-- pg_temp stands last in the search path, here and below: otherwise a temporary table of the caller's could take a real one's place.
--
-- Transaction i is (ids[i], types[i], currencies[i], …); posting j is (txns[j] = its transaction's index, debits[j], credits[j], amounts[j]).
-- +goose StatementBegin
create function ledger_post(
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
        select currency, sum(available_delta) as available, sum(held_delta) as held from transactions group by currency
    ), moved as (
        update balances b
        set available = b.available + s.available, held = b.held + s.held
        from sums s
        where b.merchant_id = p_merchant and b.currency = s.currency
        returning b.currency, b.available - s.available as available_before, b.held - s.held as held_before, b.available, b.held
    ), booked as (
        insert into ledger_transactions (merchant_id, id, type, currency, available_delta, held_delta, available_after, held_after,
                                         payout_id, description, created_at, value_date)
        select p_merchant, t.id, t.type, t.currency, t.available_delta, t.held_delta,
               m.available_before + sum(t.available_delta) over each_currency,
               m.held_before + sum(t.held_delta) over each_currency,
               nullif(t.payout_id, ''), t.description, p_at, (p_at at time zone 'UTC')::date
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

-- ------------------------------------------------------------------------------------------------------------------ payouts

create type payout_status as enum (
    'created', 'pending_screening', 'screening_failed', 'pending_approval', 'velocity_blocked', 'manual_review', 'approved',
    'processing', 'sent', 'completed', 'failed', 'returned', 'cancelled'
);

create type fee_bearer as enum ('merchant', 'beneficiary');

-- The verdicts of the engine, one an evaluation. What it saw is stored with it, so that it can be recomputed.
create table verdicts (
    merchant_id text not null,
    id          text not null,
    payout_id   text not null,
    -- clear, screening_hit, velocity_block or review
    outcome     text not null constraint verdict_outcome_is_known check (outcome in ('clear', 'screening_hit', 'velocity_block', 'review')),
    score       integer not null constraint score_is_in_range check (score between 0 and 1000),
    -- Stage by stage: outcome, reasons, versions. Operators only.
    stages      jsonb not null,
    -- The facts the stages saw.
    inputs      jsonb not null,
    created_at  timestamptz not null,

    primary key (merchant_id, id),
    -- What an approval's foreign key points at.
    constraint verdict_is_about_one_payout unique (merchant_id, payout_id, id)
);

-- The state machine. Row (seq) starts where row (seq - 1) ended, by foreign key; what may follow what is the check below. A payout's
-- own (seq, status) points at its last row. payouts_move writes both.
create table payout_transitions (
    merchant_id   text not null,
    payout_id     text not null,
    seq           integer not null,
    from_status   payout_status,
    to_status     payout_status not null,
    at            timestamptz not null,
    actor         text not null constraint actor_is_bounded check (length(actor) between 1 and 64),
    reason_code   text not null default '',
    reason        text not null default '',
    event_id      text not null,
    -- The verdict that allowed it: nothing is approved without one.
    verdict_id    text,
    previous_seq  integer generated always as (case when seq > 1 then seq - 1 end) stored,

    constraint payout_moves_one_step_at_a_time primary key (merchant_id, payout_id, seq),
    constraint payout_status_has_its_transition unique (merchant_id, payout_id, seq, to_status),
    constraint transition_starts_where_the_last_one_ended
        foreign key (merchant_id, payout_id, previous_seq, from_status)
        references payout_transitions (merchant_id, payout_id, seq, to_status),
    constraint approval_has_a_verdict_of_its_payout
        foreign key (merchant_id, payout_id, verdict_id) references verdicts (merchant_id, payout_id, id),
    constraint approval_has_a_verdict check (to_status <> 'approved' or verdict_id is not null),
    constraint first_transition_creates check ((seq = 1) = (from_status is null) and (seq = 1) = (to_status = 'created') and seq > 0),
    constraint arrow_exists check (from_status is null or (from_status, to_status) in (
        ('created', 'pending_screening'),
        ('created', 'manual_review'),
        ('created', 'cancelled'),
        ('pending_screening', 'screening_failed'),
        ('pending_screening', 'pending_approval'),
        ('pending_screening', 'cancelled'),
        ('pending_approval', 'velocity_blocked'),
        ('pending_approval', 'manual_review'),
        ('pending_approval', 'approved'),
        ('pending_approval', 'cancelled'),
        ('manual_review', 'approved'),
        ('manual_review', 'cancelled'),
        ('approved', 'processing'),
        ('approved', 'sent'),
        ('processing', 'sent'),
        ('processing', 'failed'),
        ('sent', 'completed'),
        ('sent', 'failed'),
        ('sent', 'returned')
    ))
);

create table payouts (
    merchant_id       text not null,
    id                text not null,
    status            payout_status not null default 'created',
    seq               integer not null default 1,
    beneficiary_id    text not null,
    instrument_id     text not null,
    amount            numeric not null constraint payout_amount_is_positive check (amount > 0),
    currency          text not null,
    source_amount     numeric not null constraint source_amount_is_positive check (source_amount > 0),
    source_currency   text not null,
    dest_amount       numeric not null constraint dest_amount_is_positive check (dest_amount > 0),
    dest_currency     text not null,
    fee               numeric not null constraint fee_is_not_negative check (fee >= 0),
    fee_bearer        fee_bearer not null,
    total_debited     numeric not null constraint total_debited_covers_source check (total_debited >= source_amount),
    method            payment_method not null,
    rail              text not null,
    rail_reference    text,
    description       text not null default '',
    reference         text not null default '',
    purpose           text not null default '',
    metadata          jsonb not null default '{}',
    -- The sending counterparty, where it isn't the merchant.
    on_behalf_of      jsonb,
    reason_code       text not null default '',
    reason            text not null default '',
    verdict_id        text,
    estimated_arrival timestamptz not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    screened_at       timestamptz,
    approved_at       timestamptz,
    processed_at      timestamptz,
    sent_at           timestamptz,
    completed_at      timestamptz,
    failed_at         timestamptz,
    returned_at       timestamptz,
    cancelled_at      timestamptz,
    -- Payouts are their own queue: when the next piece of work is due (null: none is), and how often it was tried.
    due_at            timestamptz,
    attempt           integer not null default 0,

    primary key (merchant_id, id),
    -- The instrument is this beneficiary's, and the beneficiary is this merchant's: one foreign key says all of it.
    foreign key (merchant_id, beneficiary_id, instrument_id) references instruments (merchant_id, beneficiary_id, id),
    constraint payout_status_is_its_last_transition
        foreign key (merchant_id, id, seq, status) references payout_transitions (merchant_id, payout_id, seq, to_status),
    constraint sent_or_later_has_sent_at check (status not in ('sent', 'completed', 'returned') or sent_at is not null),
    constraint completed_has_completed_at check ((status = 'completed') = (completed_at is not null)),
    constraint failed_has_failed_at check ((status = 'failed') = (failed_at is not null)),
    constraint returned_has_returned_at check ((status = 'returned') = (returned_at is not null)),
    constraint ended_payout_has_no_work check (
        due_at is null
        or status not in ('completed', 'failed', 'returned', 'screening_failed', 'velocity_blocked', 'cancelled', 'manual_review')
    ),
    constraint cancelled_has_cancelled_at check ((status = 'cancelled') = (cancelled_at is not null))
) with (fillfactor = 70);
create index payouts_newest_first on payouts (merchant_id, created_at desc, id desc);
create index payouts_by_beneficiary on payouts (merchant_id, beneficiary_id, created_at desc);
-- The queue: which merchants have work (a plain index across merchants, not a key), and what a merchant's work is.
create index payouts_due on payouts (due_at) where due_at is not null;
create index payouts_due_of_merchant on payouts (merchant_id, due_at, id) where due_at is not null;

-- payouts_move is the only door for states. It moves payouts of one merchant along arrows, all or none, each from the step (seqs,
-- froms) that the caller believes it is at. Whoever lost a race gets payout_moves_one_step_at_a_time or
-- transition_starts_where_the_last_one_ended; a forbidden arrow is arrow_exists. Empty strings stand for absent texts.
-- +goose StatementBegin
create function payouts_move(
    p_merchant text, p_at timestamptz, p_actor text,
    p_ids text[], p_seqs integer[], p_froms text[], p_tos text[], p_reason_codes text[], p_reasons text[],
    p_events text[], p_verdicts text[], p_due text[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into payout_transitions (merchant_id, payout_id, seq, from_status, to_status, at, actor, reason_code, reason, event_id, verdict_id)
    select p_merchant, m.id, m.seq + 1, m.from_status::payout_status, m.to_status::payout_status, p_at, p_actor,
           m.reason_code, m.reason, m.event_id, nullif(m.verdict_id, '')
    from unnest(p_ids, p_seqs, p_froms, p_tos, p_reason_codes, p_reasons, p_events, p_verdicts)
             m(id, seq, from_status, to_status, reason_code, reason, event_id, verdict_id)
    order by m.id, m.seq;

    -- A payout that moves several steps in one call ends at its last; the times of the steps between are set as well.
    update payouts p
    set status = m.status, seq = m.seq, updated_at = p_at, due_at = m.due_at, attempt = 0,
        reason_code = m.reason_code, reason = m.reason,
        verdict_id = coalesce(m.verdict_id, p.verdict_id),
        screened_at = case when m.tos && '{screening_failed,pending_approval}' then p_at else p.screened_at end,
        approved_at = case when m.tos && '{approved}' then p_at else p.approved_at end,
        processed_at = case when m.tos && '{processing}' then p_at else p.processed_at end,
        sent_at = case when m.tos && '{sent}' then p_at else p.sent_at end,
        completed_at = case when m.tos && '{completed}' then p_at else p.completed_at end,
        failed_at = case when m.tos && '{failed}' then p_at else p.failed_at end,
        returned_at = case when m.tos && '{returned}' then p_at else p.returned_at end,
        cancelled_at = case when m.tos && '{cancelled}' then p_at else p.cancelled_at end
    from (
        select id, max(seq) + 1 as seq, array_agg(to_status) as tos,
               ((array_agg(to_status order by seq desc))[1])::payout_status as status,
               nullif((array_agg(due_at order by seq desc))[1], '')::timestamptz as due_at,
               (array_agg(reason_code order by seq desc))[1] as reason_code,
               (array_agg(reason order by seq desc))[1] as reason,
               max(nullif(verdict_id, '')) as verdict_id
        from unnest(p_ids, p_seqs, p_tos, p_reason_codes, p_reasons, p_verdicts, p_due)
                 u(id, seq, to_status, reason_code, reason, verdict_id, due_at)
        group by id
    ) m
    where p.merchant_id = p_merchant and p.id = m.id;
end $$;
-- +goose StatementEnd

-- What a rail was told, one row an attempt. The rail's reference is unique across merchants, because the rail knows no merchants
-- (exemption from merchant-led keys).
create table rail_instructions (
    merchant_id text not null,
    payout_id   text not null,
    rail        text not null,
    reference   text not null,
    accepted_at timestamptz not null,

    constraint payout_has_one_accepted_instruction primary key (merchant_id, payout_id),
    constraint rail_reference_is_unique unique (rail, reference),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id)
);

-- What a rail told us: each of its events counts once.
create table rail_events (
    merchant_id text not null,
    payout_id   text not null,
    rail        text not null,
    event_id    text not null,
    kind        text not null constraint rail_event_kind_is_known check (kind in ('sent', 'settled', 'failed', 'returned')),
    reason_code text not null default '',
    received_at timestamptz not null,

    constraint rail_event_counts_once primary key (merchant_id, payout_id, event_id),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id)
);

-- The sandbox bank's own books: what it accepted and what becomes of it.
create table sandbox_bank_payments (
    merchant_id text not null,
    key         text not null,
    reference   text not null,
    outcome     text not null constraint sandbox_outcome_is_known check (outcome in ('settled', 'failed', 'returned', 'silent')),
    accepted_at timestamptz not null,

    constraint sandbox_bank_takes_a_key_once primary key (merchant_id, key)
);

-- ----------------------------------------------------------------------------------------------------------------- velocity

create type velocity_rule_type as enum ('amount_per_window', 'count_per_window');

-- The operator's rules hold for every merchant, each for itself.
create table velocity_rules (
    id             text primary key,
    name           text not null constraint rule_name_is_bounded check (length(name) between 1 and 100),
    type           velocity_rule_type not null,
    -- Of amount rules; a rule of one currency counts that currency's payouts.
    currency       text constraint amount_rule_has_a_currency check ((type = 'amount_per_window') = (currency is not null)),
    threshold      numeric not null constraint threshold_is_positive check (threshold > 0),
    created_at     timestamptz not null
);

-- How much of each rule's window a merchant used. The evaluating transaction locks these rows in order, so that two payouts
-- evaluated at once cannot pass a cap together. A window is a calendar day in UTC.
create table velocity_usage (
    merchant_id text not null,
    rule_id     text not null references velocity_rules,
    window_day  date not null,
    used        numeric not null default 0 constraint usage_is_not_negative check (used >= 0),

    primary key (merchant_id, rule_id, window_day)
);

-- What each payout took of which window, so that a cancelled or failed one gives it back there.
create table velocity_reservations (
    merchant_id text not null,
    payout_id   text not null,
    rule_id     text not null,
    window_day  date not null,
    amount      numeric not null constraint reservation_is_positive check (amount > 0),
    released_at timestamptz,

    primary key (merchant_id, payout_id, rule_id),
    foreign key (merchant_id, rule_id, window_day) references velocity_usage (merchant_id, rule_id, window_day)
);

insert into velocity_rules (id, name, type, currency, threshold, created_at) values
    ('vr_00000000000000000001', 'Payouts a day', 'count_per_window', null, 100000, now()),
    ('vr_00000000000000000002', 'US dollars a day', 'amount_per_window', 'USD', 100000000, now());

-- ------------------------------------------------------------------------------------------------------- events and the audit log

create table events (
    merchant_id     text not null,
    id              text not null,
    type            text not null,
    object_type     text not null,
    object_id       text not null,
    sequence        integer not null constraint event_sequence_starts_at_one check (sequence > 0),
    previous_status text,
    -- The object as it was, as a google.protobuf.Struct in JSON. jsonb would reorder it.
    data            json not null,
    created_at      timestamptz not null,

    primary key (merchant_id, id),
    constraint event_sequence_has_no_double unique (merchant_id, object_id, sequence)
);
create index events_newest_first on events (merchant_id, created_at desc, id desc);

-- Who did what. The platform's own rows carry the merchant_id ''.
create table audit_log (
    merchant_id text not null,
    id          text not null,
    at          timestamptz not null,
    actor       text not null,
    action      text not null,
    object_id   text not null default '',
    request_id  text not null default '',
    detail      jsonb not null default '{}',

    primary key (merchant_id, id)
);
create index audit_log_newest_first on audit_log (merchant_id, at desc, id desc);
create index audit_log_by_object on audit_log (merchant_id, object_id, at desc);
create index audit_log_of_all on audit_log (at desc, id desc);

-- ------------------------------------------------------------------------------------------------------------------- grants

grant usage on schema public to anton_app;
grant select on all tables in schema public to anton_app;

grant insert, update on merchants, api_keys, operator_keys, sandbox_keyset to anton_app;
grant insert, update, delete on idempotency_keys to anton_app;
grant insert, update on beneficiaries, instruments to anton_app;
grant insert on verdicts, events, audit_log, rail_instructions, rail_events, sandbox_bank_payments to anton_app;
grant update (outcome) on sandbox_bank_payments to anton_app;
grant insert, update on velocity_usage to anton_app;
grant insert, update (released_at) on velocity_reservations to anton_app;
grant insert, update on velocity_rules to anton_app;

-- A payout is born `created`, and only payouts_move changes its state: the application may not write status, seq or the amounts.
grant insert (merchant_id, id, beneficiary_id, instrument_id, amount, currency, source_amount, source_currency, dest_amount,
              dest_currency, fee, fee_bearer, total_debited, method, rail, description, reference, purpose, metadata, on_behalf_of,
              estimated_arrival, created_at, updated_at, due_at) on payouts to anton_app;
grant update (rail_reference, due_at, attempt) on payouts to anton_app;
-- Without from_status only a first transition can be written.
grant insert (merchant_id, payout_id, seq, to_status, at, actor, event_id) on payout_transitions to anton_app;

revoke execute on function ledger_post, payouts_move from public;
grant execute on function ledger_post, payouts_move to anton_app;

-- +goose Down
-- The first migration has no way back: dropping it would drop the money.
select 1 / 0;
