-- Velocity rules of merchants and of the operator, with every version they had; what payouts count, apart from the rules; entitlements.
--
-- What is counted does not depend on which rules there are. velocity_checks has every payout that velocity looked at, with what rules may
-- ask about it. velocity_usage adds up those that passed, in buckets of several lengths, for every subject that some rule asks about. A
-- rule is a question to the buckets, so changing one changes nothing that was counted.

-- +goose Up

create type velocity_type as enum (
    'max_amount_per_payout', 'amount_per_window', 'count_per_window', 'new_beneficiaries_per_window', 'blocked_country', 'allowed_countries'
);
create type velocity_scope as enum ('merchant', 'beneficiary', 'instrument', 'country', 'method');
create type velocity_window as enum ('rolling', 'calendar_day', 'calendar_month');
create type velocity_action as enum ('block', 'review');
create type velocity_mode as enum ('enforce', 'shadow');

-- ------------------------------------------------------------------------------------------------------------------- rules

-- A rule as it was from one change to the next. The operator's rules carry the merchant_id ''.
create table velocity_rule_versions (
    merchant_id       text not null,
    rule_id           text not null,
    version           integer not null constraint rule_versions_begin_at_one check (version > 0),
    name              text not null constraint rule_name_is_bounded check (length(name) between 1 and 100),
    description       text not null constraint rule_description_is_bounded check (length(description) <= 500),
    type              velocity_type not null,
    scope             velocity_scope not null,
    window_type       velocity_window,
    window_seconds    integer constraint rolling_window_is_bounded check (window_seconds between 1 and 7776000),
    window_zone       text constraint window_zone_is_bounded check (length(window_zone) between 1 and 64),
    threshold         numeric constraint threshold_is_positive check (threshold > 0),
    currency          text constraint rule_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    countries         text[] not null,
    methods           text[] not null,
    currencies        text[] not null,
    beneficiary_types text[] not null,
    action            velocity_action not null,
    mode              velocity_mode not null,
    -- Reasons are told in this order, the lowest first.
    priority          integer not null constraint priority_is_bounded check (priority between 0 and 1000),
    enabled           boolean not null,
    actor             text not null,
    created_at        timestamptz not null,

    primary key (merchant_id, rule_id, version),
    constraint windowed_rule_has_a_window check (
        (type in ('amount_per_window', 'count_per_window', 'new_beneficiaries_per_window')) = (window_type is not null)
    ),
    constraint rolling_window_has_seconds check ((window_type is not distinct from 'rolling') = (window_seconds is not null)),
    constraint rolling_window_has_no_zone check (window_type is not distinct from 'rolling' or window_type is null or window_zone is not null),
    constraint amount_rule_has_a_currency check ((type in ('max_amount_per_payout', 'amount_per_window')) = (currency is not null)),
    constraint country_rule_has_no_threshold check ((type in ('blocked_country', 'allowed_countries')) = (threshold is null)),
    constraint country_rule_names_countries check (type not in ('blocked_country', 'allowed_countries') or cardinality(countries) > 0)
);

insert into velocity_rule_versions
select '', id, 1, name, '', type::text::velocity_type, 'merchant', 'calendar_day', null, 'UTC', threshold, currency,
       '{}', '{}', case when currency is null then '{}' else array[currency] end, '{}', 'block', 'enforce', 100, true, 'migration', created_at
from velocity_rules;

-- -------------------------------------------------------------------------------------------------------------- what counts

-- Every payout that velocity looked at, as the rules saw it. One that passed counts until it is given back. A payout released from review
-- is looked at again: its first row is given back, and a second one counts from then on. There is no foreign key to payouts: the row is
-- written with every payout, under the payout's own lock.
create table velocity_checks (
    merchant_id          text not null,
    at                   timestamptz not null,
    -- The order within one moment.
    place                smallint not null,
    payout_id            text not null,
    passed               boolean not null,
    released_at          timestamptz,
    -- Whether it was the first payout to its beneficiary, of those that count.
    first_to_beneficiary boolean not null,
    -- Whether no payout to its beneficiary counted when velocity looked at it, whatever happened since.
    was_new              boolean not null,
    amount               numeric not null constraint checked_amount_is_positive check (amount > 0),
    currency             text not null,
    beneficiary_id       text not null,
    beneficiary_type     party_type not null,
    -- The account's fingerprint, which adding the account again does not change.
    account              text not null,
    -- The bank's country, or else the residence's.
    country              text not null,
    method               payment_method not null,

    primary key (merchant_id, at, place, payout_id),
    constraint only_what_passed_is_given_back check (passed or (released_at is null and not first_to_beneficiary))
);
create unique index payout_is_counted_once on velocity_checks (merchant_id, payout_id) where passed and released_at is null;
create unique index beneficiary_is_new_once on velocity_checks (merchant_id, beneficiary_id)
    where first_to_beneficiary and passed and released_at is null;

insert into velocity_checks
select merchant_id, at, 0, payout_id, true, released_at,
       row_number() over (partition by merchant_id, beneficiary_id, released_at is null order by at, payout_id) = 1,
       row_number() over (partition by merchant_id, beneficiary_id order by at, payout_id) = 1,
       source_amount, source_currency, beneficiary_id, beneficiary_type, account, country, method
from (
    select p.merchant_id, coalesce(p.screened_at, r.day) as at, p.id as payout_id, r.released_at, p.source_amount, p.source_currency,
           p.beneficiary_id, b.type as beneficiary_type, encode(i.fingerprint, 'hex') as account,
           coalesce(nullif(i.country, ''), b.country) as country, p.method
    from (select merchant_id, payout_id, min(window_day) as day, max(released_at) as released_at from velocity_reservations group by 1, 2) r
    join payouts p on p.merchant_id = r.merchant_id and p.id = r.payout_id
    join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
    join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
) counted;

drop table velocity_reservations;
drop table velocity_usage;

-- The rules themselves: which version is in force.
alter table velocity_rules
    drop column name, drop column type, drop column currency, drop column threshold,
    add column merchant_id text not null default '',
    add column version integer not null default 1,
    drop constraint velocity_rules_pkey,
    add primary key (merchant_id, id),
    add constraint rule_is_at_one_of_its_versions foreign key (merchant_id, id, version) references velocity_rule_versions (merchant_id, rule_id, version);
alter table velocity_rules alter column merchant_id drop default;
create index velocity_rules_newest_first on velocity_rules (merchant_id, created_at desc, id desc);
drop type velocity_rule_type;

-- One row a merchant, and one for the operator (''): whoever evaluates or changes rules locks it first, so that two evaluations can never
-- pass a cap together. `revision` says whether remembered rules are still the rules; `series` says which buckets are kept, by
-- "scope/step", and from when on they are complete.
create table velocity_books (
    merchant_id text primary key,
    revision    bigint not null default 0,
    rules       integer not null default 0 constraint merchant_has_at_most_a_thousand_rules check (rules between 0 and 1000),
    series      jsonb not null default '{}'
) with (fillfactor = 50);
insert into velocity_books (merchant_id, rules) select '', count(*) from velocity_rules;

-- The buckets: what the payouts that count add up to, for a subject, in `step` seconds from starts_at on. A payout is in one bucket of
-- every series that is kept.
create table velocity_usage (
    merchant_id       text not null,
    scope             velocity_scope not null,
    key               text not null,
    step              integer not null constraint step_is_known check (step in (1, 60, 900, 86400)),
    starts_at         timestamptz not null,
    currency          text not null,
    country           text not null,
    method            payment_method not null,
    beneficiary_type  party_type not null,
    payouts           bigint not null constraint count_is_not_negative check (payouts >= 0),
    amount            numeric not null constraint usage_is_not_negative check (amount >= 0),
    new_beneficiaries bigint not null constraint new_beneficiaries_are_not_negative check (new_beneficiaries >= 0),

    primary key (merchant_id, scope, key, step, starts_at, currency, country, method, beneficiary_type)
) with (fillfactor = 70);
-- For what is old enough to be dropped.
create index velocity_usage_by_age on velocity_usage (merchant_id, step, starts_at);

-- velocity_key is the subject of a scope, and velocity_bucket the beginning of the bucket that a moment falls in.
-- +goose StatementBegin
create function velocity_key(p_scope velocity_scope, p_beneficiary text, p_account text, p_country text, p_method payment_method)
returns text language sql immutable as $$
    select case p_scope when 'merchant' then '' when 'beneficiary' then p_beneficiary when 'instrument' then p_account
                        when 'country' then p_country else p_method::text end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create function velocity_bucket(p_step integer, p_at timestamptz) returns timestamptz language sql immutable as $$
    select date_bin(make_interval(secs => p_step), p_at, timestamptz '1970-01-01 00:00:00+00')
$$;
-- +goose StatementEnd

-- How often a version of a rule was broken, by a merchant's payouts, and to what effect. Written only when one is.
create table velocity_hits (
    merchant_id text not null,
    rule_id     text not null,
    version     integer not null,
    effect      text not null constraint hit_effect_is_known check (effect in ('block', 'review', 'would_block', 'would_review')),
    payouts     bigint not null constraint hits_are_positive check (payouts > 0),
    last_at     timestamptz not null,

    primary key (merchant_id, rule_id, version, effect)
);
-- The operator's rules are broken by every merchant's payouts (a plain index across merchants, not a key).
create index velocity_hits_of_rule on velocity_hits (rule_id);

-- Mid rates by which a cap counts payouts of another currency: one `base` is `rate` of `quote`. The platform's own (a reference table, so
-- no merchant leads its key).
create table reference_rates (
    base   text not null constraint base_is_three_letters check (base ~ '^[A-Z]{3}$'),
    quote  text not null constraint quote_is_three_letters check (quote ~ '^[A-Z]{3}$'),
    as_of  timestamptz not null,
    rate   numeric not null constraint rate_is_positive check (rate > 0),
    source text not null,

    primary key (base, quote, as_of)
);

-- Which limit stopped a payout, and until when, for the merchant to read; the rule only where it is the merchant's own.
alter table payouts
    add column velocity_rule_id   text,
    add column velocity_resets_at timestamptz,
    add constraint only_a_velocity_block_names_its_limit
        check ((velocity_rule_id is null and velocity_resets_at is null) or status = 'velocity_blocked');

-- ------------------------------------------------------------------------------------------------------------- entitlements

create table merchant_entitlements (
    merchant_id text not null references merchants,
    entitlement text not null constraint entitlement_is_known check (entitlement in ('engine')),
    granted_at  timestamptz not null,

    primary key (merchant_id, entitlement)
);

-- ------------------------------------------------------------------------------------------------------------------- grants

revoke insert, update on velocity_rules from anton_app;
grant insert on velocity_rules to anton_app;
grant update (version) on velocity_rules to anton_app;
grant select, insert on velocity_rule_versions, reference_rates to anton_app;
grant select, insert, update on velocity_books, velocity_hits to anton_app;
grant select, insert, update, delete on velocity_usage to anton_app;
grant select, insert on velocity_checks to anton_app;
grant update (released_at, first_to_beneficiary) on velocity_checks to anton_app;
grant select, insert, delete on merchant_entitlements to anton_app;
grant update (velocity_rule_id, velocity_resets_at) on payouts to anton_app;

-- +goose Down
-- There is no way back: what merchants' own rules said and what was counted for them would be lost.
select 1 / 0;
