package invariants

// limits are the rules of what velocity counts.
var limits = []Invariant{
	{
		// A payout that counts is in one bucket of every series that its merchant keeps, from where the series is complete to where buckets are
		// filled.
		"velocity_usage_is_reserved", "what a bucket has used is what the payouts that count in it add up to",
		`select distinct merchant_id || ' ' || scope || '/' || step || ' ' || key from (
		     select b.merchant_id, split_part(s.name, '/', 1) as scope, split_part(s.name, '/', 2)::integer as step,
		            velocity_key(split_part(s.name, '/', 1)::velocity_scope, c.beneficiary_id, c.account, c.country, c.method) as key,
		            velocity_bucket(split_part(s.name, '/', 2)::integer, c.at) as starts_at, c.currency, c.country, c.method, c.beneficiary_type,
		            1 as payouts, c.amount, c.first_to_beneficiary::integer as news
		     from velocity_books b cross join lateral jsonb_each_text(b.series) s(name, since)
		     join velocity_checks c on c.merchant_id = b.merchant_id and c.at >= s.since::timestamptz and c.at < b.counted and c.passed and c.released_at is null
		     union all
		     select u.merchant_id, u.scope::text, u.step, u.key, u.starts_at, u.currency, u.country, u.method, u.beneficiary_type,
		            -u.payouts, -u.amount, -u.new_beneficiaries
		     from velocity_books b cross join lateral jsonb_each_text(b.series) s(name, since)
		     join velocity_buckets u on u.merchant_id = b.merchant_id and u.scope || '/' || u.step = s.name and u.starts_at >= s.since::timestamptz
		 ) counted group by merchant_id, scope, step, key, starts_at, currency, country, method, beneficiary_type
		 having sum(payouts) <> 0 or sum(amount) <> 0 or sum(news) <> 0`,
	},
	{
		"approved_payouts_count", "a payout that was approved counts, and one that was cancelled or failed does not",
		`select p.id from payouts p
		 where (p.status in ('cancelled', 'failed', 'velocity_blocked', 'screening_failed') or (p.approved_at is not null and p.screened_at is not null))
		   and exists (
		           select from velocity_checks c
		           where c.merchant_id = p.merchant_id and c.payout_id = p.id and c.passed and c.released_at is null
		       ) = (p.status in ('cancelled', 'failed', 'velocity_blocked', 'screening_failed'))`,
	},
	{
		"counted_is_what_leaves", "a payout counts with the amount that leaves the balance, without the fee, to the beneficiary that it pays",
		`select c.payout_id from velocity_checks c
		 left join payouts p on p.merchant_id = c.merchant_id and p.id = c.payout_id
		 where p.id is null or c.amount <> p.source_amount or c.currency <> p.source_currency or c.beneficiary_id <> p.beneficiary_id`,
	},
	{
		"new_beneficiaries_are_counted_once", "of the payouts that count for a beneficiary, one is its first",
		`select merchant_id || ' ' || beneficiary_id from velocity_checks where passed and released_at is null
		 group by merchant_id, beneficiary_id having count(*) filter (where first_to_beneficiary) <> 1`,
	},
	{
		"rules_have_all_their_versions", "a velocity rule has the versions from 1 to the one in force, and each was audited",
		`select r.merchant_id || ' ' || r.id from velocity_rules r
		 where r.version <> (select count(*) from velocity_rule_versions v where v.merchant_id = r.merchant_id and v.rule_id = r.id)
		    or r.version <> (select max(v.version) from velocity_rule_versions v where v.merchant_id = r.merchant_id and v.rule_id = r.id)
		    or (select count(*) from velocity_rule_versions v where v.merchant_id = r.merchant_id and v.rule_id = r.id and v.actor <> 'migration')
		       <> (select count(*) from audit_log a where a.merchant_id = r.merchant_id and a.object_id = r.id and a.action = 'velocity_rule.version')`,
	},
	{
		"books_know_how_many_rules", "a velocity book says how many rules its owner has",
		`select b.merchant_id from velocity_books b
		 where b.rules <> (select count(*) from velocity_rules r where r.merchant_id = b.merchant_id)`,
	},
}
