-- Rails that work by files: what they were asked to pay, the files they were told in, the files that came back, what each entry of those
-- meant, and what a person has to look at.
--
-- The order of things is what keeps a payout out of two files. An order is written when the rail takes the payout. A file's content, its
-- number and its orders are written in one transaction, before a byte of it leaves the database. Only then is it delivered, under a name
-- that no other content can have.
--
-- Files are the platform's, not a merchant's: one file holds payments of many. So the rail leads the keys of files, of their entries and
-- of cases (exemption from merchant-led keys); orders are the merchants'.

-- +goose Up

-- Money that a bank sent back and that nobody can book yet, and where it went from there.
alter type ledger_transaction_type add value 'return_suspense';

-- ----------------------------------------------------------------------------------------------------------------- files out

-- References are made of these. A number that a lost race leaves unused is never given again.
create sequence rail_order_numbers;

create table rail_orders (
    merchant_id    text not null,
    payout_id      text not null,
    rail           text not null constraint order_rail_is_a_word check (rail ~ '^[a-z][a-z0-9_]{0,31}$'),
    -- Ours for all time, and the one that the rail's files have. A scheme with few digits uses the latter again after years.
    reference      text not null constraint order_reference_is_bounded check (length(reference) between 1 and 64),
    bank_reference text not null constraint order_bank_reference_is_bounded check (length(bank_reference) between 1 and 64),
    amount         numeric not null constraint order_amount_is_positive check (amount > 0),
    currency       text not null constraint order_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    -- Whom to pay, as it was when the rail took it, encrypted.
    details        bytea not null,
    -- Why the rail cannot carry it, as a neutral code; empty for what it can.
    refusal        text not null default '' constraint order_refusal_is_bounded check (length(refusal) <= 64),
    accepted_at    timestamptz not null,
    -- When the file that it waits for is cut; null once it is in one.
    cut_at         timestamptz,

    constraint rail_takes_a_payout_once primary key (merchant_id, payout_id),
    constraint order_reference_is_unique unique (rail, reference),
    constraint order_is_of_one_rail unique (merchant_id, payout_id, rail),
    constraint refused_order_waits_for_no_file check (refusal = '' or cut_at is null),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id)
);
create index rail_orders_waiting on rail_orders (rail, cut_at) where cut_at is not null;
create index rail_orders_by_bank_reference on rail_orders (rail, bank_reference, accepted_at desc);

create table rail_files (
    rail         text not null constraint file_rail_is_a_word check (rail ~ '^[a-z][a-z0-9_]{0,31}$'),
    id           text not null,
    direction    text not null constraint file_goes_out_or_comes_in check (direction in ('out', 'in')),
    name         text not null constraint file_name_is_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$'),
    sha256       bytea not null constraint file_hash_is_whole check (octet_length(sha256) = 32),
    size         integer not null constraint file_is_bounded check (size between 1 and 67108864),
    entries      integer not null constraint file_entries_are_counted check (entries >= 0),
    -- Of a file that goes out: the sum of its payments, all in one currency.
    amount       numeric,
    currency     text,
    -- The banking day of its cut-off, or the day it came, in the rail's time zone.
    day          date not null,
    -- The files of a rail's day that go out are numbered from 1 without gaps.
    number       integer,
    previous_number integer generated always as (case when number > 1 then number - 1 end) stored,
    -- When its payments settle.
    settles_on   date,
    created_at   timestamptz not null,
    created_by   text not null constraint file_is_by_somebody check (length(created_by) between 1 and 100),
    -- It lies, complete, where one rename delivers it; and it was delivered.
    staged_at    timestamptz,
    delivered_at timestamptz,
    -- Of a file that came in: all its entries are decided.
    processed_at timestamptz,

    primary key (rail, id),
    constraint file_comes_in_once unique (rail, direction, sha256),
    constraint file_number_is_used_once unique (rail, day, number),
    constraint file_follows_the_one_before foreign key (rail, day, previous_number) references rail_files (rail, day, number),
    constraint file_out_has_number_sum_and_day check (
        num_nulls(number, amount, currency, settles_on) = case direction when 'out' then 0 else 4 end and coalesce(number, 1) >= 1
    ),
    constraint file_out_has_payments check (direction = 'in' or (entries > 0 and amount > 0)),
    constraint file_is_delivered_from_its_stage check (delivered_at is null or staged_at is not null),
    constraint file_in_is_not_delivered check (direction = 'out' or staged_at is null),
    constraint file_out_has_nothing_to_decide check (direction = 'in' or processed_at is null)
);
create unique index file_out_has_its_name_alone on rail_files (rail, name) where direction = 'out';
create index rail_files_newest_first on rail_files (created_at desc, id desc);
create index rail_files_to_deliver on rail_files (rail, created_at) where direction = 'out' and delivered_at is null;
create index rail_files_to_process on rail_files (rail, created_at) where direction = 'in' and processed_at is null;

-- A file's bytes, encrypted: they hold account numbers. Never changed but by a new encryption of the same.
create table rail_file_contents (
    rail    text not null,
    file_id text not null,
    content bytea not null,

    primary key (rail, file_id),
    foreign key (rail, file_id) references rail_files (rail, id)
);
alter table rail_file_contents alter column content set storage external;

-- Which file an order is in. Insert-only: an order is in one file, for ever.
create table rail_file_orders (
    merchant_id text not null,
    payout_id   text not null,
    rail        text not null,
    file_id     text not null,
    line        integer not null constraint file_lines_begin_at_one check (line >= 1),

    constraint order_is_in_one_file primary key (merchant_id, payout_id),
    constraint line_of_a_file_has_one_order unique (rail, file_id, line),
    constraint order_is_in_a_file_of_its_rail foreign key (merchant_id, payout_id, rail) references rail_orders (merchant_id, payout_id, rail),
    foreign key (rail, file_id) references rail_files (rail, id)
);

-- ------------------------------------------------------------------------------------------------------------------ files in

-- What a file that came in says, an entry a row. What it says is never changed; what came of it is written once.
create table rail_entries (
    rail           text not null,
    id             text not null, -- the file's id, a slash, and the entry's place in it
    file_id        text not null,
    line           integer not null,
    kind           text not null constraint entry_kind_is_known check (kind in (
        'accepted', 'settled', 'failed', 'returned', 'return_reversed', 'advice', 'unreadable'
    )),
    -- Our payment, in the scheme's words; the bank's own reference of this message; and what it is about money.
    bank_reference text not null constraint entry_bank_reference_is_bounded check (length(bank_reference) <= 64),
    message        text not null constraint entry_message_is_bounded check (length(message) between 1 and 64),
    amount         numeric constraint entry_amount_is_not_negative check (amount >= 0),
    currency       text,
    code           text not null default '' constraint entry_code_is_bounded check (length(code) <= 16),
    reason         text not null default '' constraint entry_reason_is_bounded check (length(reason) <= 64),
    -- What the bank wants corrected: account numbers, encrypted.
    detail         bytea,
    -- Null until it is decided. `noted` says nothing new, `duplicate` came before in another message.
    outcome        text constraint entry_outcome_is_known check (outcome in ('applied', 'noted', 'duplicate', 'case')),
    merchant_id    text,
    payout_id      text,
    decided_at     timestamptz,

    primary key (rail, id),
    constraint file_has_an_entry_a_line unique (rail, file_id, line),
    foreign key (rail, file_id) references rail_files (rail, id),
    foreign key (merchant_id, payout_id) references rail_orders (merchant_id, payout_id),
    constraint entry_amount_has_its_currency check ((amount is null) = (currency is null)),
    constraint entry_is_decided_at_a_time check ((outcome is null) = (decided_at is null)),
    constraint entry_that_counts_names_its_payout check (outcome is null or outcome = 'case' or payout_id is not null),
    constraint entry_names_merchant_and_payout check ((merchant_id is null) = (payout_id is null))
);
create index rail_entries_pending on rail_entries (rail, file_id, line) where outcome is null;
create index rail_entries_of_payout on rail_entries (merchant_id, payout_id);
-- The same message of a bank counts once, in however many files it comes.
create unique index entry_counts_once on rail_entries (merchant_id, payout_id, kind, message) where outcome = 'applied';

-- What a person has to look at: an entry that fits no payment, or contradicts what is known of one.
create table rail_cases (
    rail           text not null,
    id             text not null,
    entry_id       text not null,
    kind           text not null constraint case_kind_is_known check (kind in (
        'unknown_reference', 'different_amount', 'contradiction', 'not_sent', 'unreadable'
    )),
    merchant_id    text,
    payout_id      text,
    amount         numeric,
    currency       text,
    -- The ledger transaction that holds the money meanwhile; null where no money came, or nobody's it is.
    suspense_id    text,
    opened_at      timestamptz not null,
    resolution     text constraint case_resolution_is_known check (resolution in ('dismissed', 'unallocated')),
    note           text constraint case_note_is_bounded check (length(note) between 1 and 500),
    resolved_by    text,
    resolved_at    timestamptz,

    primary key (rail, id),
    constraint entry_has_one_case unique (rail, entry_id),
    foreign key (rail, entry_id) references rail_entries (rail, id),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id),
    constraint case_names_merchant_and_payout check ((merchant_id is null) = (payout_id is null)),
    constraint resolution_has_its_person_time_and_note check (num_nulls(resolution, note, resolved_by, resolved_at) in (0, 4)),
    constraint money_of_nobody_is_not_allocated check (resolution is distinct from 'unallocated' or suspense_id is not null)
);
create index rail_cases_oldest_first on rail_cases (opened_at, id) where resolution is null;
create index rail_cases_newest_first on rail_cases (opened_at desc, id desc);
create index rail_cases_of_payout on rail_cases (merchant_id, payout_id);

grant usage on sequence rail_order_numbers to anton_app;
grant select on rail_orders, rail_files, rail_file_contents, rail_file_orders, rail_entries, rail_cases to anton_app;
grant insert, update (cut_at) on rail_orders to anton_app;
grant insert, update (staged_at, delivered_at, processed_at) on rail_files to anton_app;
grant insert on rail_file_contents, rail_file_orders to anton_app;
grant insert, update (outcome, merchant_id, payout_id, decided_at) on rail_entries to anton_app;
grant insert, update (resolution, note, resolved_by, resolved_at) on rail_cases to anton_app;

-- +goose Down
-- There is no way back: files that went out would be forgotten.
select 1 / 0;
