-- Which buckets change no more, so that servers may remember what they add up to. PostgreSQL has the truth: what a server remembers is
-- true only as long as the book says so.

-- +goose Up

alter table velocity_books
    -- Buckets that ended by then are settled. They may still change: a payout is given back, a series is added up anew, a server whose
    -- clock is far behind counts. Whoever changes one raises `past` in the same transaction, under the book's lock.
    add column settled timestamptz not null default 'epoch'
        constraint settled_begins_a_quarter check (mod(extract(epoch from settled)::bigint, 900) = 0),
    add column past bigint not null default 0;

-- +goose Down
alter table velocity_books drop column settled, drop column past;
