-- A payout that counts is written down once, as its check. Buckets are added up from checks later, many at a time: to write each payout's
-- twenty buckets with it was most of what velocity cost.

-- +goose Up

-- The buckets have a new name, so that a server of before, which adds to them with every payout and looks nowhere else, cannot count
-- while servers are replaced: it puts its evaluations off, and a new one takes them.
alter table velocity_usage rename to velocity_buckets;
alter index velocity_usage_pkey rename to velocity_buckets_pkey;
alter index velocity_usage_by_age rename to velocity_buckets_by_age;

alter table velocity_books
    -- Checks of before that moment are in the buckets, and all others are not.
    add column counted timestamptz not null default 'epoch',
    -- As `past` is for settled buckets: drawn anew when any other changes, except by being filled.
    add column recent bigint not null default (random() * 9e18)::bigint;
-- So far all are, and a clock may have been ahead.
update velocity_books b
set counted = greatest(now(), b.settled, (select max(c.at) + interval '1 microsecond' from velocity_checks c where c.merchant_id = b.merchant_id));
-- A settled bucket gets nothing more.
alter table velocity_books add constraint what_is_settled_is_counted check (settled <= counted);

-- +goose Down
-- There is no way back: servers of before would not count what is in no bucket.
select 1 / 0;
