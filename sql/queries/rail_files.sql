-- name: RailOrderNumbers :many
-- As many numbers as references are needed. None is ever given twice, whatever becomes of the transaction.
select nextval('rail_order_numbers')::bigint as number from generate_series(1, @many::integer);

-- name: RailOrderInsert :exec
-- A rail takes a payout once; taking it again changes nothing.
insert into rail_orders (merchant_id, payout_id, rail, reference, bank_reference, amount, currency, details, refusal, accepted_at, cut_at)
values (@merchant_id, @payout_id, @rail, @reference, @bank_reference, @amount, @currency, @details, @refusal, @accepted_at, @cut_at)
on conflict (merchant_id, payout_id) do nothing;

-- name: RailOrdersAsk :many
-- What is known of orders: the file that each is in, if it is in one.
select o.payout_id, o.reference, o.refusal, o.cut_at, f.id as file_id, f.settles_on, f.delivered_at
from rail_orders o
left join rail_file_orders i on i.merchant_id = o.merchant_id and i.payout_id = o.payout_id
left join rail_files f on f.rail = i.rail and f.id = i.file_id
where o.merchant_id = @merchant_id and o.rail = @rail and o.payout_id = any(@payout_ids::text[]);

-- name: RailEntriesApplied :many
-- What banks said of payouts and was found to fit, in the order in which it was decided.
select payout_id, id, kind, message, code, reason, decided_at from rail_entries
where merchant_id = @merchant_id and payout_id = any(@payout_ids::text[]) and outcome = 'applied'
order by decided_at, file_id, line;

-- name: RailOrdersDueLock :many
-- The orders whose file is to be cut, those accepted first. Two servers never get the same one.
select * from rail_orders
where rail = @rail and cut_at <= @now::timestamptz
order by accepted_at, reference
limit @row_limit
for update skip locked;

-- name: RailFileLastNumber :one
select coalesce(max(number), 0)::integer as number from rail_files where rail = @rail and day = @day and direction = 'out';

-- name: RailFileInsert :exec
insert into rail_files (rail, id, direction, name, sha256, size, entries, amount, currency, day, number, settles_on, recalls, created_at, created_by)
values (@rail, @id, @direction, @name, @sha256, @size, @entries, @amount, @currency, @day, @number, @settles_on, @recalls, @created_at, @created_by);

-- name: RailFileContentInsert :exec
insert into rail_file_contents (rail, file_id, content) values (@rail, @file_id, @content);

-- name: RailFileOrdersInsert :exec
insert into rail_file_orders (merchant_id, payout_id, rail, file_id, line)
select unnest(@merchant_ids::text[]), unnest(@payout_ids::text[]), @rail, @file_id, unnest(@lines::integer[]);

-- name: RailOrdersCut :exec
update rail_orders o set cut_at = null
from (select unnest(@merchant_ids::text[]) as merchant_id, unnest(@payout_ids::text[]) as payout_id) c
where o.merchant_id = c.merchant_id and o.payout_id = c.payout_id;

-- name: RailFileReferences :many
-- The payments that a file which went out makes or asks back, by the references that the bank has.
select o.bank_reference from rail_files f
join (
    select rail, file_id, line, merchant_id, payout_id from rail_file_orders
    union all
    select i.rail, i.file_id, i.line, i.merchant_id, r.payout_id from rail_file_recalls i
    join rail_recalls r on r.merchant_id = i.merchant_id and r.id = i.recall_id
) i on i.rail = f.rail and i.file_id = f.id
join rail_orders o on o.merchant_id = i.merchant_id and o.payout_id = i.payout_id
where f.rail = @rail and f.direction = 'out' and f.name = @name
order by i.line;

-- name: RailFilesUndelivered :many
select id from rail_files where rail = @rail and direction = 'out' and delivered_at is null order by created_at, id limit 100;

-- name: RailFileLock :one
-- The file, for whoever delivers it alone; no row while somebody else does.
select * from rail_files where rail = @rail and id = @id for update skip locked;

-- name: RailFileStaged :exec
update rail_files set staged_at = @at where rail = @rail and id = @id and staged_at is null;

-- name: RailFileDelivered :exec
update rail_files set delivered_at = @at where rail = @rail and id = @id and delivered_at is null;

-- name: RailFileContentGet :one
select content from rail_file_contents where rail = @rail and file_id = @file_id;

-- name: RailFileGet :one
select * from rail_files where id = @id;

-- name: RailFileByHash :one
select * from rail_files where rail = @rail and direction = @direction and sha256 = @sha256;

-- name: RailFileList :many
select * from rail_files
where (sqlc.narg('rail')::text is null or rail = sqlc.narg('rail')::text)
  and (sqlc.narg('direction')::text is null or direction = sqlc.narg('direction')::text)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: RailFileOutcomes :many
-- How the entries of a file that came in were decided; those that are not, under no outcome.
select coalesce(outcome, '')::text as outcome, count(*) as entries from rail_entries where rail = @rail and file_id = @file_id group by outcome;

-- name: RailEntriesInsert :exec
insert into rail_entries (rail, id, file_id, line, kind, bank_reference, message, amount, currency, code, reason, detail)
select @rail, unnest(@ids::text[]), @file_id, unnest(@lines::integer[]), unnest(@kinds::text[]), unnest(@bank_references::text[]),
       unnest(@messages::text[]), nullif(unnest(@amounts::text[]), '')::numeric, nullif(unnest(@currencies::text[]), ''),
       unnest(@codes::text[]), unnest(@reasons::text[]), nullif(unnest(@details::bytea[]), '');

-- name: RailFilesUnprocessed :many
select * from rail_files where direction = 'in' and processed_at is null order by created_at, id limit 100;

-- name: RailEntriesPending :many
-- The entries of a file that nobody decided yet, each with the last order of its reference; with '' where there is none.
select sqlc.embed(e), coalesce(o.merchant_id, '')::text as order_merchant_id, coalesce(o.payout_id, '')::text as order_payout_id
from rail_entries e
left join lateral (
    select merchant_id, payout_id from rail_orders where rail = e.rail and bank_reference = e.bank_reference order by accepted_at desc limit 1
) o on true
where e.rail = @rail and e.file_id = @file_id and e.outcome is null
order by e.line
limit @row_limit;

-- name: RailEntriesLock :many
-- Those of the entries that are still not decided, for whoever decides them alone.
select * from rail_entries where rail = @rail and id = any(@ids::text[]) and outcome is null order by line for update;

-- name: RailOrdersOfPayouts :many
-- The orders of payouts that entries are about: what was sent, when it left, and whether money came back already.
select o.payout_id, o.reference, o.bank_reference, o.amount, o.currency, f.delivered_at,
       exists (select from ledger_transactions t
               where t.merchant_id = o.merchant_id and t.payout_id = o.payout_id and t.type = 'return')::bool as came_back,
       exists (select from ledger_transactions t
               where t.merchant_id = o.merchant_id and t.payout_id = o.payout_id and t.type = 'return_reversal')::bool as taken_back
from rail_orders o
left join rail_file_orders i on i.merchant_id = o.merchant_id and i.payout_id = o.payout_id
left join rail_files f on f.rail = i.rail and f.id = i.file_id
where o.merchant_id = @merchant_id and o.payout_id = any(@payout_ids::text[]);

-- name: RailEntryDecide :exec
update rail_entries set outcome = @outcome, merchant_id = sqlc.narg('merchant_id'), payout_id = sqlc.narg('payout_id'), decided_at = @decided_at
where rail = @rail and id = @id and outcome is null;

-- name: RailFileProcessed :exec
update rail_files f set processed_at = @at
where f.rail = @rail and f.id = @id and f.processed_at is null
  and not exists (select from rail_entries e where e.rail = f.rail and e.file_id = f.id and e.outcome is null);

-- name: RailCaseInsert :exec
insert into rail_cases (rail, id, entry_id, kind, merchant_id, payout_id, amount, currency, suspense_id, opened_at)
values (@rail, @id, @entry_id, @kind, @merchant_id, @payout_id, @amount, @currency, @suspense_id, @opened_at);

-- name: RailCaseGet :one
select sqlc.embed(c), sqlc.embed(e), f.name as file_name
from rail_cases c
join rail_entries e on e.rail = c.rail and e.id = c.entry_id
join rail_files f on f.rail = e.rail and f.id = e.file_id
where c.id = @id;

-- name: RailCaseLock :one
select * from rail_cases where id = @id for update;

-- name: RailCaseResolve :exec
update rail_cases set resolution = @resolution, note = @note, resolved_by = @resolved_by, resolved_at = @resolved_at
where rail = @rail and id = @id and resolution is null;

-- name: RailCaseList :many
select sqlc.embed(c), sqlc.embed(e), f.name as file_name
from rail_cases c
join rail_entries e on e.rail = c.rail and e.id = c.entry_id
join rail_files f on f.rail = e.rail and f.id = e.file_id
where (sqlc.narg('rail')::text is null or c.rail = sqlc.narg('rail')::text)
  and (sqlc.narg('merchant_id')::text is null or c.merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('payout_id')::text is null or c.payout_id = sqlc.narg('payout_id')::text)
  and (sqlc.narg('open')::boolean is null or (c.resolution is null) = sqlc.narg('open')::boolean)
  and (sqlc.narg('created_after')::timestamptz is null or c.opened_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or c.opened_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (c.opened_at, c.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by c.opened_at desc, c.id desc
limit @row_limit;

-- name: RailReconciliation :many
-- What came of the payments that went out on a banking day: how many of each, and the first of those that do not fit. A payment is
-- different when a case says so, matched when the bank spoke of it, and else it is silent.
with payments as (
    select i.file_id, i.line, f.delivered_at, o.merchant_id, o.payout_id, o.bank_reference, o.amount, o.currency,
           (select min(c.id) from rail_cases c
            where c.merchant_id = o.merchant_id and c.payout_id = o.payout_id and c.kind in ('different_amount', 'contradiction', 'unreadable')) as case_id,
           exists (select from rail_entries e
                   where e.merchant_id = o.merchant_id and e.payout_id = o.payout_id and e.outcome in ('applied', 'noted', 'duplicate')) as answered
    from rail_files f
    join rail_file_orders i on i.rail = f.rail and i.file_id = f.id
    join rail_orders o on o.merchant_id = i.merchant_id and o.payout_id = i.payout_id
    where f.rail = @rail and f.day = @day and f.direction = 'out'
), judged as (
    select *, case when case_id is not null then 'different' when answered then 'matched' else 'silent' end as status from payments
), ranked as (
    select *, count(*) over (partition by status) as many, row_number() over (partition by status order by delivered_at, file_id, line) as place
    from judged
)
select status::text as status, many, file_id, delivered_at, merchant_id, payout_id, bank_reference, amount, currency, coalesce(case_id, '')::text as case_id
from ranked where place <= case status when 'matched' then 1 else @row_limit::integer end
order by status, place;

-- name: RailExtras :many
-- Entries of files that came in on a day that name no payment of ours, with their cases.
select e.file_id, e.bank_reference, e.amount, e.currency, c.id as case_id, c.opened_at, count(*) over () as many
from rail_files f
join rail_entries e on e.rail = f.rail and e.file_id = f.id
join rail_cases c on c.rail = e.rail and c.entry_id = e.id
where f.rail = @rail and f.day = @day and f.direction = 'in' and c.kind = 'unknown_reference'
order by c.opened_at, c.id
limit @row_limit;
