-- Beneficiaries and instruments can be deleted. The rows stay, because payouts point at them and auditors ask about them; no read shows
-- them, and what was unique about them is free again.

-- +goose Up

alter table beneficiaries add column deleted_at timestamptz;
alter table instruments add column deleted_at timestamptz;

alter table beneficiaries drop constraint external_ref_is_unique;
create unique index external_ref_is_unique on beneficiaries (merchant_id, external_ref) where deleted_at is null;

drop index beneficiary_is_not_a_duplicate;
create unique index beneficiary_is_not_a_duplicate on beneficiaries (merchant_id, fingerprint)
    where not allow_duplicate and status = 'active' and deleted_at is null;

-- Compliance's decision outlives the merchant's wish to tidy up.
alter table beneficiaries add constraint blocked_beneficiary_is_not_deleted check (status <> 'blocked' or deleted_at is null);

-- The list of all instruments of a merchant.
create index instruments_of_all_newest_first on instruments (merchant_id, created_at desc, id desc) where deleted_at is null;

-- The application may change what its methods change and nothing else. Whose account an instrument is, and which account, is settled
-- when it is created: what was screened is what is paid.
revoke update on beneficiaries, instruments from anton_app;
grant update (first_name, middle_name, last_name, company_name, status, external_ref, default_instrument_id, private_data, fingerprint,
              allow_duplicate, metadata, event_sequence, updated_at, deleted_at) on beneficiaries to anton_app;
grant update (label, status, verification, metadata, updated_at, deleted_at) on instruments to anton_app;

-- +goose Down
-- There is no way back: deleted rows would come to light again, and two of them may have one external_ref.
select 1 / 0;
