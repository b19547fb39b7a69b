-- What the risk stage compares a payout with: the merchant's own habits, counted where payouts are judged, and what all merchants'
-- payouts say of an account, a bank and a country, folded by a job some minutes later.

-- +goose Up

-- How far the operator trusts a merchant; it says from which score a person decides.
create type merchant_tier as enum ('low', 'standard', 'elevated', 'high');
alter table merchants add column tier merchant_tier not null default 'standard';

alter table beneficiaries add column renamed_at timestamptz;
grant update (renamed_at) on beneficiaries to anton_app;

-- A keyed hash of the bank alone; null for accounts from before it.
alter table instruments add column bank_fingerprint bytea constraint bank_fingerprint_is_a_fingerprint check (length(bank_fingerprint) = 32);

-- ------------------------------------------------------------------------------------------------------- a merchant's own habits

-- Amounts of payouts that were judged clear, a histogram a month: bucket b holds what is above 1.1^(b-1) and not above 1.1^b.
create table risk_amounts (
    merchant_id text not null,
    currency    text not null,
    month       date not null,
    bucket      integer not null,
    n           bigint not null constraint count_is_positive check (n > 0),

    primary key (merchant_id, currency, month, bucket)
);

-- How many payouts were judged in each hour of the clock.
create table risk_hours (
    merchant_id text not null,
    hour        timestamptz not null,
    n           bigint not null constraint count_is_positive check (n > 0),

    primary key (merchant_id, hour)
);

-- How many payouts to each country were judged clear.
create table risk_countries (
    merchant_id text not null,
    country     text not null,
    n           bigint not null constraint count_is_positive check (n > 0),

    primary key (merchant_id, country)
);

-- What was judged before there were counters: a merchant's habits do not begin today.
insert into risk_amounts (merchant_id, currency, month, bucket, n)
select p.merchant_id, p.source_currency, date_trunc('month', v.created_at at time zone 'UTC')::date, ceil(ln(p.source_amount::float8) / ln(1.1::float8))::integer, count(*)
from verdicts v join payouts p on p.merchant_id = v.merchant_id and p.id = v.payout_id
where v.outcome = 'clear' and v.created_at > now() - interval '4 months'
group by 1, 2, 3, 4;
insert into risk_hours (merchant_id, hour, n)
select merchant_id, date_trunc('hour', created_at, 'UTC'), count(*) from verdicts where created_at > now() - interval '29 days' group by 1, 2;
insert into risk_countries (merchant_id, country, n)
select p.merchant_id, i.country, count(*)
from verdicts v
join payouts p on p.merchant_id = v.merchant_id and p.id = v.payout_id
join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
where v.outcome = 'clear'
group by 1, 2;

create index payouts_by_reference on payouts (merchant_id, reference, created_at desc) where reference <> '';
-- Returns are few; without it they would be looked for among all payouts to a beneficiary.
create index payouts_returned on payouts (merchant_id, beneficiary_id) where status = 'returned';
create index deposits_newest_first on ledger_transactions (merchant_id, currency, created_at desc) where type = 'deposit';

-- ------------------------------------------------------------------------------------------------------- what all merchants know

-- What each merchant's payouts say of an account. The account leads the key, because the question is what others say of it
-- (exemption from merchant-led keys); only sums over several merchants leave this table.
create table risk_account_merchants (
    fingerprint      bytea not null constraint account_is_a_fingerprint check (length(fingerprint) = 32),
    merchant_id      text not null,
    completed        bigint not null default 0,
    returned         bigint not null default 0 constraint count_is_not_negative check (returned >= 0 and completed >= 0),
    blocked          boolean not null default false,
    -- When the first payout to the account settled or came back.
    first_ended_at timestamptz,
    -- Keyed hashes of the names that the merchant gave for the account, folded as for screening; the first ten.
    names            bytea[] not null default '{}' constraint names_are_ten_at_most check (cardinality(names) <= 10),

    primary key (fingerprint, merchant_id)
);

create type risk_counterparty_kind as enum ('bank', 'country');

-- How payouts to a bank (its keyed hash) or a country (its two letters) ended, by month, over all merchants (exemption from
-- merchant-led keys: no merchant is in it).
create table risk_counterparties (
    kind     risk_counterparty_kind not null,
    key      bytea not null,
    month    date not null,
    ended    bigint not null default 0,
    returned bigint not null default 0 constraint returned_ended_before check (returned between 0 and ended),

    primary key (kind, key, month)
);

-- Up to which event each merchant is folded. The row is the lock that keeps two servers from folding the same events.
create table risk_folds (
    merchant_id text primary key references merchants,
    folded_at   timestamptz not null default 'epoch',
    event_id    text not null default ''
);

-- What the fold reads, and no other event.
create index events_to_fold on events (merchant_id, created_at, id)
    where type in ('payout.completed', 'payout.returned', 'payout.late_return', 'beneficiary.blocked');

grant select on risk_amounts, risk_hours, risk_countries, risk_account_merchants, risk_counterparties, risk_folds to anton_app;
grant insert, update (n) on risk_amounts, risk_hours, risk_countries to anton_app;
grant insert, update (completed, returned, blocked, first_ended_at, names) on risk_account_merchants to anton_app;
grant insert, update (ended, returned) on risk_counterparties to anton_app;
grant insert, update (folded_at, event_id) on risk_folds to anton_app;
-- What is too old to be looked at.
grant delete on risk_amounts, risk_hours, risk_counterparties to anton_app;

-- +goose Down
drop index events_to_fold;
drop table risk_folds;
drop table risk_counterparties;
drop type risk_counterparty_kind;
drop table risk_account_merchants;
drop index deposits_newest_first;
drop index payouts_returned;
drop index payouts_by_reference;
drop table risk_countries;
drop table risk_hours;
drop table risk_amounts;
alter table instruments drop column bank_fingerprint;
alter table beneficiaries drop column renamed_at;
alter table merchants drop column tier;
drop type merchant_tier;
