-- Which buckets change no more, so that servers may remember what they add up to. PostgreSQL has the truth: what a server remembers is
-- true only as long as the book says so.

-- +goose Up

alter table velocity_books
    -- Buckets that ended by then are settled. They may still change: a payout is given back, a series is added up anew, a server whose
    -- clock is far behind counts. Whoever changes one draws `past` anew in the same transaction, under the book's lock. It is drawn and not
    -- counted, because a database that fell back to an earlier moment would count to the same number again.
    add column settled timestamptz not null default 'epoch'
        constraint settled_begins_a_quarter check (mod(extract(epoch from settled)::bigint, 900) = 0),
    add column past bigint not null default (random() * 9e18)::bigint;

-- Reviews that ended before reviews were recorded (0009 took over those that had not): who ended them is in their transition.
insert into payout_reviews (merchant_id, payout_id, reason, created_by, entered_at, ended_at)
select l.merchant_id, l.payout_id, 'risk', coalesce(a.actor, ''), e.at, l.at
from payout_transitions l
join payout_transitions e on e.merchant_id = l.merchant_id and e.payout_id = l.payout_id and e.seq = l.previous_seq
left join audit_log a on a.merchant_id = l.merchant_id and a.object_id = l.payout_id and a.action = 'payout.transition' and a.detail ->> 'sequence' = '1'
where l.from_status = 'manual_review'
on conflict do nothing;
insert into review_decisions (merchant_id, payout_id, decision, decided_by, reason, decided_at)
select l.merchant_id, l.payout_id, l.to_status::text::review_outcome, l.actor, '', l.at
from payout_transitions l
where l.from_status = 'manual_review'
on conflict do nothing;

-- +goose Down
alter table velocity_books drop column settled, drop column past;
