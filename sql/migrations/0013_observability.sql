-- What the server must be able to read of itself.

-- +goose Up

-- Whether the schema is the one that the program was built for: a server that lacks a migration is not ready.
grant select (version_id, is_applied) on goose_db_version to anton_app;

-- Payouts that wait for a person or for their screening have no due work, so payouts_due does not find them. Few rows are ever in it.
create index payouts_waiting on payouts (status, updated_at) where status in ('pending_screening', 'manual_review');

-- +goose Down
drop index payouts_waiting;
revoke select (version_id, is_applied) on goose_db_version from anton_app;
