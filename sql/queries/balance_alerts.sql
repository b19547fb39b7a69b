-- name: BalanceAlertSet :exec
-- Watched from the last transaction on, so that a balance that is low already is noticed.
insert into balance_alerts (merchant_id, currency, threshold, watched, updated_at)
select b.merchant_id, b.currency, sqlc.narg('threshold')::numeric, greatest(b.sequence - 1, 0), @updated_at::timestamptz
from balances b where b.merchant_id = @merchant_id and b.currency = @currency
on conflict (merchant_id, currency) do update
set threshold = excluded.threshold, watched = excluded.watched, low = false, updated_at = excluded.updated_at;

-- name: BalanceAlertsDue :many
select a.merchant_id, a.currency from balance_alerts a
join balances b on b.merchant_id = a.merchant_id and b.currency = a.currency
where a.threshold is not null and a.watched < b.sequence
order by a.merchant_id, a.currency;

-- name: BalanceAlertLock :one
-- Another server's watcher that holds it is left to it.
select * from balance_alerts where merchant_id = @merchant_id and currency = @currency for update skip locked;

-- name: BalanceAlertSlice :many
select sequence, available_after, held_after from ledger_transactions
where merchant_id = @merchant_id and currency = @currency and sequence > @watched
order by sequence limit @row_limit;

-- name: BalanceAlertWatched :exec
update balance_alerts set low = @low, watched = @watched, event_sequence = @event_sequence
where merchant_id = @merchant_id and currency = @currency;
