-- Sanctions lists: every version that was ever loaded, and which one was in force when. All of it is insert-only for the role that
-- serves: what a payout was screened against years ago can be read again. These are the platform's own small tables, so no merchant
-- leads their keys.

-- +goose Up

-- One version of one authority's list. content is the entries, packed (server/screening/lists/codec.go), so that every server screens
-- with the same bytes and none needs the file.
create table screening_lists (
    id           text primary key constraint list_id_is_bounded check (length(id) between 1 and 64),
    authority    text not null constraint list_authority_is_known check (authority in ('ofac', 'ofac-nonsdn', 'eu', 'uk', 'un')),
    -- The authority's own day of publication; where its file does not say, the day on which we had it, and published_said is false.
    published_on   date    not null,
    published_said boolean not null,
    file_hash    text not null constraint list_file_hash_is_sha256 check (file_hash ~ '^[0-9a-f]{64}$'),
    parser       text not null constraint list_parser_is_bounded check (length(parser) between 1 and 16),
    entries      integer not null constraint list_has_entries check (entries > 0),
    names        integer not null,
    source       text not null constraint list_source_is_bounded check (length(source) between 1 and 1000),
    content      bytea not null constraint list_content_is_bounded check (octet_length(content) between 20 and 67108864),
    content_hash text not null constraint list_content_hash_is_its_contents check (content_hash = encode(sha256(content), 'hex')),
    loaded_at    timestamptz not null,
    loaded_by    text not null constraint list_loader_is_named check (length(loaded_by) between 1 and 100),

    constraint list_has_a_name_for_every_entry check (names >= entries),
    constraint list_is_loaded_once unique (authority, file_hash, parser),
    constraint list_was_not_published_in_the_future check (published_on <= (loaded_at at time zone 'UTC')::date + 2),
    constraint list_facts_are_referred_to unique (authority, id, entries, published_on)
);
-- The content is packed already: PostgreSQL must not try again.
alter table screening_lists alter column content set storage external;
create index screening_lists_newest_first on screening_lists (loaded_at desc, id desc);

-- Which version is in force, from when, by whom and why. The numbers of an authority have no gaps; the highest is in force. A row
-- carries the facts of its list and of the one before, tied by foreign keys, so that the checks compare what is true.
create table screening_list_activations (
    authority    text not null,
    number       bigint not null constraint activation_numbers_begin_at_one check (number >= 1),
    list_id      text not null,
    entries      integer not null,
    published_on date not null,
    previous_number       bigint,
    previous_entries      integer,
    previous_published_on date,
    -- Who took responsibility for a list that lost more than a tenth of its entries at once; empty for every other one.
    shrink_accepted_by text not null default '' constraint shrink_acceptance_is_bounded check (length(shrink_accepted_by) <= 100),
    reason       text not null constraint activation_reason_is_bounded check (length(reason) between 1 and 500),
    activated_at timestamptz not null,
    activated_by text not null constraint activation_is_by_somebody check (length(activated_by) between 1 and 100),

    constraint one_activation_at_a_time primary key (authority, number),
    constraint activation_facts_are_referred_to unique (authority, number, entries, published_on),
    constraint activation_is_of_a_list foreign key (authority, list_id, entries, published_on)
        references screening_lists (authority, id, entries, published_on),
    constraint activation_follows_the_last_one foreign key (authority, previous_number, previous_entries, previous_published_on)
        references screening_list_activations (authority, number, entries, published_on) match full,
    constraint activation_has_one_before_it check ((number = 1) = (previous_number is null) and (number = 1 or previous_number = number - 1)),
    constraint list_that_shrank_sharply_was_accepted check (
        previous_entries is null or entries::bigint * 10 >= previous_entries::bigint * 9 or length(shrink_accepted_by) > 0
    ),
    constraint list_is_not_older_than_the_one_in_force check (previous_published_on is null or published_on >= previous_published_on)
);

-- Every attempt to get a list: what a server may screen with depends on when the last one succeeded.
create table screening_list_refreshes (
    authority     text not null constraint refresh_authority_is_known check (authority in ('ofac', 'ofac-nonsdn', 'eu', 'uk', 'un')),
    id            text not null primary key,
    at            timestamptz not null,
    outcome       text not null constraint refresh_outcome_is_known check (outcome in ('loaded', 'unchanged', 'refused', 'failed')),
    list_id       text references screening_lists (id),
    detail        text not null default '' constraint refresh_detail_is_bounded check (length(detail) <= 1000),
    source        text not null constraint refresh_source_is_bounded check (length(source) between 1 and 1000),
    -- What the authority's server said of the file, to be asked with the next time.
    etag          text not null default '' constraint refresh_etag_is_bounded check (length(etag) <= 500),
    last_modified text not null default '' constraint refresh_last_modified_is_bounded check (length(last_modified) <= 100),
    by            text not null constraint refresh_is_by_somebody check (length(by) between 1 and 100),

    constraint successful_refresh_names_a_list check ((outcome in ('loaded', 'unchanged')) = (list_id is not null))
);
create index screening_list_refreshes_newest_first on screening_list_refreshes (authority, at desc, id desc);

-- Which server refreshes an authority's list now, and when the next one may. A row and not a lock: a download is no transaction.
create table screening_list_claims (
    authority text primary key,
    until     timestamptz not null
);

grant select, insert on screening_lists, screening_list_activations, screening_list_refreshes to anton_app;
grant select, insert, update on screening_list_claims to anton_app;

-- +goose Down
drop table screening_list_claims, screening_list_refreshes, screening_list_activations, screening_lists;
