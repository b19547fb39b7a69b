-- name: EventInsert :exec
-- All that a transaction has to tell, in one statement.
insert into events (merchant_id, id, type, object_type, object_id, sequence, previous_status, data, created_at)
select unnest(@merchant_ids::text[]), unnest(@ids::text[]), unnest(@types::text[]), unnest(@object_types::text[]), unnest(@object_ids::text[]),
       unnest(@sequences::integer[]), nullif(unnest(@previous_statuses::text[]), ''), unnest(@datas::text[])::json, @created_at;

-- name: EventGet :one
select * from events where merchant_id = @merchant_id and id = @id;

-- name: EventList :many
select * from events
where merchant_id = @merchant_id
  and (sqlc.narg('type')::text is null or type = sqlc.narg('type')::text)
  and (sqlc.narg('object_id')::text is null or object_id = sqlc.narg('object_id')::text)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;
