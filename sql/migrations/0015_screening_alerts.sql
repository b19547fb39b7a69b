-- What screening finds is a case that compliance decides: an alert for each listed party that somebody of a payout may be, and the pairs
-- of a party and an entry that were looked at and decided on.

-- +goose Up

create type screened_role as enum ('beneficiary', 'merchant', 'sender');
create type screening_alert_status as enum ('open', 'false_positive', 'true_match');

-- What screening found is never changed; only how it was decided is.
create table screening_alerts (
    merchant_id    text not null references merchants,
    id             text not null,
    payout_id      text not null,
    verdict_id     text not null,
    beneficiary_id text not null,
    role           screened_role not null,
    -- The beneficiary's or the merchant's id; of a sender, which has none, the merchant's.
    subject_id     text not null,
    party_name     text not null,
    -- A keyed hash of everything about the party that was compared. It changes with any of it.
    party_hash     bytea not null constraint alert_party_hash_is_whole check (octet_length(party_hash) = 32),
    authority      text not null,
    entry_id       text not null,
    -- lists.Entry.ContentHash: it changes with anything that the list says of the entry.
    entry_hash     text not null constraint alert_entry_hash_is_sha256 check (entry_hash ~ '^[0-9a-f]{64}$'),
    decision       text not null constraint alert_is_possible_or_certain check (decision in ('possible', 'certain')),
    model          text not null,
    -- The hit as the verdict has it, and the lists that were in force.
    finding        jsonb not null,
    lists          jsonb not null,
    created_at     timestamptz not null,
    status         screening_alert_status not null default 'open',
    resolved_by    text,
    resolved_at    timestamptz,
    reason         text constraint alert_reason_is_bounded check (length(reason) between 1 and 500),

    primary key (merchant_id, id),
    constraint alert_is_of_a_verdict_on_its_payout foreign key (merchant_id, payout_id, verdict_id)
        references verdicts (merchant_id, payout_id, id),
    foreign key (merchant_id, beneficiary_id) references beneficiaries (merchant_id, id),
    constraint entry_alerts_once_for_a_party_of_a_payout unique (merchant_id, payout_id, role, subject_id, party_hash, authority, entry_id, entry_hash),
    constraint alert_decision_has_its_person_time_and_reason
        check (num_nulls(resolved_by, resolved_at, reason) = case status when 'open' then 3 else 0 end)
);
create index screening_alerts_oldest_first on screening_alerts (status, created_at, id);
create index screening_alerts_by_id on screening_alerts (id);

-- A party and an entry that somebody of compliance compared. A false positive is released, a true match is certain, for as long as both
-- are what they were: the hashes say so. A decision is not changed; it is revoked, and another one may follow.
create table screening_reviewed_pairs (
    merchant_id   text not null,
    id            text not null,
    alert_id      text not null,
    role          screened_role not null,
    subject_id    text not null,
    party_name    text not null,
    party_hash    bytea not null constraint pair_party_hash_is_whole check (octet_length(party_hash) = 32),
    authority     text not null,
    entry_id      text not null,
    entry_hash    text not null constraint pair_entry_hash_is_sha256 check (entry_hash ~ '^[0-9a-f]{64}$'),
    entry_name    text not null,
    decision      screening_alert_status not null constraint pair_is_decided check (decision <> 'open'),
    reason        text not null constraint pair_reason_is_bounded check (length(reason) between 1 and 500),
    reviewed_by   text not null,
    reviewed_at   timestamptz not null,
    revoked_by    text,
    revoked_at    timestamptz,
    revoke_reason text constraint pair_revoke_reason_is_bounded check (length(revoke_reason) between 1 and 500),

    primary key (merchant_id, id),
    foreign key (merchant_id, alert_id) references screening_alerts (merchant_id, id),
    constraint revocation_has_its_person_time_and_reason check (num_nulls(revoked_by, revoked_at, revoke_reason) in (0, 3))
);
create unique index pair_is_decided_once on screening_reviewed_pairs (merchant_id, party_hash, role, subject_id, authority, entry_id, entry_hash)
    where revoked_at is null;
create index screening_reviewed_pairs_newest_first on screening_reviewed_pairs (reviewed_at desc, id desc);
create index screening_reviewed_pairs_by_id on screening_reviewed_pairs (id);

-- screening_unreleased is what screening found of a payout and no pair in force releases: alerts, and pairs that released a hit of its
-- last verdict and were revoked since. While there is one, nobody may approve the payout.
-- +goose StatementBegin
create function screening_unreleased(p_merchant text, p_payout text)
returns table (subject text) language sql stable set search_path = pg_catalog, public, pg_temp as $$
    select a.id from screening_alerts a
    where a.merchant_id = p_merchant and a.payout_id = p_payout and not exists (
        select from screening_reviewed_pairs p
        where p.merchant_id = a.merchant_id and p.party_hash = a.party_hash and p.role = a.role and p.subject_id = a.subject_id
          and p.authority = a.authority and p.entry_id = a.entry_id and p.entry_hash = a.entry_hash
          and p.decision = 'false_positive' and p.revoked_at is null
    )
    union all
    select p.id from (
        select stages from verdicts where merchant_id = p_merchant and payout_id = p_payout order by created_at desc, id desc limit 1
    ) v
    cross join lateral jsonb_path_query(v.stages, '$.screening.parties[*].hits[*].released_by') hit(pair)
    join screening_reviewed_pairs p on p.merchant_id = p_merchant and p.id = hit.pair #>> '{}'
    where p.revoked_at is not null
$$;
-- +goose StatementEnd

-- payout_obstacles as it was, and what screening found.
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
        -- It counts in the velocity windows.
        select 'velocity_not_reserved', p.id
        where not exists (
            select from velocity_checks c where c.merchant_id = p_merchant and c.payout_id = p.id and c.passed and c.released_at is null
        )
    ) o(obstacle, subject)
$$;
-- +goose StatementEnd

grant select, insert on screening_alerts, screening_reviewed_pairs to anton_app;
grant update (status, resolved_by, resolved_at, reason) on screening_alerts to anton_app;
grant update (revoked_by, revoked_at, revoke_reason) on screening_reviewed_pairs to anton_app;

-- +goose Down
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
        -- It counts in the velocity windows.
        select 'velocity_not_reserved', p.id
        where not exists (
            select from velocity_checks c where c.merchant_id = p_merchant and c.payout_id = p.id and c.passed and c.released_at is null
        )
    ) o(obstacle, subject)
$$;
-- +goose StatementEnd
drop function screening_unreleased;
drop table screening_reviewed_pairs, screening_alerts;
drop type screening_alert_status, screened_role;
