-- name: RfiOpen :exec
select rfi_open(@merchant_id, @at::timestamptz, @actor, @id, @event_id, @category, @urgency, @entity_type, @entity_id, @subject,
                @description, @questions::jsonb, @due_at::timestamptz, @note);

-- name: RfiMove :exec
select rfi_move(@merchant_id, @at::timestamptz, @actor, @id, @event_id, @seq::integer, @from_status, @to_status,
                sqlc.narg('outcome')::text, @note, sqlc.narg('response')::bytea, @document_ids::text[], sqlc.narg('due_at')::timestamptz);

-- name: RfiGet :one
select * from rfis where merchant_id = @merchant_id and id = @id;

-- name: RfiGetForUpdate :one
select * from rfis where merchant_id = @merchant_id and id = @id for no key update;

-- name: RfiFind :one
-- For operators, who name no merchant.
select * from rfis where id = @id;

-- name: RfiFindForUpdate :one
select * from rfis where id = @id for no key update;

-- name: RfiList :many
select * from rfis
where merchant_id = @merchant_id
  and (sqlc.narg('status')::text is null or status = sqlc.narg('status')::text::rfi_status)
  and (sqlc.narg('entity_type')::text is null or entity_type = sqlc.narg('entity_type')::text::rfi_entity_type)
  and (sqlc.narg('entity_id')::text is null or entity_id = sqlc.narg('entity_id')::text)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: RfiListAll :many
-- Of all merchants, for operators.
select * from rfis
where (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('status')::text is null or status = sqlc.narg('status')::text::rfi_status)
  and (sqlc.narg('entity_id')::text is null or entity_id = sqlc.narg('entity_id')::text)
  and (sqlc.narg('late_at')::timestamptz is null or (due_at <= sqlc.narg('late_at')::timestamptz and status in ('open', 'escalated')))
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: RfiListAbout :many
-- Every request about one of the objects, newest first.
select * from rfis
where merchant_id = @merchant_id and entity_id = any(@entity_ids::text[])
order by created_at desc, id desc
limit 100;

-- name: RfiEntityLock :one
-- Holds what a request will be about, before the door takes its lock: an approval holds its payout when it takes the same lock.
select p.rfi_ids from payouts p where p.merchant_id = @merchant_id and p.id = @id for update;

-- name: RfisLateLock :many
-- Requests whose time passed without an answer, and of which nobody has been told.
select * from rfis
where overdue_at is null and status in ('open', 'escalated') and due_at <= @now::timestamptz
order by due_at
limit @row_limit
for no key update skip locked;

-- name: RfiSetOverdue :exec
update rfis set overdue_at = @overdue_at where merchant_id = @merchant_id and id = @id;
