-- name: IdempotencyClaim :exec
-- One row: the key is ours until the transaction ends. None: it was used before, or somebody uses it now; nobody waits here. A key that
-- was used and committed between this statement's snapshot and its lock is caught by the primary key, when the answer is stored.
select 1
where pg_try_advisory_xact_lock(hashtextextended(@owner_id::text || ' ' || @key::text, 0))
  and not exists (select from idempotency_keys where owner_id = @owner_id and key = @key);

-- name: IdempotencyReplay :one
-- Counting the replay makes it a write: its commit waits for the disk as the first one's did, so that an answer given twice is as
-- durable as an answer given once.
update idempotency_keys set replays = replays + 1
where owner_id = @owner_id and key = @key and (expires_at > @now::timestamptz or expires_at is null)
returning method, request_hash, response;

-- name: IdempotencyForget :exec
-- A key whose time is over may be used again.
delete from idempotency_keys where owner_id = @owner_id and key = @key and expires_at <= @now::timestamptz;

-- name: IdempotencyStore :exec
insert into idempotency_keys (owner_id, key, method, request_hash, response, created_at, expires_at)
values (@owner_id, @key, @method, @request_hash, @response, @created_at, @expires_at);
