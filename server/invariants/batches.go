package invariants

// batches are the rules of batches: their states, what they count, and that a row is one payout or none.
var batches = []Invariant{
	{
		"batches_stand_at_their_last_step", "a batch's state is where its last step went, and its steps follow each other from 1",
		`select b.id from batches b
		 left join lateral (
		     select count(*) as steps, max(seq) as last from batch_steps s where s.merchant_id = b.merchant_id and s.batch_id = b.id
		 ) s on true
		 left join batch_steps l on l.merchant_id = b.merchant_id and l.batch_id = b.id and l.seq = s.last
		 where s.steps is distinct from b.seq or s.last is distinct from b.seq or l.to_status is distinct from b.status`,
	},
	{
		"batch_steps_are_told", "a step of a batch has its event with its number, for as long as events are kept, and one audit row",
		`select s.batch_id || ' ' || s.seq from batch_steps s
		 left join events e on e.merchant_id = s.merchant_id and e.id = s.event_id
		 where (e.id is null and not exists (select from event_feeds f where f.merchant_id = s.merchant_id and f.pruned_position > 0))
		    or e.object_id <> s.batch_id or e.sequence <> s.seq or e.type <> 'batch.' || s.to_status::text
		    or (select count(*) from audit_log a
		        where a.merchant_id = s.merchant_id and a.object_id = s.batch_id and a.action = 'batch.transition'
		          and a.detail ->> 'sequence' = s.seq::text) <> 1`,
	},
	{
		"batches_count_their_rows", "a batch says how many of its rows are right, wrong, payouts and failed",
		`select b.id from batches b
		 left join lateral (
		     select count(*) as total, count(*) filter (where status in ('valid', 'created', 'failed')) as valid,
		            count(*) filter (where status = 'invalid') as invalid, count(*) filter (where status = 'created') as created,
		            count(*) filter (where status = 'failed') as failed
		     from batch_rows r where r.merchant_id = b.merchant_id and r.batch_id = b.id
		 ) r on true
		 where (r.total, r.valid, r.invalid, r.created, r.failed) <> (b.total_rows, b.valid_rows, b.invalid_rows, b.created_rows, b.failed_rows)`,
	},
	{
		"batch_rows_are_paid_once", "a row that became a payout and that payout name each other, and they are of one amount and beneficiary",
		`select coalesce(r.id, p.id) from (select * from batch_rows where status = 'created') r
		 full join (select * from payouts where batch_id is not null) p
		   on p.merchant_id = r.merchant_id and p.id = r.payout_id and p.batch_id = r.batch_id and p.batch_row = r.number
		 where r.id is null or p.id is null or p.amount <> r.amount or p.currency <> r.currency or p.beneficiary_id is distinct from r.beneficiary_id`,
	},
	{
		"only_confirmed_batches_are_paid", "a payout of a batch was created after its merchant confirmed the batch",
		`select p.id from payouts p join batches b on b.merchant_id = p.merchant_id and b.id = p.batch_id
		 where b.confirmed_at is null or b.confirmed_at > p.created_at`,
	},
	{
		"ended_batches_keep_no_cells", "the cells of a batch are kept until its rows ended, and no longer",
		`select r.id from batch_rows r join batches b on b.merchant_id = r.merchant_id and b.id = r.batch_id
		 where (r.data is not null) <> (b.ended_at is null and r.status in ('pending', 'valid'))`,
	},
	{
		"batches_do_not_get_stuck", "a batch that did not end is due",
		`select id from batches where ended_at is null and due_at is null`,
	},
}
