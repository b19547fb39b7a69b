-- name: EventHorizon :one
-- Events of transactions before `finished` are all visible or will never be; those of transactions from `begun` on cannot be seen yet.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as finished, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as begun;

-- name: EventsUnplaced :many
-- A slice of the events that have no place in their feed, in the order of their transactions.
select e.merchant_id, e.id, e.xid from events e
where (e.xid, e.merchant_id, e.id) > (@after_xid::bigint, @after_merchant::text, @after_id::text) and e.xid < @before_xid
  and not exists (select from event_positions p where p.merchant_id = e.merchant_id and p.event_id = e.id)
order by e.xid, e.merchant_id, e.id
limit @row_limit;

-- name: EventFeedsOpen :exec
insert into event_feeds (merchant_id)
select m.id from unnest(@merchants::text[]) m(id)
where not exists (select from event_feeds f where f.merchant_id = m.id)
order by m.id
on conflict do nothing;

-- name: EventFeedsLock :many
-- Feeds that another sequencer is writing are left to it.
select merchant_id, last_position from event_feeds where merchant_id = any(@merchants::text[]) order by merchant_id for update skip locked;

-- name: EventsToPlace :many
-- Those of the events that still have no place, now that nobody else can give them one; awaits says that the object's event before it
-- has none either and is not among them.
select e.merchant_id, e.id, e.type, e.object_id, e.sequence, e.created_at, e.xid,
       exists (
           select from events b
           where b.merchant_id = e.merchant_id and b.object_id = e.object_id and b.sequence = e.sequence - 1
             and not (b.id = any(@ids::text[]))
             and not exists (select from event_positions p where p.merchant_id = b.merchant_id and p.event_id = b.id)
       ) as awaits
from (select unnest(@merchants::text[]) as merchant_id, unnest(@ids::text[]) as id) u
join events e on e.merchant_id = u.merchant_id and e.id = u.id
where not exists (select from event_positions p where p.merchant_id = e.merchant_id and p.event_id = e.id)
order by e.xid, e.merchant_id, e.id;

-- name: WebhooksListening :many
select merchant_id, id, events, created_at, xid from webhooks
where merchant_id = any(@merchants::text[]) and status = 'active' order by merchant_id, created_at, id;

-- name: DeliveriesAheadLock :many
-- What is pending for objects that are about to get further deliveries: whoever ends one of these meanwhile either sees the further ones,
-- or ended it before they are made.
select d.id from webhook_deliveries d
where (d.merchant_id, d.webhook_id, d.object_id) in
      (select unnest(@merchants::text[]), unnest(@webhooks::text[]), unnest(@objects::text[]))
  and d.status = 'pending'
order by d.merchant_id, d.id
for update of d;

-- name: EventsPlace :exec
with placed as (
    insert into event_positions (merchant_id, position, event_id)
    select unnest(@merchants::text[]), unnest(@positions::bigint[]), unnest(@ids::text[])
    returning merchant_id, position
)
update event_feeds f set last_position = p.last
from (select merchant_id, max(position) as last from placed group by merchant_id) p
where f.merchant_id = p.merchant_id;

-- name: DeliveriesMake :exec
-- A delivery is due at once unless something of the same object is still on its way to the same webhook.
insert into webhook_deliveries (merchant_id, id, webhook_id, event_id, object_id, sequence, created_at, due_at)
select n.merchant_id, n.id, n.webhook_id, n.event_id, n.object_id, n.sequence, @now::timestamptz,
       case when n.first and not exists (
           select from webhook_deliveries d
           where d.merchant_id = n.merchant_id and d.webhook_id = n.webhook_id and d.object_id = n.object_id and d.status = 'pending'
       ) then @now::timestamptz end
from (
    select unnest(@merchants::text[]) as merchant_id, unnest(@ids::text[]) as id, unnest(@webhooks::text[]) as webhook_id,
           unnest(@events::text[]) as event_id, unnest(@objects::text[]) as object_id, unnest(@sequences::integer[]) as sequence,
           unnest(@firsts::boolean[]) as first
) n
on conflict (merchant_id, event_id, webhook_id) do nothing;

-- name: EventFeedGet :one
select last_position, pruned_position from event_feeds where merchant_id = @merchant_id;

-- name: EventFeedPage :many
-- The events after a position, in the order of the feed.
select sqlc.embed(e), p.position from event_positions p
join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
where p.merchant_id = @merchant_id and p.position > @after_position
order by p.position limit @row_limit;

-- name: WebhooksPrune :one
select webhooks_prune(@events_before::timestamptz, @attempts_before::timestamptz, @row_limit::integer)::integer as removed;
