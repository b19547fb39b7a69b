-- name: ScreeningAlertInsert :exec
insert into screening_alerts (merchant_id, id, payout_id, verdict_id, beneficiary_id, role, subject_id, party_name, party_hash,
                              authority, entry_id, entry_hash, decision, model, finding, lists, created_at)
values (@merchant_id, @id, @payout_id, @verdict_id, @beneficiary_id, @role, @subject_id, @party_name, @party_hash,
        @authority, @entry_id, @entry_hash, @decision, @model, @finding, @lists, @created_at);

-- name: ScreeningPairsOf :many
-- The pairs in force of parties, by what was screened of them.
select id, role, subject_id, party_hash, authority, entry_id, entry_hash, decision from screening_reviewed_pairs
where merchant_id = @merchant_id and party_hash = any(@party_hashes::bytea[]) and revoked_at is null;

-- name: ScreeningUnreleased :many
select subject::text from screening_unreleased(@merchant_id::text, @payout_id::text);

-- name: ScreeningAlertList :many
select * from screening_alerts
where (sqlc.narg('status')::text is null or status = sqlc.narg('status')::screening_alert_status)
  and (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('beneficiary_id')::text is null or beneficiary_id = sqlc.narg('beneficiary_id')::text)
  and (sqlc.narg('payout_id')::text is null or payout_id = sqlc.narg('payout_id')::text)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('after_at')::timestamptz is null or (created_at, id) > (sqlc.narg('after_at')::timestamptz, @after_id::text))
order by created_at, id
limit @row_limit;

-- name: ScreeningAlertGet :one
select * from screening_alerts where id = @id;

-- name: ScreeningAlertGetForUpdate :one
select * from screening_alerts where id = @id for update;

-- name: ScreeningAlertResolve :exec
update screening_alerts set status = @status, resolved_by = @resolved_by, resolved_at = @resolved_at, reason = @reason
where merchant_id = @merchant_id and id = @id and status = 'open';

-- name: ScreeningAlertsReopen :exec
-- The alerts that a pair decided, of payouts that are still in review, wait for another decision once the pair is revoked.
update screening_alerts a set status = 'open', resolved_by = null, resolved_at = null, reason = null
from screening_reviewed_pairs p
where p.merchant_id = @merchant_id and p.id = @pair_id
  and a.merchant_id = p.merchant_id and a.party_hash = p.party_hash and a.role = p.role and a.subject_id = p.subject_id
  and a.authority = p.authority and a.entry_id = p.entry_id and a.entry_hash = p.entry_hash
  and a.payout_id = any(@payout_ids::text[]);

-- name: ScreeningPairPayoutsLock :many
-- The payouts in review that a pair is about. They are locked, so that none is approved while the pair is revoked.
select o.id from payouts o
where o.merchant_id = @merchant_id and o.status = 'manual_review' and exists (
    select from screening_reviewed_pairs p
    join screening_alerts a on a.merchant_id = p.merchant_id and a.party_hash = p.party_hash and a.role = p.role and a.subject_id = p.subject_id
         and a.authority = p.authority and a.entry_id = p.entry_id and a.entry_hash = p.entry_hash
    where p.merchant_id = @merchant_id and p.id = @pair_id and a.payout_id = o.id
)
for update of o;

-- name: ScreeningPairInsert :exec
insert into screening_reviewed_pairs (merchant_id, id, alert_id, role, subject_id, party_name, party_hash, authority, entry_id, entry_hash,
                                      entry_name, decision, reason, reviewed_by, reviewed_at)
values (@merchant_id, @id, @alert_id, @role, @subject_id, @party_name, @party_hash, @authority, @entry_id, @entry_hash,
        @entry_name, @decision, @reason, @reviewed_by, @reviewed_at);

-- name: ScreeningPairGet :one
select * from screening_reviewed_pairs where id = @id;

-- name: ScreeningPairGetForUpdate :one
select * from screening_reviewed_pairs where id = @id for update;

-- name: ScreeningPairRevoke :exec
update screening_reviewed_pairs set revoked_by = @revoked_by, revoked_at = @revoked_at, revoke_reason = @revoke_reason
where merchant_id = @merchant_id and id = @id and revoked_at is null;

-- name: ScreeningPairList :many
select * from screening_reviewed_pairs
where (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('subject_id')::text is null or subject_id = sqlc.narg('subject_id')::text)
  and (sqlc.narg('decision')::text is null or decision = sqlc.narg('decision')::screening_alert_status)
  and (@revoked_too::boolean or revoked_at is null)
  and (sqlc.narg('created_after')::timestamptz is null or reviewed_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or reviewed_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (reviewed_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by reviewed_at desc, id desc
limit @row_limit;
