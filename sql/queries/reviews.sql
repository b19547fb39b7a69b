-- name: ReviewOpen :exec
-- A payout's place in the queue. Who created the payout is what the audit log says.
insert into payout_reviews (merchant_id, payout_id, reason, created_by, entered_at)
select @merchant_id, m.payout_id, m.reason, coalesce((
           select a.actor from audit_log a
           where a.merchant_id = @merchant_id and a.object_id = m.payout_id and a.action = 'payout.transition' and a.detail ->> 'sequence' = '1'
       ), ''), @entered_at
from (select unnest(@payout_ids::text[]) as payout_id, unnest(@reasons::text[]) as reason) m;

-- name: ReviewDecide :exec
insert into review_decisions (merchant_id, payout_id, decision, decided_by, reason, decided_at)
select @merchant_id, unnest(@payout_ids::text[]), unnest(@decisions::text[])::review_outcome, @decided_by, unnest(@reasons::text[]), @decided_at;

-- name: ReviewFind :one
-- For operators, who name no merchant.
select sqlc.embed(r), sqlc.embed(p), d.decision, d.decided_by, coalesce(d.reason, '')::text as decision_reason, d.decided_at
from payout_reviews r
join payouts p on p.merchant_id = r.merchant_id and p.id = r.payout_id
left join review_decisions d on d.merchant_id = r.merchant_id and d.payout_id = r.payout_id
where r.payout_id = @payout_id;

-- name: ReviewFindForUpdate :one
-- The payout and its place in the queue, both held. The payout first: everyone else begins with it too.
select sqlc.embed(r), sqlc.embed(p)
from payouts p
join payout_reviews r on r.merchant_id = p.merchant_id and r.payout_id = p.id
where r.payout_id = @payout_id
for update of p, r;

-- name: ReviewClaim :exec
update payout_reviews
set claimed_by = sqlc.narg('claimed_by'), claimed_at = sqlc.narg('claimed_at'), claimed_until = sqlc.narg('claimed_until')
where merchant_id = @merchant_id and payout_id = @payout_id;

-- name: ReviewList :many
-- Those that wait longest first.
select sqlc.embed(r), sqlc.embed(p)
from payout_reviews r
join payouts p on p.merchant_id = r.merchant_id and p.id = r.payout_id
where r.ended_at is null
  and (sqlc.narg('reason')::text is null or r.reason = sqlc.narg('reason')::text)
  and (sqlc.narg('merchant_id')::text is null or r.merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('currency')::text is null or p.currency = sqlc.narg('currency')::text)
  and (sqlc.narg('min_amount')::numeric is null or p.amount >= sqlc.narg('min_amount')::numeric)
  and (sqlc.narg('max_amount')::numeric is null or p.amount <= sqlc.narg('max_amount')::numeric)
  and (sqlc.narg('claimed_by')::text is null or (r.claimed_by = sqlc.narg('claimed_by')::text and r.claimed_until > @now::timestamptz))
  and (not @unclaimed::bool or r.claimed_by is null or r.claimed_until <= @now::timestamptz)
  and (sqlc.narg('after_at')::timestamptz is null or (r.entered_at, r.payout_id) > (sqlc.narg('after_at')::timestamptz, @after_id::text))
order by r.entered_at, r.payout_id
limit @row_limit;

-- name: PayoutObstacles :many
-- What keeps the payouts from being approved on the verdicts given.
select o.payout_id::text as payout_id, o.obstacle::text as obstacle, o.subject::text as subject
from payout_obstacles(@merchant_id, @payout_ids::text[], @verdict_ids::text[]) o(payout_id, obstacle, subject)
order by 1, 2, 3;

-- name: ReviewHistory :many
-- How the merchant's payouts to the beneficiary ended; counts stop at a thousand.
select last.status, count(*)::integer as payouts
from (
    select status from payouts
    where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id and id <> @payout_id
    order by created_at desc limit 1000
) last
group by last.status;

-- name: ReviewRecent :many
select * from payouts
where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id and id <> @payout_id
order by created_at desc, id desc
limit 20;

-- name: VerdictGet :one
select * from verdicts where merchant_id = @merchant_id and id = @id;

-- name: ReviewBeneficiary :one
-- Whom a payout pays, deleted or not.
select * from beneficiaries where merchant_id = @merchant_id and id = @id;
