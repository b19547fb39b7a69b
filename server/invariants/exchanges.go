package invariants

// exchanges are the rules of foreign exchange: what was promised is what was moved, and at mid nothing was made up or lost.
var exchanges = []Invariant{
	{
		"exchanges_are_booked", "an exchange has its two transactions, of its quote's amounts; and what else moves the FX position alone belongs to a payout across currencies",
		`select x.id from fx_exchanges x
		 join fx_quotes q on q.merchant_id = x.merchant_id and q.id = x.quote_id
		 left join ledger_transactions s on s.merchant_id = x.merchant_id and s.id = x.sell_transaction_id
		 left join ledger_transactions b on b.merchant_id = x.merchant_id and b.id = x.buy_transaction_id
		 where s.id is null or s.type <> 'fx_exchange' or s.currency <> q.sell_currency or s.available_delta <> -q.sell_amount
		    or b.id is null or b.type <> 'fx_exchange' or b.currency <> q.buy_currency or b.available_delta <> q.buy_amount
		 union all
		 select t.id from ledger_transactions t
		 where t.type = 'fx_exchange'
		   and not exists (select from fx_exchanges x where x.merchant_id = t.merchant_id and t.id in (x.sell_transaction_id, x.buy_transaction_id))
		   and not exists (
		       select from payouts p
		       where p.merchant_id = t.merchant_id and p.id = t.payout_id and p.source_currency <> p.dest_currency
		         and t.currency = p.dest_currency and t.available_delta = 0 and t.held_delta = 0
		   )`,
	},
	{
		"conversions_add_up_to_mid", "of every conversion the FX position gave what was taken, at the mid rate, to half a minor unit: the customer's part, the spread and the rounding add up to it",
		`select x.id from fx_exchanges x
		 join fx_quotes q on q.merchant_id = x.merchant_id and q.id = x.quote_id
		 where abs(q.sell_amount * q.mid_rate - (
		     select sum(case 'fx_position'::ledger_account when debit then amount when credit then -amount else 0 end) from ledger_postings l
		     where l.merchant_id = x.merchant_id and l.transaction_id = x.buy_transaction_id
		 )) > 0.5 * power(10::numeric, -scale(q.buy_amount))
		 union all
		 select p.id from payouts p
		 where p.status in ('completed', 'returned') and p.source_currency <> p.dest_currency and not exists (
		     select from ledger_transactions t
		     cross join lateral (
		         select sum(case 'fx_position'::ledger_account when debit then amount when credit then -amount else 0 end) as gave,
		                sum(case 'rail_clearing'::ledger_account when credit then amount else 0 end) as delivered
		         from ledger_postings l where l.merchant_id = t.merchant_id and l.transaction_id = t.id
		     ) sums
		     where t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type = 'fx_exchange' and sums.delivered = p.dest_amount
		       and abs((p.total_debited - p.fee) * p.mid_rate - sums.gave) <= 0.5 * power(10::numeric, -scale(p.dest_amount))
		 )`,
	},
	{
		"quotes_give_what_they_promised", "a quote was used by the exchange or the payout that names it, at its rates and for its amounts",
		`select p.id from payouts p
		 left join fx_quotes q on q.merchant_id = p.merchant_id and q.id = p.quote_id
		 left join fx_quote_uses u on u.merchant_id = p.merchant_id and u.quote_id = p.quote_id
		 where p.quote_id is not null and (
		     u.payout_id is distinct from p.id or q.customer_rate <> p.exchange_rate or q.mid_rate <> p.mid_rate
		     or q.sell_currency <> p.source_currency or q.buy_currency <> p.dest_currency or q.sell_amount <> p.source_amount
		     or q.buy_amount < p.dest_amount
		 )
		 union all
		 select x.id from fx_exchanges x
		 left join fx_quote_uses u on u.merchant_id = x.merchant_id and u.quote_id = x.quote_id
		 where u.exchange_id is distinct from x.id`,
	},
}
