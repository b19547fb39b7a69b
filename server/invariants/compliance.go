package invariants

// compliance are the rules of what people decide about payouts and ask of merchants.
var compliance = []Invariant{
	{
		"reviews_are_queued", "a payout is in review exactly while it has a place in the queue that did not end",
		`select coalesce(p.id, r.payout_id) from (select merchant_id, id from payouts where status = 'manual_review') p
		 full join (select merchant_id, payout_id from payout_reviews where ended_at is null) r
		   on r.merchant_id = p.merchant_id and r.payout_id = p.id
		 where p.id is null or r.payout_id is null`,
	},
	{
		"reviews_end_by_a_decision", "a payout left its review by the decision that is recorded, and nobody approved what they created",
		`select t.payout_id from payout_transitions t
		 left join payout_reviews r on r.merchant_id = t.merchant_id and r.payout_id = t.payout_id
		 left join review_decisions d on d.merchant_id = t.merchant_id and d.payout_id = t.payout_id
		 where t.from_status = 'manual_review'
		   and (d.decision::text is distinct from t.to_status::text or (d.decision = 'approved' and d.decided_by = r.created_by)
		        or r.created_by is distinct from (
		            select a.actor from audit_log a
		            where a.merchant_id = t.merchant_id and a.object_id = t.payout_id and a.action = 'payout.transition'
		              and a.detail ->> 'sequence' = '1'))`,
	},
	{
		// A request that began before an approval may be committed after it, and hold nothing. A minute is more than a call lasts.
		"nothing_was_approved_while_asked", "no payout was approved while a request about it, its beneficiary or its merchant was not cleared",
		`select p.id from payouts p
		 join payout_transitions t on t.merchant_id = p.merchant_id and t.payout_id = p.id and t.to_status = 'approved'
		 join rfis r on r.merchant_id = p.merchant_id and r.entity_id in (p.id, p.beneficiary_id, p.merchant_id)
		 join lateral (
		     select s.outcome from rfi_steps s
		     where s.merchant_id = r.merchant_id and s.rfi_id = r.id and s.at < t.at - interval '1 minute' order by s.seq desc limit 1
		 ) last on last.outcome is distinct from 'cleared'
		 where not exists (
		     select from rfi_steps s where s.merchant_id = r.merchant_id and s.rfi_id = r.id and s.outcome = 'cleared'
		       and s.at between t.at - interval '1 minute' and t.at)`,
	},
	{
		"rfis_stand_at_their_last_step", "a request's state is where its last step went, and its steps follow each other from 1",
		`select r.id from rfis r
		 left join lateral (
		     select count(*) as steps, max(seq) as last from rfi_steps s where s.merchant_id = r.merchant_id and s.rfi_id = r.id
		 ) s on true
		 left join rfi_steps l on l.merchant_id = r.merchant_id and l.rfi_id = r.id and l.seq = s.last
		 where s.steps is distinct from r.seq or s.last is distinct from r.seq or l.to_status is distinct from r.status
		    or l.outcome is distinct from r.outcome`,
	},
	{
		"rfi_steps_are_told", "a step of a request has its event with its number, and one audit row",
		`select s.rfi_id || ' ' || s.seq from rfi_steps s
		 left join events e on e.merchant_id = s.merchant_id and e.id = s.event_id
		 where e.id is null or e.object_id <> s.rfi_id or e.sequence <> s.seq or e.data ->> 'status' <> s.to_status::text
		    or (select count(*) from audit_log a
		        where a.merchant_id = s.merchant_id and a.object_id = s.rfi_id and a.action = 'rfi.transition'
		          and a.detail ->> 'sequence' = s.seq::text) <> 1`,
	},
	{
		"payouts_name_their_rfis", "a payout names the requests about it, and no other",
		`select coalesce(p.id, r.payout_id) from (
		     select merchant_id, id, unnest(rfi_ids) as rfi_id from payouts
		 ) p full join (select merchant_id, payout_id, id from rfis where payout_id is not null) r
		   on r.merchant_id = p.merchant_id and r.payout_id = p.id and r.id = p.rfi_id
		 where p.rfi_id is null or r.id is null`,
	},
	{
		"documents_have_their_file", "a document has its file, and what its merchant's documents take is counted",
		`select id from (
		     select d.id from documents d
		     left join document_contents c on c.merchant_id = d.merchant_id and c.document_id = d.id where c.document_id is null
		     union all
		     select coalesce(u.merchant_id, d.merchant_id) from document_usage u
		     full join (select merchant_id, count(*) as documents, sum(size) as bytes from documents group by merchant_id) d using (merchant_id)
		     where u.documents is distinct from d.documents or u.bytes is distinct from d.bytes
		 ) o(id)`,
	},
}
