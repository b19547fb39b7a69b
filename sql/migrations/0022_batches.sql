-- Batches: many payouts from one file, checked first and paid when the merchant confirms. A row becomes one payout or none, and the
-- database knows which payout is of which row.

-- +goose Up

create type batch_status as enum (
    'uploaded', 'validating', 'validated', 'validation_failed', 'confirmed', 'processing', 'completed', 'partial', 'failed', 'cancelled'
);
create type batch_format as enum ('csv', 'xlsx', 'json');
create type batch_separator as enum ('comma', 'semicolon', 'tab');
create type batch_row_status as enum ('pending', 'valid', 'invalid', 'created', 'failed');

-- The life of a batch, as payout_transitions is a payout's: step (seq) starts where step (seq - 1) ended, by foreign key.
create table batch_steps (
    merchant_id  text not null,
    batch_id     text not null,
    seq          integer not null,
    from_status  batch_status,
    to_status    batch_status not null,
    at           timestamptz not null,
    actor        text not null constraint actor_is_bounded check (length(actor) between 1 and 64),
    event_id     text not null,
    previous_seq integer generated always as (case when seq > 1 then seq - 1 end) stored,

    constraint batch_moves_one_step_at_a_time primary key (merchant_id, batch_id, seq),
    constraint batch_status_has_its_step unique (merchant_id, batch_id, seq, to_status),
    constraint batch_step_starts_where_the_last_one_ended
        foreign key (merchant_id, batch_id, previous_seq, from_status) references batch_steps (merchant_id, batch_id, seq, to_status),
    constraint first_batch_step_uploads check ((seq = 1) = (from_status is null) and (from_status is null) = (to_status = 'uploaded') and seq > 0),
    constraint batch_arrow_exists check (
        from_status is null
        or from_status::text || '>' || to_status::text = any ('{
            uploaded>validating, uploaded>cancelled,
            validating>validated, validating>validation_failed, validating>cancelled,
            validated>confirmed, validated>cancelled,
            validation_failed>cancelled,
            confirmed>processing, confirmed>cancelled,
            processing>completed, processing>partial, processing>failed
        }'::text[])
    )
);

create table batches (
    merchant_id         text not null references merchants,
    id                  text not null,
    status              batch_status not null,
    seq                 integer not null,
    format              batch_format not null,
    separator           batch_separator constraint only_csv_has_a_separator check ((separator is not null) = (format = 'csv')),
    file_name           text not null default '' constraint batch_file_name_is_bounded check (length(file_name) <= 200),
    description         text not null default '' constraint batch_description_is_bounded check (length(description) <= 500),
    -- A keyed hash of what was sent: the same file gives the same bytes in every batch of the merchant.
    fingerprint         bytea not null,
    total_rows          integer not null constraint batch_has_ten_thousand_rows_at_most check (total_rows between 1 and 10000),
    valid_rows          integer not null default 0,
    invalid_rows        integer not null default 0,
    created_rows        integer not null default 0,
    failed_rows         integer not null default 0,
    new_beneficiaries   integer not null default 0,
    known_beneficiaries integer not null default 0,
    created_by          text not null,
    confirmed_by        text,
    cancel_reason       text constraint cancel_reason_is_bounded check (length(cancel_reason) <= 500),
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    validated_at        timestamptz,
    expires_at          timestamptz,
    confirmed_at        timestamptz,
    processing_at       timestamptz,
    ended_at            timestamptz,
    -- Batches are their own queue: when the next piece of work is due (null: none is), and how often it was tried.
    due_at              timestamptz,
    attempt             integer not null default 0,

    primary key (merchant_id, id),
    constraint batch_status_is_its_last_step
        foreign key (merchant_id, id, seq, status) references batch_steps (merchant_id, batch_id, seq, to_status),
    constraint batch_counts_its_rows_once check (
        valid_rows >= 0 and invalid_rows >= 0 and created_rows >= 0 and failed_rows >= 0
        and valid_rows + invalid_rows in (0, total_rows) and created_rows + failed_rows <= valid_rows
    ),
    constraint only_a_right_batch_is_paid check (
        status not in ('validated', 'confirmed', 'processing', 'completed', 'partial', 'failed') or valid_rows = total_rows
    ),
    constraint confirmed_batch_says_by_whom check (
        status not in ('confirmed', 'processing', 'completed', 'partial', 'failed') or (confirmed_by is not null and confirmed_at is not null)
    ),
    constraint batch_ends_as_its_rows_did check (
        case status
            when 'completed' then created_rows = total_rows
            when 'partial' then created_rows > 0 and failed_rows > 0 and created_rows + failed_rows = total_rows
            when 'failed' then failed_rows = total_rows
            when 'processing' then true
            else created_rows = 0 and failed_rows = 0
        end
    ),
    constraint ended_batch_has_ended_at check (
        (status in ('validation_failed', 'completed', 'partial', 'failed', 'cancelled')) = (ended_at is not null)
    ),
    constraint ended_batch_has_no_work check (due_at is null or ended_at is null)
);
create index batches_newest_first on batches (merchant_id, created_at desc, id desc);
create index batches_due on batches (due_at) where due_at is not null;
create index batches_not_ended on batches (merchant_id) where ended_at is null;
-- The same file is not paid twice. A batch that came to nothing leaves it free.
create unique index batch_file_is_sent_once on batches (merchant_id, fingerprint) where status not in ('validation_failed', 'cancelled', 'failed');

create table batch_rows (
    merchant_id    text not null,
    batch_id       text not null,
    -- As the spreadsheet counts, or the place in the request.
    number         integer not null constraint row_number_is_positive check (number > 0),
    -- What the re-encryption knows the row by.
    id             text not null generated always as (batch_id || '/' || number::text) stored,
    -- The cells, encrypted for this merchant and row, for as long as somebody needs them: until the row ended.
    data           bytea,
    status         batch_row_status not null default 'pending',
    amount         numeric,
    currency       text,
    reference      text not null default '',
    beneficiary_id text,
    payout_id      text,
    error_code     text not null default '',
    error          text not null default '' constraint row_error_is_bounded check (length(error) <= 500),

    primary key (merchant_id, batch_id, number),
    foreign key (merchant_id, batch_id) references batches (merchant_id, id),
    foreign key (merchant_id, beneficiary_id) references beneficiaries (merchant_id, id),
    constraint row_payout_is_the_merchants_own foreign key (merchant_id, payout_id) references payouts (merchant_id, id),
    constraint created_row_has_its_payout check ((status = 'created') = (payout_id is not null)),
    constraint failed_row_says_why check ((status = 'failed') = (error_code <> '')),
    constraint right_row_has_its_amount check (status in ('pending', 'invalid') or (amount > 0 and currency is not null)),
    constraint ended_row_keeps_no_cells check (data is null or status in ('pending', 'valid', 'invalid'))
) with (fillfactor = 50);
create index batch_rows_encrypted on batch_rows (merchant_id, id) where data is not null;

-- What is wrong with rows, in words that repeat nothing personal.
create table batch_errors (
    merchant_id text not null,
    batch_id    text not null,
    number      integer not null,
    n           integer not null,
    field       text not null,
    message     text not null constraint batch_error_is_bounded check (length(message) between 1 and 500),
    suggestion  text not null default '' constraint suggestion_is_bounded check (length(suggestion) <= 500),

    primary key (merchant_id, batch_id, number, n),
    foreign key (merchant_id, batch_id, number) references batch_rows (merchant_id, batch_id, number)
);

-- A row becomes one payout at most, whatever happens to whoever creates it.
alter table payouts
    add column batch_id text,
    add column batch_row integer,
    add constraint payout_of_a_batch_names_its_row check ((batch_id is null) = (batch_row is null)),
    add constraint payout_is_of_a_row_that_exists foreign key (merchant_id, batch_id, batch_row) references batch_rows (merchant_id, batch_id, number);
create unique index batch_row_is_paid_once on payouts (merchant_id, batch_id, batch_row) where batch_id is not null;

grant select on batches, batch_steps, batch_rows, batch_errors to anton_app;
grant insert (merchant_id, batch_id, seq, from_status, to_status, at, actor, event_id) on batch_steps to anton_app;
grant insert (merchant_id, id, status, seq, format, separator, file_name, description, fingerprint, total_rows, created_by, created_at,
              updated_at, due_at) on batches to anton_app;
grant update (status, seq, valid_rows, invalid_rows, created_rows, failed_rows, new_beneficiaries, known_beneficiaries, confirmed_by,
              cancel_reason, updated_at, validated_at, expires_at, confirmed_at, processing_at, ended_at, due_at, attempt) on batches to anton_app;
grant insert (merchant_id, batch_id, number, data) on batch_rows to anton_app;
grant update (data, status, amount, currency, reference, beneficiary_id, payout_id, error_code, error) on batch_rows to anton_app;
grant insert on batch_errors to anton_app;
grant insert (batch_id, batch_row) on payouts to anton_app;

-- +goose Down
-- There is no way back: which payout is of which row would be lost.
select 1 / 0;
