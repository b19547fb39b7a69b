-- name: BeneficiaryInsert :exec
insert into beneficiaries (merchant_id, id, type, first_name, middle_name, last_name, company_name, country, currency, external_ref,
                           default_instrument_id, private_data, fingerprint, allow_duplicate, metadata, created_at, updated_at)
values (@merchant_id, @id, @type, @first_name, @middle_name, @last_name, @company_name, @country, @currency, @external_ref,
        @default_instrument_id, @private_data, @fingerprint, @allow_duplicate, @metadata, @created_at, @created_at);

-- name: BeneficiaryGet :one
select * from beneficiaries where merchant_id = @merchant_id and id = @id and deleted_at is null;

-- name: BeneficiaryGetForUpdate :one
-- The creation of a payout holds the row with a key share: after this, every payout to the beneficiary is either committed or not begun.
select * from beneficiaries where merchant_id = @merchant_id and id = @id and deleted_at is null for update;

-- name: BeneficiaryTwin :one
-- Another beneficiary with the same reference of the merchant's, or an active one with the same name and account. A null looks for
-- nothing.
select id, (external_ref is not distinct from sqlc.narg('external_ref')::text and external_ref is not null)::bool as same_ref
from beneficiaries
where merchant_id = @merchant_id and id <> @id and deleted_at is null
  and (external_ref = sqlc.narg('external_ref')::text or (fingerprint = @fingerprint and status = 'active'))
order by same_ref desc, created_at
limit 1;

-- name: BeneficiaryUpdate :exec
-- The row as it now is, all but what never changes.
update beneficiaries
set first_name = @first_name, middle_name = @middle_name, last_name = @last_name, company_name = @company_name, status = @status,
    external_ref = @external_ref, default_instrument_id = @default_instrument_id, private_data = @private_data,
    fingerprint = @fingerprint, allow_duplicate = @allow_duplicate, metadata = @metadata, event_sequence = @event_sequence,
    updated_at = @updated_at, renamed_at = @renamed_at, block_id = @block_id
where merchant_id = @merchant_id and id = @id;

-- name: BeneficiaryDelete :exec
-- The beneficiary and its instruments, in one statement: none can be read without the other.
with gone as (
    update instruments i set deleted_at = @deleted_at
    where i.merchant_id = @merchant_id and i.beneficiary_id = @id and i.deleted_at is null
)
update beneficiaries b set deleted_at = @deleted_at where b.merchant_id = @merchant_id and b.id = @id;

-- name: BlockInsert :exec
insert into beneficiary_blocks (merchant_id, id, beneficiary_id, cause, alert_id, reason, blocked_by, blocked_at)
values (@merchant_id, @id, @beneficiary_id, @cause, sqlc.narg('alert_id'), @reason, @blocked_by, @blocked_at);

-- name: BlockGet :one
select * from beneficiary_blocks where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id and id = @id;

-- name: BlockLast :one
-- The newest block of a beneficiary that is not blocked any more.
select * from beneficiary_blocks where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id order by blocked_at desc, id desc limit 1;

-- name: BlockLift :exec
update beneficiary_blocks set lifted_by = @lifted_by, lifted_at = @lifted_at, lift_reason = @lift_reason
where merchant_id = @merchant_id and id = @id and lifted_at is null;

-- name: BeneficiaryPayoutInProgress :one
-- A payout to the beneficiary, by the instrument where one is given, that has not come to its end.
select id from payouts
where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id
  and (sqlc.narg('instrument_id')::text is null or instrument_id = sqlc.narg('instrument_id')::text)
  and status not in ('completed', 'failed', 'returned', 'screening_failed', 'velocity_blocked', 'cancelled')
order by created_at
limit 1;

-- name: BeneficiaryList :many
select * from beneficiaries
where merchant_id = @merchant_id and deleted_at is null
  and (sqlc.narg('status')::text is null or status = sqlc.narg('status')::text::beneficiary_status)
  and (sqlc.narg('type')::text is null or type = sqlc.narg('type')::text::party_type)
  and (sqlc.narg('country')::text is null or country = sqlc.narg('country')::text)
  and (sqlc.narg('external_ref')::text is null or external_ref = sqlc.narg('external_ref')::text)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;

-- name: InstrumentInsert :exec
insert into instruments (merchant_id, id, beneficiary_id, method, currency, country, bank_name, last4, masked, label, details,
                         fingerprint, bank_fingerprint, metadata, created_at, updated_at)
values (@merchant_id, @id, @beneficiary_id, @method, @currency, @country, @bank_name, @last4, @masked, @label, @details,
        @fingerprint, @bank_fingerprint, @metadata, @created_at, @created_at);

-- name: InstrumentGet :one
select sqlc.embed(i), (b.default_instrument_id is not distinct from i.id)::bool as is_default
from instruments i join beneficiaries b on b.merchant_id = i.merchant_id and b.id = i.beneficiary_id
where i.merchant_id = @merchant_id and i.id = @id and i.deleted_at is null;

-- name: InstrumentLock :one
-- The instrument and its beneficiary, both locked. The beneficiary is locked against payouts as in BeneficiaryGetForUpdate; the
-- instrument more weakly, because a payout that holds the beneficiary goes on to point at the instrument.
select sqlc.embed(i), sqlc.embed(b)
from instruments i join beneficiaries b on b.merchant_id = i.merchant_id and b.id = i.beneficiary_id
where i.merchant_id = @merchant_id and i.id = @id and i.deleted_at is null
for update of b
for no key update of i;

-- name: InstrumentUpdate :exec
update instruments set label = @label, status = @status, metadata = @metadata, updated_at = @updated_at
where merchant_id = @merchant_id and id = @id;

-- name: InstrumentDelete :exec
update instruments set deleted_at = @deleted_at where merchant_id = @merchant_id and id = @id;

-- name: InstrumentCount :one
select count(*) from instruments where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id and deleted_at is null;

-- name: InstrumentList :many
select sqlc.embed(i), (b.default_instrument_id is not distinct from i.id)::bool as is_default
from instruments i join beneficiaries b on b.merchant_id = i.merchant_id and b.id = i.beneficiary_id
where i.merchant_id = @merchant_id and i.deleted_at is null
  and (sqlc.narg('beneficiary_id')::text is null or i.beneficiary_id = sqlc.narg('beneficiary_id')::text)
  and (sqlc.narg('status')::text is null or i.status = sqlc.narg('status')::text::instrument_status)
  and (sqlc.narg('method')::text is null or i.method = sqlc.narg('method')::text::payment_method)
  and (sqlc.narg('currency')::text is null or i.currency = sqlc.narg('currency')::text)
  and (sqlc.narg('created_after')::timestamptz is null or i.created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or i.created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (i.created_at, i.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by i.created_at desc, i.id desc
limit @row_limit;

-- name: BeneficiariesKnown :many
-- Those with one of the ids or references, and the active ones with one of the names and accounts; the oldest first.
select id, external_ref, fingerprint, status from beneficiaries
where merchant_id = @merchant_id and deleted_at is null
  and (id = any(@ids::text[]) or external_ref = any(@external_refs::text[]) or (fingerprint = any(@fingerprints::bytea[]) and status = 'active'))
order by created_at, id;

-- name: BeneficiariesInsert :exec
-- Many at once. An empty text stands for an absent one.
insert into beneficiaries (merchant_id, id, type, first_name, middle_name, last_name, company_name, country, currency, external_ref,
                           default_instrument_id, private_data, fingerprint, allow_duplicate, metadata, created_at, updated_at)
select @merchant_id, unnest(@ids::text[]), unnest(@types::text[])::party_type, nullif(unnest(@first_names::text[]), ''),
       nullif(unnest(@middle_names::text[]), ''), nullif(unnest(@last_names::text[]), ''), nullif(unnest(@company_names::text[]), ''),
       unnest(@countries::text[]), unnest(@currencies::text[]), nullif(unnest(@external_refs::text[]), ''),
       unnest(@default_instrument_ids::text[]), unnest(@private_data::bytea[]), unnest(@fingerprints::bytea[]), false, '{}', @at, @at;

-- name: InstrumentsInsert :exec
insert into instruments (merchant_id, id, beneficiary_id, method, currency, country, bank_name, last4, masked, label, details,
                         fingerprint, bank_fingerprint, metadata, created_at, updated_at)
select @merchant_id, unnest(@ids::text[]), unnest(@beneficiary_ids::text[]), unnest(@methods::text[])::payment_method,
       unnest(@currencies::text[]), unnest(@countries::text[]), unnest(@bank_names::text[]), unnest(@last4s::text[]),
       unnest(@masks::text[]), '', unnest(@details::bytea[]), unnest(@fingerprints::bytea[]), unnest(@bank_fingerprints::bytea[]), '{}', @at, @at;

-- name: BeneficiariesActiveForUpdate :many
-- The oldest beneficiaries of a merchant that are active.
select * from beneficiaries
where merchant_id = @merchant_id and deleted_at is null and status = 'active'
order by created_at, id
limit @row_limit
for update;
