-- name: WebhookInsert :exec
insert into webhooks (merchant_id, id, url, events, description, secret, created_at, updated_at)
values (@merchant_id, @id, @url, @events, @description, @secret, @created_at, @created_at);

-- name: WebhooksLimitLock :exec
-- Keeps two creations of a merchant from passing the limit together.
select pg_advisory_xact_lock(hashtextextended('webhooks of ' || @merchant_id::text, 0));

-- name: WebhookCount :one
select count(*)::integer from webhooks where merchant_id = @merchant_id and deleted_at is null;

-- name: WebhookList :many
select * from webhooks where merchant_id = @merchant_id and deleted_at is null order by created_at desc, id desc;

-- name: WebhookGet :one
select * from webhooks where merchant_id = @merchant_id and id = @id and deleted_at is null;

-- name: WebhookLock :one
select * from webhooks where merchant_id = @merchant_id and id = @id and deleted_at is null for update;

-- name: WebhookUpdate :exec
update webhooks
set url = @url, events = @events, description = @description, status = @status, disabled_reason = @disabled_reason,
    disabled_at = @disabled_at, failing_since = @failing_since, event_sequence = @event_sequence, updated_at = @updated_at,
    deleted_at = @deleted_at
where merchant_id = @merchant_id and id = @id;

-- name: WebhookRotate :exec
update webhooks
set previous_secret = secret, previous_secret_until = @until::timestamptz, secret = @secret, updated_at = @updated_at
where merchant_id = @merchant_id and id = @id;

-- name: DeliveryListByEvent :many
select d.* from webhook_deliveries d where d.merchant_id = @merchant_id and d.event_id = @event_id order by d.created_at, d.id;

-- name: AttemptList :many
-- The last attempts of each delivery, at most row_limit of each.
select a.* from unnest(@deliveries::text[]) d(id)
cross join lateral (
    select * from webhook_attempts a where a.merchant_id = @merchant_id and a.delivery_id = d.id order by a.number desc limit @row_limit
) a
order by a.delivery_id, a.number;

-- name: DeliveryAskAgain :exec
-- Sends events again: what has ended begins anew, what is to be retried is retried now. Of each object the first one goes at once and
-- the others follow it; what waits for an earlier event goes on waiting.
insert into webhook_deliveries as d (merchant_id, id, webhook_id, event_id, object_id, sequence, created_at, due_at)
select @merchant_id, n.id, n.webhook_id, n.event_id, n.object_id, n.sequence, @now::timestamptz,
       case when n.first and not exists (
           select from webhook_deliveries b
           where b.merchant_id = @merchant_id and b.webhook_id = n.webhook_id and b.object_id = n.object_id and b.status = 'pending'
             and b.sequence < n.sequence
       ) then @now::timestamptz end
from (
    select unnest(@ids::text[]) as id, unnest(@webhooks::text[]) as webhook_id, unnest(@events::text[]) as event_id,
           unnest(@objects::text[]) as object_id, unnest(@sequences::integer[]) as sequence, unnest(@firsts::boolean[]) as first
) n
on conflict (merchant_id, event_id, webhook_id) do update
set status = 'pending', finished_at = null,
    tries = case d.status when 'pending' then d.tries else 0 end,
    due_at = case when d.status <> 'pending' then excluded.due_at when d.due_at is not null then least(d.due_at, @now::timestamptz) end;

-- name: ReplayPage :many
-- The events of a period that a webhook listens to and, if asked, those alone whose delivery to it failed.
select e.id, e.object_id, e.sequence, e.created_at, p.position from events e
join event_positions p on p.merchant_id = e.merchant_id and p.event_id = e.id
left join webhook_deliveries d on d.merchant_id = e.merchant_id and d.event_id = e.id and d.webhook_id = @webhook_id
where e.merchant_id = @merchant_id and e.created_at >= @from_at and e.created_at < @to_at
  and (e.type <> 'webhook.test' or e.object_id = @webhook_id)
  and (not @only_failed::boolean or d.status = 'failed')
  and (d.status is null or d.status <> 'pending')
  and ('*' = any(@patterns::text[]) or e.type = any(@patterns::text[]) or split_part(e.type, '.', 1) || '.*' = any(@patterns::text[]))
order by e.created_at, e.sequence, e.id limit @row_limit;

-- name: DeliveryTargets :many
-- The active webhooks that were told of an event.
select d.webhook_id from webhook_deliveries d
join webhooks w on w.merchant_id = d.merchant_id and w.id = d.webhook_id and w.status = 'active'
where d.merchant_id = @merchant_id and d.event_id = @event_id order by d.created_at, d.id;
