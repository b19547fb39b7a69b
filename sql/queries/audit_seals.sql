-- name: AuditHorizon :one
-- Rows of transactions before `finished` are all visible or will never be; rows of transactions from `begun` on cannot be seen yet.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as finished, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as begun;

-- name: AuditUnsealed :many
-- A slice of the rows that have no position, in the order of their transactions, with each merchant's last seal as the same snapshot
-- shows it: if another sealer took any of these rows meanwhile, it also took the next number.
select a.merchant_id, a.id, a.xid,
       coalesce(to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.at::text)::text as at,
       a.actor, a.action, a.object_id, a.request_id, a.detail::text as detail,
       coalesce(s.number, 0)::bigint as last_number, coalesce(s.to_position, 0)::bigint as last_position,
       coalesce(s.hash, decode(repeat('00', 32), 'hex'))::bytea as last_hash
from audit_log a
left join lateral (
    select number, to_position, hash from audit_seals where merchant_id = a.merchant_id order by number desc limit 1
) s on true
where (a.xid, a.merchant_id, a.id) > (@after_xid::bigint, @after_merchant::text, @after_id::text) and a.xid < @before_xid
  and not exists (select from audit_positions p where p.merchant_id = a.merchant_id and p.audit_id = a.id)
order by a.xid, a.merchant_id, a.id
limit @row_limit;

-- name: AuditSeal :execrows
-- The seal and the positions it covers, in one statement. No row: another sealer was first.
with seal as (
    insert into audit_seals (merchant_id, number, from_position, to_position, row_count, previous_hash, hash, sealed_at)
    values (@merchant_id, @number, @from_position, @to_position, @row_count, @previous_hash, @hash, @sealed_at)
    on conflict do nothing
    returning merchant_id, from_position
)
insert into audit_positions (merchant_id, position, audit_id, row_hash)
select seal.merchant_id, seal.from_position - 1 + generate_series(1, cardinality(@audit_ids::text[])),
       unnest(@audit_ids::text[]), unnest(@row_hashes::bytea[])
from seal;

-- name: AuditChains :many
-- Every merchant with audit rows, seals or positions, and how far its chain goes.
select merchant_id, max(last)::bigint as rows from (
    select merchant_id, 0 as last from audit_log
    union all
    select merchant_id, to_position from audit_seals
    union all
    select merchant_id, position from audit_positions
) c
where sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text
group by merchant_id order by merchant_id;

-- name: AuditSealPage :many
select number, from_position, to_position, row_count, previous_hash, hash,
       coalesce(to_char(sealed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), sealed_at::text)::text as sealed_at
from audit_seals where merchant_id = @merchant_id and number > @after_number order by number limit @row_limit;

-- name: AuditPositionPage :many
-- The rows at positions, each as it is now; id is empty where the row is gone.
select p.position, p.audit_id, p.row_hash, coalesce(a.id, '')::text as id,
       coalesce(to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.at::text, '')::text as at,
       coalesce(a.actor, '')::text as actor, coalesce(a.action, '')::text as action, coalesce(a.object_id, '')::text as object_id,
       coalesce(a.request_id, '')::text as request_id, coalesce(a.detail::text, '')::text as detail
from audit_positions p left join audit_log a on a.merchant_id = p.merchant_id and a.id = p.audit_id
where p.merchant_id = @merchant_id and p.position between @from_position and @to_position
order by p.position limit @row_limit;

-- name: AuditBeyondSeals :many
-- The first position that no seal covers, if there is one. Seals and positions are read by one statement: a seal that is made
-- meanwhile cannot look like a position too many.
select p.position, p.audit_id from audit_positions p
where p.merchant_id = @merchant_id
  and p.position > (select coalesce(max(to_position), 0) from audit_seals s where s.merchant_id = @merchant_id)
order by p.position limit 1;

-- name: AuditWaiting :one
select count(*) from audit_log a
where a.merchant_id = @merchant_id
  and not exists (select from audit_positions p where p.merchant_id = a.merchant_id and p.audit_id = a.id);

-- name: AuditLeftOut :many
-- The oldest row that no seal covers though it is older than the time given, if there is one.
select a.id, a.at from audit_log a
where a.merchant_id = @merchant_id and a.at < @before
  and not exists (select from audit_positions p where p.merchant_id = a.merchant_id and p.audit_id = a.id)
order by a.at, a.id limit 1;
