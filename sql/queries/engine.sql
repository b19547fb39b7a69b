-- name: EngineParties :many
-- Whom the payouts concern, for screening.
select p.id as payout_id, m.name as merchant_name, m.country as merchant_country,
       b.id as beneficiary_id, b.type, b.first_name, b.middle_name, b.last_name, b.company_name, b.country, b.private_data, p.on_behalf_of
from payouts p
join merchants m on m.id = p.merchant_id
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
where p.merchant_id = @merchant_id and p.id = any(@payout_ids::text[]);

-- name: EngineRiskFacts :many
-- What the merchant's own history says about the payouts. Amounts are compared within one currency; the median is over the last 100
-- payouts that left, and counts stop at a hundred: more would change no score, and counting it would cost ever more.
select p.id as payout_id,
       (extract(epoch from @now::timestamptz) - extract(epoch from b.created_at))::bigint as beneficiary_age_seconds,
       (select count(*) from (
           select from payouts o
           where o.merchant_id = p.merchant_id and o.beneficiary_id = p.beneficiary_id and o.status = 'completed' limit 100
        ) completed)::bigint as completed_before,
       (select count(*) from (
           select from payouts o
           where o.merchant_id = p.merchant_id and o.beneficiary_id = p.beneficiary_id and o.status = 'returned' limit 100
        ) returned)::bigint as returned_before,
       (select count(*) from (
           select from payouts o
           where o.merchant_id = p.merchant_id and o.created_at > @minute_ago::timestamptz limit 1000
        ) recent)::bigint as created_last_minute,
       coalesce((select percentile_disc(0.5) within group (order by last.source_amount) from (
           select o.source_amount from payouts o
           where o.merchant_id = p.merchant_id and o.source_currency = p.source_currency and o.sent_at is not null
           order by o.created_at desc limit 100
        ) last), 0)::numeric as median_amount
from payouts p
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
where p.merchant_id = @merchant_id and p.id = any(@payout_ids::text[]);

-- name: VerdictInsert :exec
insert into verdicts (merchant_id, id, payout_id, outcome, score, stages, inputs, created_at)
values (@merchant_id, @id, @payout_id, @outcome, @score, @stages, @inputs, @created_at);
