-- name: EnginePlansOnce :exec
-- All that an evaluation asks is found by keys, so that one plan fits every call. Left alone PostgreSQL makes a new one for each of some
-- queries, because it takes an array of one key for cheaper than an array of unknown length, and planning costs more than running them.
select set_config('plan_cache_mode', 'force_generic_plan', true);

-- name: EngineParties :many
-- Whom the payouts concern, for screening.
select p.id as payout_id, m.name as merchant_name, m.country as merchant_country,
       b.id as beneficiary_id, b.type, b.first_name, b.middle_name, b.last_name, b.company_name, b.country, b.private_data,
       b.event_sequence, b.block_id, p.on_behalf_of
from payouts p
join merchants m on m.id = p.merchant_id
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
where p.merchant_id = @merchant_id and p.id = any(@payout_ids::text[]);


-- name: VerdictInsert :exec
insert into verdicts (merchant_id, id, payout_id, outcome, score, stages, inputs, lists, beneficiary_sequence, created_at)
values (@merchant_id, @id, @payout_id, @outcome, @score, @stages, @inputs, @lists, sqlc.narg('beneficiary_sequence'), @created_at);
