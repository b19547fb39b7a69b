-- name: TallyMerchants :many
-- Merchants whose feeds go further than they are added up.
select f.merchant_id from event_feeds f left join engine_tally_folds t on t.merchant_id = f.merchant_id
where f.merchant_id > @after and f.last_position > coalesce(t.position, 0)
order by f.merchant_id
limit @row_limit;

-- name: TallyOpen :exec
insert into engine_tally_folds (merchant_id) values (@merchant_id) on conflict do nothing;

-- name: TallyLock :one
-- Nothing when another server adds the merchant up.
select t.position, f.last_position from engine_tally_folds t join event_feeds f on f.merchant_id = t.merchant_id
where t.merchant_id = @merchant_id for update of t skip locked;

-- name: TallyFold :exec
-- Adds up what the events in some places of the feed tell of payouts. The series goes over the places one by one, because they have no
-- gaps: the planner then looks each up in the index, whatever it believes of the table. The four events that are left out are of states in
-- which nothing is counted.
insert into engine_tallies (merchant_id, day, measure, key, detail, n, total)
select s.merchant_id, f.day, f.measure, f.key, f.detail, count(*), sum(f.total)
from (
    select e.merchant_id, array_agg(e.object_id) as payouts, array_agg(e.sequence) as seqs
    from (select generate_series(@first_position::bigint, @last_position::bigint) as position) g
    join event_positions p on p.merchant_id = @merchant_id and p.position = g.position
    join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
    where e.object_type = 'payout' and e.type not in ('payout.screening', 'payout.pending_approval', 'payout.processing', 'payout.sent')
    group by e.merchant_id
) s
cross join lateral engine_facts(s.merchant_id, s.payouts, s.seqs) f
group by s.merchant_id, f.day, f.measure, f.key, f.detail
on conflict (merchant_id, day, measure, key, detail) do update
set n = engine_tallies.n + excluded.n, total = engine_tallies.total + excluded.total;

-- name: TallyFolded :exec
update engine_tally_folds set position = @position where merchant_id = @merchant_id;

-- name: TallySettled :one
-- From which transaction on events may lack a place. In a database that was restored elsewhere its numbers mean nothing: all of them.
select (case when settled <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint then settled else 0 end)::bigint as settled
from engine_tally_horizon;

-- name: TallySettle :exec
-- Events of transactions before `finished` have their places, unless one is found that has none.
update engine_tally_horizon set settled = @finished
where settled <> @finished and not exists (
    select from events e
    where e.xid >= @since::bigint and e.xid < @finished
      and not exists (select from event_positions p where p.merchant_id = e.merchant_id and p.event_id = e.id)
);

-- name: TallyRead :many
-- A period of one merchant, or of all: what is added up, and what the events say that nobody has added up yet, in one snapshot, so that
-- each counts once. Only what is shown by day is told by day.
with tail as (
    select f.merchant_id, s.payouts, s.seqs
    from event_feeds f
    left join engine_tally_folds t on t.merchant_id = f.merchant_id
    cross join lateral (
        select array_agg(e.object_id) as payouts, array_agg(e.sequence) as seqs
        from generate_series(coalesce(t.position, 0) + 1, f.last_position) g(position)
        join event_positions p on p.merchant_id = f.merchant_id and p.position = g.position
        join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
        where e.object_type = 'payout' and e.type not in ('payout.screening', 'payout.pending_approval', 'payout.processing', 'payout.sent')
    ) s
    where f.last_position > coalesce(t.position, 0)
      and (sqlc.narg('merchant_id')::text is null or f.merchant_id = sqlc.narg('merchant_id')::text)
    union all
    select e.merchant_id, array_agg(e.object_id), array_agg(e.sequence)
    from events e
    where e.xid >= @settled::bigint and e.object_type = 'payout'
      and e.type not in ('payout.screening', 'payout.pending_approval', 'payout.processing', 'payout.sent')
      and (sqlc.narg('merchant_id')::text is null or e.merchant_id = sqlc.narg('merchant_id')::text)
      and not exists (select from event_positions p where p.merchant_id = e.merchant_id and p.event_id = e.id)
    group by e.merchant_id
)
select (case when a.measure in ('outcome', 'wait') then a.day else @since::date end)::date as day, a.measure, a.key, a.detail,
       sum(a.n)::bigint as n, sum(a.total)::numeric as total
from (
    select d.day, d.measure, d.key, d.detail, d.n, d.total from engine_tallies d
    where d.day >= @since::date and d.day < @until::date
      and (sqlc.narg('merchant_id')::text is null or d.merchant_id = sqlc.narg('merchant_id')::text)
    union all
    select x.day, x.measure, x.key, x.detail, 1, x.total
    from tail t cross join lateral engine_facts(t.merchant_id, t.payouts, t.seqs) x
    where x.day >= @since::date and x.day < @until::date
) a
group by 1, a.measure, a.key, a.detail
order by 1, a.measure, a.key, a.detail;

-- name: TallyRules :many
-- Whose the rules are, and what they are called now.
select r.id, r.merchant_id, v.name
from velocity_rules r
join velocity_rule_versions v on v.merchant_id = r.merchant_id and v.rule_id = r.id and v.version = r.version
where r.id = any(@ids::text[])
  and (sqlc.narg('merchant_id')::text is null or r.merchant_id in (sqlc.narg('merchant_id')::text, ''));

-- name: TallyAlertsOpen :one
-- How many alerts of a period nobody has decided yet.
select count(*) from screening_alerts a
where a.status = 'open' and a.created_at >= @since and a.created_at < @until
  and (sqlc.narg('merchant_id')::text is null or a.merchant_id = sqlc.narg('merchant_id')::text);
