-- name: RailInstructionInsert :exec
insert into rail_instructions (merchant_id, payout_id, rail, reference, accepted_at)
values (@merchant_id, @payout_id, @rail, @reference, @accepted_at);

-- name: RailEventInsert :exec
insert into rail_events (merchant_id, payout_id, rail, event_id, kind, reason_code, received_at)
values (@merchant_id, @payout_id, @rail, @event_id, @kind, @reason_code, @received_at);

-- name: RailEventIDs :many
select payout_id, event_id from rail_events where merchant_id = @merchant_id and payout_id = any(@payout_ids::text[]);

-- name: SandboxBankAccept :exec
-- The bank takes a key once; asking again changes nothing.
insert into sandbox_bank_payments (merchant_id, key, reference, outcome, accepted_at)
values (@merchant_id, @key, @reference, @outcome, @accepted_at)
on conflict (merchant_id, key) do nothing;

-- name: SandboxBankGet :one
select * from sandbox_bank_payments where merchant_id = @merchant_id and key = @key;

-- name: SandboxBankSetOutcome :exec
update sandbox_bank_payments set outcome = @outcome where merchant_id = @merchant_id and key = @key;

-- name: RailDetails :one
-- Whom a payout pays and for whom, the secret parts as they are encrypted.
select m.name as merchant_name, b.id as beneficiary_id, b.type, b.first_name, b.middle_name, b.last_name, b.company_name,
       b.country as beneficiary_country, b.private_data, i.id as instrument_id, i.country as instrument_country, i.details
from payouts p
join merchants m on m.id = p.merchant_id
join beneficiaries b on b.merchant_id = p.merchant_id and b.id = p.beneficiary_id
join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
where p.merchant_id = @merchant_id and p.id = @id;
