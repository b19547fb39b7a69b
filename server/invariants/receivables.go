package invariants

// receivables are the rules of what merchants owe and of what operators move by hand.
var receivables = []Invariant{
	{
		"receivables_are_their_postings", "what a merchant owes is the sum of its postings on the receivable",
		`select b.merchant_id || ' ' || b.currency from balances b
		 left join (
		     select merchant_id, currency, sum(case 'receivable'::ledger_account when debit then amount else -amount end) as receivable
		     from ledger_postings where 'receivable' in (debit, credit) group by merchant_id, currency
		 ) p using (merchant_id, currency)
		 where b.receivable <> coalesce(p.receivable, 0)`,
	},
	{
		"receivable_is_repaid_first", "a merchant that owes has nothing available in that currency",
		`select merchant_id || ' ' || currency from balances where available > 0 and receivable > 0`,
	},
	{
		"receivables_follow_each_other", "each transaction leaves owed what the one before it left and its delta, which is what its postings say, down to the present balance",
		`select t.id from (
		     select *, lag(receivable_after, 1, 0) over numbered as receivable_before, lead(id) over numbered is null as is_last
		     from ledger_transactions window numbered as (partition by merchant_id, currency order by sequence)
		 ) t
		 join balances b on b.merchant_id = t.merchant_id and b.currency = t.currency
		 left join (
		     select merchant_id, transaction_id, sum(case 'receivable'::ledger_account when debit then amount else -amount end) as delta
		     from ledger_postings where 'receivable' in (debit, credit) group by merchant_id, transaction_id
		 ) p on p.merchant_id = t.merchant_id and p.transaction_id = t.id
		 where t.receivable_after <> t.receivable_before + t.receivable_delta or t.receivable_delta <> coalesce(p.delta, 0)
		    or t.receivable_after < 0 or (t.is_last and t.receivable_after <> b.receivable)`,
	},
	{
		"what_is_owed_is_repaid_at_once", "a transaction that leaves money available beside something owed is followed by the repayment of the lesser of both, and no other is a repayment",
		`select t.id from (
		     select *, least(available_after, receivable_after) as payable, lead(type) over numbered as next_type,
		            lead(receivable_delta) over numbered as next_delta, lag(least(available_after, receivable_after), 1, 0) over numbered as payable_before
		     from ledger_transactions window numbered as (partition by merchant_id, currency order by sequence)
		 ) t
		 where (t.payable > 0 and (t.next_type is distinct from 'receivable_repayment' or t.next_delta <> -t.payable))
		    or (t.type = 'receivable_repayment' and (t.payable_before <= 0 or t.available_delta <> t.receivable_delta))`,
	},
	{
		"reversals_are_booked", "what was reversed of a deposit or a return is what the executed adjustments say, and no more than it brought",
		`select r.transaction_id from reversals r
		 where r.reversed > r.credited or r.reversed <> coalesce((
		     select sum(a.amount) from adjustments a
		     where a.merchant_id = r.merchant_id and a.reverses = r.transaction_id and a.status = 'executed'
		 ), 0)`,
	},
	{
		"reversals_take_what_was_credited", "what can be reversed is what the deposit or the return brought",
		`select r.transaction_id from reversals r
		 left join ledger_transactions t on t.merchant_id = r.merchant_id and t.id = r.transaction_id
		 where t.id is null or t.type not in ('deposit', 'return') or t.available_delta <> r.credited or t.currency <> r.currency`,
	},
	{
		"adjustments_are_booked", "an adjustment has its transaction, of its amount, once it is executed and not before; and each transaction that only adjustments make has its adjustment",
		`select a.id from adjustments a
		 left join ledger_transactions t on t.merchant_id = a.merchant_id and t.id = a.transaction_id
		 where (a.status = 'executed') <> (t.id is not null)
		    or t.currency <> a.currency
		    or t.available_delta - t.receivable_delta <> case when a.type in ('deposit', 'credit') then a.amount else -a.amount end
		 union all
		 select t.id from ledger_transactions t
		 where t.type in ('deposit_reversal', 'return_reversal', 'adjustment') and not exists (
		     select from adjustments a where a.merchant_id = t.merchant_id and a.transaction_id = t.id and a.status = 'executed'
		 )`,
	},
	{
		"live_adjustments_had_four_eyes", "in live nobody approved what they asked for",
		`select a.id from adjustments a
		 join deployment d on true
		 where a.environment <> d.environment or (d.environment = 'live' and a.status = 'executed' and a.decided_by = a.requested_by)`,
	},
}
