create schema anton_bench;

create table anton_bench.api_keys (hash bytea primary key, merchant bigint not null);

create table anton_bench.balances (
    merchant  bigint not null,
    currency  text not null,
    available bigint not null check (available >= 0),
    held      bigint not null check (held >= 0),
    primary key (merchant, currency)
) with (fillfactor = 50);

create table anton_bench.keys_used (
    merchant bigint not null,
    key      text not null,
    payout   uuid not null,
    at       timestamptz not null default now(),
    primary key (merchant, key)
);

create table anton_bench.payouts (
    id          uuid primary key,
    merchant    bigint not null,
    beneficiary text not null,
    amount      bigint not null check (amount > 0),
    currency    text not null,
    reference   text not null,
    status      smallint not null,
    created_at  timestamptz not null default now()
);
create index on anton_bench.payouts (merchant, created_at desc);

create table anton_bench.entries (
    id      bigint generated always as identity primary key,
    payout  uuid not null,
    account text not null,
    change  bigint not null check (change <> 0),
    at      timestamptz not null default now()
);
create index on anton_bench.entries (payout);

create table anton_bench.queue (
    id     bigint generated always as identity primary key,
    payout uuid not null,
    due_at timestamptz default now()
);
create index on anton_bench.queue (due_at) where due_at is not null;

create table anton_bench.audit (
    id       bigint generated always as identity primary key,
    merchant bigint not null,
    action   text not null,
    payout   uuid not null,
    detail   jsonb not null,
    at       timestamptz not null default now()
);

create function anton_bench.add_merchant(p_merchant bigint, p_hash bytea) returns void language sql as $$
    insert into anton_bench.api_keys values (p_hash, p_merchant);
    insert into anton_bench.balances values (p_merchant, 'USD', 100000000000000, 0);
$$;

-- The balance comes last, so that its lock is held for the shortest time.
create function anton_bench.create_payout(p_merchant bigint, p_key text, p_amount bigint, p_beneficiary text, p_reference text)
returns text language plpgsql as $$
declare
    made uuid := gen_random_uuid();
begin
    insert into anton_bench.keys_used (merchant, key, payout) values (p_merchant, p_key, made) on conflict do nothing;
    if not found then
        return (select payout from anton_bench.keys_used where merchant = p_merchant and key = p_key);
    end if;
    insert into anton_bench.payouts (id, merchant, beneficiary, amount, currency, reference, status)
    values (made, p_merchant, p_beneficiary, p_amount, 'USD', p_reference, 1);
    insert into anton_bench.entries (payout, account, change) values (made, 'available', -p_amount), (made, 'held', p_amount);
    insert into anton_bench.queue (payout) values (made);
    insert into anton_bench.audit (merchant, action, payout, detail)
    values (p_merchant, 'payout.create', made, jsonb_build_object('amount', p_amount));
    update anton_bench.balances set available = available - p_amount, held = held + p_amount
    where merchant = p_merchant and currency = 'USD' and available >= p_amount;
    if not found then
        raise exception 'insufficient balance';
    end if;
    return made;
end $$;

grant usage on schema anton_bench to public;
grant select, insert, update on all tables in schema anton_bench to public;
