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
