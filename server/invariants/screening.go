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
		       and r.decision = 'false_positive' and r.reviewed_at <= p.approved_at
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
		"decided_alerts_have_their_pair", "an alert that was decided has a reviewed pair that says the same",
		`select a.id from screening_alerts a
		 where a.status <> 'open' and not exists (
		     select from screening_reviewed_pairs r
		     where r.merchant_id = a.merchant_id and r.party_hash = a.party_hash and r.role = a.role and r.subject_id = a.subject_id
		       and r.authority = a.authority and r.entry_id = a.entry_id and r.entry_hash = a.entry_hash and r.decision = a.status
		 )`,
	},
}
