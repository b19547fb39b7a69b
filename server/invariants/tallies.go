package invariants

// tallies are the rules of what dashboards show: what is added up is what happened, as far as it is added up. They are written apart from
// the SQL that adds up. Those that read verdicts, which takes long, look at the last two days alone.
var tallies = []Invariant{
	{
		"tallies_are_transitions", "what became of payouts is added up as it happened, by day and currency, as far as the feed is added up. An event that is gone was added up before",
		`with happened as (
		     select t.merchant_id, t.payout_id, t.seq, t.event_id, (t.at at time zone 'UTC')::date as day,
		            case t.to_status when 'approved' then case t.from_status when 'manual_review' then 'released' else 'cleared' end
		                             when 'manual_review' then 'in_review' else t.to_status::text end as outcome
		     from payout_transitions t
		     where t.to_status in ('created', 'screening_failed', 'velocity_blocked', 'manual_review', 'approved', 'completed', 'failed', 'returned', 'cancelled')
		     union all
		     select l.merchant_id, l.payout_id, p.seq + 1, coalesce(e.id, ''), (l.created_at at time zone 'UTC')::date, 'late_returned'
		     from ledger_transactions l
		     join payouts p on p.merchant_id = l.merchant_id and p.id = l.payout_id and p.status = 'completed'
		     left join events e on e.merchant_id = l.merchant_id and e.object_id = l.payout_id and e.type = 'payout.late_return'
		     where l.type = 'return'
		 ), counted as (
		     select h.merchant_id, h.day, h.outcome, p.source_currency as currency, count(*) as n, sum(p.source_amount) as amount
		     from happened h
		     join payouts p on p.merchant_id = h.merchant_id and p.id = h.payout_id
		     join engine_tally_folds f on f.merchant_id = h.merchant_id
		     left join events e on e.merchant_id = h.merchant_id and e.id = h.event_id
		     left join event_positions o on o.merchant_id = h.merchant_id and o.event_id = h.event_id
		     where o.position <= f.position or e.id is null
		     group by 1, 2, 3, 4
		 )
		 select coalesce(c.merchant_id, t.merchant_id) || ' ' || coalesce(c.day, t.day) || ' ' || coalesce(c.outcome, t.key) || ' ' || coalesce(c.currency, t.detail)
		 from counted c
		 full join (select * from engine_tallies where measure = 'outcome') t
		     on t.merchant_id = c.merchant_id and t.day = c.day and t.key = c.outcome and t.detail = c.currency
		 where (c.n, c.amount) is distinct from (t.n, t.total)`,
	},
	{
		"tallies_are_verdicts", "scores, signals, rules, alerts and waits of the last two days are added up as the verdicts and reviews have them, as far as the feed is added up",
		`with since as (select max(day) - 1 as day from engine_tallies), folded as (
		     select t.merchant_id, t.payout_id, t.at, t.from_status, t.verdict_id
		     from payout_transitions t
		     join engine_tally_folds f on f.merchant_id = t.merchant_id
		     join event_positions o on o.merchant_id = t.merchant_id and o.event_id = t.event_id
		     where t.at >= (select day from since)::timestamp at time zone 'UTC' and o.position <= f.position
		 ), judged as (
		     select v.*, (f.at at time zone 'UTC')::date as day from folded f
		     join verdicts v on v.merchant_id = f.merchant_id and v.id = f.verdict_id
		     where f.from_status <> 'manual_review'
		 ), found as (
		     select merchant_id, day, 'score' as measure, width_bucket(score, array[100, 200, 300, 400, 500, 600, 700, 800, 900])::text as key, '' as detail
		     from judged where outcome in ('clear', 'review')
		     union all
		     select merchant_id, day, 'signal', s ->> 'code', coalesce(s ->> 'family', '') from judged
		     cross join lateral jsonb_array_elements(case jsonb_typeof(stages -> 'risk' -> 'signals') when 'array' then stages -> 'risk' -> 'signals' else '[]' end) s
		     where outcome in ('clear', 'review')
		     union all
		     select merchant_id, day, 'rule', h ->> 'rule_id', l.prefix || (h ->> 'effect') from judged
		     cross join (values ('hits', ''), ('shadow', 'would_')) l(list, prefix)
		     cross join lateral jsonb_array_elements(case jsonb_typeof(stages -> 'velocity' -> l.list) when 'array' then stages -> 'velocity' -> l.list else '[]' end) h
		     union all
		     select j.merchant_id, j.day, 'platform', '', '' from judged j
		     join payouts p on p.merchant_id = j.merchant_id and p.id = j.payout_id and p.status = 'velocity_blocked' and p.velocity_rule_id is null
		     union all
		     select j.merchant_id, j.day, 'alert', a.decision, '' from judged j
		     join screening_alerts a on a.merchant_id = j.merchant_id and a.verdict_id = j.id
		     union all
		     select f.merchant_id, (f.at at time zone 'UTC')::date, 'wait', '', '' from folded f
		     join payout_reviews r on r.merchant_id = f.merchant_id and r.payout_id = f.payout_id and r.ended_at = f.at
		     where f.from_status = 'manual_review'
		 )
		 select coalesce(c.merchant_id, t.merchant_id) || ' ' || coalesce(c.day, t.day) || ' ' || coalesce(c.measure, t.measure) || ' ' || coalesce(c.key, t.key)
		 from (select merchant_id, day, measure, key, detail, count(*) as n from found group by 1, 2, 3, 4, 5) c
		 full join (
		     select merchant_id, day, measure::text, case measure when 'wait' then '' else key end as key, detail, sum(n)::bigint as n
		     from engine_tallies where measure <> 'outcome' and day >= (select day from since) group by 1, 2, 3, 4, 5
		 ) t using (merchant_id, day, measure, key, detail)
		 where c.n is distinct from t.n`,
	},
	{
		"tallies_end_within_the_feed", "no merchant is added up beyond the end of its feed",
		`select t.merchant_id from engine_tally_folds t join event_feeds f on f.merchant_id = t.merchant_id where t.position > f.last_position`,
	},
}
