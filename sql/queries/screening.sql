-- name: ScreeningAlertInsert :exec
insert into screening_alerts (merchant_id, id, payout_id, verdict_id, rescreen_id, block_id, beneficiary_id, role, subject_id, party_name,
                              party_hash, authority, entry_id, entry_hash, decision, model, finding, lists, created_at)
values (@merchant_id, @id, sqlc.narg('payout_id'), sqlc.narg('verdict_id'), sqlc.narg('rescreen_id'), sqlc.narg('block_id'), @beneficiary_id,
        @role, @subject_id, @party_name, @party_hash, @authority, @entry_id, @entry_hash, @decision, @model, @finding, @lists, @created_at);

-- name: ScreeningAlertsOfParty :many
-- The alerts that there are already of a payout and a party as it was screened; of the party by itself where no payout is given.
select id, status, authority, entry_id, entry_hash from screening_alerts
where merchant_id = @merchant_id and beneficiary_id = @beneficiary_id and party_hash = @party_hash and role = @role and subject_id = @subject_id
  and payout_id is not distinct from sqlc.narg('payout_id')::text;

-- name: PayoutScreeningInsert :exec
insert into payout_screenings (merchant_id, id, payout_id, verdict_id, at, decision, screening, created_at)
values (@merchant_id, @id, @payout_id, @verdict_id, @at, @decision, @screening, @created_at);

-- name: PayoutsToScreenAgain :many
-- Of these payouts those that were judged with other lists than the ones given, or whose beneficiary changed or was blocked since, or
-- whose merchant's pairs compliance decided about since.
select p.id from payouts p
join verdicts v on v.merchant_id = p.merchant_id and v.payout_id = p.id and v.id = p.verdict_id
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
where p.merchant_id = @merchant_id and p.id = any(@payout_ids::text[])
  and (v.lists <> @lists::text or v.beneficiary_sequence is distinct from b.event_sequence
       or v.created_at <= (select max(greatest(r.reviewed_at, r.approved_at, r.revoked_at)) from screening_reviewed_pairs r
                           where r.merchant_id = @merchant_id));

-- name: ScreeningPairsOf :many
-- The pairs in force of parties, by what was screened of them.
select id, role, subject_id, party_hash, authority, entry_id, entry_hash, decision from screening_reviewed_pairs
where merchant_id = @merchant_id and party_hash = any(@party_hashes::bytea[]) and in_force;

-- name: ScreeningPairOfAlert :one
-- The pair of an alert's party and entry that nobody revoked, in force or proposed.
select * from screening_reviewed_pairs
where merchant_id = @merchant_id and party_hash = @party_hash and role = @role and subject_id = @subject_id
  and authority = @authority and entry_id = @entry_id and entry_hash = @entry_hash and revoked_at is null;

-- name: ScreeningUnreleased :many
select subject::text from screening_unreleased(@merchant_id::text, @payout_id::text);

-- name: ScreeningAlertList :many
select * from screening_alerts
where (sqlc.narg('status')::text is null or status = sqlc.narg('status')::screening_alert_status)
  and (sqlc.narg('merchant_id')::text is null or merchant_id = sqlc.narg('merchant_id')::text)
  and (sqlc.narg('beneficiary_id')::text is null or beneficiary_id = sqlc.narg('beneficiary_id')::text)
  and (sqlc.narg('payout_id')::text is null or payout_id = sqlc.narg('payout_id')::text)
  and (sqlc.narg('rescreen_id')::text is null or rescreen_id = sqlc.narg('rescreen_id')::text)
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
-- The alerts that a pair decided, of payouts that are still in review and of the party by itself, wait for another decision once the pair
-- is revoked.
update screening_alerts a set status = 'open', resolved_by = null, resolved_at = null, reason = null
from screening_reviewed_pairs p
where p.merchant_id = @merchant_id and p.id = @pair_id
  and a.merchant_id = p.merchant_id and a.party_hash = p.party_hash and a.role = p.role and a.subject_id = p.subject_id
  and a.authority = p.authority and a.entry_id = p.entry_id and a.entry_hash = p.entry_hash
  and (a.payout_id is null or a.payout_id = any(@payout_ids::text[]));

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
                                      entry_name, decision, reason, reviewed_by, reviewed_at, needs_approval)
values (@merchant_id, @id, @alert_id, @role, @subject_id, @party_name, @party_hash, @authority, @entry_id, @entry_hash,
        @entry_name, @decision, @reason, @reviewed_by, @reviewed_at, @needs_approval);

-- name: ScreeningPairApprove :exec
update screening_reviewed_pairs set approved_by = @approved_by, approved_at = @approved_at
where merchant_id = @merchant_id and id = @id and approved_at is null and revoked_at is null;

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
  and (sqlc.narg('status')::text is null
       or sqlc.narg('status')::text = case when revoked_at is not null then 'revoked' when in_force then 'in_force' else 'proposed' end)
  and (sqlc.narg('created_after')::timestamptz is null or reviewed_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or reviewed_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (reviewed_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by reviewed_at desc, id desc
limit @row_limit;
