-- name: IdempotencyClaim :exec
-- One row: the key is ours until we roll back. None: it was used before. Waits while another transaction holds it.
insert into idempotency_keys (owner_id, key, method, request_hash, created_at, expires_at)
values (@owner_id, @key, @method, @request_hash, @created_at, @expires_at)
on conflict (owner_id, key) do update
set method = excluded.method, request_hash = excluded.request_hash, created_at = excluded.created_at,
    expires_at = excluded.expires_at, response = null, replays = 0
where idempotency_keys.expires_at <= excluded.created_at;

-- name: IdempotencyReplay :one
-- Counting the replay makes it a write: its commit waits for the disk as the first one's did, so that an answer given twice is as
-- durable as an answer given once.
update idempotency_keys set replays = replays + 1
where owner_id = @owner_id and key = @key
returning method, request_hash, response;

-- name: IdempotencyStore :exec
update idempotency_keys set response = @response where owner_id = @owner_id and key = @key;
