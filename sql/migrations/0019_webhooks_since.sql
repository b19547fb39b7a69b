-- What happened since a webhook was made: servers' clocks differ, so an event of a server whose clock is behind seemed to be older than the
-- webhook, and was never told. The numbers of the transactions do not lie.

-- +goose Up

-- The transaction that made the webhook: see audit_log.xid.
alter table webhooks add column xid bigint not null default (pg_current_xact_id()::text::bigint);
revoke insert on webhooks from anton_app;
grant insert (merchant_id, id, url, events, description, secret, created_at, updated_at) on webhooks to anton_app;

-- +goose Down
revoke insert on webhooks from anton_app;
grant insert on webhooks to anton_app;
alter table webhooks drop column xid;
