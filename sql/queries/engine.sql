-- name: EngineParties :many
-- Whom the payouts concern, for screening.
select p.id as payout_id, m.name as merchant_name, m.country as merchant_country,
       b.type, b.first_name, b.middle_name, b.last_name, b.company_name, b.country, p.on_behalf_of
from payouts p
join merchants m on m.id = p.merchant_id
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
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
