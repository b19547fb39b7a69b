-- name: RescreenOpen :exec
-- A version that came into force is held against the beneficiaries that are there.
insert into screening_rescreens (id, authority, number, list_id, previous_list_id, created_at)
values (@id, @authority, @number, @list_id, sqlc.narg('previous_list_id'), @created_at);

-- name: RescreensWaiting :many
-- The oldest unfinished run of each authority, with the version of its list that is in force: the runs of an authority follow each other.
select r.*, a.list_id as in_force from screening_rescreens r
join lateral (
    select list_id from screening_list_activations where authority = r.authority order by number desc limit 1
) a on true
where r.finished_at is null
  and not exists (select from screening_rescreens e where e.authority = r.authority and e.finished_at is null and e.number < r.number)
order by r.authority;

-- name: RescreenClaim :one
-- Takes a run for one server until a time. No row: another server has it, or it is finished.
update screening_rescreens set leased_until = @until
where id = @id and finished_at is null and (leased_until is null or leased_until <= @now::timestamptz)
returning *;

-- name: RescreenLease :exec
-- Keeps a run for longer, or gives it back.
update screening_rescreens set leased_until = @until where id = @id;

-- name: RescreenStart :exec
update screening_rescreens set entries_added = @added, entries_changed = @changed, entries_removed = @removed, started_at = @started_at
where id = @id and started_at is null;

-- name: RescreenLastSlice :one
select * from screening_rescreen_slices where rescreen_id = @rescreen_id order by number desc limit 1;

-- name: RescreenSliceInsert :exec
insert into screening_rescreen_slices (rescreen_id, number, after_merchant, after_beneficiary, last_merchant, last_beneficiary,
                                       examined, possible, certain, failed, alerts, at)
values (@rescreen_id, @number, @after_merchant, @after_beneficiary, @last_merchant, @last_beneficiary,
        @examined, @possible, @certain, @failed, @alerts, @at);

-- name: RescreenFinish :exec
update screening_rescreens r
set finished_at = @finished_at, leased_until = null,
    examined = (select coalesce(sum(s.examined), 0) from screening_rescreen_slices s where s.rescreen_id = r.id)
where r.id = @id and r.finished_at is null;

-- name: RescreenGet :one
select sqlc.embed(r), s.examined as seen, s.possible, s.certain, s.failed, s.alerts
from screening_rescreens r
cross join lateral (
    select coalesce(sum(examined), 0)::bigint as examined, coalesce(sum(possible), 0)::bigint as possible, coalesce(sum(certain), 0)::bigint as certain,
           coalesce(sum(failed), 0)::bigint as failed, coalesce(sum(alerts), 0)::bigint as alerts
    from screening_rescreen_slices where rescreen_id = r.id
) s
where r.id = @id;

-- name: RescreenList :many
select sqlc.embed(r), s.examined as seen, s.possible, s.certain, s.failed, s.alerts
from screening_rescreens r
cross join lateral (
    select coalesce(sum(examined), 0)::bigint as examined, coalesce(sum(possible), 0)::bigint as possible, coalesce(sum(certain), 0)::bigint as certain,
           coalesce(sum(failed), 0)::bigint as failed, coalesce(sum(alerts), 0)::bigint as alerts
    from screening_rescreen_slices where rescreen_id = r.id
) s
where (sqlc.narg('authority')::text is null or r.authority = sqlc.narg('authority')::text)
  and (sqlc.narg('status')::text is null
       or sqlc.narg('status')::text = case when r.finished_at is not null then 'completed' when r.started_at is not null then 'running' else 'pending' end)
  and (sqlc.narg('created_after')::timestamptz is null or r.created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or r.created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (r.created_at, r.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by r.created_at desc, r.id desc
limit @row_limit;

-- name: RescreenLastFinished :one
select * from screening_rescreens where finished_at is not null order by finished_at desc, id desc limit 1;

-- name: BeneficiariesActiveAfter :many
-- Active beneficiaries of all merchants in the order of a run, from a place on.
select * from beneficiaries
where status = 'active' and deleted_at is null and (merchant_id, id) > (@merchant_id::text, @id::text)
order by merchant_id, id
limit @row_limit;

-- name: SelfTestClaim :one
-- Takes a night's test for one server until a time. No row: another server does it or did.
insert into screening_self_tests (night, until) values (@night, @until)
on conflict (night) do update set until = excluded.until
    where screening_self_tests.finished_at is null and screening_self_tests.until <= @now::timestamptz
returning night;

-- name: SelfTestFinish :exec
update screening_self_tests set finished_at = @finished_at, lists = @lists, names = @names, missed = @missed, example = @example
where night = @night;

-- name: SelfTestLast :one
select * from screening_self_tests where finished_at is not null order by night desc limit 1;
