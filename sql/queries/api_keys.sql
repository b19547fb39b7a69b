-- name: ApiKeyList :many
select * from api_keys
where merchant_id = @merchant_id
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: ApiKeyGetForUpdate :one
select * from api_keys where merchant_id = @merchant_id and id = @id for update;

-- name: ApiKeyRevoke :exec
update api_keys set revoked_at = @revoked_at where merchant_id = @merchant_id and id = @id and revoked_at is null;

-- name: ApiKeyExpire :exec
-- Never later than it would expire anyway.
update api_keys set expires_at = least(expires_at, @expires_at::timestamptz) where merchant_id = @merchant_id and id = @id;

-- name: ApiKeysUsed :exec
-- Writes only where a minute or more has passed since the use that is written. The rows are locked in one order, so that two servers
-- that report the same keys wait for each other and do not deadlock.
with used as (
    select unnest(@hashes::bytea[]) as hash, unnest(@times::timestamptz[]) as at
), due as (
    select k.hash, u.at from api_keys k join used u on u.hash = k.hash
    where k.last_used_at is null or k.last_used_at <= u.at - interval '1 minute'
    order by k.hash
    for no key update of k
)
update api_keys k set last_used_at = due.at from due
where k.hash = due.hash and (k.last_used_at is null or k.last_used_at <= due.at - interval '1 minute');

-- name: OperatorKeysUsed :exec
-- As ApiKeysUsed.
with used as (
    select unnest(@hashes::bytea[]) as hash, unnest(@times::timestamptz[]) as at
), due as (
    select k.hash, u.at from operator_keys k join used u on u.hash = k.hash
    where k.last_used_at is null or k.last_used_at <= u.at - interval '1 minute'
    order by k.hash
    for no key update of k
)
update operator_keys k set last_used_at = due.at from due
where k.hash = due.hash and (k.last_used_at is null or k.last_used_at <= due.at - interval '1 minute');

-- name: OperatorKeyList :many
select * from operator_keys
where (sqlc.narg('role')::text is null or role = sqlc.narg('role')::operator_role)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: OperatorKeyAdminsForUpdate :many
-- The admins that are left. Two that revoke each other at once wait here, and the second sees that it would be the last.
select id from operator_keys where role = 'admin' and revoked_at is null order by id for update;

-- name: OperatorKeyGetForUpdate :one
select * from operator_keys where id = @id for update;

-- name: OperatorKeyRevoke :exec
update operator_keys set revoked_at = @revoked_at where id = @id and revoked_at is null;

-- name: DeploymentClaim :exec
-- The first server on the database says what it is for.
insert into deployment (environment, claimed_at) values (@environment, @claimed_at) on conflict do nothing;

-- name: DeploymentGet :one
select environment from deployment;

-- name: SandboxTraces :one
-- Whether a sandbox has kept its keys here, or its bank has taken a payment.
select (exists (select from sandbox_keyset) or exists (select from sandbox_bank_payments))::boolean as found;
