package invariants

// risks are the rules of what the risk stage counts. Nothing is counted that did not happen: a habit or a reputation that is too good
// lets a payout pass. The reverse cannot be held, because what is old is dropped.
var risks = []Invariant{
	{
		"risk_hours_are_verdicts", "no more payouts are counted in an hour than were judged in it",
		`select h.merchant_id || ' ' || h.hour from risk_hours h
		 where h.hour > (select max(hour) from risk_hours) - interval '1 day' and h.n > (
		     select count(*) from verdicts v
		     where v.merchant_id = h.merchant_id and v.created_at >= h.hour and v.created_at < h.hour + interval '1 hour'
		 )`,
	},
	{
		"risk_amounts_are_verdicts", "no more amounts are counted in a month than payouts were judged clear",
		`select a.merchant_id || ' ' || a.currency || ' ' || a.month from (
		     select merchant_id, currency, month, sum(n) as n from risk_amounts group by merchant_id, currency, month
		 ) a
		 left join (
		     select p.merchant_id, p.source_currency as currency, date_trunc('month', v.created_at at time zone 'UTC')::date as month, count(*) as n
		     from verdicts v join payouts p on p.merchant_id = v.merchant_id and p.id = v.payout_id
		     where v.outcome = 'clear' group by 1, 2, 3
		 ) v using (merchant_id, currency, month)
		 where a.n > coalesce(v.n, 0)`,
	},
	{
		"risk_accounts_are_payouts", "no more payouts to an account are known of a merchant than ended",
		`select a.merchant_id from risk_account_merchants a
		 where a.completed + a.returned > (
		     select count(*) from instruments i
		     join payouts p on p.merchant_id = i.merchant_id and p.beneficiary_id = i.beneficiary_id and p.instrument_id = i.id
		     where i.fingerprint = a.fingerprint and i.merchant_id = a.merchant_id and p.status in ('completed', 'returned')
		 )`,
	},
}
