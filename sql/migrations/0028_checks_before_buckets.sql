-- A payout that counts is written down once, as its check. Buckets are added up from checks later, many at a time: to write each payout's
-- twenty buckets with it was most of what velocity cost. And what is folded for the risk model follows the feed.

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

-- Checks are the one row that velocity writes with a payout: their conditions are compiled once a connection too, as those of 0026.
-- +goose StatementBegin
create function velocity_check_is_sound(amount numeric, passed boolean, released_at timestamptz, first_to_beneficiary boolean)
returns boolean language plpgsql immutable parallel safe as $$
begin
    return amount > 0 and (passed or (released_at is null and not first_to_beneficiary));
end $$;
-- +goose StatementEnd
alter table velocity_checks
    drop constraint checked_amount_is_positive,
    drop constraint only_what_passed_is_given_back,
    add constraint velocity_check_is_sound check (velocity_check_is_sound(amount, passed, released_at, first_to_beneficiary));

-- What payouts say of accounts to other merchants is folded by the places of the feed, which have no gaps. By the time of events, as it was
-- done, one that commits ten minutes after it was dated was passed by. Servers of before do not know the columns and fold nothing.
alter table risk_folds rename folded_at to timed_at;
alter table risk_folds rename event_id to timed_event;
alter table risk_folds
    add column position bigint not null default 0,
    -- Events in places up to that one were folded by their time, up to timed_at and timed_event.
    add column timed_position bigint not null default 0;
update risk_folds f
set timed_position = d.last_position,
    position = coalesce((
        select min(n.position) - 1
        from events e join event_positions n on n.merchant_id = e.merchant_id and n.event_id = e.id
        where e.merchant_id = f.merchant_id and (e.created_at, e.id) > (f.timed_at, f.timed_event)
          and e.type in ('payout.completed', 'payout.returned', 'payout.late_return', 'beneficiary.blocked')
    ), d.last_position)
from event_feeds d where d.merchant_id = f.merchant_id;
drop index events_to_fold;
revoke update (timed_at, timed_event) on risk_folds from anton_app;
grant update (position) on risk_folds to anton_app;

-- +goose Down
-- There is no way back: servers of before would not count what is in no bucket.
select 1 / 0;
