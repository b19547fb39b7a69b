package invariants

// railFiles are the rules of rails that work by files: no payout in two files or in none, and nothing that a bank said dropped.
var railFiles = []Invariant{
	{
		"rail_orders_are_in_one_file", "an order was refused, waits for its cut-off, or is in a file of its rail",
		`select o.payout_id from rail_orders o
		 left join rail_file_orders i on i.merchant_id = o.merchant_id and i.payout_id = o.payout_id
		 where (o.refusal <> '')::integer + (o.cut_at is not null)::integer + (i.file_id is not null)::integer <> 1
		    or (i.file_id is not null and i.rail <> o.rail)`,
	},
	{
		"rail_orders_are_their_payouts", "an order is of its payout's rail, and of exactly what the payout delivers",
		`select o.payout_id from rail_orders o
		 join payouts p on p.merchant_id = o.merchant_id and p.id = o.payout_id
		 where o.rail <> p.rail or o.amount <> p.dest_amount or o.currency <> p.dest_currency
		    or (p.rail_reference is not null and p.rail_reference <> o.reference)`,
	},
	{
		"rail_files_add_up", "a file that goes out says how many payments or recalls it has and how much, and that is what they are",
		`select f.id from rail_files f
		 left join (
		     select rail, file_id, count(*) as entries, sum(amount) as amount, min(currency) as least, max(currency) as most,
		            min(line) as first, max(line) as last, bool_or(recall) as any_recall, bool_and(recall) as all_recalls
		     from (
		         select i.rail, i.file_id, i.line, o.amount, o.currency, false as recall from rail_file_orders i
		         join rail_orders o on o.merchant_id = i.merchant_id and o.payout_id = i.payout_id
		         union all
		         select i.rail, i.file_id, i.line, o.amount, o.currency, true from rail_file_recalls i
		         join rail_recalls r on r.merchant_id = i.merchant_id and r.id = i.recall_id
		         join rail_orders o on o.merchant_id = r.merchant_id and o.payout_id = r.payout_id
		     ) lines group by rail, file_id
		 ) s on s.rail = f.rail and s.file_id = f.id
		 where f.direction = 'out' and (s.entries is distinct from f.entries or s.amount <> f.amount or s.least <> f.currency
		    or s.most <> f.currency or s.first <> 1 or s.last <> f.entries or s.any_recall <> f.recalls or s.all_recalls <> f.recalls)`,
	},
	{
		"rail_files_are_numbered", "the files of a rail's day that go out are numbered from 1 without gaps",
		`select rail || ' ' || day from rail_files where direction = 'out'
		 group by rail, day having count(*) <> max(number) or min(number) <> 1`,
	},
	{
		"rail_files_have_their_content", "a file has its bytes",
		`select f.id from rail_files f
		 where not exists (select from rail_file_contents c where c.rail = f.rail and c.file_id = f.id)`,
	},
	{
		"payouts_leave_in_a_delivered_file", "a payout of a rail that works by files was sent after its file was delivered",
		`select o.payout_id from rail_orders o
		 join payouts p on p.merchant_id = o.merchant_id and p.id = o.payout_id
		 left join rail_file_orders i on i.merchant_id = o.merchant_id and i.payout_id = o.payout_id
		 left join rail_files f on f.rail = i.rail and f.id = i.file_id
		 where p.sent_at is not null and (f.delivered_at is null or f.delivered_at > p.sent_at)`,
	},
	{
		"rail_entries_are_all_kept", "a file of a bank's has as many entries as it says, and all are decided once it is processed",
		`select f.id from rail_files f
		 left join (
		     select rail, file_id, count(*) as entries, count(outcome) as decided from rail_entries group by rail, file_id
		 ) e on e.rail = f.rail and e.file_id = f.id
		 where f.direction = 'in' and (coalesce(e.entries, 0) <> f.entries or (f.processed_at is not null and e.decided <> e.entries))`,
	},
	{
		"rail_entries_are_applied_or_cases", "an entry that was applied is an event of its payout, one that is a case has its case, and else only a return that was taken back has",
		`select e.id from rail_entries e
		 left join rail_cases c on c.rail = e.rail and c.entry_id = e.id
		 where (e.outcome is not distinct from 'case' and c.id is null)
		    or (c.id is not null and e.outcome is distinct from 'case'
		        and (e.outcome is distinct from 'applied' or e.kind <> 'return_reversed' or c.kind <> 'taken_back'))
		    or (e.outcome = 'applied' and e.kind not in ('return_reversed', 'advice', 'recall_accepted', 'recall_rejected') and not exists (
		        select from rail_events v
		        where v.merchant_id = e.merchant_id and v.payout_id = e.payout_id and v.event_id = e.kind || '-' || e.message
		    ))`,
	},
	{
		"suspense_is_open_cases", "what waits in a merchant's return suspense is what its open cases hold there",
		`select coalesce(l.merchant_id, c.merchant_id) || ' ' || coalesce(l.currency, c.currency) from (
		     select merchant_id, currency, sum(case when credit = 'return_suspense' then amount else -amount end) as amount
		     from ledger_postings where 'return_suspense' in (debit, credit) group by merchant_id, currency
		 ) l full join (
		     select merchant_id, currency, sum(amount) as amount from rail_cases
		     where suspense_id is not null and resolution is null group by merchant_id, currency
		 ) c using (merchant_id, currency)
		 where coalesce(l.amount, 0) <> coalesce(c.amount, 0)`,
	},
	{
		"told_events_are_entries", "an event that was entered by hand and counts is a decided entry of its payout, with its kind and amount",
		`select q.id from rail_event_requests q
		 where q.status = 'executed' and not exists (
		     select from rail_entries e
		     where e.rail = q.rail and e.id = q.entry_id and e.merchant_id = q.merchant_id and e.payout_id = q.payout_id and e.kind = q.kind
		       and e.amount is not distinct from q.amount and e.outcome is not null
		 )`,
	},
	{
		"recalls_are_in_one_file", "a recall waits for its cut-off, is in a file of recalls, or ended before it was in one",
		`select r.id from rail_recalls r
		 left join rail_file_recalls i on i.merchant_id = r.merchant_id and i.recall_id = r.id
		 left join rail_files f on f.rail = i.rail and f.id = i.file_id
		 where (r.status = 'waiting' and f.id is not null) or (r.status in ('sent', 'accepted', 'rejected') and f.id is null)
		    or (f.id is not null and (not f.recalls or f.rail <> r.rail or f.created_at < r.created_at))`,
	},
	{
		"recalls_are_where_their_steps_led", "a recall is where its last step led, at the times of its steps, and one that was cut is in a file",
		`select r.id from rail_recalls r
		 cross join lateral (
		     select count(*) as many, max(s.seq) as last, max(s.at) filter (where s.to_status = 'waiting') as waiting,
		            max(s.at) filter (where s.to_status = 'sent') as sent, max(s.at) filter (where s.to_status in ('accepted', 'rejected')) as answered,
		            max(s.at) filter (where s.to_status in ('returned', 'rejected', 'closed')) as ended
		     from rail_recall_steps s where s.merchant_id = r.merchant_id and s.recall_id = r.id
		 ) s
		 where s.many <> r.seq or s.last <> r.seq or s.waiting <> r.created_at or s.answered is distinct from r.answered_at
		    or s.ended is distinct from r.ended_at
		    or (s.sent is null) = exists (select from rail_file_recalls i where i.merchant_id = r.merchant_id and i.recall_id = r.id)
		 union all
		 select s.recall_id from rail_recall_steps s
		 left join rail_recalls r on r.merchant_id = s.merchant_id and r.id = s.recall_id where r.id is null`,
	},
	{
		"recalls_are_answered_by_banks", "an answer of a bank's that counts is that of a recall, and a recall has the answer that its bank gave",
		`select e.id from rail_entries e
		 where e.outcome = 'applied' and e.kind in ('recall_accepted', 'recall_rejected') and not exists (
		     select from rail_recalls r
		     where r.merchant_id = e.merchant_id and r.payout_id = e.payout_id and r.answered_at = e.decided_at and r.answer_code = e.code
		       and (r.status = 'rejected') = (e.kind = 'recall_rejected')
		 )
		 union all
		 select r.id from rail_recalls r
		 where r.answered_at is not null and not exists (
		     select from rail_entries e
		     where e.merchant_id = r.merchant_id and e.payout_id = r.payout_id and e.outcome = 'applied' and e.decided_at = r.answered_at
		       and e.kind in ('recall_accepted', 'recall_rejected')
		 )`,
	},
	{
		"recalls_end_with_their_payments", "an open recall is of a payout that was sent and whose money is not back; one that ended by a return is of one that is",
		`select r.id from rail_recalls r
		 join payouts p on p.merchant_id = r.merchant_id and p.id = r.payout_id
		 cross join lateral (
		     select p.status = 'returned' or exists (
		         select from ledger_transactions t where t.merchant_id = r.merchant_id and t.payout_id = r.payout_id and t.type = 'return'
		     ) as came_back
		 ) b
		 where (r.ended_at is null and (b.came_back or p.status not in ('sent', 'completed'))) or (r.status = 'returned' and not b.came_back)`,
	},
}
