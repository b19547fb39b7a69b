-- name: RailEventRequestInsert :exec
insert into rail_event_requests (merchant_id, id, payout_id, rail, kind, code, bank_reference, settled_on, amount, currency, note, status,
                                 environment, requested_by, requested_at, expires_at)
values (@merchant_id, @id, @payout_id, @rail, @kind, @code, @bank_reference, @settled_on, @amount, @currency, @note, 'pending_approval',
        @environment, @requested_by, @requested_at, @expires_at);

-- name: RailEventRequestGet :one
select sqlc.embed(q), e.outcome, c.id as case_id
from rail_event_requests q
left join rail_entries e on e.rail = q.rail and e.id = q.entry_id
left join rail_cases c on c.rail = q.rail and c.entry_id = q.entry_id
where q.id = @id;

-- name: RailEventRequestLock :one
select * from rail_event_requests where merchant_id = @merchant_id and id = @id for update;

-- name: RailEventRequestDecide :exec
update rail_event_requests set status = @status, decided_by = @decided_by, decided_at = @decided_at, entry_id = sqlc.narg('entry_id')
where merchant_id = @merchant_id and id = @id and status = 'pending_approval';

-- name: RailEventRequestList :many
select sqlc.embed(q), e.outcome, c.id as case_id
from rail_event_requests q
left join rail_entries e on e.rail = q.rail and e.id = q.entry_id
left join rail_cases c on c.rail = q.rail and c.entry_id = q.entry_id
where (sqlc.narg('merchant_id')::text is null or q.merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('payout_id')::text is null or q.payout_id = sqlc.narg('payout_id')::text)
  and (sqlc.narg('status')::text is null
       or case when q.status = 'pending_approval' and q.expires_at < @now::timestamptz then 'expired' else q.status end = sqlc.narg('status')::text)
  and (sqlc.narg('created_after')::timestamptz is null or q.requested_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or q.requested_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (q.requested_at, q.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by q.requested_at desc, q.id desc
limit @row_limit;
