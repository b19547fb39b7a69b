-- The engine's dashboard: what happened to payouts, added up by merchant and day, so that a dashboard costs days and not payouts.
--
-- No call adds anything up. Every transition of a payout has an event, and every event gets a place in its merchant's feed, without
-- gaps, however late it commits. A job follows the places; what it has not reached, a dashboard counts by itself.

-- +goose Up

create type engine_measure as enum (
    'outcome',  -- key: what became of a payout; detail: the currency; total: the amounts
    'wait',     -- key: how long a review took, a bucket of engine_wait_bucket
    'score',    -- key: the score's hundreds, 0 to 9; 1000 is in the last
    'signal',   -- key: the signal's code; detail: its family; total: the points
    'rule',     -- key: the velocity rule's id; detail: block, review, would_block or would_review
    'platform', -- payouts that were stopped by a limit of the operator's, as far as their merchant was told
    'alert'     -- key: possible or certain. Operators only
);

create table engine_tallies (
    merchant_id text not null,
    day         date not null, -- in UTC, on which it happened
    measure     engine_measure not null,
    key         text not null constraint tally_key_is_bounded check (length(key) <= 64),
    detail      text not null constraint tally_detail_is_bounded check (length(detail) <= 64),
    n           bigint not null constraint tally_is_positive check (n > 0),
    total       numeric not null constraint tallied_amount_is_not_negative check (total >= 0 or measure = 'signal'),

    primary key (merchant_id, day, measure, key, detail)
) with (fillfactor = 70);
create index engine_tallies_by_day on engine_tallies (day); -- operators look at all merchants

-- Up to which place of its feed a merchant is added up. The row is the lock that keeps two servers from adding the same events.
create table engine_tally_folds (
    merchant_id text primary key references event_feeds,
    position    bigint not null default 0 constraint fold_begins_at_zero check (position >= 0)
);

-- Events of transactions before `settled` all have their place: events without one are looked for from there on.
create table engine_tally_horizon (
    only_row boolean primary key default true constraint there_is_one_horizon check (only_row),
    settled  bigint not null
);
insert into engine_tally_horizon (settled) values (0);

-- engine_wait_bucket is where a span of time is counted: bucket b holds what is above 1.1^(b-1) seconds and not above 1.1^b, bucket 0
-- all up to a second. The middle of a bucket is within five percent of everything in it.
-- +goose StatementBegin
create function engine_wait_bucket(p_span interval) returns integer language sql immutable as $$
    select case when extract(epoch from p_span) <= 1 then 0 else ceil(ln(extract(epoch from p_span)::float8) / ln(1.1::float8))::integer end
$$;
-- +goose StatementEnd

-- engine_facts is what steps of a merchant's payouts add to the tallies, each row once. A step has the number of its event: those of a
-- payout's transitions, and one more where a completed payout came back after all. A verdict is counted with the transition that it led
-- to, not with the release that names it again.
-- +goose StatementBegin
create function engine_facts(p_merchant text, p_payouts text[], p_seqs integer[])
returns table (day date, measure engine_measure, key text, detail text, total numeric) language sql stable as $$
    select (t.at at time zone 'UTC')::date, f.measure, f.key, f.detail, f.total
    from unnest(p_payouts, p_seqs) u(payout_id, seq)
    cross join lateral (
        -- offset 0 has the planner look each step up by its key, before anything else.
        select * from payout_transitions t where t.merchant_id = p_merchant and t.payout_id = u.payout_id and t.seq = u.seq offset 0
    ) t
    join payouts p on p.merchant_id = t.merchant_id and p.id = t.payout_id
    left join verdicts v on v.merchant_id = t.merchant_id and v.id = t.verdict_id and t.from_status <> 'manual_review'
    cross join lateral (
        select 'outcome'::engine_measure,
               case when t.to_status = 'manual_review' then 'in_review'
                    when t.to_status <> 'approved' then t.to_status::text
                    when t.from_status = 'manual_review' then 'released'
                    else 'cleared' end,
               p.source_currency, p.source_amount
        where t.to_status not in ('pending_screening', 'pending_approval', 'processing', 'sent')
        union all
        select 'wait', engine_wait_bucket(t.at - b.at)::text, '', 0
        from payout_transitions b
        where t.from_status = 'manual_review' and b.merchant_id = t.merchant_id and b.payout_id = t.payout_id and b.seq = t.seq - 1
        union all
        select 'score', least(v.score / 100, 9)::text, '', 0 where v.outcome in ('clear', 'review')
        union all
        select 'signal', s ->> 'code', coalesce(s ->> 'family', ''), coalesce((s ->> 'points')::numeric, 0)
        from jsonb_path_query(v.stages, '$.risk.signals[*]') s where v.outcome in ('clear', 'review') and s ? 'code'
        union all
        select 'rule', h ->> 'rule_id', coalesce(h ->> 'effect', ''), 0
        from jsonb_path_query(v.stages, '$.velocity.hits[*]') h where h ? 'rule_id'
        union all
        select 'rule', h ->> 'rule_id', 'would_' || coalesce(h ->> 'effect', ''), 0
        from jsonb_path_query(v.stages, '$.velocity.shadow[*]') h where h ? 'rule_id'
        union all
        select 'platform', '', '', 0
        where v.outcome = 'velocity_block'
          and jsonb_path_query_first(v.stages, '$.velocity.hits[*] ? (@.effect == "block")') ->> 'owner' is null
        union all
        select 'alert', a.decision, '', 0 from screening_alerts a
        where v.outcome <> 'clear' and a.merchant_id = v.merchant_id and a.payout_id = v.payout_id and a.verdict_id = v.id
    ) f(measure, key, detail, total)
    union all
    select (l.created_at at time zone 'UTC')::date, 'outcome', 'late_returned', p.source_currency, p.source_amount
    from unnest(p_payouts, p_seqs) u(payout_id, seq)
    join payouts p on p.merchant_id = p_merchant and p.id = u.payout_id and p.seq = u.seq - 1 and p.status = 'completed'
    join ledger_transactions l on l.merchant_id = p.merchant_id and l.payout_id = p.id and l.type = 'return'
$$;
-- +goose StatementEnd

-- engine_tallies_rebuild adds up a merchant's whole history anew, for the owner alone: after an upgrade, or where an invariant says that
-- the tallies are wrong. Meanwhile its events get no places.
-- +goose StatementBegin
create function engine_tallies_rebuild(p_merchant text) returns void language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
    reached bigint;
    slice   record;
begin
    select last_position into reached from event_feeds where merchant_id = p_merchant for update;
    if not found then
        return; -- nothing of it has a place
    end if;
    insert into engine_tally_folds (merchant_id) values (p_merchant) on conflict do nothing;
    perform from engine_tally_folds where merchant_id = p_merchant for update;
    delete from engine_tallies where merchant_id = p_merchant;
    for slice in
        select array_agg(n.payout_id) as payouts, array_agg(n.seq) as seqs
        from (
            select a.payout_id, a.seq, row_number() over () / 50000 as slice
            from (
                select t.payout_id, t.seq from payout_transitions t where t.merchant_id = p_merchant
                union all
                select p.id, p.seq + 1 from ledger_transactions l
                join payouts p on p.merchant_id = l.merchant_id and p.id = l.payout_id and p.status = 'completed'
                where l.merchant_id = p_merchant and l.type = 'return'
            ) a
            -- An event that is gone had its place, and was removed when its time was over.
            where not exists (
                select from events e where e.merchant_id = p_merchant and e.object_id = a.payout_id and e.sequence = a.seq
                   and not exists (select from event_positions p where p.merchant_id = e.merchant_id and p.event_id = e.id)
            )
        ) n
        group by n.slice
    loop
        insert into engine_tallies (merchant_id, day, measure, key, detail, n, total)
        select p_merchant, f.day, f.measure, f.key, f.detail, count(*), sum(f.total)
        from engine_facts(p_merchant, slice.payouts, slice.seqs) f
        group by f.day, f.measure, f.key, f.detail
        on conflict (merchant_id, day, measure, key, detail) do update
        set n = engine_tallies.n + excluded.n, total = engine_tallies.total + excluded.total;
    end loop;
    update engine_tally_folds set position = reached where merchant_id = p_merchant;
end $$;
-- +goose StatementEnd
select engine_tallies_rebuild(merchant_id) from event_feeds;

-- webhooks_prune as it was, and: an event that is not added up yet stays.
-- +goose StatementBegin
create or replace function webhooks_prune(p_events_before timestamptz, p_attempts_before timestamptz, p_limit integer)
returns integer language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    removed integer;
    more    integer;
begin
    if p_events_before > now() - interval '90 days' or p_attempts_before > now() - interval '30 days' then
        raise exception 'webhooks_prune: events are kept for 90 days, attempts for 30';
    end if;
    delete from webhook_attempts a using (
        select merchant_id, delivery_id, number from webhook_attempts where at < p_attempts_before order by at limit p_limit
    ) o where (a.merchant_id, a.delivery_id, a.number) = (o.merchant_id, o.delivery_id, o.number);
    get diagnostics removed = row_count;

    -- From the feed's beginning, merchant by merchant, so that what is left has no gap. A merchant whose feed is being written waits.
    with feeds as (
        select f.merchant_id, f.pruned_position, t.position as folded from event_feeds f
        join engine_tally_folds t on t.merchant_id = f.merchant_id and t.position > f.pruned_position
        where exists (
            select from event_positions p join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
            where p.merchant_id = f.merchant_id and p.position = f.pruned_position + 1 and e.created_at < p_events_before
        )
        order by f.merchant_id limit 20
        for update of f skip locked
    ), candidates as (
        select p.merchant_id, p.position, p.event_id, e.created_at,
               bool_and(e.created_at < p_events_before) over (partition by p.merchant_id order by p.position) as over
        from feeds f
        cross join lateral (
            select * from event_positions p
            where p.merchant_id = f.merchant_id and p.position > f.pruned_position and p.position <= f.folded
            order by p.position limit p_limit
        ) p
        join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
    ), old as (
        select * from candidates where over
    ), positions as (
        delete from event_positions p using old o where p.merchant_id = o.merchant_id and p.position = o.position
    ), deliveries as (
        delete from webhook_deliveries d using old o where d.merchant_id = o.merchant_id and d.event_id = o.event_id
    ), removed_events as (
        delete from events e using old o where e.merchant_id = o.merchant_id and e.id = o.event_id
    )
    update event_feeds f
    set pruned_position = o.last, pruned_before = greatest(f.pruned_before, o.youngest)
    from (select merchant_id, max(position) as last, max(created_at) as youngest, count(*) as n from old group by merchant_id) o
    where f.merchant_id = o.merchant_id;
    get diagnostics more = row_count;
    return removed + more;
end $$;
-- +goose StatementEnd

grant select on engine_tallies, engine_tally_folds, engine_tally_horizon to anton_app;
grant insert, update (n, total) on engine_tallies to anton_app;
grant insert (merchant_id), update (position) on engine_tally_folds to anton_app;
grant update (settled) on engine_tally_horizon to anton_app;
revoke execute on function engine_tallies_rebuild from public;

-- +goose Down
-- +goose StatementBegin
create or replace function webhooks_prune(p_events_before timestamptz, p_attempts_before timestamptz, p_limit integer)
returns integer language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    removed integer;
    more    integer;
begin
    if p_events_before > now() - interval '90 days' or p_attempts_before > now() - interval '30 days' then
        raise exception 'webhooks_prune: events are kept for 90 days, attempts for 30';
    end if;
    delete from webhook_attempts a using (
        select merchant_id, delivery_id, number from webhook_attempts where at < p_attempts_before order by at limit p_limit
    ) o where (a.merchant_id, a.delivery_id, a.number) = (o.merchant_id, o.delivery_id, o.number);
    get diagnostics removed = row_count;

    -- From the feed's beginning, merchant by merchant, so that what is left has no gap. A merchant whose feed is being written waits.
    with feeds as (
        select merchant_id, pruned_position from event_feeds f
        where exists (
            select from event_positions p join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
            where p.merchant_id = f.merchant_id and p.position = f.pruned_position + 1 and e.created_at < p_events_before
        )
        order by merchant_id limit 20
        for update skip locked
    ), candidates as (
        select p.merchant_id, p.position, p.event_id, e.created_at,
               bool_and(e.created_at < p_events_before) over (partition by p.merchant_id order by p.position) as over
        from feeds f
        cross join lateral (
            select * from event_positions p where p.merchant_id = f.merchant_id and p.position > f.pruned_position order by p.position limit p_limit
        ) p
        join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
    ), old as (
        select * from candidates where over
    ), positions as (
        delete from event_positions p using old o where p.merchant_id = o.merchant_id and p.position = o.position
    ), deliveries as (
        delete from webhook_deliveries d using old o where d.merchant_id = o.merchant_id and d.event_id = o.event_id
    ), removed_events as (
        delete from events e using old o where e.merchant_id = o.merchant_id and e.id = o.event_id
    )
    update event_feeds f
    set pruned_position = o.last, pruned_before = greatest(f.pruned_before, o.youngest)
    from (select merchant_id, max(position) as last, max(created_at) as youngest, count(*) as n from old group by merchant_id) o
    where f.merchant_id = o.merchant_id;
    get diagnostics more = row_count;
    return removed + more;
end $$;
-- +goose StatementEnd
drop function engine_tallies_rebuild, engine_facts, engine_wait_bucket;
drop table engine_tally_horizon, engine_tally_folds, engine_tallies;
drop type engine_measure;
