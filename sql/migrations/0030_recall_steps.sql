-- The life of a recall is written down step by step, as those of payouts, RFIs and batches are: so far only the server held its arrows.

-- +goose Up

-- Insert-only. A step starts where the one before ended.
create table rail_recall_steps (
    merchant_id  text not null,
    recall_id    text not null,
    seq          integer not null,
    from_status  text,
    to_status    text not null,
    at           timestamptz not null,
    actor        text not null constraint actor_is_bounded check (length(actor) between 1 and 100),
    previous_seq integer generated always as (case when seq > 1 then seq - 1 end) stored,

    constraint recall_moves_one_step_at_a_time primary key (merchant_id, recall_id, seq),
    constraint recall_status_has_its_step unique (merchant_id, recall_id, seq, to_status),
    constraint recall_step_starts_where_the_last_one_ended
        foreign key (merchant_id, recall_id, previous_seq, from_status) references rail_recall_steps (merchant_id, recall_id, seq, to_status),
    constraint first_recall_step_waits check ((seq = 1) = (from_status is null) and (from_status is null) = (to_status = 'waiting') and seq > 0),
    constraint recall_arrow_exists check (
        from_status is null
        or from_status || '>' || to_status = any ('{
            waiting>sent, waiting>returned, waiting>closed,
            sent>accepted, sent>rejected, sent>returned, sent>closed,
            accepted>returned, accepted>closed
        }'::text[])
    )
);

-- The steps of the recalls that there are follow from their times: asked for, cut, answered with a yes, and where they are now.
insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
select s.merchant_id, s.id, row_number() over so_far, lag(s.status) over so_far, s.status, s.at, s.actor
from (
    select r.merchant_id, r.id, 1 as place, 'waiting' as status, r.created_at as at, r.requested_by as actor from rail_recalls r
    union all
    select r.merchant_id, r.id, 2, 'sent', f.created_at, f.created_by from rail_recalls r
    join rail_file_recalls i on i.merchant_id = r.merchant_id and i.recall_id = r.id
    join rail_files f on f.rail = i.rail and f.id = i.file_id
    union all
    select r.merchant_id, r.id, 3, 'accepted', r.answered_at, 'rail:' || r.rail from rail_recalls r
    where r.answered_at is not null and r.status <> 'rejected'
    union all
    select r.merchant_id, r.id, 4, r.status, r.ended_at, coalesce(r.closed_by, 'rail:' || r.rail) from rail_recalls r where r.ended_at is not null
) s
window so_far as (partition by s.merchant_id, s.id order by s.place);

-- A server of before, which knows of no steps, cannot move a recall while servers are replaced: it puts that off, and a new one does it.
alter table rail_recalls add column seq integer not null default 1;
update rail_recalls r set seq = (select max(s.seq) from rail_recall_steps s where s.merchant_id = r.merchant_id and s.recall_id = r.id);
alter table rail_recalls
    alter column seq drop default,
    add constraint recall_status_is_its_last_step
        foreign key (merchant_id, id, seq, status) references rail_recall_steps (merchant_id, recall_id, seq, to_status);

grant select on rail_recall_steps to anton_app;
grant insert (merchant_id, recall_id, seq, from_status, to_status, at, actor) on rail_recall_steps to anton_app;
grant update (seq) on rail_recalls to anton_app;

-- +goose Down
-- There is no way back: what happened to recalls would be forgotten.
select 1 / 0;
