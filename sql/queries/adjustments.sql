-- name: ReversalLock :one
-- Locks what was taken back of a credited transaction until the end of the unit; no row where there is no such transaction. Two
-- reversals of one deposit go one after the other.
insert into reversals (merchant_id, transaction_id, currency, credited)
select t.merchant_id, t.id, t.currency, t.available_delta from ledger_transactions t
where t.merchant_id = @merchant_id and t.id = @transaction_id and t.type = @type
on conflict (merchant_id, transaction_id) do update set reversed = reversals.reversed
returning *;

-- name: ReversalAdd :exec
update reversals set reversed = reversed + @amount where merchant_id = @merchant_id and transaction_id = @transaction_id;

-- name: ReturnOfPayout :one
-- The transaction by which a payout's money came back.
select id from ledger_transactions where merchant_id = @merchant_id and payout_id = @payout_id::text and type = 'return';

-- name: ReturnConverted :one
-- What a bank sent back of a payout, and what that gave the merchant; two currencies where the payout was across them.
select p.source_currency, p.dest_currency, p.dest_amount, t.available_delta as credited from ledger_transactions t
join payouts p on p.merchant_id = t.merchant_id and p.id = t.payout_id
where t.merchant_id = @merchant_id and t.id = @transaction_id;

-- name: AdjustmentInsert :exec
insert into adjustments (merchant_id, id, type, status, currency, amount, reverses, payout_id, transaction_id, reason, environment,
                         requested_by, requested_at, expires_at, decided_by, decided_at)
values (@merchant_id, @id, @type, @status, @currency, @amount, @reverses, @payout_id, @transaction_id, @reason, @environment,
        @requested_by, @requested_at, @expires_at, @decided_by, @decided_at);

-- name: AdjustmentGet :one
select * from adjustments where id = @id;

-- name: AdjustmentGetForUpdate :one
select * from adjustments where id = @id for update;

-- name: AdjustmentDecide :exec
update adjustments set status = @status, decided_by = @decided_by, decided_at = @decided_at
where merchant_id = @merchant_id and id = @id and status = 'pending_approval';

-- name: AdjustmentList :many
select * from adjustments
where (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('status')::text is null
       or case when status = 'pending_approval' and expires_at < @now::timestamptz then 'expired' else status::text end = sqlc.narg('status')::text)
  and (sqlc.narg('type')::text is null or type = sqlc.narg('type')::adjustment_type)
  and (sqlc.narg('created_after')::timestamptz is null or requested_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or requested_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (requested_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by requested_at desc, id desc
limit @row_limit;
