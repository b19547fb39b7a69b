-- name: EventInsert :exec
insert into events (merchant_id, id, type, object_type, object_id, sequence, previous_status, data, created_at)
values (@merchant_id, @id, @type, @object_type, @object_id, @sequence, nullif(@previous_status::text, ''), cast(@data::text as json), @created_at);

-- name: EventsInsert :exec
-- All that a transaction has to tell, in one statement; for a single event EventInsert costs less.
insert into events (merchant_id, id, type, object_type, object_id, sequence, previous_status, data, created_at)
select unnest(@merchant_ids::text[]), unnest(@ids::text[]), unnest(@types::text[]), unnest(@object_types::text[]), unnest(@object_ids::text[]),
       unnest(@sequences::integer[]), nullif(unnest(@previous_statuses::text[]), ''), unnest(@datas::text[])::json, @created_at;

-- name: EventGet :one
select * from events where merchant_id = @merchant_id and id = @id;

-- name: EventList :many
-- The events below a position of the feed, newest first.
select sqlc.embed(e), p.position from event_positions p
join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
where p.merchant_id = @merchant_id and e.merchant_id = @merchant_id and p.position < @below
  and (sqlc.narg('types')::text[] is null or e.type = any(sqlc.narg('types')::text[]))
  and (sqlc.narg('object_id')::text is null or e.object_id = sqlc.narg('object_id')::text)
  and (sqlc.narg('created_after')::timestamptz is null or e.created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or e.created_at < sqlc.narg('created_before')::timestamptz)
order by p.position desc
limit @row_limit;
