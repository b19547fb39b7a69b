-- name: PayoutCreateFacts :many
-- What decides whether a payout may be created: the beneficiary, the instrument named or else the default one, the balance, and whether
-- any plan of fees prices it. No row where the beneficiary is not this merchant's or was deleted.
-- The beneficiary is held until the payout is committed, so that nobody deletes it, or the instrument, in between.
select 1::integer as ord, b.id as beneficiary_id, b.status as beneficiary_status,
       i.id as instrument_id, i.status as instrument_status, i.method, i.country as instrument_country, i.currency as instrument_currency,
       i.last4, bal.available,
       (exists (select from merchant_pricing p where p.merchant_id = @merchant_id) or exists (select from pricing_default))::boolean as on_plan
from beneficiaries b
left join instruments i on i.merchant_id = b.merchant_id and i.beneficiary_id = b.id and i.deleted_at is null
     and i.id = coalesce(nullif(@instrument_id::text, ''), b.default_instrument_id)
left join balances bal on bal.merchant_id = @merchant_id and bal.currency = @currency
where b.merchant_id = @merchant_id and b.id = @beneficiary_id and b.deleted_at is null
for key share of b;

-- name: PayoutsCreateFacts :many
-- PayoutCreateFacts for many: a row for each (beneficiary, instrument, currency) asked for, numbered. For a single one it costs twice as much.
select o.ord::integer as ord, b.id as beneficiary_id, b.status as beneficiary_status,
       i.id as instrument_id, i.status as instrument_status, i.method, i.country as instrument_country, i.currency as instrument_currency,
       i.last4, bal.available,
       (exists (select from merchant_pricing p where p.merchant_id = @merchant_id) or exists (select from pricing_default))::boolean as on_plan
from (select unnest(@beneficiary_ids::text[]) as beneficiary_id, unnest(@instrument_ids::text[]) as instrument_id,
             unnest(@currencies::text[]) as currency, generate_series(1, cardinality(@beneficiary_ids::text[])) as ord) o
join beneficiaries b on b.merchant_id = @merchant_id and b.id = o.beneficiary_id and b.deleted_at is null
left join instruments i on i.merchant_id = b.merchant_id and i.beneficiary_id = b.id and i.deleted_at is null
     and i.id = coalesce(nullif(o.instrument_id, ''), b.default_instrument_id)
left join balances bal on bal.merchant_id = @merchant_id and bal.currency = o.currency
order by o.ord
for key share of b;

-- name: PayoutCreate :exec
-- A payout and its first transition, in one statement because each needs the other. One row a statement, of plain values: PostgreSQL plans
-- it once, where arrays of one element each cost it more than the rows.
with first_step as (
    insert into payout_transitions (merchant_id, payout_id, seq, to_status, at, actor, event_id)
    values (@merchant_id, @id, 1, 'created', @at, @actor, @event_id)
)
insert into payouts (
    merchant_id, id, beneficiary_id, instrument_id, amount, currency, source_amount, source_currency, dest_amount, dest_currency, fee,
    fee_bearer, total_debited, method, rail, description, reference, purpose, metadata, on_behalf_of, estimated_arrival, exchange_rate,
    mid_rate, quote_id, pricing_plan_id, pricing_plan_version, pricing_rule, pricing_quote_id, volume_month, batch_id, batch_row,
    created_at, updated_at, due_at
) values (
    @merchant_id, @id, @beneficiary_id, @instrument_id, @amount, @currency, @source_amount, @source_currency, @dest_amount,
    @dest_currency, @fee, @fee_bearer, @total_debited, @method, @rail, @description, @reference, @purpose, @metadata,
    sqlc.narg('on_behalf_of'), @estimated_arrival, sqlc.narg('exchange_rate'), sqlc.narg('mid_rate'), sqlc.narg('quote_id'),
    sqlc.narg('pricing_plan_id'), sqlc.narg('pricing_plan_version'), sqlc.narg('pricing_rule'), sqlc.narg('pricing_quote_id'),
    sqlc.narg('volume_month'), sqlc.narg('batch_id'), sqlc.narg('batch_row'), @at, @at, @due_at
);

-- name: PayoutGet :one
select * from payouts where merchant_id = @merchant_id and id = @id;

-- name: PayoutGetForUpdate :one
select * from payouts where merchant_id = @merchant_id and id = @id for update;

-- name: PayoutMove :exec
select payouts_move(@merchant_id, @at::timestamptz, @actor, @ids::text[], @seqs::integer[], @froms::text[], @tos::text[],
                    @reason_codes::text[], @reasons::text[], @event_ids::text[], @verdict_ids::text[], @due_at::text[]);

-- name: PayoutAccepted :exec
-- The rail took it: its reference, and when to ask what became of it.
update payouts set rail_reference = @rail_reference, due_at = sqlc.narg('due_at') where merchant_id = @merchant_id and id = @id;

-- name: PayoutPostpone :exec
update payouts set due_at = @due_at, attempt = attempt + 1 where merchant_id = @merchant_id and id = @id and seq = @seq;

-- name: PayoutsAskLater :exec
update payouts set due_at = @due_at, attempt = attempt + 1
where merchant_id = @merchant_id and id = any(@ids::text[]) and status in ('processing', 'sent') and due_at is not null;

-- name: PayoutSetDue :exec
update payouts set due_at = sqlc.narg('due_at') where merchant_id = @merchant_id and id = @id;

-- name: PayoutMerchantsDue :many
-- The merchants whose payouts wait for work, those that wait longest first.
select merchant_id from (
    select merchant_id, due_at from payouts where due_at <= @now::timestamptz order by due_at limit 1000
) due
group by merchant_id order by min(due_at);

-- name: PayoutsDue :many
select id, rail from payouts
where merchant_id = @merchant_id and due_at <= @now::timestamptz and status::text = any(@statuses::text[])
order by due_at, id
limit @row_limit;

-- name: PayoutsLock :many
select * from payouts where merchant_id = @merchant_id and id = any(@ids::text[]) order by id for update;

-- name: PayoutsDueLock :many
-- A slice of a merchant's due payouts in the statuses given. Two workers never get the same one.
select * from payouts
where merchant_id = @merchant_id and due_at <= @now::timestamptz and status::text = any(@statuses::text[])
order by due_at, id
limit @row_limit
for update skip locked;

-- name: PayoutList :many
select * from payouts
where merchant_id = @merchant_id
  and (sqlc.narg('status')::text is null or status = sqlc.narg('status')::text::payout_status)
  and (sqlc.narg('beneficiary_id')::text is null or beneficiary_id = sqlc.narg('beneficiary_id')::text)
  and (sqlc.narg('currency')::text is null or currency = sqlc.narg('currency')::text)
  and (sqlc.narg('reference')::text is null or reference = sqlc.narg('reference')::text)
  and (sqlc.narg('batch_id')::text is null or batch_id = sqlc.narg('batch_id')::text)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: PayoutTimeline :many
select seq, from_status, to_status, at, actor, reason_code, reason, event_id
from payout_transitions
where merchant_id = @merchant_id and payout_id = @payout_id
order by seq;

-- name: PayoutQueues :many
-- The payouts that wait, by state: how many, since when the longest is there, and the first time that work on one is due.
select status::text as status, count(*) as waiting, min(updated_at)::timestamptz as since, coalesce(min(due_at), @now::timestamptz)::timestamptz as due
from payouts where due_at is not null and status not in ('pending_screening', 'manual_review') group by status
union all
select status::text, count(*), min(updated_at)::timestamptz, coalesce(min(due_at), @now::timestamptz)::timestamptz
from payouts where status in ('pending_screening', 'manual_review') group by status;

-- name: PayoutsUnscreened :many
-- The payouts that wait for their screening since before the time given, the longest first, and how many there are in all.
select merchant_id, id, updated_at, count(*) over () as all_of_them
from payouts where status = 'pending_screening' and updated_at < @before::timestamptz
order by updated_at, id
limit @row_limit;

-- name: PayoutsResetForUpdate :many
-- The oldest payouts of a merchant that have not come to their end: those that can be cancelled, and those that the rail can complete.
select * from payouts
where merchant_id = @merchant_id
  and (status in ('created', 'pending_screening', 'pending_approval', 'manual_review')
       or (status in ('approved', 'processing', 'sent') and rail = @rail))
order by created_at, id
limit @row_limit
for update;
