-- An idempotency key is written once, with the answer, instead of being claimed by a row and updated; the claim is an advisory lock of the
-- transaction. The key's uniqueness stays the truth: a second call with it cannot commit.

-- +goose Up
alter table idempotency_keys alter column response set not null;

-- +goose Down
alter table idempotency_keys alter column response drop not null;
