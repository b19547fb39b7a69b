-- name: WebhooksWaiting :many
-- The active webhooks with something due, each found by one step in the index, however many deliveries wait behind it.
with recursive step as (
    (select d.merchant_id, d.webhook_id from webhook_deliveries d where d.due_at is not null order by d.merchant_id, d.webhook_id limit 1)
    union all
    select n.merchant_id, n.webhook_id from step s
    cross join lateral (
        select d.merchant_id, d.webhook_id from webhook_deliveries d
        where d.due_at is not null and (d.merchant_id, d.webhook_id) > (s.merchant_id, s.webhook_id)
        order by d.merchant_id, d.webhook_id limit 1
    ) n
)
select s.merchant_id, s.webhook_id from step s
where exists (select from webhook_deliveries d where d.merchant_id = s.merchant_id and d.webhook_id = s.webhook_id and d.due_at <= @now)
  and exists (select from webhooks w where w.merchant_id = s.merchant_id and w.id = s.webhook_id and w.status = 'active')
limit @row_limit;

-- name: DeliveriesClaim :many
-- Takes up to so many due deliveries of each webhook. They are due again when the lease ends, in case whoever took them is gone by then.
with wanted as (
    select unnest(@merchants::text[]) as merchant_id, unnest(@webhooks::text[]) as webhook_id, unnest(@rooms::integer[]) as room
), due as (
    select d.merchant_id, d.id from wanted w
    cross join lateral (
        select d.merchant_id, d.id from webhook_deliveries d
        where d.merchant_id = w.merchant_id and d.webhook_id = w.webhook_id and d.due_at <= @now
        order by d.due_at, d.id limit w.room
        for update skip locked
    ) d
), claimed as (
    update webhook_deliveries d
    set attempts = d.attempts + 1, tries = d.tries + 1, due_at = @lease_until
    from due where d.merchant_id = due.merchant_id and d.id = due.id
    returning d.merchant_id, d.id, d.webhook_id, d.event_id, d.attempts, d.tries, d.created_at
)
select c.merchant_id, c.id, c.webhook_id, c.attempts, c.tries, c.created_at, w.url, w.secret, w.previous_secret, w.previous_secret_until,
       sqlc.embed(e)
from claimed c
join webhooks w on w.merchant_id = c.merchant_id and w.id = c.webhook_id and w.status = 'active'
join events e on e.merchant_id = c.merchant_id and e.id = c.event_id
order by c.merchant_id, c.webhook_id, e.created_at, e.sequence;

-- name: AttemptsRecord :exec
insert into webhook_attempts (merchant_id, delivery_id, number, at, duration_ms, response_status, response_body, error)
select unnest(@merchants::text[]), unnest(@deliveries::text[]), unnest(@numbers::integer[]), unnest(@times::timestamptz[]),
       unnest(@durations::integer[]), nullif(unnest(@statuses::integer[]), 0), unnest(@bodies::text[]), unnest(@errors::text[])
on conflict do nothing;

-- name: DeliveriesRecord :exec
-- What attempts came to. An answer to an attempt that somebody else has made again meanwhile changes nothing.
update webhook_deliveries d
set status = r.status::webhook_delivery_status, due_at = nullif(r.due_at, '')::timestamptz, response_status = nullif(r.response_status, 0),
    error = r.error, finished_at = case r.status when 'pending' then null else @now::timestamptz end
from (
    select unnest(@merchants::text[]) as merchant_id, unnest(@ids::text[]) as id, unnest(@numbers::integer[]) as number,
           unnest(@outcomes::text[]) as status, unnest(@due::text[]) as due_at, unnest(@statuses::integer[]) as response_status,
           unnest(@errors::text[]) as error
    order by 1, 2
) r
where d.merchant_id = r.merchant_id and d.id = r.id and d.attempts = r.number and d.status = 'pending';

-- name: DeliveriesRecordLock :many
select d.id from webhook_deliveries d
where (d.merchant_id, d.id) in (select unnest(@merchants::text[]), unnest(@ids::text[]))
order by d.merchant_id, d.id
for update of d;

-- name: DeliveriesRelease :exec
-- Lets the next event of each object go whose delivery before it has ended.
update webhook_deliveries d set due_at = @now
from (
    select distinct on (e.merchant_id, e.webhook_id, e.object_id) n.merchant_id, n.id
    from (select unnest(@merchants::text[]) as merchant_id, unnest(@ids::text[]) as id) u
    join webhook_deliveries e on e.merchant_id = u.merchant_id and e.id = u.id and e.status <> 'pending'
    cross join lateral (
        select n.merchant_id, n.id from webhook_deliveries n
        where n.merchant_id = e.merchant_id and n.webhook_id = e.webhook_id and n.object_id = e.object_id and n.status = 'pending'
        order by n.sequence limit 1
    ) n
) next
where d.merchant_id = next.merchant_id and d.id = next.id and d.due_at is null and d.status = 'pending';

-- name: WebhooksFailing :exec
-- Notes since when webhooks do nothing but fail.
update webhooks w set failing_since = @now
from (select unnest(@merchants::text[]) as merchant_id, unnest(@ids::text[]) as id) f
where w.merchant_id = f.merchant_id and w.id = f.id and w.failing_since is null;

-- name: WebhooksRecovered :exec
update webhooks w set failing_since = null
from (select unnest(@merchants::text[]) as merchant_id, unnest(@ids::text[]) as id) f
where w.merchant_id = f.merchant_id and w.id = f.id and w.failing_since is not null;

-- name: WebhooksHopeless :many
-- Those of the webhooks, which failed just now, that have failed since before the moment given.
select w.merchant_id, w.id from webhooks w
where (w.merchant_id, w.id) in (select unnest(@merchants::text[]), unnest(@ids::text[]))
  and w.status = 'active' and w.failing_since <= @since;

-- name: DeliveriesEndDisabled :execrows
-- Ends, slice by slice, what still waits for webhooks that are disabled or deleted: of each object the last event first, so that what
-- is left always has a first one that is due, should the webhook be enabled again meanwhile.
update webhook_deliveries d
set status = 'failed', due_at = null, finished_at = @now::timestamptz, error = 'the webhook is disabled'
from (
    select d.merchant_id, d.id from webhooks w
    cross join lateral (
        select d.merchant_id, d.id from webhook_deliveries d
        where d.merchant_id = w.merchant_id and d.webhook_id = w.id and d.status = 'pending'
        order by d.object_id desc, d.sequence desc limit @row_limit
        for update
    ) d
    where w.status = 'disabled'
    limit @row_limit
) o
where d.merchant_id = o.merchant_id and d.id = o.id;

-- name: DeliveriesAwaken :exec
-- Lets the first pending event of each object of a webhook go, where it is not due: after the webhook was enabled again.
update webhook_deliveries d set due_at = @now
from (
    select distinct on (w.object_id) w.id from webhook_deliveries w
    where w.merchant_id = @merchant_id and w.webhook_id = @webhook_id and w.status = 'pending' order by w.object_id, w.sequence
) first
where d.merchant_id = @merchant_id and d.id = first.id and d.due_at is null;
