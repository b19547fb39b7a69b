-- Seals over the audit log: whoever alters, removes, inserts or reorders rows afterwards, with whatever rights, breaks a chain of
-- hashes that can be kept outside. docs/audit says how the hashes are made.
--
-- The transaction that writes an audit row does not wait for any of this. A sealer reads what has been committed, gives it positions,
-- and seals the positions, merchant by merchant.

-- +goose Up

-- The transaction that wrote the row. The sealer asks for rows of transactions from a point on that no older transaction is still
-- running at, so that it neither reads the whole log every second nor misses a row that was committed late.
alter table audit_log add column xid bigint not null default (pg_current_xact_id()::text::bigint);
create index audit_log_by_transaction on audit_log (xid, merchant_id, id);

-- What is hashed is an object of texts; anything else could not be sealed.
alter table audit_log add constraint audit_detail_is_an_object_of_texts
    check (jsonb_typeof(detail) = 'object' and not jsonb_path_exists(detail, 'strict $.* ? (@.type() != "string")'));

-- Who writes an audit row cannot choose that number.
revoke insert on audit_log from anton_app;
grant insert (merchant_id, id, at, actor, action, object_id, request_id, detail) on audit_log to anton_app;

-- Seal (number) covers the rows at the positions from_position to to_position, and continues seal (number - 1) exactly, by foreign
-- key. The primary key lets one of several sealers win.
create table audit_seals (
    merchant_id       text not null,
    number            bigint not null constraint seals_are_numbered_from_one check (number > 0),
    from_position     bigint not null,
    to_position       bigint not null,
    row_count         integer not null constraint seal_covers_rows check (row_count > 0),
    -- The hash of the seal before; 32 zero bytes for the first one.
    previous_hash     bytea not null constraint previous_hash_is_sha256 check (length(previous_hash) = 32),
    hash              bytea not null constraint hash_is_sha256 check (length(hash) = 32),
    sealed_at         timestamptz not null,
    previous_number   bigint generated always as (case when number > 1 then number - 1 end) stored,
    previous_position bigint generated always as (case when number > 1 then from_position - 1 end) stored,

    constraint seal_has_one_number primary key (merchant_id, number),
    constraint seal_counts_its_rows check (row_count = to_position - from_position + 1),
    constraint first_seal_begins_at_one check ((number = 1) = (from_position = 1)),
    constraint first_seal_follows_nothing check (number > 1 or previous_hash = decode(repeat('00', 32), 'hex')),
    -- What the next seal's foreign key points at.
    constraint seal_can_be_continued unique (merchant_id, number, to_position, hash),
    constraint seal_continues_the_one_before foreign key (merchant_id, previous_number, previous_position, previous_hash)
        references audit_seals (merchant_id, number, to_position, hash)
);

-- Where each sealed row stands. There is no foreign key to audit_log: checking it would lock, and so rewrite, every row of the log once
-- more. A position whose row is gone is found by the verification.
create table audit_positions (
    merchant_id text not null,
    position    bigint not null constraint positions_begin_at_one check (position > 0),
    audit_id    text not null,
    -- The hash of the row as it was when it was sealed; it tells which row of a broken seal was altered.
    row_hash    bytea not null constraint hash_is_sha256 check (length(row_hash) = 32),

    constraint position_is_taken_once primary key (merchant_id, position),
    constraint audit_row_is_sealed_once unique (merchant_id, audit_id)
);

grant select, insert on audit_seals, audit_positions to anton_app;

-- +goose Down
drop table audit_positions;
drop table audit_seals;
grant insert on audit_log to anton_app;
alter table audit_log drop constraint audit_detail_is_an_object_of_texts;
alter table audit_log drop column xid;
