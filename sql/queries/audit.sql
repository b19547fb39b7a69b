-- name: AuditInsert :exec
insert into audit_log (merchant_id, id, at, actor, action, object_id, request_id, detail)
values (@merchant_id, @id, @at, @actor, @action, @object_id, @request_id, cast(@detail::text as jsonb));

-- name: AuditInsertAll :exec
-- All that a transaction has to say, in one statement; for a single row AuditInsert costs less.
insert into audit_log (merchant_id, id, at, actor, action, object_id, request_id, detail)
select unnest(@merchant_ids::text[]), unnest(@ids::text[]), @at, @actor, unnest(@actions::text[]), unnest(@object_ids::text[]), @request_id,
       unnest(@details::text[])::jsonb;

-- name: AuditList :many
select * from audit_log
where (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('object_id')::text is null or object_id = sqlc.narg('object_id')::text)
  and (sqlc.narg('actor')::text is null or actor = sqlc.narg('actor')::text)
  and (sqlc.narg('action')::text is null or action = sqlc.narg('action')::text)
  and (sqlc.narg('created_after')::timestamptz is null or at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by at desc, id desc
limit @row_limit;
