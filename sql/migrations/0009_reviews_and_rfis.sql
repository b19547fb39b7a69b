-- What people do about payouts: the review queue with its claims and decisions, requests for information, and the documents that
-- answer them. And what no payout may be approved against, checked where states change.

-- +goose Up

-- ---------------------------------------------------------------------------------------------------------------- documents

create type document_category as enum (
    'rfi_evidence', 'identity', 'company_registration', 'proof_of_address', 'bank_statement', 'invoice', 'contract', 'other'
);
create type document_scan as enum ('not_scanned', 'clean');

-- What a merchant sent us, and never changes. The file itself lies apart, so that lists do not drag it along.
create table documents (
    merchant_id  text not null references merchants,
    id           text not null,
    category     document_category not null,
    file_name    text not null constraint file_name_is_bounded check (length(file_name) between 1 and 200),
    -- By content, never by name.
    content_type text not null constraint document_is_pdf_or_picture check (content_type in ('application/pdf', 'image/png', 'image/jpeg')),
    size         integer not null constraint document_is_ten_mebibytes_at_most check (size between 1 and 10485760),
    sha256       bytea not null constraint hash_is_sha256 check (length(sha256) = 32),
    -- A file in which the scanner finds something is not stored at all.
    scan         document_scan not null,
    description  text not null default '' constraint document_description_is_bounded check (length(description) <= 500),
    created_by   text not null,
    created_at   timestamptz not null,

    primary key (merchant_id, id)
);
create index documents_newest_first on documents (merchant_id, created_at desc, id desc);
create index documents_by_id on documents (id); -- operators name no merchant

-- The file, encrypted for this merchant and document.
create table document_contents (
    merchant_id text not null,
    document_id text not null,
    content     bytea not null,

    primary key (merchant_id, document_id),
    foreign key (merchant_id, document_id) references documents (merchant_id, id)
);
alter table document_contents alter column content set storage external; -- what is encrypted does not compress

-- What a merchant's documents take, counted where they are stored, so that two uploads at once cannot pass the quota together.
create table document_usage (
    merchant_id text primary key references merchants,
    documents   integer not null,
    bytes       bigint not null,

    constraint documents_stay_within_the_quota check (documents <= 10000 and bytes <= 5368709120)
);

-- --------------------------------------------------------------------------------------------------------------------- RFIs

create type rfi_status as enum ('open', 'responded', 'resolved', 'escalated');
create type rfi_outcome as enum ('cleared', 'blocked');
create type rfi_category as enum (
    'source_of_funds', 'purpose_of_payment', 'beneficiary_information', 'identity', 'documentation', 'unusual_activity', 'other'
);
create type rfi_urgency as enum ('low', 'medium', 'high');
create type rfi_entity_type as enum ('payout', 'beneficiary', 'merchant');

-- The life of a request, as payout_transitions is a payout's: step (seq) starts where step (seq - 1) ended, by foreign key.
create table rfi_steps (
    merchant_id  text not null,
    rfi_id       text not null,
    seq          integer not null,
    from_status  rfi_status,
    to_status    rfi_status not null,
    at           timestamptz not null,
    actor        text not null constraint actor_is_bounded check (length(actor) between 1 and 64),
    event_id     text not null,
    outcome      rfi_outcome,
    -- What staff wrote, for staff.
    note         text not null default '' constraint rfi_note_is_bounded check (length(note) <= 2000),
    -- What the merchant answered, encrypted for this merchant and request: people write about people.
    response     bytea,
    -- What the re-encryption of the answers knows the row by.
    id           text not null generated always as (rfi_id || '/' || seq::text) stored,
    previous_seq integer generated always as (case when seq > 1 then seq - 1 end) stored,

    constraint rfi_moves_one_step_at_a_time primary key (merchant_id, rfi_id, seq),
    constraint rfi_status_has_its_step unique (merchant_id, rfi_id, seq, to_status),
    constraint rfi_step_starts_where_the_last_one_ended
        foreign key (merchant_id, rfi_id, previous_seq, from_status) references rfi_steps (merchant_id, rfi_id, seq, to_status),
    constraint first_step_opens check ((seq = 1) = (from_status is null) and (from_status is not null or to_status = 'open') and seq > 0),
    constraint rfi_arrow_exists check (
        from_status is null
        or from_status::text || '>' || to_status::text = any ('{
            open>responded, open>resolved, open>escalated,
            responded>open, responded>resolved, responded>escalated,
            escalated>responded, escalated>open, escalated>resolved,
            resolved>open
        }'::text[])
    ),
    constraint a_resolution_has_an_outcome check ((to_status = 'resolved') = (outcome is not null)),
    constraint a_response_says_something check ((to_status = 'responded') = (response is not null))
);

create table rfis (
    merchant_id    text not null references merchants,
    id             text not null,
    status         rfi_status not null,
    seq            integer not null,
    category       rfi_category not null,
    urgency        rfi_urgency not null,
    entity_type    rfi_entity_type not null,
    entity_id      text not null,
    payout_id      text generated always as (case when entity_type = 'payout' then entity_id end) stored,
    beneficiary_id text generated always as (case when entity_type = 'beneficiary' then entity_id end) stored,
    subject        text not null constraint rfi_subject_is_bounded check (length(subject) between 1 and 200),
    description    text not null constraint rfi_description_is_bounded check (length(description) <= 5000),
    questions      jsonb not null,
    outcome        rfi_outcome,
    response       bytea,
    document_ids   text[] not null default '{}',
    note           text not null default '',
    opened_by      text not null,
    resolved_by    text,
    due_at         timestamptz not null,
    -- When it was said, once, that the answer is late.
    overdue_at     timestamptz,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    responded_at   timestamptz,
    resolved_at    timestamptz,

    primary key (merchant_id, id),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id),
    foreign key (merchant_id, beneficiary_id) references beneficiaries (merchant_id, id),
    constraint rfi_about_a_merchant_is_about_its_own check (entity_type <> 'merchant' or entity_id = merchant_id),
    constraint rfi_status_is_its_last_step
        foreign key (merchant_id, id, seq, status) references rfi_steps (merchant_id, rfi_id, seq, to_status),
    constraint resolved_rfi_has_its_outcome check ((status = 'resolved') = (outcome is not null) and (outcome is null) = (resolved_at is null)),
    constraint responded_rfi_has_its_response check (status <> 'responded' or (response is not null and responded_at is not null))
);
create index rfis_newest_first on rfis (merchant_id, created_at desc, id desc);
create index rfis_by_id on rfis (id); -- operators name no merchant
create index rfis_of_all on rfis (created_at desc, id desc);
-- What keeps payouts from being approved.
create index rfis_not_cleared on rfis (merchant_id, entity_id) where outcome is distinct from 'cleared';
create index rfis_late on rfis (due_at) where overdue_at is null and status in ('open', 'escalated');

-- Which documents a response sent: the merchant's own, by foreign key.
create table rfi_documents (
    merchant_id text not null,
    rfi_id      text not null,
    seq         integer not null,
    document_id text not null,

    primary key (merchant_id, rfi_id, seq, document_id),
    foreign key (merchant_id, rfi_id, seq) references rfi_steps (merchant_id, rfi_id, seq),
    constraint rfi_document_is_the_merchants_own foreign key (merchant_id, document_id) references documents (merchant_id, id)
);

-- The requests about a payout, kept on it so that every event can tell them. Written by rfi_open alone.
alter table payouts add column rfi_ids text[] not null default '{}'
    constraint payout_has_a_hundred_rfis_at_most check (cardinality(rfi_ids) <= 100);

-- rfi_open is the only door for new requests. It waits until no approval of the merchant's payouts is under way, and those that come
-- after it see it: payouts_move takes the same lock, shared.
-- +goose StatementBegin
create function rfi_open(
    p_merchant text, p_at timestamptz, p_actor text, p_id text, p_event text, p_category text, p_urgency text, p_entity_type text,
    p_entity text, p_subject text, p_description text, p_questions jsonb, p_due timestamptz, p_note text
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('rfis of ' || p_merchant, 0));
    insert into rfi_steps (merchant_id, rfi_id, seq, to_status, at, actor, event_id, note)
    values (p_merchant, p_id, 1, 'open', p_at, p_actor, p_event, p_note);
    insert into rfis (merchant_id, id, status, seq, category, urgency, entity_type, entity_id, subject, description, questions, note,
                      opened_by, due_at, created_at, updated_at)
    values (p_merchant, p_id, 'open', 1, p_category::rfi_category, p_urgency::rfi_urgency, p_entity_type::rfi_entity_type, p_entity,
            p_subject, p_description, p_questions, p_note, p_actor, p_due, p_at, p_at);
    if p_entity_type = 'payout' then
        update payouts set rfi_ids = rfi_ids || p_id where merchant_id = p_merchant and id = p_entity;
    end if;
end $$;
-- +goose StatementEnd

-- rfi_move is the only door for a request's states. Whoever lost a race gets rfi_moves_one_step_at_a_time or
-- rfi_step_starts_where_the_last_one_ended. A null leaves alone what the step does not change.
-- +goose StatementBegin
create function rfi_move(
    p_merchant text, p_at timestamptz, p_actor text, p_id text, p_event text, p_seq integer, p_from text, p_to text, p_outcome text,
    p_note text, p_response bytea, p_documents text[], p_due timestamptz
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if p_to = 'open' then
        perform pg_advisory_xact_lock(hashtextextended('rfis of ' || p_merchant, 0));
    end if;
    insert into rfi_steps (merchant_id, rfi_id, seq, from_status, to_status, at, actor, event_id, outcome, note, response)
    values (p_merchant, p_id, p_seq + 1, p_from::rfi_status, p_to::rfi_status, p_at, p_actor, p_event, p_outcome::rfi_outcome, p_note, p_response);
    insert into rfi_documents (merchant_id, rfi_id, seq, document_id)
    select p_merchant, p_id, p_seq + 1, d from unnest(p_documents) d;
    update rfis
    set status = p_to::rfi_status, seq = p_seq + 1, updated_at = p_at, outcome = p_outcome::rfi_outcome,
        note = case when p_note = '' then note else p_note end,
        response = coalesce(p_response, response),
        document_ids = case when p_to = 'responded' then p_documents else document_ids end,
        responded_at = case when p_to = 'responded' then p_at else responded_at end,
        resolved_at = case when p_to = 'resolved' then p_at end,
        resolved_by = case when p_to = 'resolved' then p_actor end,
        due_at = coalesce(p_due, due_at),
        overdue_at = case when p_to = 'open' then null else overdue_at end
    where merchant_id = p_merchant and id = p_id;
end $$;
-- +goose StatementEnd

-- ------------------------------------------------------------------------------------------------------------------ reviews

-- The review queue: one row a payout, because a payout enters manual_review at most once. When the review expires is the payout's
-- due_at: cancelling it then is its next piece of work.
create table payout_reviews (
    merchant_id      text not null,
    payout_id        text not null,
    -- What the engine wants a person to look at. Operators only.
    reason           text not null constraint review_reason_is_known check (reason in ('screening', 'velocity', 'risk', 'rfi', 'policy', 'sandbox')),
    -- The key that created the payout; it cannot approve it.
    created_by       text not null,
    entered_at       timestamptz not null,
    claimed_by       text,
    claimed_at       timestamptz,
    claimed_until    timestamptz,
    ended_at         timestamptz,

    primary key (merchant_id, payout_id),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id),
    constraint a_claim_has_its_times check ((claimed_by is null) = (claimed_at is null) and (claimed_by is null) = (claimed_until is null))
);
create index reviews_oldest_first on payout_reviews (entered_at, payout_id) where ended_at is null;
create index reviews_by_payout on payout_reviews (payout_id); -- operators name no merchant

create type review_outcome as enum ('approved', 'cancelled');

-- How each review ended, by whom and why. The reason is staff's: merchants read the transition's.
create table review_decisions (
    merchant_id text not null,
    payout_id   text not null,
    decision    review_outcome not null,
    decided_by  text not null,
    reason      text not null default '' constraint decision_reason_is_bounded check (length(reason) <= 500),
    decided_at  timestamptz not null,

    constraint review_is_decided_once primary key (merchant_id, payout_id),
    foreign key (merchant_id, payout_id) references payout_reviews (merchant_id, payout_id)
);

-- A review has work to be done at its end: the payout is cancelled when nobody decided.
alter table payouts drop constraint ended_payout_has_no_work;
alter table payouts add constraint ended_payout_has_no_work check (
    due_at is null or status not in ('completed', 'failed', 'returned', 'screening_failed', 'velocity_blocked', 'cancelled')
);
insert into payout_reviews (merchant_id, payout_id, reason, created_by, entered_at)
select p.merchant_id, p.id, 'risk', coalesce(a.actor, ''), p.updated_at
from payouts p
left join audit_log a on a.merchant_id = p.merchant_id and a.object_id = p.id and a.action = 'payout.transition' and a.detail ->> 'sequence' = '1'
where p.status = 'manual_review';
update payouts set due_at = updated_at + interval '7 days' where status = 'manual_review';

-- payout_obstacles is what keeps payouts from being approved on the verdicts given; no row where nothing does. payouts_move refuses
-- an approval on any row, and the server reads it first for the sentence. A new condition is a new branch here.
-- +goose StatementBegin
create function payout_obstacles(p_merchant text, p_payouts text[], p_verdicts text[])
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

-- payouts_move as it was, and: nothing is approved against an obstacle, and a review ends by a decision of someone who may decide.
-- +goose StatementBegin
create or replace function payouts_move(
    p_merchant text, p_at timestamptz, p_actor text,
    p_ids text[], p_seqs integer[], p_froms text[], p_tos text[], p_reason_codes text[], p_reasons text[],
    p_events text[], p_verdicts text[], p_due text[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    refused record;
begin
    if 'approved' = any (p_tos) then
        -- Requests that are being opened are seen, or wait until this is committed. The lock is a statement of its own, because the
        -- next one must see what was committed while we waited for it.
        perform pg_advisory_xact_lock_shared(hashtextextended('rfis of ' || p_merchant, 0));
        select o.* into refused
        from payout_obstacles(
            p_merchant,
            (select array_agg(m.id order by m.n) from unnest(p_ids, p_tos) with ordinality m(id, to_status, n) where m.to_status = 'approved'),
            (select array_agg(m.verdict_id order by m.n) from unnest(p_verdicts, p_tos) with ordinality m(verdict_id, to_status, n) where m.to_status = 'approved')
        ) o limit 1;
        if found then
            raise exception 'payout % cannot be approved: % %', refused.payout_id, refused.obstacle, refused.subject
                using errcode = 'check_violation', constraint = 'approval_meets_no_obstacle';
        end if;
    end if;
    if 'manual_review' = any (p_froms) then
        select m.id, m.to_status, d.decision, (m.to_status = 'approved' and d.decided_by = r.created_by) as by_its_creator into refused
        from unnest(p_ids, p_froms, p_tos) m(id, from_status, to_status)
        left join payout_reviews r on r.merchant_id = p_merchant and r.payout_id = m.id
        left join review_decisions d on d.merchant_id = p_merchant and d.payout_id = m.id
        where m.from_status = 'manual_review'
          and (d.decision::text is distinct from m.to_status or (m.to_status = 'approved' and d.decided_by = r.created_by))
          and m.to_status in ('approved', 'cancelled') -- every other one is arrow_exists
        limit 1;
        if found then
            raise exception 'payout % cannot leave its review: decided %', refused.id, refused.decision
                using errcode = 'check_violation',
                      constraint = case when refused.by_its_creator then 'nobody_approves_what_they_created' else 'a_review_ends_by_its_decision' end;
        end if;
        update payout_reviews r set ended_at = p_at
        from unnest(p_ids, p_froms) m(id, from_status)
        where m.from_status = 'manual_review' and r.merchant_id = p_merchant and r.payout_id = m.id;
    end if;

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

-- ------------------------------------------------------------------------------------------------------------------- grants

grant select on documents, document_contents, document_usage, rfis, rfi_steps, rfi_documents, payout_reviews, review_decisions to anton_app;
grant insert on documents, document_contents, review_decisions to anton_app;
grant insert, update (documents, bytes) on document_usage to anton_app;
grant insert (merchant_id, payout_id, reason, created_by, entered_at) on payout_reviews to anton_app;
grant update (claimed_by, claimed_at, claimed_until) on payout_reviews to anton_app;
grant update (overdue_at) on rfis to anton_app;
revoke execute on function rfi_open, rfi_move from public;
grant execute on function rfi_open, rfi_move to anton_app;

-- +goose Down
-- There is no way back: decisions and answers would be lost.
select 1 / 0;
