-- name: PricingPlanInsert :exec
insert into pricing_plans (id, created_by, created_at) values (@id, @created_by, @created_at);

-- name: PricingVersionWrite :exec
-- Of two who write the next version at once one breaks pricing_version_is_written_once, and writes the one after it when it is run again.
select pricing_version_write(@plan_id, @version, @name, @created_by, @created_at::timestamptz, @sources::text[], @dests::text[],
                             @countries::text[], @methods::text[], @fixed_fees::numeric[], @bps::integer[], @min_fees::text[],
                             @max_fees::text[], @tier_rules::integer[], @tier_volumes::numeric[], @tier_fixed_fees::numeric[],
                             @tier_bps::integer[]);

-- name: PricingPlanGet :one
-- A plan in a version, the newest where none is named.
select * from pricing_plan_versions
where plan_id = @plan_id and (sqlc.narg('version')::integer is null or version = sqlc.narg('version')::integer)
order by version desc limit 1;

-- name: PricingPlanList :many
-- The plans in their newest versions, newest plan first.
select sqlc.embed(v), p.created_at as plan_created_at from pricing_plans p
join pricing_plan_versions v on v.plan_id = p.id and v.version = (select max(n.version) from pricing_plan_versions n where n.plan_id = p.id)
where sqlc.narg('before_at')::timestamptz is null or (p.created_at, p.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text)
order by p.created_at desc, p.id desc
limit @row_limit;

-- name: PricingRulesOf :many
-- The rules of plans, each in one version.
select r.* from pricing_rules r
join (select unnest(@plan_ids::text[]) as plan_id, unnest(@versions::integer[]) as version) w on w.plan_id = r.plan_id and w.version = r.plan_version
order by r.plan_id, r.number;

-- name: PricingTiersOf :many
select t.* from pricing_tiers t
join (select unnest(@plan_ids::text[]) as plan_id, unnest(@versions::integer[]) as version) w on w.plan_id = t.plan_id and w.version = t.plan_version
order by t.plan_id, t.rule_number, t.min_volume;

-- name: MerchantPricingGet :one
-- The plan that a merchant is on, or else the default one, in its newest version.
select sqlc.embed(v), (not exists (select from merchant_pricing m where m.merchant_id = @merchant_id))::boolean as is_default
from pricing_plan_versions v
where v.plan_id = coalesce((select m.plan_id from merchant_pricing m where m.merchant_id = @merchant_id), (select d.plan_id from pricing_default d))
order by v.version desc limit 1;

-- name: MerchantPricingAssigned :one
-- The plan that a merchant was put on; empty where it was put on none.
select coalesce((select plan_id from merchant_pricing where merchant_id = @merchant_id), '')::text as plan_id;

-- name: MerchantPricingSet :exec
insert into merchant_pricing (merchant_id, plan_id, assigned_by, assigned_at) values (@merchant_id, @plan_id, @assigned_by, @assigned_at)
on conflict (merchant_id) do update set plan_id = excluded.plan_id, assigned_by = excluded.assigned_by, assigned_at = excluded.assigned_at;

-- name: MerchantPricingClear :exec
delete from merchant_pricing where merchant_id = @merchant_id;

-- name: PricingDefaultGet :one
select * from pricing_default;

-- name: PricingDefaultSet :exec
insert into pricing_default (plan_id, set_by, set_at) values (@plan_id, @set_by, @set_at)
on conflict (only_row) do update set plan_id = excluded.plan_id, set_by = excluded.set_by, set_at = excluded.set_at;

-- name: PricingDefaultClear :exec
delete from pricing_default;

-- name: PricingVolumes :many
select * from pricing_volumes where merchant_id = @merchant_id and month = @month order by currency;

-- name: PricingVolumeAdd :exec
-- Counts what was sent.
insert into pricing_volumes as v (merchant_id, month, currency, volume)
select @merchant_id, a.month, a.currency, a.volume
from (select unnest(@months::date[]) as month, unnest(@currencies::text[]) as currency, unnest(@volumes::numeric[]) as volume) a
on conflict (merchant_id, month, currency) do update set volume = v.volume + excluded.volume;

-- name: PricingVolumeTakeBack :exec
-- What was counted of payouts whose money was given back.
update pricing_volumes v set volume = v.volume - b.volume
from (select unnest(@months::date[]) as month, unnest(@currencies::text[]) as currency, unnest(@volumes::numeric[]) as volume) b
where v.merchant_id = @merchant_id and v.month = b.month and v.currency = b.currency;

-- name: PricingQuoteInsert :exec
insert into pricing_quotes (merchant_id, id, amount, fixed_side, source_currency, dest_currency, country, method, source_amount, fee,
                            plan_id, plan_version, rule_number, counts_volume, created_at, expires_at)
values (@merchant_id, @id, @amount, @fixed_side, @source_currency, @dest_currency, @country, @method, @source_amount, @fee,
        sqlc.narg('plan_id'), sqlc.narg('plan_version'), sqlc.narg('rule_number'), @counts_volume, @created_at, @expires_at);

-- name: PricingQuotesGet :many
-- Quotes of fees, with what used them.
select sqlc.embed(q), u.payout_id from pricing_quotes q
left join pricing_quote_uses u on u.merchant_id = q.merchant_id and u.quote_id = q.id
where q.merchant_id = @merchant_id and q.id = any(@ids::text[]);

-- name: PricingQuoteUse :exec
-- Whoever uses a quote second breaks pricing_quote_is_used_once, and reads who was first when it is run again.
insert into pricing_quote_uses (merchant_id, quote_id, expires_at, payout_id, used_at)
values (@merchant_id, @quote_id, @expires_at, @payout_id, @used_at);
