package invariants

// books are the rules of bookkeeping: every sum has a counterpart, and every balance a history.
var books = []Invariant{
	{
		"postings_move_within_one_currency", "a posting takes from one account and gives as much to another, in the currency of its transaction",
		`select p.transaction_id || ' ' || p.line from ledger_postings p
		 left join ledger_transactions t on t.merchant_id = p.merchant_id and t.id = p.transaction_id
		 where t.id is null or t.currency <> p.currency or p.debit = p.credit or p.amount <= 0`,
	},
	{
		"trial_balance_is_zero", "what a merchant holds in a currency and what all its other accounts say add up to nothing",
		`select merchant_id || ' ' || currency from (
		     select merchant_id, currency, available + held as amount from balances
		     union all
		     select merchant_id, currency,
		            case when credit in ('available', 'held') then 0 else amount end - case when debit in ('available', 'held') then 0 else amount end
		     from ledger_postings
		 ) entries group by merchant_id, currency having sum(amount) <> 0`,
	},
	{
		// Transactions are numbered and dated when they begin, and booked when they end: their order is in the balances alone. Each
		// one starts at a balance that another one, or the opening, left behind, and each balance is left once, but for the present one.
		"running_balances_follow_each_other", "a transaction continues the balance that the one before it left behind, from zero to the present balance",
		`select distinct merchant_id || ' ' || currency from (
		     select merchant_id, currency, available_after - available_delta as available, held_after - held_delta as held, 1 as times
		     from ledger_transactions
		     union all
		     select merchant_id, currency, available_after, held_after, -1 from ledger_transactions
		     union all
		     select merchant_id, currency, available, held, 1 from balances
		     union all
		     select merchant_id, currency, 0, 0, -1 from balances
		 ) left_and_found group by merchant_id, currency, available, held having sum(times) <> 0`,
	},
	{
		"balances_were_never_negative", "no transaction left a balance below zero",
		`select id from ledger_transactions where available_after < 0 or held_after < 0`,
	},
	{
		"holds_are_let_go_in_full", "what a release takes from the held balance is what the payout debits, and what a settlement takes is that without the fee",
		`select p.id from payouts p
		 join ledger_transactions t on t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type in ('payout_release', 'payout_settlement')
		 where t.currency <> p.source_currency
		    or t.held_delta <> case t.type when 'payout_release' then -p.total_debited else p.fee - p.total_debited end
		    or t.available_delta <> case t.type when 'payout_release' then p.total_debited else 0 end`,
	},
	{
		"returns_are_credited_once", "a returned payout was given back once, a completed one at most once and then told as payout.late_return, and no other payout was",
		`select p.id from payouts p
		 where (select count(*) from ledger_transactions t
		        left join event_feeds f on f.merchant_id = t.merchant_id
		        where t.merchant_id = p.merchant_id and t.payout_id = p.id and t.type = 'return'
		          and (p.status = 'returned' or f.pruned_before is null or t.created_at > f.pruned_before)) -- its event may have been removed
		    <> (p.status = 'returned' or exists (
		        select from events e
		        where e.merchant_id = p.merchant_id and e.object_id = p.id and e.type = 'payout.late_return' and p.status = 'completed'
		    ))::integer`,
	},
	{
		"history_cannot_be_rewritten", "the role that serves has no right to alter or remove history, nor to write money past ledger_post, nor prices past pricing_version_write",
		`select name from unnest(array['events', 'event_positions', 'webhook_attempts', 'audit_log', 'audit_positions', 'audit_seals', 'verdicts',
		                               'payout_screenings', 'screening_rescreen_slices',
		                               'velocity_rule_versions', 'payout_transitions',
		                               'reference_rates', 'fx_refreshes', 'fx_quotes', 'fx_quote_uses', 'fx_exchanges',
		                               'pricing_plan_versions', 'pricing_rules', 'pricing_tiers', 'pricing_quotes', 'pricing_quote_uses',
		                               'rail_instructions', 'rail_events', 'rail_file_contents', 'rail_file_orders', 'batch_steps', 'batch_errors', 'balances', 'ledger_transactions', 'ledger_postings']) tables(name)
		 where has_table_privilege('anton_app', name, 'delete, truncate') or has_any_column_privilege('anton_app', name, 'update')
		    or (name in ('balances', 'ledger_transactions', 'ledger_postings', 'pricing_plan_versions', 'pricing_rules', 'pricing_tiers')
		        and has_any_column_privilege('anton_app', name, 'insert'))`,
	},
}
