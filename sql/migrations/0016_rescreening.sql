-- A new version of a list is held against the beneficiaries that are there already; compliance blocks and unblocks them; a payout is
-- screened a second time before it leaves; a release can need two people.

-- +goose Up

-- ------------------------------------------------------------------------------------------------------------------ re-screening

-- One run for each version that came into force: every active beneficiary against the entries that the version added or changed; against
-- all of them where there was no version before. What came of it is in its slices.
create table screening_rescreens (
    id               text primary key constraint rescreen_id_is_bounded check (length(id) between 1 and 64),
    authority        text not null,
    number           bigint not null,
    list_id          text not null references screening_lists (id),
    previous_list_id text references screening_lists (id),
    created_at       timestamptz not null,
    -- What changed between the two versions, known once it is started.
    entries_added    integer,
    entries_changed  integer,
    entries_removed  integer,
    started_at       timestamptz,
    finished_at      timestamptz,
    -- How many beneficiaries its slices examined in all, said once it is finished.
    examined         bigint,
    -- Until when a server works on it. One that dies leaves a time that ends.
    leased_until     timestamptz,

    constraint list_is_rescreened_once unique (authority, number),
    constraint rescreen_is_of_an_activation foreign key (authority, number) references screening_list_activations (authority, number),
    constraint started_rescreen_knows_what_changed
        check (num_nulls(started_at, entries_added, entries_changed, entries_removed) in (0, 4)),
    constraint finished_rescreen_was_started check (finished_at is null or started_at is not null),
    constraint finished_rescreen_says_how_many check ((finished_at is null) = (examined is null))
);
create index screening_rescreens_newest_first on screening_rescreens (created_at desc, id desc);
create index screening_rescreens_unfinished on screening_rescreens (authority, number) where finished_at is null;

-- A run's progress: some hundred beneficiaries and what was found of them, written in the transaction that examined them. The next slice
-- begins where the last one ended, by foreign key, and no number is there twice: whoever goes on after a crash goes on exactly there.
create table screening_rescreen_slices (
    rescreen_id       text not null references screening_rescreens (id),
    number            integer not null constraint slice_numbers_begin_at_one check (number >= 1),
    previous_number   integer generated always as (nullif(number - 1, 0)) stored,
    after_merchant    text not null,
    after_beneficiary text not null,
    last_merchant     text not null,
    last_beneficiary  text not null,
    examined          integer not null constraint slice_examined_somebody check (examined > 0),
    -- How many of them a person must look at, how many were blocked, and how many could not be read.
    possible          integer not null,
    certain           integer not null,
    failed            integer not null,
    alerts            integer not null,
    at                timestamptz not null,

    constraint rescreen_slice_is_done_once primary key (rescreen_id, number),
    constraint slice_end_is_referred_to unique (rescreen_id, number, last_merchant, last_beneficiary),
    constraint slice_begins_where_the_last_one_ended foreign key (rescreen_id, previous_number, after_merchant, after_beneficiary)
        references screening_rescreen_slices (rescreen_id, number, last_merchant, last_beneficiary),
    constraint first_slice_begins_at_the_beginning check (number > 1 or (after_merchant = '' and after_beneficiary = '')),
    constraint slice_moves_on check ((last_merchant, last_beneficiary) > (after_merchant, after_beneficiary)),
    constraint slice_finds_no_more_than_it_examines check (least(possible, certain, failed, alerts) >= 0 and possible + certain + failed <= examined)
);

-- Whom a run examines, in its order.
create index beneficiaries_active on beneficiaries (merchant_id, id) where status = 'active' and deleted_at is null;

-- Beneficiaries that are there already were never held against the lists in force: each of these is run once in full.
insert into screening_rescreens (id, authority, number, list_id, created_at)
select 'rsc_' || a.authority || '_' || a.number, a.authority, a.number, a.list_id, now()
from screening_list_activations a
where not exists (select from screening_list_activations later where later.authority = a.authority and later.number = a.number + 1);

grant select, insert on screening_rescreens, screening_rescreen_slices to anton_app;
grant update (entries_added, entries_changed, entries_removed, started_at, finished_at, examined, leased_until) on screening_rescreens to anton_app;

-- ------------------------------------------------------------------------------------------------------------------ blocks

create type block_cause as enum ('screening', 'operator');

-- Why a beneficiary is blocked, or was, and who lifted that.
create table beneficiary_blocks (
    merchant_id    text not null,
    id             text not null,
    beneficiary_id text not null,
    cause          block_cause not null,
    -- The alert of the certain match that blocked it.
    alert_id       text constraint block_by_screening_names_its_alert check ((alert_id is not null) = (cause = 'screening')),
    reason         text not null constraint block_reason_is_bounded check (length(reason) between 1 and 500),
    blocked_by     text not null,
    blocked_at     timestamptz not null,
    lifted_by      text,
    lifted_at      timestamptz,
    lift_reason    text constraint lift_reason_is_bounded check (length(lift_reason) between 1 and 500),

    primary key (merchant_id, id),
    foreign key (merchant_id, beneficiary_id) references beneficiaries (merchant_id, id),
    foreign key (merchant_id, alert_id) references screening_alerts (merchant_id, id),
    constraint block_is_of_its_beneficiary unique (merchant_id, beneficiary_id, id),
    constraint lifting_has_its_person_time_and_reason check (num_nulls(lifted_by, lifted_at, lift_reason) in (0, 3))
);
create unique index beneficiary_is_blocked_once on beneficiary_blocks (merchant_id, beneficiary_id) where lifted_at is null;

alter table beneficiaries add column block_id text;
insert into beneficiary_blocks (merchant_id, id, beneficiary_id, cause, reason, blocked_by, blocked_at)
select merchant_id, 'blk_' || substr(id, 5), id, 'operator', 'Blocked before blocks were recorded.', 'migration', updated_at
from beneficiaries where status = 'blocked';
update beneficiaries set block_id = 'blk_' || substr(id, 5) where status = 'blocked';
-- No beneficiary is blocked without a decision that says why, and none with one is anything else.
alter table beneficiaries
    add constraint blocked_beneficiary_has_its_block check ((status = 'blocked') = (block_id is not null)),
    add constraint beneficiarys_block_is_its_own foreign key (merchant_id, id, block_id) references beneficiary_blocks (merchant_id, beneficiary_id, id);

grant update (block_id) on beneficiaries to anton_app;
grant select, insert on beneficiary_blocks to anton_app;
grant update (lifted_by, lifted_at, lift_reason) on beneficiary_blocks to anton_app;

-- ------------------------------------------------------------------------------------------------------------------ alerts

-- An alert is of a verdict on its own payout, as before, or of a beneficiary: of a re-screening, or of a block that was to be lifted.
alter table screening_alerts
    alter column payout_id drop not null,
    alter column verdict_id drop not null,
    add column rescreen_id text references screening_rescreens (id),
    add column block_id text,
    add constraint alert_is_of_one_thing check (num_nonnulls(verdict_id, rescreen_id, block_id) = 1 and (payout_id is null) = (verdict_id is null)),
    add constraint alert_of_a_beneficiary_is_about_it check (payout_id is not null or (role = 'beneficiary' and subject_id = beneficiary_id)),
    add constraint alert_is_of_its_beneficiarys_block foreign key (merchant_id, beneficiary_id, block_id)
        references beneficiary_blocks (merchant_id, beneficiary_id, id);
create unique index entry_alerts_once_for_a_beneficiary on screening_alerts (merchant_id, beneficiary_id, party_hash, authority, entry_id, entry_hash)
    where payout_id is null;
create index screening_alerts_of_beneficiaries on screening_alerts (merchant_id, beneficiary_id);
create index screening_alerts_of_rescreens on screening_alerts (rescreen_id) where rescreen_id is not null;

-- ------------------------------------------------------------------------------------------------------------------ second screenings

-- With what a payout was judged: the versions of all lists, and the beneficiary as of its events. A payout is screened again before it
-- leaves when either is another one by then.
alter table verdicts
    add column lists text not null default '',
    add column beneficiary_sequence integer;

create type screened_at as enum ('approval', 'claim');

-- What a second screening found of a payout that was judged before: when it is approved out of review, and when it is about to be handed
-- to its rail.
create table payout_screenings (
    merchant_id text not null,
    id          text not null,
    payout_id   text not null,
    verdict_id  text not null,
    at          screened_at not null,
    decision    text not null constraint screening_decision_is_known check (decision in ('none', 'possible', 'certain')),
    -- As in a verdict's stages.
    screening   jsonb not null,
    created_at  timestamptz not null,

    primary key (merchant_id, id),
    constraint screening_is_after_a_verdict_on_its_payout foreign key (merchant_id, payout_id, verdict_id)
        references verdicts (merchant_id, payout_id, id)
);
create index payout_screenings_of_payouts on payout_screenings (merchant_id, payout_id, created_at desc);
grant select, insert on payout_screenings to anton_app;

-- ------------------------------------------------------------------------------------------------------------------ releases

-- Where two people release, the first one's decision is a proposal until the second one's.
alter table screening_reviewed_pairs
    add column needs_approval boolean not null default false,
    add column approved_by text,
    add column approved_at timestamptz,
    add constraint approval_has_its_person_and_time check (num_nulls(approved_by, approved_at) in (0, 2)),
    add constraint only_a_release_is_approved check (not needs_approval or decision = 'false_positive'),
    add constraint only_a_proposal_is_approved check (approved_by is null or needs_approval),
    add constraint release_is_approved_by_another check (approved_by <> reviewed_by);
alter table screening_reviewed_pairs
    add column in_force boolean not null generated always as (revoked_at is null and (not needs_approval or approved_at is not null)) stored;
grant update (approved_by, approved_at) on screening_reviewed_pairs to anton_app;

-- screening_unreleased as it was, and: a pair that waits for its second person releases nothing.
-- +goose StatementBegin
create or replace function screening_unreleased(p_merchant text, p_payout text)
returns table (subject text) language sql stable set search_path = pg_catalog, public, pg_temp as $$
    select a.id from screening_alerts a
    where a.merchant_id = p_merchant and a.payout_id = p_payout and not exists (
        select from screening_reviewed_pairs p
        where p.merchant_id = a.merchant_id and p.party_hash = a.party_hash and p.role = a.role and p.subject_id = a.subject_id
          and p.authority = a.authority and p.entry_id = a.entry_id and p.entry_hash = a.entry_hash
          and p.decision = 'false_positive' and p.in_force
    )
    union all
    select p.id from (
        select stages from verdicts where merchant_id = p_merchant and payout_id = p_payout order by created_at desc, id desc limit 1
    ) v
    cross join lateral jsonb_path_query(v.stages, '$.screening.parties[*].hits[*].released_by') hit(pair)
    join screening_reviewed_pairs p on p.merchant_id = p_merchant and p.id = hit.pair #>> '{}'
    where not p.in_force
$$;
-- +goose StatementEnd

-- payout_obstacles as it was, and: nothing is approved to a beneficiary that compliance blocked.
-- +goose StatementBegin
create or replace function payout_obstacles(p_merchant text, p_payouts text[], p_verdicts text[])
returns table (payout_id text, obstacle text, subject text) language sql stable set search_path = pg_catalog, public, pg_temp as $$
    select p.id, o.obstacle, o.subject
    from unnest(p_payouts, p_verdicts) a(payout_id, verdict_id)
    join payouts p on p.merchant_id = p_merchant and p.id = a.payout_id
    left join verdicts v on v.merchant_id = p_merchant and v.payout_id = a.payout_id and v.id = a.verdict_id
    cross join lateral (
        -- Every request on the payout, its beneficiary or its merchant is resolved, and cleared.
        select 'open_rfi', r.id from rfis r
        where r.merchant_id = p_merchant and r.entity_id in (p.id, p.beneficiary_id, p_merchant) and r.outcome is distinct from 'cleared'
        union all
        -- Screening is clear.
        select 'screening_not_clear', v.id where v.outcome = 'screening_hit'
        union all
        -- Compliance released what screening found, and did not take that back.
        select 'screening_not_clear', u.subject from screening_unreleased(p_merchant, p.id) u
        union all
        -- Compliance did not block whom it pays.
        select 'screening_not_clear', b.block_id from beneficiaries b
        where b.merchant_id = p_merchant and b.id = p.beneficiary_id and b.block_id is not null
        union all
        -- It counts in the velocity windows.
        select 'velocity_not_reserved', p.id
        where not exists (
            select from velocity_checks c where c.merchant_id = p_merchant and c.payout_id = p.id and c.passed and c.released_at is null
        )
    ) o(obstacle, subject)
$$;
-- +goose StatementEnd

-- ------------------------------------------------------------------------------------------------------------------ self-test

-- Every night each listed name is looked up and must find itself. One row a night: whoever writes it does the test.
create table screening_self_tests (
    night       date primary key,
    until       timestamptz not null,
    finished_at timestamptz,
    lists       text not null default '',
    names       integer,
    missed      integer,
    -- One that was missed: its authority and the authority's id.
    example     text not null default '' constraint self_test_example_is_bounded check (length(example) <= 300),

    constraint finished_self_test_says_what_it_found check (num_nulls(finished_at, names, missed) in (0, 3)),
    constraint self_test_misses_no_more_than_there_is check (missed between 0 and names)
);
grant select, insert on screening_self_tests to anton_app;
grant update (until, finished_at, lists, names, missed, example) on screening_self_tests to anton_app;

-- +goose Down
-- There is no way back: who was blocked, and why, would be forgotten.
select 1 / 0;
