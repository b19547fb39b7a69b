package invariants

// feed are the rules of the feeds and of what webhooks are told. Events end after 90 days; event_feeds says how far that went.
var feed = []Invariant{
	{
		"feeds_have_no_gap", "the positions of a merchant's feed run from where it was pruned to where it ends",
		`select coalesce(f.merchant_id, p.merchant_id) from event_feeds f
		 full join (
		     select merchant_id, count(*) as n, min(position) as first, max(position) as last from event_positions group by merchant_id
		 ) p using (merchant_id)
		 where coalesce(p.n, 0) is distinct from f.last_position - f.pruned_position
		    or (p.n > 0 and (p.first <> f.pruned_position + 1 or p.last <> f.last_position))`,
	},
	{
		"placed_events_are_there", "an event that has a position exists",
		`select p.event_id from event_positions p
		 where not exists (select from events e where e.merchant_id = p.merchant_id and e.id = p.event_id)`,
	},
	{
		"no_event_is_left_out", "an event without a position is not an hour older than the last one that has one",
		`select e.id from events e
		 join (
		     select f.merchant_id, l.created_at from event_feeds f
		     join event_positions p on p.merchant_id = f.merchant_id and p.position = f.last_position
		     join events l on l.merchant_id = p.merchant_id and l.id = p.event_id
		 ) newest on newest.merchant_id = e.merchant_id and e.created_at < newest.created_at - interval '1 hour'
		 where not exists (select from event_positions p where p.merchant_id = e.merchant_id and p.event_id = e.id)`,
	},
	{
		"feeds_keep_the_order_of_objects", "the events of an object stand in its feed in the order of their numbers",
		`select id from (
		     select e.id, p.position, lag(p.position) over (partition by e.merchant_id, e.object_id order by e.sequence) as before
		     from event_positions p join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
		 ) placed where position < before`,
	},
	{
		"events_are_delivered", "an event with a position has a delivery to each webhook that has been listening to it since before it happened",
		`select e.id || ' ' || w.id from event_positions p
		 join events e on e.merchant_id = p.merchant_id and e.id = p.event_id
		 join webhooks w on w.merchant_id = e.merchant_id and w.status = 'active' and e.created_at > w.updated_at + interval '1 minute'
		 where e.type <> 'webhook.test'
		   and ('*' = any(w.events) or e.type = any(w.events) or split_part(e.type, '.', 1) || '.*' = any(w.events))
		   and not exists (
		       select from webhook_deliveries d where d.merchant_id = e.merchant_id and d.event_id = e.id and d.webhook_id = w.id
		   )`,
	},
	{
		"deliveries_are_of_an_event_to_a_webhook", "a delivery has its event, with its object and number, and its webhook",
		`select d.id from webhook_deliveries d
		 left join events e on e.merchant_id = d.merchant_id and e.id = d.event_id
		 left join webhooks w on w.merchant_id = d.merchant_id and w.id = d.webhook_id
		 where e.id is null or w.id is null or e.object_id <> d.object_id or e.sequence <> d.sequence`,
	},
	{
		"first_pending_deliveries_are_due", "of an object's events that are on their way to a webhook, the first is due",
		`select id from (
		     select distinct on (merchant_id, webhook_id, object_id) id, due_at from webhook_deliveries
		     where status = 'pending' order by merchant_id, webhook_id, object_id, sequence
		 ) first where due_at is null`,
	},
}
