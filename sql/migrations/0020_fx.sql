-- Foreign exchange: where the rates come from, quotes, exchanges between a merchant's balances, and payouts across currencies.

-- +goose Up

-- Every attempt to get newer rates, whatever came of it. The rates themselves are rows of reference_rates (migration 0007), which are
-- never changed. The platform's own, so no merchant leads its key.
create table fx_refreshes (
    id            text primary key,
    at            timestamptz not null,
    refreshed_by  text not null constraint fx_refresh_has_who check (length(refreshed_by) between 1 and 100),
    source        text not null,
    outcome       text not null constraint fx_refresh_outcome_is_known check (outcome in ('taken', 'unchanged', 'refused', 'failed')),
    detail        text not null default '' constraint fx_refresh_detail_is_bounded check (length(detail) <= 500),
    -- The newest day that it took, and why a person vouched for what would have been refused.
    as_of         timestamptz constraint fx_refresh_that_took_says_what check ((outcome = 'taken') = (as_of is not null)),
    accept_reason text not null default '' constraint fx_accept_reason_is_bounded check (length(accept_reason) <= 500)
);
create index fx_refreshes_newest_first on fx_refreshes (at desc, id desc);

-- What is taken off the mid rate, for a merchant and a pair; for all pairs of the merchant that have no row where both currencies are ''.
create table fx_markups (
    merchant_id   text not null references merchants,
    sell_currency text not null,
    buy_currency  text not null,
    bps           integer not null constraint markup_is_within_a_tenth check (bps between 0 and 1000),
    set_by        text not null,
    set_at        timestamptz not null,

    primary key (merchant_id, sell_currency, buy_currency),
    constraint markup_is_for_a_pair_or_for_all check (
        (sell_currency = '' and buy_currency = '')
        or (sell_currency ~ '^[A-Z]{3}$' and buy_currency ~ '^[A-Z]{3}$' and sell_currency <> buy_currency)
    )
);

-- A rate that was promised. It is never changed: that it was used is a row of fx_quote_uses.
create table fx_quotes (
    merchant_id   text not null references merchants,
    id            text not null,
    sell_currency text not null,
    buy_currency  text not null constraint quote_is_between_two_currencies check (sell_currency <> buy_currency),
    sell_amount   numeric not null constraint quote_sells_something check (sell_amount > 0),
    buy_amount    numeric not null constraint quote_buys_something check (buy_amount > 0),
    mid_rate      numeric not null,
    customer_rate numeric not null constraint quote_is_no_better_than_mid check (customer_rate > 0 and customer_rate <= mid_rate),
    markup_bps    integer not null constraint quote_markup_is_within_a_tenth check (markup_bps between 0 and 1000),
    -- The day of the rates it rests on.
    rates_as_of   timestamptz not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null constraint quote_lives_a_while check (expires_at > created_at),

    primary key (merchant_id, id),
    constraint quote_has_one_end unique (merchant_id, id, expires_at)
);

-- Money that moved between two balances of a merchant.
create table fx_exchanges (
    merchant_id         text not null,
    id                  text not null,
    quote_id            text not null,
    sell_transaction_id text not null,
    buy_transaction_id  text not null,
    created_at          timestamptz not null,

    primary key (merchant_id, id),
    constraint quote_is_exchanged_once unique (merchant_id, quote_id),
    constraint transaction_sells_for_one_exchange unique (merchant_id, sell_transaction_id),
    constraint transaction_buys_for_one_exchange unique (merchant_id, buy_transaction_id),
    foreign key (merchant_id, quote_id) references fx_quotes (merchant_id, id)
);
create index fx_exchanges_newest_first on fx_exchanges (merchant_id, created_at desc, id desc);

-- A payout across currencies keeps the rates that were fixed when it was created, until it settles: the customer's and, for our books,
-- mid. Within one currency there is no rate.
alter table payouts
    add column exchange_rate numeric,
    add column mid_rate      numeric,
    add column quote_id      text,
    add constraint rate_is_of_two_currencies check ((exchange_rate is not null) = (source_currency <> dest_currency)),
    add constraint payout_rate_is_no_better_than_mid
        check (num_nulls(exchange_rate, mid_rate) in (0, 2) and (exchange_rate is null or (exchange_rate > 0 and exchange_rate <= mid_rate))),
    add constraint quote_gives_a_rate check (quote_id is null or exchange_rate is not null),
    add constraint payout_has_its_quote foreign key (merchant_id, quote_id) references fx_quotes (merchant_id, id);

-- What used a quote: an exchange or a payout, once, and before it expired.
create table fx_quote_uses (
    merchant_id text not null,
    quote_id    text not null,
    expires_at  timestamptz not null,
    exchange_id text,
    payout_id   text,
    used_at     timestamptz not null constraint quote_is_used_in_time check (used_at < expires_at),

    constraint quote_is_used_once primary key (merchant_id, quote_id),
    foreign key (merchant_id, quote_id, expires_at) references fx_quotes (merchant_id, id, expires_at),
    foreign key (merchant_id, exchange_id) references fx_exchanges (merchant_id, id),
    foreign key (merchant_id, payout_id) references payouts (merchant_id, id),
    constraint quote_is_used_by_one_thing check (num_nonnulls(exchange_id, payout_id) = 1)
);

grant select, insert on fx_refreshes, fx_quotes, fx_exchanges, fx_quote_uses to anton_app;
grant select, insert, update (bps, set_by, set_at) on fx_markups to anton_app;
grant insert (exchange_rate, mid_rate, quote_id) on payouts to anton_app;

-- +goose Down
-- There is no way back: what was exchanged, and at which rate, would be forgotten.
select 1 / 0;
