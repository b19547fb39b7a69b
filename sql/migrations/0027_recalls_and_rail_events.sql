-- Recalls: payments that went out and that an operator asks back. A recall goes out in a file as a payment does, in exactly one; the bank
-- says yes or no, and money comes, if it comes, as a return. A recall moves no money.

-- +goose Up

alter table rail_files
    -- What goes out in it asks payments back, and pays nobody.
    add column recalls boolean not null default false,
    drop constraint file_out_has_number_sum_and_day,
    add constraint file_out_has_number_and_sum check (
        num_nulls(number, amount, currency) = case direction when 'out' then 0 else 3 end and coalesce(number, 1) >= 1
    ) not valid,
    add constraint file_of_payments_settles_on_a_day check ((settles_on is not null) = (direction = 'out' and not recalls)) not valid,
    add constraint file_of_recalls_goes_out check (direction = 'out' or not recalls) not valid;
alter table rail_files
    validate constraint file_out_has_number_and_sum,
    validate constraint file_of_payments_settles_on_a_day,
    validate constraint file_of_recalls_goes_out;

create table rail_recalls (
    merchant_id  text not null,
    id           text not null,
    payout_id    text not null,
    rail         text not null,
    -- Why, in the scheme's code and in words for the bank.
    reason_code  text not null constraint recall_reason_is_a_code check (reason_code ~ '^[A-Z0-9]{4}$'),
    text         text not null constraint recall_text_is_bounded check (length(text) <= 210),
    status       text not null constraint recall_status_is_known check (status in ('waiting', 'sent', 'accepted', 'returned', 'rejected', 'closed')),
    requested_by text not null constraint recall_is_by_somebody check (length(requested_by) between 1 and 100),
    created_at   timestamptz not null,
    -- When the file that it waits for is cut; null once it is in one, or needs none any more.
    cut_at       timestamptz,
    -- What the bank answered, in the scheme's code; empty where it gave none.
    answer_code  text constraint recall_answer_is_bounded check (length(answer_code) <= 16),
    answered_at  timestamptz,
    ended_at     timestamptz,
    closed_by    text,
    note         text constraint recall_note_is_bounded check (length(note) between 1 and 500),

    primary key (merchant_id, id),
    constraint recall_is_of_one_rail unique (merchant_id, id, rail),
    constraint recall_is_of_an_order foreign key (merchant_id, payout_id, rail) references rail_orders (merchant_id, payout_id, rail),
    constraint recall_waits_for_a_cut_off check ((status = 'waiting') = (cut_at is not null)),
    constraint recall_ends_at_a_time check ((status in ('returned', 'rejected', 'closed')) = (ended_at is not null)),
    constraint recall_answer_has_its_time check ((answer_code is null) = (answered_at is null)),
    constraint recall_is_answered_by_its_bank check (status not in ('accepted', 'rejected') or answered_at is not null),
    constraint closed_recall_has_its_person_and_note check (num_nulls(closed_by, note) = case status when 'closed' then 0 else 2 end)
);
create unique index payout_has_one_open_recall on rail_recalls (merchant_id, payout_id) where ended_at is null;
create index rail_recalls_of_payout on rail_recalls (merchant_id, payout_id, created_at desc);
create index rail_recalls_waiting on rail_recalls (rail, cut_at) where cut_at is not null;
create index rail_recalls_newest_first on rail_recalls (created_at desc, id desc);
create index rail_recalls_by_id on rail_recalls (id);

-- Which file a recall is in. Insert-only: a recall is in one file, for ever.
create table rail_file_recalls (
    merchant_id text not null,
    recall_id   text not null,
    rail        text not null,
    file_id     text not null,
    line        integer not null constraint recall_lines_begin_at_one check (line >= 1),

    constraint recall_is_in_one_file primary key (merchant_id, recall_id),
    constraint line_of_a_file_has_one_recall unique (rail, file_id, line),
    constraint recall_is_in_a_file_of_its_rail foreign key (merchant_id, recall_id, rail) references rail_recalls (merchant_id, id, rail),
    foreign key (rail, file_id) references rail_files (rail, id)
);

-- What banks say of recalls.
alter table rail_entries
    drop constraint entry_kind_is_known,
    add constraint entry_kind_is_known check (kind in (
        'accepted', 'settled', 'failed', 'returned', 'return_reversed', 'advice', 'unreadable', 'recall_accepted', 'recall_pending', 'recall_rejected'
    )) not valid;
alter table rail_entries validate constraint entry_kind_is_known;
alter table rail_cases
    drop constraint case_kind_is_known,
    add constraint case_kind_is_known check (kind in (
        'unknown_reference', 'different_amount', 'contradiction', 'not_sent', 'unreadable', 'unknown_recall', 'taken_back'
    )) not valid;
alter table rail_cases validate constraint case_kind_is_known;

grant select, insert, update (status, cut_at, answer_code, answered_at, ended_at, closed_by, note) on rail_recalls to anton_app;
grant select, insert on rail_file_recalls to anton_app;

-- ---------------------------------------------------------------------------------------------------- events entered by hand

-- What a bank said of a payout by telephone. Once it is approved it is an entry of a file of its own, and decided as every entry is.
create table rail_event_requests (
    merchant_id    text not null,
    id             text not null,
    payout_id      text not null,
    rail           text not null,
    kind           text not null constraint event_request_kind_is_known check (kind in ('settled', 'failed', 'returned')),
    code           text not null constraint event_request_code_is_bounded check (length(code) <= 16),
    bank_reference text not null constraint event_request_reference_is_bounded check (length(bank_reference) <= 50),
    settled_on     date,
    amount         numeric constraint event_request_amount_is_positive check (amount > 0),
    currency       text,
    note           text not null constraint event_request_note_is_bounded check (length(note) between 1 and 500),
    status         text not null constraint event_request_status_is_known check (status in ('pending_approval', 'executed', 'rejected')),
    environment    text not null references deployment (environment),
    requested_by   text not null,
    requested_at   timestamptz not null,
    expires_at     timestamptz not null,
    decided_by     text,
    decided_at     timestamptz,
    -- The entry that it became.
    entry_id       text,

    primary key (merchant_id, id),
    constraint event_request_is_of_an_order foreign key (merchant_id, payout_id, rail) references rail_orders (merchant_id, payout_id, rail),
    foreign key (rail, entry_id) references rail_entries (rail, id),
    constraint only_a_return_has_an_amount check ((amount is not null) = (kind = 'returned') and (currency is null) = (amount is null)),
    constraint event_request_decision_has_its_person_and_time
        check ((status = 'pending_approval') = (decided_by is null) and (decided_by is null) = (decided_at is null)),
    constraint live_event_is_approved_by_another check (environment = 'test' or status <> 'executed' or decided_by <> requested_by),
    constraint event_is_executed_in_time check (status <> 'executed' or decided_at <= expires_at),
    constraint executed_event_is_an_entry check ((status = 'executed') = (entry_id is not null))
);
create index rail_event_requests_newest_first on rail_event_requests (requested_at desc, id desc);
create index rail_event_requests_by_id on rail_event_requests (id);

grant select, insert, update (status, decided_by, decided_at, entry_id) on rail_event_requests to anton_app;

-- +goose Down
-- There is no way back: recalls that went out would be forgotten.
select 1 / 0;
