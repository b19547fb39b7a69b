-- name: MerchantInsert :exec
insert into merchants (id, name, country, rate_limit_multiplier, created_at)
values (@id, @name, @country, @rate_limit_multiplier, @created_at);

-- name: MerchantGet :one
select * from merchants where id = @id;

-- name: MerchantList :many
select * from merchants
where (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: MerchantGetForUpdate :one
-- Nothing that points at the merchant waits for this lock.
select * from merchants where id = @id for no key update;

-- name: MerchantUpdate :exec
update merchants
set name = @name, rate_limit_multiplier = @rate_limit_multiplier, status = @status, suspended_at = sqlc.narg('suspended_at'),
    suspension_reason = @suspension_reason, tier = @tier
where id = @id;

-- name: ApiKeyInsert :exec
insert into api_keys (hash, merchant_id, id, name, scopes, last4, created_at)
values (@hash, @merchant_id, @id, @name, @scopes, @last4, @created_at);

-- name: ApiKeyByHash :one
-- Whose key it is, until when, and what its merchant may do. Revoked keys do not answer.
select k.id, k.merchant_id, k.scopes, k.expires_at, m.status, m.rate_limit_multiplier,
       array(select e.entitlement from merchant_entitlements e where e.merchant_id = m.id)::text[] as entitlements
from api_keys k join merchants m on m.id = k.merchant_id
where k.hash = @hash and k.revoked_at is null;

-- name: OperatorKeyInsert :exec
insert into operator_keys (hash, id, name, role, last4, created_at)
values (@hash, @id, @name, @role, @last4, @created_at);

-- name: OperatorKeyByHash :one
select id, role from operator_keys where hash = @hash and revoked_at is null;

-- name: MerchantFirst :one
select id from merchants order by created_at, id limit 1;

-- name: SandboxKeysetInsert :exec
-- Two servers that start at once both offer one; the first stays.
insert into sandbox_keyset (keyset) values (@keyset) on conflict do nothing;

-- name: SandboxKeysetGet :one
select keyset from sandbox_keyset;

-- name: EntitlementGrant :exec
insert into merchant_entitlements (merchant_id, entitlement, granted_at) values (@merchant_id, @entitlement, @granted_at) on conflict do nothing;

-- name: EntitlementRevoke :exec
delete from merchant_entitlements where merchant_id = @merchant_id and entitlement = @entitlement;

-- name: EntitlementsOf :many
select merchant_id, entitlement from merchant_entitlements where merchant_id = any(@merchant_ids::text[]) order by entitlement;
