-- name: RiskMerchant :one
-- The merchant's tier, and how many payouts were judged in the hours of the last 28 days; at_this_hour is from an hour before to an hour
-- after this hour of the day.
select m.tier, h.judged, h.at_this_hour, h.hours, h.median, h.high, h.this_hour, h.hour_before
from merchants m
cross join (select @this_hour::timestamptz as hour) t
cross join lateral (
    select coalesce(sum(n), 0)::bigint as judged,
           coalesce(sum(n) filter (
               where mod(extract(hour from r.hour at time zone 'UTC')::integer - extract(hour from t.hour at time zone 'UTC')::integer + 25, 24) <= 2
           ), 0)::bigint as at_this_hour,
           (count(*) filter (where r.hour < t.hour))::bigint as hours,
           coalesce(percentile_disc(0.5) within group (order by n) filter (where r.hour < t.hour), 0)::bigint as median,
           coalesce(percentile_disc(0.95) within group (order by n) filter (where r.hour < t.hour), 0)::bigint as high,
           coalesce(sum(n) filter (where r.hour = t.hour), 0)::bigint as this_hour,
           coalesce(sum(n) filter (where r.hour = t.hour - interval '1 hour'), 0)::bigint as hour_before
    from risk_hours r
    where r.merchant_id = m.id and r.hour between t.hour - interval '28 days' and t.hour
) h
where m.id = @merchant_id;

-- name: RiskAmounts :many
-- The histograms of the amounts, month by month.
select currency, month, bucket, n from risk_amounts
where merchant_id = @merchant_id and currency = any(@currencies::text[]) and month >= @since;

-- name: RiskPayouts :many
-- What is known of each payout, its beneficiary and its account. Spans are seconds before now, -1 for what never happened. Whatever a
-- merchant can make many of is counted over the newest few, so that no history is ever too long: 200 payouts to the beneficiary, 100
-- of one reference. A payout that came to nothing may be tried again and is no like of another.
-- A change is one that a payment came before; the account that a beneficiary began with is none. Of other merchants, those speak for or
-- against an account that the platform knows for 90 days and that paid it 14 days ago; compliance's blocks count whosever they were.
select p.id as payout_id, i.country, b.first_name, b.middle_name, b.last_name, b.company_name,
       floor(extract(epoch from t.now) - extract(epoch from b.created_at))::bigint as age,
       least(recent.completed, 100)::bigint as completed,
       (select count(*) from (
           select from payouts o
           where o.merchant_id = p.merchant_id and o.beneficiary_id = p.beneficiary_id and o.status = 'returned' limit 100
        ) r)::bigint as returned,
       coalesce(floor(extract(epoch from t.now) - extract(epoch from recent.paid_at)), -1)::bigint as last_paid,
       coalesce(floor(extract(epoch from t.now) - extract(epoch from changed.at)), -1)::bigint as details_changed,
       (case when b.renamed_at is not null or i.created_at > b.created_at then exists (
           select from (
               select o.id from payouts o
               where o.merchant_id = p.merchant_id and o.beneficiary_id = p.beneficiary_id and o.created_at < greatest(b.renamed_at, i.created_at)
               order by o.created_at desc limit 200
           ) o
           join verdicts v on v.merchant_id = p.merchant_id and v.payout_id = o.id
           where v.outcome in ('screening_hit', 'review') and v.created_at < greatest(b.renamed_at, i.created_at)
             and v.created_at > greatest(b.renamed_at, i.created_at) - interval '30 days'
        ) else false end)::bool as changed_after_hit,
       recent.same::bigint as same_payout,
       (select count(*) from (
           select o.status from payouts o
           where o.merchant_id = p.merchant_id and o.reference = p.reference and o.reference <> ''
             and o.created_at between t.now - interval '30 days' and p.created_at
             and (o.created_at < p.created_at or o.id < p.id)
           order by o.created_at desc limit 100
        ) o
        where o.status not in ('failed', 'returned', 'cancelled', 'velocity_blocked', 'screening_failed'))::bigint as same_reference,
       coalesce((select c.n from risk_countries c where c.merchant_id = p.merchant_id and c.country = i.country), 0)::bigint as to_country,
       coalesce((select sum(d.available_delta) from (
           select x.available_delta from ledger_transactions x
           where x.merchant_id = p.merchant_id and x.currency = p.source_currency and x.type = 'deposit'
             and x.created_at > t.now - interval '24 hours'
           order by x.created_at desc limit 1000
        ) d), 0)::float8 as deposited,
       coalesce((
           select l.available from balances l where l.merchant_id = p.merchant_id and l.currency = p.source_currency
        ), 0)::float8 as left_behind,
       coalesce((
           select floor(extract(epoch from t.now) - extract(epoch from k.created_at))
           from audit_log a join api_keys k on k.merchant_id = a.merchant_id and k.id = a.actor
           where a.merchant_id = p.merchant_id and a.object_id = p.id and a.action = 'payout.create' limit 1
        ), -1)::bigint as key_age,
       elsewhere.merchants, elsewhere.completed as completed_elsewhere, elsewhere.returned as returned_elsewhere, elsewhere.blocked,
       elsewhere.names::bytea[] as names,
       bank.ended as bank_ended, bank.returned as bank_returned, country.ended as country_ended, country.returned as country_returned
from payouts p
cross join (select @now::timestamptz as now) t
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
cross join lateral (
    select count(*) filter (where o.status = 'completed') as completed, max(o.sent_at) as paid_at,
           count(*) filter (
               where o.reference = p.reference and o.reference <> '' and o.source_amount = p.source_amount
                 and o.source_currency = p.source_currency and o.created_at > t.now - interval '7 days'
                 and o.status not in ('failed', 'returned', 'cancelled', 'velocity_blocked', 'screening_failed')
           ) as same
    from (
        select o.status, o.sent_at, o.reference, o.source_amount, o.source_currency, o.created_at from payouts o
        where o.merchant_id = p.merchant_id and o.beneficiary_id = p.beneficiary_id and o.created_at <= p.created_at
          and (o.created_at < p.created_at or o.id < p.id)
        order by o.created_at desc limit 200
    ) o
) recent
cross join lateral (
    select max(c.at) as at
    from (values (b.renamed_at), (case when i.created_at > b.created_at then i.created_at end)) c(at)
    where c.at is not null and exists (
        select from (
            select o.sent_at from payouts o
            where o.merchant_id = p.merchant_id and o.beneficiary_id = p.beneficiary_id and o.created_at < c.at
            order by o.created_at desc limit 200
        ) o where o.sent_at < c.at
    )
) changed
cross join lateral (
    select (count(*) filter (where a.known))::bigint as merchants,
           coalesce(sum(a.completed) filter (where a.known), 0)::bigint as completed,
           coalesce(sum(a.returned) filter (where a.known), 0)::bigint as returned,
           (count(*) filter (where a.blocked))::bigint as blocked,
           array(
               select distinct n.name from risk_account_merchants r join merchants m on m.id = r.merchant_id
               cross join unnest(r.names) n(name)
               where r.fingerprint = i.fingerprint and r.merchant_id <> p.merchant_id
                 and m.created_at <= t.now - interval '90 days' and r.first_ended_at <= t.now - interval '14 days'
               limit 20
           ) as names
    from (
        select r.completed, r.returned, r.blocked,
               m.created_at <= t.now - interval '90 days' and r.first_ended_at <= t.now - interval '14 days' as known
        from risk_account_merchants r join merchants m on m.id = r.merchant_id
        where r.fingerprint = i.fingerprint and r.merchant_id <> p.merchant_id
        limit 1000
    ) a
) elsewhere
cross join lateral (
    select coalesce(sum(c.ended), 0)::bigint as ended, coalesce(sum(c.returned), 0)::bigint as returned
    from risk_counterparties c
    where c.kind = 'bank' and c.key = i.bank_fingerprint and c.month > (t.now - interval '180 days')::date
) bank
cross join lateral (
    select coalesce(sum(c.ended), 0)::bigint as ended, coalesce(sum(c.returned), 0)::bigint as returned
    from risk_counterparties c
    where c.kind = 'country' and c.key = convert_to(i.country, 'UTF8') and c.month > (t.now - interval '180 days')::date
) country
where p.merchant_id = @merchant_id and p.id = any(@payout_ids::text[]);

-- name: RiskHourAdd :exec
insert into risk_hours (merchant_id, hour, n) values (@merchant_id, @hour, @n)
on conflict (merchant_id, hour) do update set n = risk_hours.n + excluded.n;

-- name: RiskCleared :exec
-- Payouts that were judged clear, by bucket and by country. No row comes twice; both come in the order of their keys.
with amounts as (
    insert into risk_amounts (merchant_id, currency, month, bucket, n)
    select @merchant_id, a.currency, @month, a.bucket, count(*)
    from (select unnest(@currencies::text[]) as currency, unnest(@buckets::integer[]) as bucket) a
    group by a.currency, a.bucket order by a.currency, a.bucket
    on conflict (merchant_id, currency, month, bucket) do update set n = risk_amounts.n + excluded.n
)
insert into risk_countries (merchant_id, country, n)
select @merchant_id, c.country, count(*) from (select unnest(@countries::text[]) as country) c group by c.country order by c.country
on conflict (merchant_id, country) do update set n = risk_countries.n + excluded.n;

-- name: RiskFoldMerchants :many
-- Merchants whose feeds go further than they are folded.
select d.merchant_id from event_feeds d left join risk_folds f on f.merchant_id = d.merchant_id
where d.merchant_id > @after and d.last_position > coalesce(f.position, 0)
order by d.merchant_id
limit @row_limit;

-- name: RiskFoldOpen :exec
insert into risk_folds (merchant_id) values (@merchant_id) on conflict do nothing;

-- name: RiskFoldLock :one
-- Nothing when another server folds the merchant.
select f.position, d.last_position from risk_folds f join event_feeds d on d.merchant_id = f.merchant_id
where f.merchant_id = @merchant_id for update of f skip locked;

-- name: RiskFoldEvents :many
-- The events in some places of the feed, each with the account it is about; a beneficiary's with all its accounts. Those that were folded by
-- their time, as it was done before, are left out.
select e.id, e.created_at, e.type, i.fingerprint, i.bank_fingerprint, i.country, b.first_name, b.middle_name, b.last_name, b.company_name
from (select generate_series(@first_position::bigint, @last_position::bigint) as position) g
join risk_folds f on f.merchant_id = @merchant_id
join event_positions n on n.merchant_id = f.merchant_id and n.position = g.position
join events e on e.merchant_id = n.merchant_id and e.id = n.event_id
     and e.type in ('payout.completed', 'payout.returned', 'payout.late_return', 'beneficiary.blocked')
     and (n.position > f.timed_position or (e.created_at, e.id) > (f.timed_at, f.timed_event))
left join payouts p on p.merchant_id = f.merchant_id and p.id = e.object_id
left join beneficiaries b on b.merchant_id = f.merchant_id and b.id = coalesce(p.beneficiary_id, e.object_id)
left join instruments i on i.merchant_id = f.merchant_id and i.beneficiary_id = b.id and i.id = coalesce(p.instrument_id, i.id)
order by n.position;

-- name: RiskAccountOpen :exec
insert into risk_account_merchants (fingerprint, merchant_id) values (@fingerprint, @merchant_id) on conflict do nothing;

-- name: RiskAccountAdd :exec
update risk_account_merchants
set completed = completed + @completed, returned = returned + @returned, blocked = blocked or @blocked::bool,
    first_ended_at = least(first_ended_at, sqlc.narg('ended_at')::timestamptz),
    names = array(select u.name from unnest(names || @names::bytea[]) with ordinality u(name, place) group by u.name order by min(u.place) limit 10)
where fingerprint = @fingerprint and merchant_id = @merchant_id;

-- name: RiskCounterpartyAdd :exec
insert into risk_counterparties (kind, key, month, ended, returned) values (@kind, @key, @month, @ended, @returned)
on conflict (kind, key, month) do update
set ended = risk_counterparties.ended + excluded.ended, returned = risk_counterparties.returned + excluded.returned;

-- name: RiskFolded :exec
update risk_folds set position = @position where merchant_id = @merchant_id;

-- name: RiskHoursPrune :execrows
delete from risk_hours
where ctid in (select h.ctid from risk_hours h where h.merchant_id = @merchant_id and h.hour < @before limit @row_limit);

-- name: RiskAmountsPrune :execrows
delete from risk_amounts
where ctid in (select a.ctid from risk_amounts a where a.merchant_id = @merchant_id and a.month < @before limit @row_limit);

-- name: RiskCounterpartiesPrune :execrows
delete from risk_counterparties
where ctid in (select c.ctid from risk_counterparties c where c.month < @before limit @row_limit);

-- name: RiskBelowCap :many
-- How many other payouts of the last day, of the newest thousand, were as closely below the caps.
select c.payout_id::text as payout_id, (
    select count(*) from (
        select o.id, o.source_amount, o.source_currency from payouts o
        where o.merchant_id = @merchant_id and o.created_at > @since
        order by o.created_at desc limit 1000
    ) o
    where o.id <> c.payout_id and o.source_currency = c.currency and o.source_amount::float8 <= c.cap and o.source_amount::float8 > 0.95 * c.cap
) as before
from (select unnest(@payout_ids::text[]) as payout_id, unnest(@currencies::text[]) as currency, unnest(@caps::float8[]) as cap) c;

-- name: RiskVerdictsOfPayout :many
-- Whose payout it is need not be known: a merchant has at most one look at its index.
select v.merchant_id, v.id, v.payout_id, v.outcome, v.stages, v.inputs, v.created_at
from merchants m join verdicts v on v.merchant_id = m.id
where v.payout_id = @payout_id
order by v.created_at, v.id;

-- name: RiskVerdictCount :one
select count(*) from verdicts
where (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and created_at >= @since and created_at < @until;

-- name: RiskVerdicts :many
select merchant_id, id, payout_id, outcome, stages, inputs, created_at from verdicts
where (merchant_id, id) > (@after_merchant::text, @after_id::text)
  and (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and created_at >= @since and created_at < @until
order by merchant_id, id
limit @row_limit;
