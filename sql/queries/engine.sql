-- name: EngineParties :many
-- Whom the payouts concern, for screening.
select p.id as payout_id, m.name as merchant_name, m.country as merchant_country,
       b.type, b.first_name, b.middle_name, b.last_name, b.company_name, b.country, p.on_behalf_of
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
       coalesce(last.median, 0)::numeric as median_amount, last.n as median_of
from payouts p
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
cross join lateral (
    select percentile_disc(0.5) within group (order by l.source_amount) as median, count(*) as n from (
        select o.source_amount from payouts o
        where o.merchant_id = p.merchant_id and o.source_currency = p.source_currency and o.sent_at is not null
        order by o.created_at desc limit 100
    ) l
) last
where p.merchant_id = @merchant_id and p.id = any(@payout_ids::text[]);

-- name: VelocityRules :many
select * from velocity_rules order by id;

-- name: VelocityUsageOpen :exec
insert into velocity_usage (merchant_id, rule_id, window_day)
select @merchant_id, unnest(@rule_ids::text[]), @window_day
on conflict do nothing;

-- name: VelocityUsageLock :many
-- In the order of the key, so that two evaluations cannot lock each other out.
select rule_id, used from velocity_usage
where merchant_id = @merchant_id and window_day = @window_day and rule_id = any(@rule_ids::text[])
order by rule_id
for update;

-- name: VelocityReserve :exec
-- Usage grows by what the payouts reserve of it, in one statement.
with reserved as (
    insert into velocity_reservations (merchant_id, payout_id, rule_id, window_day, amount)
    select @merchant_id, unnest(@payout_ids::text[]), unnest(@rule_ids::text[]), @window_day, unnest(@amounts::numeric[])
    returning rule_id, amount
)
update velocity_usage u set used = u.used + r.amount
from (select rule_id, sum(amount) as amount from reserved group by rule_id) r
where u.merchant_id = @merchant_id and u.window_day = @window_day and u.rule_id = r.rule_id;

-- name: VelocityRelease :exec
-- What the payouts had reserved goes back to the windows it was taken from.
with released as (
    update velocity_reservations set released_at = @released_at
    where merchant_id = @merchant_id and payout_id = any(@payout_ids::text[]) and released_at is null
    returning rule_id, window_day, amount
)
update velocity_usage u set used = u.used - r.amount
from (select rule_id, window_day, sum(amount) as amount from released group by rule_id, window_day) r
where u.merchant_id = @merchant_id and u.rule_id = r.rule_id and u.window_day = r.window_day;

-- name: VerdictInsert :exec
insert into verdicts (merchant_id, id, payout_id, outcome, score, stages, inputs, created_at)
values (@merchant_id, @id, @payout_id, @outcome, @score, @stages, @inputs, @created_at);
