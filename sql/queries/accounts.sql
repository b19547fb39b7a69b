-- name: FundingAccountList :many
select * from funding_accounts order by currency;

-- name: FundingAccountGet :one
select * from funding_accounts where currency = @currency;

-- name: FundingAccountSet :exec
insert into funding_accounts (currency, country, bank_name, account_holder, account_number, routing_number, sort_code, iban, bic, updated_at)
values (@currency, @country, @bank_name, @account_holder, @account_number, @routing_number, @sort_code, @iban, @bic, @updated_at)
on conflict (currency) do update
set country = excluded.country, bank_name = excluded.bank_name, account_holder = excluded.account_holder,
    account_number = excluded.account_number, routing_number = excluded.routing_number, sort_code = excluded.sort_code,
    iban = excluded.iban, bic = excluded.bic, updated_at = excluded.updated_at;
