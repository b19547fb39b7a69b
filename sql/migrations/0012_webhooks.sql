-- Events get places in their merchant's feed, and endpoints that merchants subscribe are told of them.
--
-- A transaction that writes an event waits for none of this. A sequencer reads what has been committed, gives it positions and makes the
-- deliveries, merchant by merchant; deliveries are their own queue, as payouts are.

-- +goose Up

-- The transaction that wrote the event: see audit_log.xid.
alter table events add column xid bigint not null default (pg_current_xact_id()::text::bigint);
create index events_by_transaction on events (xid, merchant_id, id);
revoke insert on events from anton_app;
grant insert (merchant_id, id, type, object_type, object_id, sequence, previous_status, data, created_at) on events to anton_app;

-- How far a merchant's feed goes. Whoever places events locks the row, so a merchant has one writer at a time.
create table event_feeds (
    merchant_id     text primary key,
    last_position   bigint not null default 0 constraint feed_begins_at_zero check (last_position >= 0),
    -- Events up to this position were removed when their time was over.
    pruned_position bigint not null default 0,
    pruned_before   timestamptz,

    constraint pruned_is_part_of_the_feed check (pruned_position between 0 and last_position)
);

-- Where each event stands in its merchant's feed: from 1, without gaps, in an order in which no event that commits late comes before one
-- that somebody may have read. There is no foreign key to events: checking it would rewrite every event once more.
create table event_positions (
    merchant_id text not null,
    position    bigint not null constraint positions_begin_at_one check (position > 0),
    event_id    text not null,

    constraint feed_position_is_taken_once primary key (merchant_id, position),
    constraint event_is_placed_once unique (merchant_id, event_id)
);

create type webhook_status as enum ('active', 'disabled');
create type webhook_disabled_reason as enum ('merchant', 'gone', 'failing');

create table webhooks (
    merchant_id           text not null references merchants,
    id                    text not null,
    url                   text not null constraint webhook_url_is_bounded check (length(url) between 1 and 2048),
    events                text[] not null constraint webhook_names_events check (cardinality(events) between 1 and 100),
    description           text not null default '' constraint webhook_description_is_bounded check (length(description) <= 500),
    status                webhook_status not null default 'active',
    disabled_reason       webhook_disabled_reason,
    disabled_at           timestamptz,
    -- The signing secrets, encrypted for this merchant and webhook. The one before still signs until its time is over.
    secret                bytea not null,
    previous_secret       bytea,
    previous_secret_until timestamptz,
    -- Since when every attempt failed; null when the last one succeeded.
    failing_since         timestamptz,
    -- How many events it had itself; the next one takes the next number.
    event_sequence        integer not null default 0,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    deleted_at            timestamptz,

    primary key (merchant_id, id),
    constraint disabled_has_its_reason check ((status = 'disabled') = (disabled_reason is not null and disabled_at is not null)),
    constraint previous_secret_has_an_end check ((previous_secret is null) = (previous_secret_until is null)),
    constraint deleted_webhook_is_disabled check (deleted_at is null or status = 'disabled')
);
create index webhooks_newest_first on webhooks (merchant_id, created_at desc, id desc);

create type webhook_delivery_status as enum ('pending', 'delivered', 'failed');

-- One event for one webhook, once, however often it is attempted. due_at says when the next attempt is due; a pending delivery without
-- it waits for an earlier event of the same object. Rows written with every event have no foreign keys: see merchants.
create table webhook_deliveries (
    merchant_id     text not null,
    id              text not null,
    webhook_id      text not null,
    event_id        text not null,
    object_id       text not null,
    sequence        integer not null,
    status          webhook_delivery_status not null default 'pending',
    due_at          timestamptz,
    -- How many attempts were begun in all, and since it was last asked for: the schedule of retries counts the latter.
    attempts        integer not null default 0,
    tries           integer not null default 0,
    response_status integer,
    error           text not null default '',
    created_at      timestamptz not null,
    finished_at     timestamptz,

    primary key (merchant_id, id),
    constraint event_is_delivered_once_a_webhook unique (merchant_id, event_id, webhook_id),
    constraint only_pending_deliveries_are_due check (status = 'pending' or due_at is null),
    constraint finished_deliveries_have_their_time check ((status = 'pending') = (finished_at is null))
) with (fillfactor = 70);
create index webhook_deliveries_due on webhook_deliveries (merchant_id, webhook_id, due_at, id) where due_at is not null;
create index webhook_deliveries_in_order on webhook_deliveries (merchant_id, webhook_id, object_id, sequence) where status = 'pending';
create index webhook_deliveries_oldest_first on webhook_deliveries (created_at);

-- What each attempt met.
create table webhook_attempts (
    merchant_id     text not null,
    delivery_id     text not null,
    number          integer not null constraint attempts_are_numbered_from_one check (number > 0),
    at              timestamptz not null,
    duration_ms     integer not null constraint attempt_took_time check (duration_ms >= 0),
    response_status integer,
    response_body   text not null default '' constraint response_snippet_is_bounded check (length(response_body) <= 1024),
    error           text not null default '' constraint attempt_error_is_bounded check (length(error) <= 500),

    primary key (merchant_id, delivery_id, number)
);
create index webhook_attempts_oldest_first on webhook_attempts (at);

-- webhooks_prune removes what nobody may read any more, a slice at a time, and returns how many events and attempts it removed. It is a
-- door because the application may remove no history of its own accord: nothing younger than the promised 90 and 30 days goes through it.
-- +goose StatementBegin
create function webhooks_prune(p_events_before timestamptz, p_attempts_before timestamptz, p_limit integer)
returns integer language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    removed integer;
    more    integer;
begin
    if p_events_before > now() - interval '90 days' or p_attempts_before > now() - interval '30 days' then
        raise exception 'webhooks_prune: events are kept for 90 days, attempts for 30';
    end if;
    delete from webhook_attempts a using (
        select merchant_id, delivery_id, number from webhook_attempts where at < p_attempts_before order by at limit p_limit
    ) o where (a.merchant_id, a.delivery_id, a.number) = (o.merchant_id, o.delivery_id, o.number);
    get diagnostics removed = row_count;

    -- From the feed's beginning, merchant by merchant, so that what is left has no gap. A merchant whose feed is being written waits.
    with feeds as (
        select merchant_id, pruned_position from event_feeds f
        where exists (
            select from event_positions p join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
            where p.merchant_id = f.merchant_id and p.position = f.pruned_position + 1 and e.created_at < p_events_before
        )
        order by merchant_id limit 20
        for update skip locked
    ), candidates as (
        select p.merchant_id, p.position, p.event_id, e.created_at,
               bool_and(e.created_at < p_events_before) over (partition by p.merchant_id order by p.position) as over
        from feeds f
        cross join lateral (
            select * from event_positions p where p.merchant_id = f.merchant_id and p.position > f.pruned_position order by p.position limit p_limit
        ) p
        join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
    ), old as (
        select * from candidates where over
    ), positions as (
        delete from event_positions p using old o where p.merchant_id = o.merchant_id and p.position = o.position
    ), deliveries as (
        delete from webhook_deliveries d using old o where d.merchant_id = o.merchant_id and d.event_id = o.event_id
    ), removed_events as (
        delete from events e using old o where e.merchant_id = o.merchant_id and e.id = o.event_id
    )
    update event_feeds f
    set pruned_position = o.last, pruned_before = greatest(f.pruned_before, o.youngest)
    from (select merchant_id, max(position) as last, max(created_at) as youngest, count(*) as n from old group by merchant_id) o
    where f.merchant_id = o.merchant_id;
    get diagnostics more = row_count;
    return removed + more;
end $$;
-- +goose StatementEnd

-- Where available must not fall below without the merchant hearing of it.
create table balance_alerts (
    merchant_id    text not null references merchants,
    currency       text not null constraint alert_currency_is_three_letters check (currency ~ '^[A-Z]{3}$'),
    threshold      numeric constraint alert_threshold_is_positive check (threshold > 0), -- null: nobody wants to hear
    -- Whether it was told and has not recovered since.
    low            boolean not null default false,
    -- Up to which of the balance's transactions it was watched.
    watched        bigint not null default 0,
    event_sequence integer not null default 0,
    updated_at     timestamptz not null,

    primary key (merchant_id, currency)
);

grant select on event_feeds, event_positions, webhooks, webhook_deliveries, webhook_attempts, balance_alerts to anton_app;
grant insert (merchant_id), update (last_position) on event_feeds to anton_app;
grant insert on event_positions, webhook_attempts to anton_app;
grant insert on webhooks to anton_app;
grant update (url, events, description, status, disabled_reason, disabled_at, secret, previous_secret, previous_secret_until,
              failing_since, event_sequence, updated_at, deleted_at) on webhooks to anton_app;
grant insert on webhook_deliveries to anton_app;
grant update (status, due_at, attempts, tries, response_status, error, finished_at) on webhook_deliveries to anton_app;
grant insert, update on balance_alerts to anton_app;
revoke execute on function webhooks_prune from public;
grant execute on function webhooks_prune to anton_app;

-- +goose Down
drop table balance_alerts;
drop function webhooks_prune;
drop table webhook_attempts, webhook_deliveries, webhooks, event_positions, event_feeds;
drop type webhook_delivery_status, webhook_disabled_reason, webhook_status;
revoke insert on events from anton_app;
grant insert on events to anton_app;
alter table events drop column xid;
