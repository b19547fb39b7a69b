-- name: FxRates :many
-- The newest rate of each currency that is known at a moment: one euro is `rate` of `quote`.
select distinct on (r.quote) r.quote, r.rate, r.as_of, r.source from reference_rates r
where r.base = 'EUR' and r.quote = any(@currencies::text[]) and r.as_of <= @at::timestamptz
order by r.quote, r.as_of desc;

-- name: FxRatesNewest :many
-- The newest sheet, of one publisher or of any: every currency of the last day that there are rates of. The dollar is on every sheet.
select r.quote, r.rate, r.as_of, r.source from reference_rates r
where r.base = 'EUR' and (sqlc.narg('source')::text is null or r.source = sqlc.narg('source')::text) and r.as_of = (
    select max(d.as_of) from reference_rates d
    where d.base = 'EUR' and d.quote = 'USD' and (sqlc.narg('source')::text is null or d.source = sqlc.narg('source')::text)
)
order by r.quote;

-- name: FxRatesInsert :exec
-- A day's rates. One that another server has stored already stays as it is.
insert into reference_rates (base, quote, as_of, rate, source)
select 'EUR', unnest(@quotes::text[]), @as_of, unnest(@rates::numeric[]), @source
on conflict (base, quote, as_of) do nothing;

-- name: FxRefreshInsert :exec
insert into fx_refreshes (id, at, refreshed_by, source, outcome, detail, as_of, accept_reason)
values (@id, @at, @refreshed_by, @source, @outcome, @detail, sqlc.narg('as_of'), @accept_reason);

-- name: FxRefreshLast :one
select * from fx_refreshes order by at desc, id desc limit 1;

-- name: FxMarkups :many
select * from fx_markups where merchant_id = @merchant_id order by sell_currency, buy_currency;

-- name: FxMarkupGetForUpdate :one
-- What was set for a pair, held so that whoever sets it next sees what we set.
select bps from fx_markups
where merchant_id = @merchant_id and sell_currency = @sell_currency and buy_currency = @buy_currency for update;

-- name: FxMarkupSet :exec
insert into fx_markups (merchant_id, sell_currency, buy_currency, bps, set_by, set_at)
values (@merchant_id, @sell_currency, @buy_currency, @bps, @set_by, @set_at)
on conflict (merchant_id, sell_currency, buy_currency) do update set bps = excluded.bps, set_by = excluded.set_by, set_at = excluded.set_at;

-- name: FxQuoteInsert :exec
insert into fx_quotes (merchant_id, id, sell_currency, buy_currency, sell_amount, buy_amount, mid_rate, customer_rate, markup_bps,
                       rates_as_of, created_at, expires_at)
values (@merchant_id, @id, @sell_currency, @buy_currency, @sell_amount, @buy_amount, @mid_rate, @customer_rate, @markup_bps,
        @rates_as_of, @created_at, @expires_at);

-- name: FxQuotesGet :many
-- Quotes, with what used them.
select sqlc.embed(q), u.exchange_id, u.payout_id, u.used_at from fx_quotes q
left join fx_quote_uses u on u.merchant_id = q.merchant_id and u.quote_id = q.id
where q.merchant_id = @merchant_id and q.id = any(@ids::text[]);

-- name: FxQuoteUse :exec
-- Whoever uses a quote second breaks quote_is_used_once, and reads who was first when it is run again.
insert into fx_quote_uses (merchant_id, quote_id, expires_at, exchange_id, payout_id, used_at)
values (@merchant_id, @quote_id, @expires_at, sqlc.narg('exchange_id'), sqlc.narg('payout_id'), @used_at);

-- name: FxExchangeInsert :exec
insert into fx_exchanges (merchant_id, id, quote_id, sell_transaction_id, buy_transaction_id, created_at)
values (@merchant_id, @id, @quote_id, @sell_transaction_id, @buy_transaction_id, @created_at);

-- name: FxExchangeList :many
select sqlc.embed(x), sqlc.embed(q) from fx_exchanges x
join fx_quotes q on q.merchant_id = x.merchant_id and q.id = x.quote_id
where x.merchant_id = @merchant_id
  and (sqlc.narg('currency')::text is null or sqlc.narg('currency')::text in (q.sell_currency, q.buy_currency))
  and (sqlc.narg('created_after')::timestamptz is null or x.created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or x.created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (x.created_at, x.id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by x.created_at desc, x.id desc
limit @row_limit;
