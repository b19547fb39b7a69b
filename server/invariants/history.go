package invariants

// history are the rules of what is told about payouts and everything else: transitions, events, keys, audit rows, seals.
var history = []Invariant{
	{
		"histories_have_no_gap", "a payout's transitions are numbered from 1, and each starts where the one before ended",
		`select t.payout_id || ' ' || t.seq from payout_transitions t
		 left join payout_transitions b on b.merchant_id = t.merchant_id and b.payout_id = t.payout_id and b.seq = t.seq - 1
		 where (t.seq <> 1 and b.seq is null) or t.from_status is distinct from b.to_status`,
	},
	{
		"payouts_end_once", "a payout that ended does not move again",
		`select payout_id || ' ' || seq from payout_transitions
		 where from_status in ('completed', 'failed', 'returned', 'velocity_blocked', 'cancelled')`,
	},
	{
		"sent_payouts_have_an_instruction", "a payout that was sent was accepted by its rail, under the reference it has",
		`select p.id from payouts p
		 left join rail_instructions i on i.merchant_id = p.merchant_id and i.payout_id = p.id
		 where p.sent_at is not null and (i.reference is null or i.reference is distinct from p.rail_reference or i.rail <> p.rail)`,
	},
	{
		"payouts_do_not_get_stuck", "a payout that waits for the engine, for a reviewer or for its hand-over is due",
		`select id from payouts where status in ('created', 'pending_screening', 'pending_approval', 'manual_review', 'approved') and due_at is null`,
	},
	{
		"one_key_makes_one_payout", "as many payouts were created by calls as idempotency keys were used for it",
		`select coalesce(k.merchant_id, a.merchant_id) from (
		     select owner_id as merchant_id, count(*) as n from idempotency_keys
		     where method = '/anton.v1.PayoutsService/CreatePayout' group by owner_id
		 ) k full join (
		     select merchant_id, count(*) as n from audit_log where action = 'payout.create' group by merchant_id
		 ) a using (merchant_id) where k.n is distinct from a.n`,
	},
	{
		"beneficiaries_told_all", "a beneficiary's last event has the number that it says, for as long as events are kept",
		`select b.id from beneficiaries b
		 left join lateral (select max(sequence) as sequence from events e where e.merchant_id = b.merchant_id and e.object_id = b.id) last on true
		 where last.sequence <> b.event_sequence or (last.sequence is null and not exists (
		     select from event_feeds f where f.merchant_id = b.merchant_id and f.pruned_position > 0
		 ))`,
	},
	{
		"what_exists_was_audited", "merchants, beneficiaries and payouts have an audit row that names them",
		`select id from (
		     select id as merchant_id, id from merchants
		     union all select merchant_id, id from beneficiaries
		     union all select merchant_id, id from payouts
		 ) o where not exists (select from audit_log a where a.merchant_id = o.merchant_id and a.object_id = o.id)`,
	},
	{
		"seals_continue_each_other", "an audit seal begins where the one before ended, with its hash",
		`select s.merchant_id || ' ' || s.number from audit_seals s
		 left join audit_seals b on b.merchant_id = s.merchant_id and b.number = s.number - 1
		 where s.row_count <> s.to_position - s.from_position + 1
		    or s.from_position <> case s.number when 1 then 1 else coalesce(b.to_position, 0) + 1 end
		    or (s.number > 1 and s.previous_hash is distinct from b.hash)`,
	},
	{
		"positions_are_sealed", "the positions of a merchant's audit rows run from 1 to where the last seal ends",
		`select coalesce(p.merchant_id, s.merchant_id) from (
		     select merchant_id, count(*) as n, max(position) as last from audit_positions group by merchant_id
		 ) p full join (
		     select merchant_id, max(to_position) as last from audit_seals group by merchant_id
		 ) s using (merchant_id) where p.n is distinct from p.last or p.last is distinct from s.last`,
	},
	{
		"sealed_rows_are_there", "an audit row that has a position exists",
		`select p.audit_id from audit_positions p
		 where not exists (select from audit_log a where a.merchant_id = p.merchant_id and a.id = p.audit_id)`,
	},
	{
		"no_audit_row_is_left_out", "an audit row without a position is not an hour older than the last one that has one",
		`select a.id from audit_log a
		 join (
		     select s.merchant_id, l.at from (select merchant_id, max(to_position) as position from audit_seals group by merchant_id) s
		     join audit_positions p on p.merchant_id = s.merchant_id and p.position = s.position
		     join audit_log l on l.merchant_id = p.merchant_id and l.id = p.audit_id
		 ) newest on newest.merchant_id = a.merchant_id and a.at < newest.at - interval '1 hour'
		 where not exists (select from audit_positions p where p.merchant_id = a.merchant_id and p.audit_id = a.id)`,
	},
}
