package invariants

// screening are the rules of what sanctions screening found.
var screening = []Invariant{
	{
		// A minute, because whoever revokes and whoever approves at that moment each began before the other's end.
		"approved_payouts_have_no_open_hit", "a payout was approved only if everybody on its verdict whom a list may name was released by compliance before",
		`select p.id || ' ' || (hit ->> 'authority') || ' ' || (hit ->> 'entry_id') from payouts p
		 join verdicts v on v.merchant_id = p.merchant_id and v.payout_id = p.id and v.id = p.verdict_id
		 cross join lateral jsonb_path_query(v.stages, '$.screening.parties[*].hits[*]') hit
		 where p.approved_at is not null and not exists (
		     select from screening_reviewed_pairs r
		     left join screening_alerts a on a.merchant_id = r.merchant_id and a.payout_id = p.id and a.party_hash = r.party_hash
		          and a.role = r.role and a.subject_id = r.subject_id
		          and a.authority = r.authority and a.entry_id = r.entry_id and a.entry_hash = r.entry_hash
		     where r.merchant_id = p.merchant_id and r.authority = hit ->> 'authority' and r.entry_id = hit ->> 'entry_id'
		       and r.entry_hash = hit ->> 'entry_hash' and (r.id = hit ->> 'released_by' or a.id is not null)
		       and r.decision = 'false_positive' and r.reviewed_at <= p.approved_at and (not r.needs_approval or r.approved_at <= p.approved_at)
		       and (r.revoked_at is null or r.revoked_at > p.approved_at - interval '1 minute')
		 )`,
	},
	{
		"hits_have_their_alert", "everything that screening found and nobody had released has its alert",
		`select v.payout_id || ' ' || (hit ->> 'authority') || ' ' || (hit ->> 'entry_id') from verdicts v
		 cross join lateral jsonb_path_query(v.stages, '$.screening.parties[*].hits[*]') hit
		 where not hit ? 'released_by' and not exists (
		     select from screening_alerts a
		     where a.merchant_id = v.merchant_id and a.verdict_id = v.id and a.authority = hit ->> 'authority'
		       and a.entry_id = hit ->> 'entry_id' and a.entry_hash = hit ->> 'entry_hash'
		 )`,
	},
	{
		"second_hits_have_their_alert", "everything that a second screening of a payout found and nobody had released has an alert of that payout",
		`select s.payout_id || ' ' || (hit ->> 'authority') || ' ' || (hit ->> 'entry_id') from payout_screenings s
		 cross join lateral jsonb_path_query(s.screening, '$.parties[*].hits[*]') hit
		 where not hit ? 'released_by' and not exists (
		     select from screening_alerts a
		     where a.merchant_id = s.merchant_id and a.payout_id = s.payout_id and a.authority = hit ->> 'authority'
		       and a.entry_id = hit ->> 'entry_id' and a.entry_hash = hit ->> 'entry_hash'
		 )`,
	},
	{
		"stopped_payouts_never_left", "a payout that a screening at the claim found something about was never handed to a rail",
		`select s.payout_id from payout_screenings s
		 join payouts p on p.merchant_id = s.merchant_id and p.id = s.payout_id
		 where s.at = 'claim' and s.decision <> 'none'
		   and (p.status <> 'failed' or p.sent_at is not null
		        or exists (select from rail_instructions i where i.merchant_id = s.merchant_id and i.payout_id = s.payout_id))`,
	},
	{
		"blocks_are_told", "a beneficiary is blocked exactly while a block of it is in force, which has its audit row and, while events are kept, its event",
		`select coalesce(b.id, k.beneficiary_id) from (select merchant_id, id, block_id from beneficiaries where status = 'blocked') b
		 full join (select * from beneficiary_blocks where lifted_at is null) k
		   on k.merchant_id = b.merchant_id and k.beneficiary_id = b.id and k.id = b.block_id
		 where b.id is null or k.id is null
		 union all
		 select k.id from beneficiary_blocks k
		 where k.blocked_by <> 'migration' and (
		     not exists (select from audit_log a where a.merchant_id = k.merchant_id and a.object_id = k.beneficiary_id
		                   and a.action = 'beneficiary.status' and a.detail ->> 'block' = k.id and a.detail ->> 'to' = 'blocked')
		     or not exists (select from events e where e.merchant_id = k.merchant_id and e.object_id = k.beneficiary_id
		                      and e.type = 'beneficiary.blocked' and e.created_at = k.blocked_at)
		        and not exists (select from event_feeds f where f.merchant_id = k.merchant_id and k.blocked_at <= f.pruned_before))`,
	},
	{
		"blocks_by_screening_have_their_alert", "what screening blocked a beneficiary for is an alert of that beneficiary",
		`select k.id from beneficiary_blocks k
		 left join screening_alerts a on a.merchant_id = k.merchant_id and a.id = k.alert_id
		 where k.cause = 'screening' and (a.beneficiary_id is distinct from k.beneficiary_id or a.role <> 'beneficiary')`,
	},
	{
		"rescreens_did_what_they_say", "a completed re-screening examined as many as its slices, which are numbered without gaps, and wrote the alerts that they say",
		`select r.id from screening_rescreens r
		 left join lateral (
		     select coalesce(sum(examined), 0) as examined, coalesce(sum(alerts), 0) as alerts, count(*) as slices, coalesce(max(number), 0) as last
		     from screening_rescreen_slices s where s.rescreen_id = r.id
		 ) s on true
		 where s.slices <> s.last or (r.finished_at is not null and r.examined <> s.examined)
		    or s.alerts <> (select count(*) from screening_alerts a where a.rescreen_id = r.id)
		    or (r.started_at is null and s.slices > 0)`,
	},
	{
		"versions_are_rescreened", "every version that came into force since there are re-screenings has one",
		`select a.authority || ' ' || a.number from screening_list_activations a
		 where not exists (select from screening_rescreens r where r.authority = a.authority and r.number = a.number)
		   and exists (select from screening_rescreens r where r.authority = a.authority and r.number < a.number)`,
	},
	{
		"decided_alerts_have_their_pair", "an alert that was decided has a reviewed pair that says the same",
		`select a.id from screening_alerts a
		 where a.status <> 'open' and not exists (
		     select from screening_reviewed_pairs r
		     where r.merchant_id = a.merchant_id and r.party_hash = a.party_hash and r.role = a.role and r.subject_id = a.subject_id
		       and r.authority = a.authority and r.entry_id = a.entry_id and r.entry_hash = a.entry_hash and r.decision = a.status
		       and (not r.needs_approval or r.approved_by <> r.reviewed_by)
		 )`,
	},
}
