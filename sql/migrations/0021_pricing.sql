-- What payouts cost: plans that the operator writes, who is on which, and fees that were promised.

-- +goose Up

-- A plan of fees. The platform's own, so no merchant leads its key. It is never changed: a change is a new version, and every payout
-- names the rule of the version that it was priced by.
create table pricing_plans (
    id         text primary key,
    created_by text not null,
    created_at timestamptz not null
);

create table pricing_plan_versions (
    plan_id    text not null references pricing_plans,
    version    integer not null constraint pricing_version_counts_from_one check (version > 0),
    name       text not null constraint pricing_plan_name_is_bounded check (length(name) between 1 and 100),
    created_by text not null,
    created_at timestamptz not null,

    constraint pricing_version_is_written_once primary key (plan_id, version)
);

-- A rule prices the payouts that it fits: '' fits all. Sums are in the source currency, which is the currency of every fee.
create table pricing_rules (
    plan_id         text not null,
    plan_version    integer not null,
    number          integer not null constraint pricing_rule_counts_from_one check (number > 0),
    source_currency text not null constraint pricing_source_is_a_currency_or_any check (source_currency ~ '^([A-Z]{3})?$'),
    dest_currency   text not null constraint pricing_dest_is_a_currency_or_any check (dest_currency ~ '^([A-Z]{3})?$'),
    country         text not null constraint pricing_country_is_one_or_any check (country ~ '^([A-Z]{2})?$'),
    method          text not null,
    fixed_fee       numeric not null constraint fixed_fee_is_not_negative check (fixed_fee >= 0),
    percentage_bps  integer not null constraint percentage_is_of_the_amount check (percentage_bps between 0 and 10000),
    min_fee         numeric constraint min_fee_is_not_negative check (min_fee >= 0),
    max_fee         numeric constraint max_fee_is_not_negative check (max_fee >= 0),

    primary key (plan_id, plan_version, number),
    foreign key (plan_id, plan_version) references pricing_plan_versions (plan_id, version),
    constraint one_rule_names_the_same_payouts unique (plan_id, plan_version, source_currency, dest_currency, country, method),
    constraint sums_of_a_rule_have_a_currency check (source_currency <> '' or (fixed_fee = 0 and num_nonnulls(min_fee, max_fee) = 0)),
    constraint max_fee_is_not_below_min_fee check (max_fee >= min_fee),
    constraint rule_with_sums_is_of_one_currency unique (plan_id, plan_version, number, source_currency)
);

-- From which volume of a month on a rule charges something else.
create table pricing_tiers (
    plan_id         text not null,
    plan_version    integer not null,
    rule_number     integer not null,
    source_currency text not null constraint volume_has_a_currency check (source_currency <> ''),
    min_volume      numeric not null constraint tier_begins_above_nothing check (min_volume > 0),
    fixed_fee       numeric not null constraint tier_fixed_fee_is_not_negative check (fixed_fee >= 0),
    percentage_bps  integer not null constraint tier_percentage_is_of_the_amount check (percentage_bps between 0 and 10000),

    primary key (plan_id, plan_version, rule_number, min_volume),
    foreign key (plan_id, plan_version, rule_number, source_currency)
        references pricing_rules (plan_id, plan_version, number, source_currency)
);

-- Which plan a merchant is on, always in its newest version. Without a row nothing is charged.
create table merchant_pricing (
    merchant_id text primary key references merchants,
    plan_id     text not null references pricing_plans,
    assigned_by text not null,
    assigned_at timestamptz not null
);

-- What a merchant sent in a calendar month (UTC): the source amounts of payouts that were priced by a rule with tiers, less those whose
-- money was given back. Merchants without such a rule have no row, so that nothing of theirs waits for one.
create table pricing_volumes (
    merchant_id text not null references merchants,
    month       date not null constraint volume_is_of_a_month check (extract(day from month) = 1),
    currency    text not null,
    volume      numeric not null constraint volume_is_not_negative check (volume >= 0),

    primary key (merchant_id, month, currency)
);

-- A fee that was promised. It is never changed: that it was used is a row of pricing_quote_uses.
create table pricing_quotes (
    merchant_id     text not null references merchants,
    id              text not null,
    amount          numeric not null constraint pricing_quote_is_of_something check (amount > 0),
    fixed_side      text not null constraint pricing_quote_fixes_a_side check (fixed_side in ('dest', 'source')),
    source_currency text not null,
    dest_currency   text not null,
    country         text not null,
    method          text not null,
    source_amount   numeric not null constraint pricing_quote_takes_something check (source_amount > 0),
    fee             numeric not null constraint quoted_fee_is_not_negative check (fee >= 0),
    plan_id         text,
    plan_version    integer,
    rule_number     integer,
    counts_volume   boolean not null,
    created_at      timestamptz not null,
    expires_at      timestamptz not null constraint pricing_quote_lives_a_while check (expires_at > created_at),

    primary key (merchant_id, id),
    constraint pricing_quote_has_one_end unique (merchant_id, id, expires_at),
    constraint pricing_quote_has_one_fee unique (merchant_id, id, source_currency, fee),
    foreign key (plan_id, plan_version, rule_number) references pricing_rules (plan_id, plan_version, number),
    constraint quoted_fee_follows_from_a_rule check (num_nulls(plan_id, plan_version, rule_number) = 0
        or (fee = 0 and not counts_volume and num_nonnulls(plan_id, plan_version, rule_number) = 0))
);

-- A payout names the rule it was priced by, and the month whose volume it counts in.
alter table payouts
    add column pricing_plan_id      text,
    add column pricing_plan_version integer,
    add column pricing_rule         integer,
    add column pricing_quote_id     text,
    add column volume_month         date,
    add constraint fee_follows_from_a_rule check (num_nulls(pricing_plan_id, pricing_plan_version, pricing_rule) = 0
        or (fee = 0 and volume_month is null and num_nonnulls(pricing_plan_id, pricing_plan_version, pricing_rule) = 0)),
    add constraint fee_is_of_the_rule foreign key (pricing_plan_id, pricing_plan_version, pricing_rule)
        references pricing_rules (plan_id, plan_version, number),
    add constraint quoted_fee_is_charged foreign key (merchant_id, pricing_quote_id, source_currency, fee)
        references pricing_quotes (merchant_id, id, source_currency, fee);

-- What used a fee that was promised: a payout, once, and in time.
create table pricing_quote_uses (
    merchant_id text not null,
    quote_id    text not null,
    expires_at  timestamptz not null,
    payout_id   text not null,
    used_at     timestamptz not null constraint pricing_quote_is_used_in_time check (used_at < expires_at),

    constraint pricing_quote_is_used_once primary key (merchant_id, quote_id),
    foreign key (merchant_id, quote_id, expires_at) references pricing_quotes (merchant_id, id, expires_at),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id)
);

-- A payout's fee is a transaction of its own beside the settlement, and there is one at most.
create unique index payout_fee_is_charged_once on ledger_transactions (merchant_id, payout_id) where type = 'fee';

grant select, insert on pricing_plans, pricing_plan_versions, pricing_rules, pricing_tiers, pricing_quotes, pricing_quote_uses to anton_app;
grant select, insert, update (plan_id, assigned_by, assigned_at), delete on merchant_pricing to anton_app;
grant select, insert, update (volume) on pricing_volumes to anton_app;
grant insert (pricing_plan_id, pricing_plan_version, pricing_rule, pricing_quote_id, volume_month) on payouts to anton_app;

-- +goose Down
-- There is no way back: what was charged, and why, would be forgotten.
select 1 / 0;
