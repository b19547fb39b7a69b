-- name: BatchTwin :one
-- A batch of the same file that came to something, or may still.
select id, status from batches
where merchant_id = @merchant_id and fingerprint = @fingerprint and status not in ('validation_failed', 'cancelled', 'failed');

-- name: BatchesOpen :one
select count(*) from batches where merchant_id = @merchant_id and ended_at is null;

-- name: BatchInsert :exec
-- A batch and its first step, in one statement because each needs the other.
with first_step as (
    insert into batch_steps (merchant_id, batch_id, seq, to_status, at, actor, event_id)
    values (@merchant_id, @id, 1, 'uploaded', @created_at, @created_by, @event_id)
)
insert into batches (merchant_id, id, status, seq, format, separator, file_name, description, fingerprint, total_rows, created_by,
                     created_at, updated_at, due_at)
values (@merchant_id, @id, 'uploaded', 1, @format, @separator, @file_name, @description, @fingerprint, @total_rows, @created_by,
        @created_at, @created_at, @created_at);

-- name: BatchRowsInsert :exec
insert into batch_rows (merchant_id, batch_id, number, data)
select @merchant_id, @batch_id, unnest(@numbers::integer[]), unnest(@data::bytea[]);

-- name: BatchErrorsInsert :exec
insert into batch_errors (merchant_id, batch_id, number, n, field, message, suggestion)
select @merchant_id, @batch_id, unnest(@numbers::integer[]), unnest(@ns::integer[]), unnest(@fields::text[]), unnest(@messages::text[]),
       unnest(@suggestions::text[]);

-- name: BatchGet :one
select * from batches where merchant_id = @merchant_id and id = @id;

-- name: BatchGetForUpdate :one
select * from batches where merchant_id = @merchant_id and id = @id for update;

-- name: BatchList :many
select * from batches
where merchant_id = @merchant_id
  and (sqlc.narg('status')::text is null or status = sqlc.narg('status')::text::batch_status)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: BatchMove :exec
-- The step and the batch as it is after it, in one statement. Whoever lost a race gets batch_moves_one_step_at_a_time.
with step as (
    insert into batch_steps (merchant_id, batch_id, seq, from_status, to_status, at, actor, event_id)
    values (@merchant_id, @id, @seq, @from_status, @status, @updated_at, @actor, @event_id)
)
update batches b
set status = @status, seq = @seq, updated_at = @updated_at, valid_rows = @valid_rows, invalid_rows = @invalid_rows,
    created_rows = @created_rows, failed_rows = @failed_rows, new_beneficiaries = @new_beneficiaries,
    known_beneficiaries = @known_beneficiaries, confirmed_by = @confirmed_by, cancel_reason = @cancel_reason, validated_at = @validated_at,
    expires_at = @expires_at, confirmed_at = @confirmed_at, processing_at = @processing_at, ended_at = @ended_at, due_at = @due_at, attempt = 0
where b.merchant_id = @merchant_id and b.id = @id;

-- name: BatchProgress :exec
-- How many rows ended so far, where the batch stays in its state.
update batches set created_rows = @created_rows, failed_rows = @failed_rows, updated_at = @updated_at, due_at = @due_at, attempt = 0
where merchant_id = @merchant_id and id = @id;

-- name: BatchLease :exec
update batches set due_at = @due_at where merchant_id = @merchant_id and id = @id;

-- name: BatchPostpone :exec
update batches set due_at = @due_at, attempt = attempt + 1
where merchant_id = @merchant_id and id = @id and seq = @seq and due_at is not null;

-- name: BatchesDue :many
-- The batches that wait for work, those that wait longest first. A suspended merchant's are not paid.
select b.merchant_id, b.id, b.status, b.seq, b.attempt from batches b
join merchants m on m.id = b.merchant_id
where b.due_at <= @now::timestamptz and (m.status = 'active' or b.status not in ('confirmed', 'processing'))
order by b.due_at
limit @row_limit;

-- name: BatchDueLock :one
-- A batch that is still due, for whoever comes first.
select * from batches where merchant_id = @merchant_id and id = @id and due_at <= @now::timestamptz for update skip locked;

-- name: BatchRowsToCheck :many
select number, data from batch_rows where merchant_id = @merchant_id and batch_id = @batch_id order by number;

-- name: BatchErrorFields :many
-- What the reading of the file has said of its rows.
select number, n, field from batch_errors where merchant_id = @merchant_id and batch_id = @batch_id;

-- name: BatchRowsChecked :exec
update batch_rows r
set status = c.status::batch_row_status, amount = nullif(c.amount, '')::numeric, currency = nullif(c.currency, ''), reference = c.reference,
    beneficiary_id = nullif(c.beneficiary_id, '')
from (select unnest(@numbers::integer[]) as number, unnest(@statuses::text[]) as status, unnest(@amounts::text[]) as amount,
             unnest(@currencies::text[]) as currency, unnest(@refs::text[]) as reference, unnest(@beneficiary_ids::text[]) as beneficiary_id) c
where r.merchant_id = @merchant_id and r.batch_id = @batch_id and r.number = c.number;

-- name: BatchRowsForget :exec
-- The cells of a batch that will not be paid.
update batch_rows set data = null where merchant_id = @merchant_id and batch_id = @batch_id and data is not null;

-- name: BatchRowsNext :many
-- The next rows to be paid, in the order of the file. The caller holds the batch's lock.
select number, data from batch_rows
where merchant_id = @merchant_id and batch_id = @batch_id and status = 'valid'
order by number
limit @row_limit;

-- name: BatchRowsEnd :exec
-- Rows that became payouts, or did not. Their cells go.
update batch_rows r
set status = case when c.payout_id <> '' then 'created' else 'failed' end::batch_row_status, data = null,
    beneficiary_id = coalesce(nullif(c.beneficiary_id, ''), r.beneficiary_id), payout_id = nullif(c.payout_id, ''),
    error_code = c.error_code, error = c.error
from (select unnest(@numbers::integer[]) as number, unnest(@beneficiary_ids::text[]) as beneficiary_id,
             unnest(@payout_ids::text[]) as payout_id, unnest(@error_codes::text[]) as error_code, unnest(@errors::text[]) as error) c
where r.merchant_id = @merchant_id and r.batch_id = @batch_id and r.number = c.number and r.status = 'valid';

-- name: BatchErrorList :many
select number, n, field, message, suggestion from batch_errors
where merchant_id = @merchant_id and batch_id = @batch_id and (number, n) > (@after_number::integer, @after_n::integer)
order by number, n
limit @row_limit;

-- name: BatchResultList :many
select r.number, r.status, r.payout_id, p.status as payout_status, r.beneficiary_id, r.amount, r.currency, r.reference, r.error_code, r.error
from batch_rows r
left join payouts p on p.merchant_id = r.merchant_id and p.id = r.payout_id
where r.merchant_id = @merchant_id and r.batch_id = @batch_id and r.number > @after_number
  and (sqlc.narg('status')::text is null or r.status = sqlc.narg('status')::text::batch_row_status)
order by r.number
limit @row_limit;

-- name: BatchTotals :many
-- What a batch comes to in each currency, beside the balance.
select r.currency::text as currency, count(*)::integer as row_count, sum(r.amount)::numeric as total,
       coalesce(sum(r.amount) filter (where r.status = 'valid'), 0)::numeric as remaining, b.available
from batch_rows r
left join balances b on b.merchant_id = r.merchant_id and b.currency = r.currency
where r.merchant_id = @merchant_id and r.batch_id = @batch_id and r.amount is not null
group by r.currency, b.available
order by r.currency;

-- name: StatisticsCatchUp :one
-- Counts the tables that grew far beyond what plans are made for, and says how many there were.
select statistics_catch_up();
