-- name: SanctionsListInsert :exec
-- A version that is there already stays as it is: reading the same file again changes nothing.
insert into screening_lists (id, authority, published_on, published_said, file_hash, parser, entries, names, source, content, content_hash,
                             loaded_at, loaded_by)
values (@id, @authority, @published_on, @published_said, @file_hash, @parser, @entries, @names, @source, @content, @content_hash,
        @loaded_at, @loaded_by)
on conflict on constraint list_is_loaded_once do nothing;

-- name: SanctionsListActivate :exec
insert into screening_list_activations (authority, number, list_id, entries, published_on, previous_number, previous_entries,
                                        previous_published_on, shrink_accepted_by, reason, activated_at, activated_by)
values (@authority, @number, @list_id, @entries, @published_on, sqlc.narg('previous_number'), sqlc.narg('previous_entries'),
        sqlc.narg('previous_published_on'), @shrink_accepted_by, @reason, @activated_at, @activated_by);

-- name: SanctionsRefreshInsert :exec
insert into screening_list_refreshes (authority, id, at, outcome, list_id, detail, source, etag, last_modified, by)
values (@authority, @id, @at, @outcome, sqlc.narg('list_id'), @detail, @source, @etag, @last_modified, @by);

-- name: SanctionsInForce :many
-- The version in force of each authority, and when it was last known to be the newest one.
select a.authority, a.number, a.list_id, a.entries, a.published_on, a.activated_at, a.activated_by, a.reason,
       l.names, l.file_hash, l.parser, l.published_said, l.content_hash,
       coalesce(r.at, a.activated_at)::timestamptz as refreshed_at
from screening_list_activations a
join screening_lists l on l.id = a.list_id
left join lateral (
    select at from screening_list_refreshes
    where authority = a.authority and outcome in ('loaded', 'unchanged') and list_id = a.list_id
    order by at desc limit 1
) r on true
where not exists (select from screening_list_activations later where later.authority = a.authority and later.number = a.number + 1)
order by a.authority;

-- name: SanctionsLastRefresh :one
-- The newest attempt, of any outcome.
select * from screening_list_refreshes where authority = @authority order by at desc, id desc limit 1;

-- name: SanctionsLastSuccess :one
-- The newest attempt that succeeded with this source, for what its server said of the file.
select * from screening_list_refreshes
where authority = @authority and source = @source and outcome in ('loaded', 'unchanged')
order by at desc, id desc limit 1;

-- name: SanctionsContent :one
select authority, published_on, published_said, file_hash, parser, entries, content, content_hash from screening_lists where id = @id;

-- name: SanctionsListGet :one
select l.id, l.authority, l.published_on, l.published_said, l.file_hash, l.parser, l.entries, l.names, l.source, l.loaded_at, l.loaded_by,
       a.activated_at, a.activated_by, a.reason, a.shrink_accepted_by,
       (a.number = (select max(number) from screening_list_activations m where m.authority = l.authority))::boolean as in_force
from screening_lists l
join lateral (
    select * from screening_list_activations where list_id = l.id order by number desc limit 1
) a on true
where l.id = @id;

-- name: SanctionsListByFile :one
select id from screening_lists where authority = @authority and file_hash = @file_hash and parser = @parser;

-- name: SanctionsListPage :many
select l.id, l.authority, l.published_on, l.published_said, l.file_hash, l.parser, l.entries, l.names, l.source, l.loaded_at, l.loaded_by,
       a.activated_at, a.activated_by, a.reason, a.shrink_accepted_by,
       (a.number = (select max(number) from screening_list_activations m where m.authority = l.authority))::boolean as in_force
from screening_lists l
join lateral (
    select * from screening_list_activations where list_id = l.id order by number desc limit 1
) a on true
where (sqlc.narg('authority')::text is null or l.authority = sqlc.narg('authority')::text)
  and (sqlc.narg('created_after')::timestamptz is null or l.loaded_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or l.loaded_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (l.loaded_at, l.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by l.loaded_at desc, l.id desc
limit @row_limit;

-- name: SanctionsClaim :one
-- Takes an authority's refresh for one server until a time. No row: another server has it, or it is not due.
insert into screening_list_claims (authority, until) values (@authority, @until)
on conflict (authority) do update set until = excluded.until where screening_list_claims.until <= @now
returning authority;

-- name: SanctionsClaimUntil :exec
-- Says when the next refresh of the authority's list is due, by whoever holds it now.
update screening_list_claims set until = @until where authority = @authority;

-- name: SanctionsLastRefreshes :many
-- The newest attempt of each authority, of any outcome.
select distinct on (authority) * from screening_list_refreshes order by authority, at desc, id desc;
