package invariants

// prices are the rules of fees: each follows from a rule or a promise, is charged once where the payout left, and is income then.
var prices = []Invariant{
	{
		"fees_are_charged_with_the_settlement", "a payout that was settled was charged its fee once, from what was held, and no other payout was charged anything",
		`select p.id from payouts p
		 left join (
		     select merchant_id, payout_id, count(*) as times, sum(held_delta) as held, bool_or(available_delta <> 0) as other, min(currency) as currency
		     from ledger_transactions where type = 'fee' group by merchant_id, payout_id
		 ) f on f.merchant_id = p.merchant_id and f.payout_id = p.id
		 where coalesce(f.times, 0) <> (p.fee > 0 and p.status in ('completed', 'returned'))::integer
		    or f.held <> -p.fee or f.other or f.currency <> p.source_currency
		 union all
		 select id from ledger_transactions where type = 'fee' and payout_id is null`,
	},
	{
		"fee_income_is_fees_of_settled_payouts", "what a merchant's fees brought in a currency is what its settled payouts cost",
		`select merchant_id || ' ' || currency from (
		     select merchant_id, source_currency as currency, fee as amount from payouts where status in ('completed', 'returned')
		     union all
		     select merchant_id, currency, case 'fee_income'::ledger_account when credit then -amount else amount end from ledger_postings
		     where 'fee_income' in (debit, credit)
		 ) sums group by merchant_id, currency having sum(amount) <> 0`,
	},
	{
		"fees_follow_from_their_rule", "a fee is what its rule, or a tier of it, makes of the principal, to half a minor unit; and the rule fits the payout",
		`select p.id from payouts p
		 join pricing_rules r on r.plan_id = p.pricing_plan_id and r.plan_version = p.pricing_plan_version and r.number = p.pricing_rule
		 join instruments i on i.merchant_id = p.merchant_id and i.id = p.instrument_id
		 left join pricing_quotes q on q.merchant_id = p.merchant_id and q.id = p.pricing_quote_id
		 where r.source_currency not in ('', p.source_currency) or r.dest_currency not in ('', p.dest_currency)
		    or r.country not in ('', i.country) or r.method not in ('', p.method::text)
		    or not exists (
		        select from (
		            select r.fixed_fee as fixed, r.percentage_bps as bps
		            union all
		            select t.fixed_fee, t.percentage_bps from pricing_tiers t
		            where t.plan_id = r.plan_id and t.plan_version = r.plan_version and t.rule_number = r.number
		        ) charges
		        where abs(p.fee - least(greatest(fixed + coalesce(q.source_amount, p.source_amount) * bps / 10000, r.min_fee), r.max_fee))
		            <= 0.5 * power(10::numeric, -scale(p.source_amount))
		    )`,
	},
	{
		"promised_fees_are_charged", "a quote of a fee was used by the payout that names it, which is what was quoted",
		`select p.id from payouts p
		 left join pricing_quotes q on q.merchant_id = p.merchant_id and q.id = p.pricing_quote_id
		 left join pricing_quote_uses u on u.merchant_id = p.merchant_id and u.quote_id = p.pricing_quote_id
		 where p.pricing_quote_id is not null and (
		     u.payout_id is distinct from p.id or q.fee <> p.fee or q.amount <> p.amount or q.source_currency <> p.source_currency
		     or q.dest_currency <> p.dest_currency or q.method <> p.method::text or (p.volume_month is not null) <> q.counts_volume
		 )
		 union all
		 select u.quote_id from pricing_quote_uses u
		 left join payouts p on p.merchant_id = u.merchant_id and p.id = u.payout_id
		 where p.pricing_quote_id is distinct from u.quote_id`,
	},
	{
		"volumes_are_what_was_sent", "the volume of a month is the principals of the payouts that count in it and were not given back",
		`select merchant_id || ' ' || month || ' ' || currency from (
		     select merchant_id, month, currency, volume from pricing_volumes
		     union all
		     select p.merchant_id, p.volume_month, p.source_currency, -p.source_amount from payouts p
		     where p.volume_month is not null and not exists (
		         select from ledger_transactions t where t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type = 'payout_release'
		     )
		 ) sums group by merchant_id, month, currency having sum(volume) <> 0`,
	},
}
