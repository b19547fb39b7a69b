-- name: VelocityBookLock :one
-- The merchant's book, locked: whoever evaluates, gives back or changes rules waits here.
select * from velocity_books where merchant_id = @merchant_id for update;

-- name: VelocityBookOpen :exec
-- The book must exist before it can be locked. What was checked before it is no part of any bucket, which are filled from the checks.
insert into velocity_books (merchant_id, counted) values (@merchant_id, @counted) on conflict do nothing;

-- name: VelocityBookTurn :exec
-- The rules changed: what is remembered of them anywhere is old.
update velocity_books set revision = revision + 1, rules = rules + @added where merchant_id = @merchant_id;

-- name: VelocitySeries :one
select series from velocity_books where merchant_id = @merchant_id;

-- name: VelocitySeriesSet :exec
-- Which buckets are kept. What is remembered of them anywhere is old.
update velocity_books set series = @series, past = (random() * 9e18)::bigint where merchant_id = @merchant_id;

-- name: VelocityBookTouched :exec
-- Buckets of a moment change, though they were filled: what is remembered of them anywhere is old.
update velocity_books
set recent = (random() * 9e18)::bigint, past = case when @at::timestamptz < settled then (random() * 9e18)::bigint else past end
where merchant_id = @merchant_id;

-- name: VelocityBookList :many
select merchant_id from velocity_books where merchant_id > @after::text order by merchant_id limit @row_limit;

-- name: VelocityRulesInForce :many
-- The rules that the merchant's payouts are held to: the operator's and its own.
select v.* from velocity_rules r
join velocity_rule_versions v on v.merchant_id = r.merchant_id and v.rule_id = r.id and v.version = r.version
where r.merchant_id in ('', @merchant_id) and v.enabled;

-- name: VelocityRuleGet :one
select sqlc.embed(v), r.created_at as rule_created_at from velocity_rules r
join velocity_rule_versions v on v.merchant_id = r.merchant_id and v.rule_id = r.id and v.version = r.version
where r.merchant_id = @merchant_id and r.id = @id;

-- name: VelocityRuleList :many
select sqlc.embed(v), r.created_at as rule_created_at from velocity_rules r
join velocity_rule_versions v on v.merchant_id = r.merchant_id and v.rule_id = r.id and v.version = r.version
where r.merchant_id = @merchant_id
  and (sqlc.narg('type')::text is null or v.type = sqlc.narg('type')::text::velocity_type)
  and (sqlc.narg('enabled')::boolean is null or v.enabled = sqlc.narg('enabled')::boolean)
  and (sqlc.narg('created_after')::timestamptz is null or r.created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or r.created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (r.created_at, r.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by r.created_at desc, r.id desc
limit @row_limit;

-- name: VelocityRuleVersionInsert :exec
insert into velocity_rule_versions (
    merchant_id, rule_id, version, name, description, type, scope, window_type, window_seconds, window_zone, threshold, currency,
    countries, methods, currencies, beneficiary_types, action, mode, priority, enabled, actor, created_at
) values (
    @merchant_id, @rule_id, @version, @name, @description, @type, @scope, sqlc.narg('window_type'), sqlc.narg('window_seconds'),
    sqlc.narg('window_zone'), sqlc.narg('threshold'), sqlc.narg('currency'),
    @countries, @methods, @currencies, @beneficiary_types, @action, @mode, @priority, @enabled, @actor, @created_at
);

-- name: VelocityRuleInsert :exec
insert into velocity_rules (merchant_id, id, version, created_at) values (@merchant_id, @id, 1, @created_at);

-- name: VelocityRuleTurn :exec
update velocity_rules set version = @version where merchant_id = @merchant_id and id = @id;

-- name: VelocityHitsOfRules :many
-- How often rules were broken, all versions together. Only those of one merchant's payouts, or of all where none is named.
select rule_id, effect, sum(payouts)::bigint as payouts, max(last_at)::timestamptz as last_at
from velocity_hits
where rule_id = any(@rule_ids::text[]) and (@merchant_id::text = '' or merchant_id = @merchant_id::text)
group by rule_id, effect;

-- name: VelocityHitsAdd :exec
insert into velocity_hits as h (merchant_id, rule_id, version, effect, payouts, last_at)
select @merchant_id, unnest(@rule_ids::text[]), unnest(@versions::integer[]), unnest(@effects::text[]), unnest(@payouts::bigint[]), @at
on conflict (merchant_id, rule_id, version, effect) do update set payouts = h.payouts + excluded.payouts, last_at = excluded.last_at;

-- name: VelocityLook :many
-- The book, once for each of two sorts of rows: the payouts that are asked about (`fresh`: no payout to the beneficiary counts yet), and what
-- counts since a moment, or since the one of which on nothing is in buckets, the oldest 129 of it (`fresh`: it is the first to its beneficiary).
-- The book is locked already. The number is written out, because a plan for an unknown number might read the whole table.
select b.revision, o.revision as operator_revision, b.counted, b.settled, b.past, b.recent, l.*
from velocity_books b
join velocity_books o on o.merchant_id = ''
cross join lateral (
    select true as asked, p.id, p.created_at as at, p.source_amount as amount, p.source_currency as currency, p.beneficiary_id,
           y.type as beneficiary_type, encode(i.fingerprint, 'hex')::text as account, coalesce(nullif(i.country, ''), y.country)::text as country,
           p.method,
           not exists (
               select from velocity_checks c
               where c.merchant_id = p.merchant_id and c.beneficiary_id = p.beneficiary_id
                 and c.first_to_beneficiary and c.passed and c.released_at is null
           ) as fresh
    from payouts p
    join beneficiaries y on y.merchant_id = p.merchant_id and y.id = p.beneficiary_id
    join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
    where p.merchant_id = b.merchant_id and p.id = any(@payout_ids::text[])
    union all (
        select false, c.payout_id, c.at, c.amount, c.currency, c.beneficiary_id, c.beneficiary_type, c.account, c.country, c.method,
               c.first_to_beneficiary
        from velocity_checks c
        where c.merchant_id = b.merchant_id and c.at >= least(b.counted, @since::timestamptz) and c.passed and c.released_at is null
        order by c.at, c.place, c.payout_id limit 129
    )
) l
where b.merchant_id = @merchant_id;

-- name: VelocityUncounted :many
-- What counts but is in no bucket, from a place on.
select c.at, c.place, c.payout_id, c.amount, c.currency, c.beneficiary_id, c.beneficiary_type, c.account, c.country, c.method,
       c.first_to_beneficiary
from velocity_checks c
where c.merchant_id = @merchant_id and (c.at, c.place, c.payout_id) > (@at::timestamptz, @place::smallint, @payout_id::text)
  and c.passed and c.released_at is null
order by c.at, c.place, c.payout_id limit 1000;

-- name: VelocityUsed :many
-- The buckets of some parts. A part is the buckets of one length of one subject that begin in a time; it is given by its number. They are
-- added up by whoever asks: to sort and group so few rows costs more than to send them.
select w.number::integer as number, u.starts_at, u.currency, u.country, u.method, u.beneficiary_type, u.payouts, u.amount, u.new_beneficiaries
from (
    select unnest(@numbers::integer[]) as number, unnest(@scopes::text[])::velocity_scope as scope, unnest(@keys::text[]) as key,
           unnest(@steps::integer[]) as step, unnest(@froms::timestamptz[]) as starts, unnest(@untils::timestamptz[]) as ends
) w
join velocity_buckets u on u.merchant_id = @merchant_id and u.scope = w.scope and u.key = w.key and u.step = w.step
     and u.starts_at >= w.starts and u.starts_at < w.ends
where u.payouts > 0;

-- name: VelocityCheckInsert :exec
insert into velocity_checks (merchant_id, at, place, payout_id, passed, first_to_beneficiary, was_new, amount, currency,
                             beneficiary_id, beneficiary_type, account, country, method)
values (@merchant_id, @at, @place, @payout_id, @passed, @first_to_beneficiary, @was_new, @amount, @currency,
        @beneficiary_id, @beneficiary_type, @account, @country, @method);

-- name: VelocityBookCounted :exec
-- Checks of before the moment are in buckets from now on, and buckets that ended by another are settled.
update velocity_books set counted = @counted, settled = greatest(settled, @settled) where merchant_id = @merchant_id and counted < @counted;

-- name: VelocityCount :exec
-- Adds what was checked in a time, by all payouts or by some, to every bucket that is kept and complete.
insert into velocity_buckets as u (merchant_id, scope, key, step, starts_at, currency, country, method, beneficiary_type, payouts, amount, new_beneficiaries)
select c.merchant_id, s.scope, velocity_key(s.scope, c.beneficiary_id, c.account, c.country, c.method), s.step, velocity_bucket(s.step, c.at),
       c.currency, c.country, c.method, c.beneficiary_type, count(*), sum(c.amount), count(*) filter (where c.first_to_beneficiary)
from (
    select split_part(name, '/', 1)::velocity_scope as scope, split_part(name, '/', 2)::integer as step, since::timestamptz as since
    from velocity_books b cross join lateral jsonb_each_text(b.series) kept(name, since)
    where b.merchant_id = @merchant_id
) s
join velocity_checks c on c.merchant_id = @merchant_id and c.at >= @since::timestamptz and c.at < @until::timestamptz
     and c.passed and c.released_at is null and velocity_bucket(s.step, c.at) >= s.since
where sqlc.narg('payout_ids')::text[] is null or c.payout_id = any(sqlc.narg('payout_ids')::text[])
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
on conflict (merchant_id, scope, key, step, starts_at, currency, country, method, beneficiary_type) do update
set payouts = u.payouts + excluded.payouts, amount = u.amount + excluded.amount,
    new_beneficiaries = u.new_beneficiaries + excluded.new_beneficiaries;

-- name: VelocityBucketsClear :exec
-- Makes room for a series that is to be added up anew: what is there of it is of a time when it was kept before.
delete from velocity_buckets
where merchant_id = @merchant_id and scope = @scope and step = @step and starts_at < @until::timestamptz;

-- name: VelocityBucketsFill :exec
-- Adds up a series from what was checked between two moments, both of which begin buckets, as far as it is in buckets at all.
insert into velocity_buckets (merchant_id, scope, key, step, starts_at, currency, country, method, beneficiary_type, payouts, amount, new_beneficiaries)
select c.merchant_id, @scope::velocity_scope, velocity_key(@scope::velocity_scope, c.beneficiary_id, c.account, c.country, c.method),
       @step::integer, velocity_bucket(@step::integer, c.at), c.currency, c.country, c.method, c.beneficiary_type,
       count(*), sum(c.amount), count(*) filter (where c.first_to_beneficiary)
from velocity_checks c
where c.merchant_id = @merchant_id and c.at >= @since::timestamptz and c.passed and c.released_at is null
  and c.at < least(@until::timestamptz, (select b.counted from velocity_books b where b.merchant_id = @merchant_id))
group by 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: VelocityBucketsPrune :execrows
-- Drops buckets that no window reaches any more, as many as are asked for.
delete from velocity_buckets u
where u.merchant_id = @merchant_id and (u.scope, u.key, u.step, u.starts_at, u.currency, u.country, u.method, u.beneficiary_type) in (
    select o.scope, o.key, o.step, o.starts_at, o.currency, o.country, o.method, o.beneficiary_type from velocity_buckets o
    where o.merchant_id = @merchant_id and o.step = @step and o.starts_at < @before::timestamptz
    order by o.starts_at limit @row_limit
);

-- name: VelocityWait :exec
-- Whoever gives back waits for those who evaluate, and they for each other.
select from velocity_books where merchant_id = @merchant_id for update;

-- name: VelocityRelease :exec
-- What the payouts counted is taken out of the buckets it was counted in. Where one of them was the first to its beneficiary, the oldest
-- of those that still count is the first from now on. What is in no bucket yet, and buckets that are not kept or not complete, are left
-- alone. Where others change, the book says so.
with released as (
    update velocity_checks set released_at = @released_at
    where merchant_id = @merchant_id and payout_id = any(@payout_ids::text[]) and passed and released_at is null
    returning merchant_id, at, place, payout_id, beneficiary_id, beneficiary_type, account, country, method, currency, amount, first_to_beneficiary
), heirs as (
    update velocity_checks c set first_to_beneficiary = true
    from (select distinct r.beneficiary_id from released r where r.first_to_beneficiary) orphaned
    cross join lateral (
        select o.at, o.place, o.payout_id
        from payouts p
        join velocity_checks o on o.merchant_id = p.merchant_id and o.payout_id = p.id and o.passed and o.released_at is null
        where p.merchant_id = @merchant_id and p.beneficiary_id = orphaned.beneficiary_id and not p.id = any(@payout_ids::text[])
        order by p.created_at, p.id limit 1
    ) oldest
    where c.merchant_id = @merchant_id and c.at = oldest.at and c.place = oldest.place and c.payout_id = oldest.payout_id
    returning c.at, c.beneficiary_id, c.beneficiary_type, c.account, c.country, c.method, c.currency
), changed as (
    select at, beneficiary_id, beneficiary_type, account, country, method, currency, -1 as payouts, -amount as amount,
           case when first_to_beneficiary then -1 else 0 end as news from released
    union all
    select at, beneficiary_id, beneficiary_type, account, country, method, currency, 0, 0, 1 from heirs
), turned as (
    update velocity_books b
    set recent = (random() * 9e18)::bigint, past = case when c.oldest < b.settled then (random() * 9e18)::bigint else b.past end
    from (select min(at) as oldest from changed) c
    where b.merchant_id = @merchant_id and c.oldest < b.counted
), shares as (
    select s.scope, velocity_key(s.scope, c.beneficiary_id, c.account, c.country, c.method) as key, t.step, velocity_bucket(t.step, c.at) as starts_at,
           c.currency, c.country, c.method, c.beneficiary_type, sum(c.payouts) as payouts, sum(c.amount) as amount, sum(c.news) as news
    from changed c
    cross join (select unnest(enum_range(null::velocity_scope)) as scope) s
    cross join (select unnest(array[1, 60, 900, 86400]) as step) t
    join velocity_books b on b.merchant_id = @merchant_id and c.at < b.counted
         and (b.series ->> (s.scope || '/' || t.step))::timestamptz <= velocity_bucket(t.step, c.at)
    group by 1, 2, 3, 4, 5, 6, 7, 8
)
update velocity_buckets u
set payouts = u.payouts + s.payouts, amount = u.amount + s.amount, new_beneficiaries = u.new_beneficiaries + s.news
from shares s
where u.merchant_id = @merchant_id and u.scope = s.scope and u.key = s.key and u.step = s.step and u.starts_at = s.starts_at
  and u.currency = s.currency and u.country = s.country and u.method = s.method and u.beneficiary_type = s.beneficiary_type;

-- name: VelocityChecks :many
-- What velocity looked at in a time, in order, with what the payouts are now: what a draft rule is replayed over.
select sqlc.embed(c), p.status
from velocity_checks c join payouts p on p.merchant_id = c.merchant_id and p.id = c.payout_id
where c.merchant_id = @merchant_id and c.at >= @since::timestamptz and c.at < @until::timestamptz
order by c.at, c.place, c.payout_id
limit @row_limit;

-- name: VelocityChecksCount :one
select count(*)::integer from (
    select from velocity_checks c
    where c.merchant_id = @merchant_id and c.at >= @since::timestamptz and c.at < @until::timestamptz limit @row_limit
) counted;

-- name: ReferenceRates :many
-- The mid rates between currencies that were known at a moment, and those that became known until another.
select base, quote, as_of, rate from reference_rates r
where base = any(@currencies::text[]) and quote = any(@currencies::text[]) and as_of <= @until::timestamptz
  and as_of >= coalesce((
      select max(o.as_of) from reference_rates o where o.base = r.base and o.quote = r.quote and o.as_of <= @since::timestamptz
  ), '-infinity')
order by as_of;

-- name: PayoutLimit :exec
-- Which limit stopped a payout, for the merchant to read.
update payouts set velocity_rule_id = sqlc.narg('rule_id'), velocity_resets_at = sqlc.narg('resets_at')
where merchant_id = @merchant_id and id = @id;
