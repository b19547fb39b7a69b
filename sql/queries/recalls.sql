-- name: RecallInsert :exec
-- A recall and its first step, in one statement because each needs the other.
with first_step as (
    insert into rail_recall_steps (merchant_id, recall_id, seq, to_status, at, actor)
    values (@merchant_id, @id, 1, 'waiting', @created_at, @requested_by)
)
insert into rail_recalls (merchant_id, id, payout_id, rail, reason_code, text, status, seq, requested_by, created_at, cut_at)
values (@merchant_id, @id, @payout_id, @rail, @reason_code, @text, 'waiting', 1, @requested_by, @created_at, @cut_at);

-- name: RecallSubject :one
-- What a recall of a payout needs to know: when its payment settled, whether its money came back, and the recall that is open, or ''.
select f.delivered_at, f.settles_on,
       exists (select from ledger_transactions t
               where t.merchant_id = o.merchant_id and t.payout_id = o.payout_id and t.type = 'return')::bool as came_back,
       coalesce((select r.id from rail_recalls r
                 where r.merchant_id = o.merchant_id and r.payout_id = o.payout_id and r.ended_at is null), '')::text as open_recall
from rail_orders o
join rail_file_orders i on i.merchant_id = o.merchant_id and i.payout_id = o.payout_id
join rail_files f on f.rail = i.rail and f.id = i.file_id
where o.merchant_id = @merchant_id and o.payout_id = @payout_id;

-- name: RecallsDueLock :many
-- The recalls whose file is to be cut, the oldest first, each with its payment and the file that it went out in. Two servers never get
-- the same one.
select sqlc.embed(r), sqlc.embed(o), f.day, f.number, f.settles_on
from rail_recalls r
join rail_orders o on o.merchant_id = r.merchant_id and o.payout_id = r.payout_id
join rail_file_orders i on i.merchant_id = o.merchant_id and i.payout_id = o.payout_id
join rail_files f on f.rail = i.rail and f.id = i.file_id
where r.rail = @rail and r.cut_at <= @now::timestamptz
order by r.created_at, r.id
limit @row_limit
for update of r skip locked;

-- name: RailFileRecallsInsert :exec
insert into rail_file_recalls (merchant_id, recall_id, rail, file_id, line)
select unnest(@merchant_ids::text[]), unnest(@recall_ids::text[]), @rail, @file_id, unnest(@lines::integer[]);

-- name: RecallsCut :exec
with c as (
    select r.merchant_id, r.id, r.seq, r.status
    from (select unnest(@merchant_ids::text[]) as merchant_id, unnest(@recall_ids::text[]) as id) asked
    join rail_recalls r on r.merchant_id = asked.merchant_id and r.id = asked.id
), steps as (
    insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
    select merchant_id, id, seq + 1, status, 'sent', @at, @actor from c
)
update rail_recalls r set cut_at = null, status = 'sent', seq = c.seq + 1
from c where r.merchant_id = c.merchant_id and r.id = c.id;

-- name: RecallsAnsweredLock :many
-- Of each payout the last recall that is in a file, and when that was delivered: what an answer of the bank's is about.
select sqlc.embed(r), f.delivered_at
from rail_recalls r
join rail_file_recalls i on i.merchant_id = r.merchant_id and i.recall_id = r.id
join rail_files f on f.rail = i.rail and f.id = i.file_id
where r.merchant_id = @merchant_id and r.payout_id = any(@payout_ids::text[])
  and not exists (
      select from rail_recalls l
      join rail_file_recalls li on li.merchant_id = l.merchant_id and li.recall_id = l.id
      where l.merchant_id = r.merchant_id and l.payout_id = r.payout_id and (l.created_at, l.id) > (r.created_at, r.id)
  )
for update of r;

-- name: RecallsOpenLock :many
-- The recalls of payouts that did not end yet.
select * from rail_recalls where merchant_id = @merchant_id and payout_id = any(@payout_ids::text[]) and ended_at is null for update;

-- name: RecallAnswer :exec
-- The bank's answer: yes, and the money is to come; or no, which ends the recall.
with step as (
    insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
    values (@merchant_id, @id, @seq, @from_status, @status, @answered_at, @actor)
)
update rail_recalls r set status = @status, seq = @seq, answer_code = @answer_code, answered_at = @answered_at, ended_at = sqlc.narg('ended_at')
where r.merchant_id = @merchant_id and r.id = @id;

-- name: RecallReturned :exec
-- The money is back. A recall that waited for its file needs none any more.
with step as (
    insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
    values (@merchant_id, @id, @seq, @from_status, 'returned', @at, @actor)
)
update rail_recalls r set status = 'returned', seq = @seq, cut_at = null, ended_at = @at
where r.merchant_id = @merchant_id and r.id = @id;

-- name: RecallClose :exec
with step as (
    insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
    values (@merchant_id, @id, @seq, @from_status, 'closed', @at, @closed_by)
)
update rail_recalls r set status = 'closed', seq = @seq, cut_at = null, ended_at = @at, closed_by = @closed_by, note = @note
where r.merchant_id = @merchant_id and r.id = @id;

-- name: RecallGet :one
select sqlc.embed(r), o.amount, o.currency, f.id as file_id, f.delivered_at
from rail_recalls r
join rail_orders o on o.merchant_id = r.merchant_id and o.payout_id = r.payout_id
left join rail_file_recalls i on i.merchant_id = r.merchant_id and i.recall_id = r.id
left join rail_files f on f.rail = i.rail and f.id = i.file_id
where r.id = @id;

-- name: RecallLock :one
select * from rail_recalls where merchant_id = @merchant_id and id = @id for update;

-- name: RecallList :many
select sqlc.embed(r), o.amount, o.currency, f.id as file_id, f.delivered_at
from rail_recalls r
join rail_orders o on o.merchant_id = r.merchant_id and o.payout_id = r.payout_id
left join rail_file_recalls i on i.merchant_id = r.merchant_id and i.recall_id = r.id
left join rail_files f on f.rail = i.rail and f.id = i.file_id
where (sqlc.narg('rail')::text is null or r.rail = sqlc.narg('rail')::text)
  and (sqlc.narg('merchant_id')::text is null or r.merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('payout_id')::text is null or r.payout_id = sqlc.narg('payout_id')::text)
  and (sqlc.narg('status')::text is null or r.status = sqlc.narg('status')::text)
  and (sqlc.narg('open')::boolean is null or (r.ended_at is null) = sqlc.narg('open')::boolean)
  and (sqlc.narg('created_after')::timestamptz is null or r.created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or r.created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (r.created_at, r.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by r.created_at desc, r.id desc
limit @row_limit;
