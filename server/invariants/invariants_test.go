package invariants_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// unguarded takes away what keeps payouts and their transitions from being damaged.
const unguarded = `alter table payouts drop constraint payout_status_is_its_last_transition;
	alter table payout_transitions drop constraint transition_starts_where_the_last_one_ended;
	alter table payout_transitions drop constraint arrow_exists;`

// unheard makes a webhook that has listened for days and was told nothing.
const unheard = `insert into webhooks (merchant_id, id, url, events, secret, created_at, updated_at)
	select merchant_id, 'whk_x', 'https://example.com', '{payout.*}', '', created_at - interval '2 days', created_at - interval '2 days'
	from events where type = 'payout.created' limit 1`

// foundAfterwards puts a hit that nobody released into the verdicts.
const foundAfterwards = `update verdicts set stages = '{"screening":{"parties":[{"hits":[{"authority":"un","entry_id":"T.1","entry_hash":"x"}]}]}}'`

// aRescreen puts a version of a list in force, with the re-screening of it.
const aRescreen = `insert into screening_lists (id, authority, published_on, published_said, file_hash, parser, entries, names, source, content, content_hash, loaded_at, loaded_by)
	select 'un-x', 'un', '2026-02-13', true, encode(sha256('x'), 'hex'), '1', 1, 1, 'x', c, encode(sha256(c), 'hex'), now(), 'x' from (values (repeat('x', 30)::bytea)) v(c);
	insert into screening_list_activations (authority, number, list_id, entries, published_on, reason, activated_at, activated_by)
	values ('un', 1, 'un-x', 1, '2026-02-13', 'x', now(), 'x');
	insert into screening_rescreens (id, authority, number, list_id, created_at) values ('rsc_x', 'un', 1, 'un-x', now());`

// secondHit puts a hit that nobody released into a second screening of a payout that left.
const secondHit = `insert into payout_screenings
	select merchant_id, 'scr_x', payout_id, id, 'claim', 'possible', '{"parties":[{"hits":[{"authority":"un","entry_id":"T.1","entry_hash":"x"}]}]}', now()
	from verdicts limit 1`

// anAlert is of a payout, decided though no pair says so.
const anAlert = `insert into screening_alerts (merchant_id, id, payout_id, verdict_id, beneficiary_id, role, subject_id, party_name, party_hash,
		authority, entry_id, entry_hash, decision, model, finding, lists, created_at, status, resolved_by, resolved_at, reason)
	select v.merchant_id, 'alr_x', v.payout_id, v.id, p.beneficiary_id, 'beneficiary', p.beneficiary_id, 'Maria Garcia', sha256('x'), 'un', 'T.1',
	       encode(sha256('x'), 'hex'), 'possible', 'names-1', '{}', '[]', now(), 'false_positive', 'key_x', now(), 'Another person'
	from verdicts v join payouts p on p.merchant_id = v.merchant_id and p.id = v.payout_id limit 1;`

// damages break each invariant, as only the owner of the schema could.
var damages = map[string]string{
	"ledger_transactions_have_postings":      "update ledger_transactions set available_delta = available_delta + 1 where type = 'payout_hold'",
	"balances_are_their_postings":            "update balances set available = available + 0.01 where currency = 'USD'",
	"balances_follow_their_transactions":     "update balances set held = held + 0.01 where currency = 'USD'",
	"transactions_follow_each_other":         "update ledger_transactions set sequence = sequence + 100 where type = 'payout_settlement'",
	"held_is_payouts_in_progress":            "update balances set held = held + 1",
	"payouts_are_held_once":                  "delete from ledger_postings; delete from ledger_transactions where type = 'payout_hold'",
	"ended_payouts_let_go":                   "delete from ledger_postings; delete from ledger_transactions where type = 'payout_settlement'",
	"payouts_stand_at_their_last_transition": "update payouts set status = 'sent', seq = seq - 1, completed_at = null where status = 'completed'",
	"transitions_are_told":                   "update events set type = 'x', previous_status = 'cancelled' where type = 'payout.sent'",
	"event_sequences_have_no_gap":            "delete from events where type = 'payout.approved'",
	"transitions_are_audited":                "delete from audit_log where action = 'payout.transition' and detail ->> 'to' = 'sent'",
	"sent_payouts_were_cleared":              "update verdicts set outcome = 'screening_hit'",

	"velocity_usage_is_reserved":         "update velocity_books set counted = counted + interval '1 day'",
	"approved_payouts_count":             "update velocity_checks set released_at = now()",
	"counted_is_what_leaves":             "update velocity_checks set amount = amount + 1",
	"new_beneficiaries_are_counted_once": "update velocity_checks set first_to_beneficiary = false",
	"rules_have_all_their_versions":      "insert into velocity_rule_versions select merchant_id, rule_id, 3, name, description, type, scope, window_type, window_seconds, window_zone, threshold, currency, countries, methods, currencies, beneficiary_types, action, mode, priority, enabled, actor, created_at from velocity_rule_versions",
	"books_know_how_many_rules":          "update velocity_books set rules = rules + 1",

	"approved_payouts_have_no_open_hit": foundAfterwards,
	"hits_have_their_alert":             foundAfterwards,
	"decided_alerts_have_their_pair":    anAlert,
	"second_hits_have_their_alert":      secondHit,
	"stopped_payouts_never_left":        secondHit,
	"blocks_are_told": `insert into beneficiary_blocks (merchant_id, id, beneficiary_id, cause, reason, blocked_by, blocked_at)
		select merchant_id, 'blk_x', id, 'operator', 'x', 'key_x', now() from beneficiaries limit 1`,
	"blocks_by_screening_have_their_alert": anAlert + `insert into beneficiary_blocks (merchant_id, id, beneficiary_id, cause, alert_id, reason, blocked_by, blocked_at)
		select b.merchant_id, 'blk_x', b.id, 'screening', a.id, 'x', 'key_x', now()
		from beneficiaries b join screening_alerts a on a.merchant_id = b.merchant_id and a.beneficiary_id <> b.id limit 1`,
	"rescreens_did_what_they_say": aRescreen + `update screening_rescreens
		set entries_added = 1, entries_changed = 0, entries_removed = 0, started_at = now(), finished_at = now(), examined = 7`,
	"versions_are_rescreened": aRescreen + `insert into screening_list_activations (authority, number, list_id, entries, published_on, previous_number,
		previous_entries, previous_published_on, reason, activated_at, activated_by) values ('un', 2, 'un-x', 1, '2026-02-13', 1, 1, '2026-02-13', 'x', now(), 'x')`,

	"postings_move_within_one_currency":  "alter table ledger_postings drop constraint posting_moves_between_two_accounts; update ledger_postings set credit = debit",
	"trial_balance_is_zero":              "update balances set available = available + 0.01 where currency = 'USD'",
	"running_balances_follow_each_other": "update ledger_transactions set available_after = available_after + 1, held_after = held_after + 1 where type = 'payout_hold'",
	"balances_were_never_negative":       "update ledger_transactions set held_after = -1 where type = 'payout_settlement'",
	"holds_are_let_go_in_full":           "update ledger_transactions set held_delta = held_delta + 1 where type = 'payout_settlement'",
	"returns_are_credited_once":          "update ledger_transactions set type = 'return' where type = 'payout_settlement' and payout_id in (select id from payouts where status = 'completed' except select payout_id from ledger_transactions where type = 'return')",
	"history_cannot_be_rewritten":        "grant update (detail) on audit_log to anton_app",

	"receivables_are_their_postings":          "update balances set available = 0, held = 0, receivable = 7 where currency = 'USD'",
	"receivable_is_repaid_first":              "alter table balances drop constraint receivable_is_repaid_first; update balances set receivable = 1 where currency = 'USD'",
	"receivables_follow_each_other":           "update ledger_transactions set receivable_delta = 1 where type = 'payout_hold'",
	"what_is_owed_is_repaid_at_once":          "update ledger_transactions set receivable_after = 1 where type = 'payout_hold'",
	"reversals_are_booked":                    "update reversals set reversed = reversed - 1",
	"reversals_take_what_was_credited":        "update reversals set credited = credited + 1",
	"adjustments_are_booked":                  "update adjustments set amount = amount + 1",
	"live_adjustments_had_four_eyes":          "alter table adjustments drop constraint adjustments_environment_fkey; alter table rail_event_requests drop constraint rail_event_requests_environment_fkey; update deployment set environment = 'live'",
	"exchanges_are_booked":                    "update fx_quotes set sell_amount = sell_amount + 1",
	"conversions_add_up_to_mid":               "update ledger_postings set amount = amount + 1 where credit = 'fx_spread'",
	"quotes_give_what_they_promised":          "delete from fx_quote_uses",
	"fees_are_charged_with_the_settlement":    "update ledger_transactions set type = 'adjustment' where type = 'fee'",
	"fee_income_is_fees_of_settled_payouts":   "update ledger_postings set amount = amount + 1 where credit = 'fee_income'",
	"fees_follow_from_their_rule":             "update pricing_rules set fixed_fee = fixed_fee + 0.01; update pricing_tiers set fixed_fee = fixed_fee + 0.01",
	"promised_fees_are_charged":               "delete from pricing_quote_uses",
	"volumes_are_what_was_sent":               "update pricing_volumes set volume = volume + 1",
	"histories_have_no_gap":                   unguarded + "delete from payout_transitions where seq = 3",
	"payouts_end_once":                        unguarded + "update payout_transitions set from_status = 'cancelled' where to_status = 'sent'",
	"sent_payouts_have_an_instruction":        "delete from rail_instructions",
	"payouts_do_not_get_stuck":                unguarded + "update payouts set status = 'approved', completed_at = null where status = 'completed'",
	"one_key_makes_one_payout":                "delete from idempotency_keys",
	"beneficiaries_told_all":                  "update beneficiaries set event_sequence = 7",
	"what_exists_was_audited":                 "delete from audit_log where action = 'beneficiary.create'",
	"seals_continue_each_other":               "alter table audit_seals drop constraint seal_counts_its_rows; update audit_seals set row_count = row_count + 1",
	"positions_are_sealed":                    "delete from audit_positions where position = 3",
	"sealed_rows_are_there":                   "delete from audit_log where action = 'payout.create'",
	"no_audit_row_is_left_out":                "insert into audit_log (merchant_id, id, at, actor, action) select merchant_id, 'aud_x', at - interval '2 hours', actor, action from audit_log limit 1",
	"reviews_are_queued":                      "update payout_reviews set ended_at = null",
	"reviews_end_by_a_decision":               "update review_decisions set decided_by = (select created_by from payout_reviews limit 1)",
	"nothing_was_approved_while_asked":        "update rfi_steps set at = at + interval '1 day' where outcome = 'cleared'",
	"rfis_stand_at_their_last_step":           "update rfi_steps set outcome = 'blocked' where outcome is not null",
	"rfi_steps_are_told":                      "update events set sequence = sequence + 7 where object_type = 'rfi'",
	"payouts_name_their_rfis":                 "update payouts set rfi_ids = '{}'",
	"documents_have_their_file":               "delete from document_contents",
	"default_instruments_are_there":           "update instruments set deleted_at = now()",
	"feeds_have_no_gap":                       "delete from event_positions where position = 3",
	"placed_events_are_there":                 "delete from events where type = 'payout.completed'",
	"no_event_is_left_out":                    "insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at) select merchant_id, 'evt_x', type, object_type, 'pay_x', 1, data, created_at - interval '2 hours' from events where type = 'payout.created' limit 1",
	"feeds_keep_the_order_of_objects":         "update event_positions set position = -position + 1000",
	"events_are_delivered":                    unheard,
	"deliveries_are_of_an_event_to_a_webhook": "insert into webhook_deliveries (merchant_id, id, webhook_id, event_id, object_id, sequence, created_at, due_at) select merchant_id, 'dlv_x', 'whk_x', id, object_id, sequence, created_at, created_at from events where type = 'payout.sent' limit 1",
	"first_pending_deliveries_are_due":        "insert into webhook_deliveries (merchant_id, id, webhook_id, event_id, object_id, sequence, created_at) select merchant_id, 'dlv_x', 'whk_x', id, object_id, sequence, created_at from events where type = 'payout.sent' limit 1",
	"risk_hours_are_verdicts":                 "update risk_hours set n = n + 1",
	"risk_amounts_are_verdicts":               "update risk_amounts set n = n + 1",
	"risk_accounts_are_payouts":               "insert into risk_account_merchants (fingerprint, merchant_id, completed) select distinct fingerprint, merchant_id, 100 from instruments on conflict (fingerprint, merchant_id) do update set completed = 100",
	"tallies_are_transitions":                 "update engine_tallies set total = total + 1 where measure = 'outcome' and key = 'completed'",
	"tallies_are_verdicts":                    "update engine_tallies set n = n + 1 where measure = 'wait'",
	"tallies_end_within_the_feed":             "update engine_tally_folds set position = position + 1",
	"batches_stand_at_their_last_step":        "alter table batches drop constraint batch_status_is_its_last_step; update batches set seq = seq + 1",
	"batch_steps_are_told":                    "delete from audit_log where action = 'batch.transition' and detail ->> 'to' = 'confirmed'",
	"batches_count_their_rows":                "alter table batches drop constraint batch_ends_as_its_rows_did; update batches set created_rows = 0 where status = 'completed'",
	"batch_rows_are_paid_once":                "update batch_rows set amount = amount + 1 where status = 'created'",
	"only_confirmed_batches_are_paid":         "update batches set confirmed_at = confirmed_at + interval '1 day'",
	"ended_batches_keep_no_cells":             "alter table batch_rows drop constraint ended_row_keeps_no_cells; update batch_rows set data = '' where status = 'created'",
	"batches_do_not_get_stuck":                "update batches set due_at = null",
	"rail_orders_are_in_one_file":             "update rail_orders set cut_at = accepted_at",
	"rail_orders_are_their_payouts":           "update rail_orders set amount = amount + 1",
	"rail_files_add_up":                       "update rail_files set amount = amount + 1 where direction = 'out'",
	"rail_files_are_numbered":                 "alter table rail_files drop constraint file_follows_the_one_before; update rail_files set number = number + 1 where direction = 'out'",
	"rail_files_have_their_content":           "delete from rail_file_contents",
	"payouts_leave_in_a_delivered_file":       "update rail_files set delivered_at = null where direction = 'out'",
	"rail_entries_are_all_kept":               "update rail_entries set outcome = null, decided_at = null where outcome = 'noted'",
	"rail_entries_are_applied_or_cases":       "delete from rail_cases",
	"suspense_is_open_cases":                  "update rail_cases set amount = amount + 1",
	"told_events_are_entries":                 "update rail_event_requests set kind = 'failed' where kind = 'settled'",
	"recalls_are_in_one_file":                 "delete from rail_file_recalls",
	"recalls_are_where_their_steps_led": `alter table rail_recall_steps drop constraint recall_arrow_exists;
		insert into rail_recall_steps (merchant_id, recall_id, seq, from_status, to_status, at, actor)
		select merchant_id, id, seq + 1, status, 'accepted', now(), 'a' from rail_recalls where status = 'rejected'`,
	"recalls_are_answered_by_banks":   "update rail_recalls set answer_code = 'X' where status = 'rejected'",
	"recalls_end_with_their_payments": "update rail_recalls set status = 'sent', seq = seq - 1, ended_at = null where status = 'returned'",
	"payouts_in_progress_have_whom_to_pay": `update beneficiaries set deleted_at = now(); update instruments set deleted_at = now();
		update payouts set status = 'sent', seq = seq - 1, completed_at = null where status = 'completed'`,
}

// TestEveryInvariantNoticesDamage is the control of all tests that end with the invariants: a check that notices nothing proves
// nothing. Each damage is done in a transaction that sees it, is checked in it, and is rolled back.
func TestEveryInvariantNoticesDamage(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	everything(t, s)
	if breaches, err := invariants.Check(t.Context(), s.Pool); err != nil || len(breaches) > 0 {
		t.Fatalf("broken before the damage: %v, %v", breaches, err)
	}
	for _, invariant := range invariants.All {
		damage, ok := damages[invariant.Name]
		if !ok {
			t.Errorf("%s: no damage is known that breaks it", invariant.Name)
			continue
		}
		if broken := damaged(t, s, damage); !slices.Contains(broken, invariant.Name) {
			t.Errorf("%s: the damage went unnoticed; noticed: %v", invariant.Name, broken)
		}
	}
}

// damaged gives the invariants that the damage breaks, and leaves nothing of it.
func damaged(t *testing.T, s *testserver.Server, damage string) (broken []string) {
	t.Helper()
	tx, err := s.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatalf("undo %s: %v", damage, err)
		}
	}()
	if _, err := tx.Exec(t.Context(), damage); err != nil {
		t.Errorf("%s: %v", damage, err)
		return nil
	}
	breaches, err := invariants.CheckIn(t.Context(), tx)
	if err != nil {
		t.Errorf("after %s: %v", damage, err)
	}
	for _, b := range breaches {
		broken = append(broken, b.Invariant.Name)
	}
	return broken
}

// everything makes a merchant who has one of all that invariants are about.
func everything(t *testing.T, s *testserver.Server) {
	t.Helper()
	m := s.Merchant(t)
	payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "damaged")
	for range 3 {
		s.Work()
		s.Clock.Advance(1e9)
	}
	if status := m.Status(t, payout); status != "completed" {
		t.Fatalf("the payout is %s", status)
	}
	reverse(t, s, m)
	exchanged(t, s, m)
	recalled(t, s, m)
	inBatches(t, s, m) // after the days that recalls take: a batch that nobody confirms ends
	byFile(t, s, m)
	reviewed(t, s, m) // after the days that the files took: what is older than two is not added up anew
	priced(t, s, m)
	if _, err := s.Sealer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tallier.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// reverse takes a part of the merchant's deposit back, so that there is a reversal to damage.
func reverse(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	deposit := m.Get(t, "/v1/transactions?type=deposit&currency=EUR").List()[0]["id"].(string)
	got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits/"+deposit+"/reverse", "recall", `{"amount":"10.00","reason":"Recalled"}`)
	if got.Status != http.StatusOK || got.Data()["status"] != "executed" {
		t.Fatalf("reverse a deposit: %d %s", got.Status, got.Raw)
	}
}

// reviewed adds a payout that went through a review, a request about it, and a document.
func reviewed(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	payout := m.Payout(t, m.Beneficiary(t, "Lopez", "9876543211"), "1313.13", "reviewed")
	s.Work()
	opened := s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+m.Merchant+`","category":"other","entity_type":"payout","entity_id":"`+payout+`","subject":"Why?"}`)
	rfi, _ := opened.Data()["rfi"].(map[string]any)
	s.Clock.Advance(2 * time.Minute)
	for _, step := range []testserver.Answer{
		m.Post(t, "/v1/documents", "", `{"category":"other","file_name":"a.pdf","content":"JVBERi0xLjQKc3RhcnR4cmVmCjAKJSVFT0YK"}`),
		s.Ops().Post(t, fmt.Sprint("/ops/v1/rfis/", rfi["id"], "/resolve"), "", `{"outcome":"cleared","note":"Fine"}`),
		s.Ops().Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`),
	} {
		if step.Status >= 300 {
			t.Fatalf("%d %s, after %s", step.Status, step.Raw, opened.Raw)
		}
	}
	for range 3 {
		s.Work()
		s.Clock.Advance(1e9)
	}
}

// exchanged adds an exchange, and a payout across currencies that took a quote.
func exchanged(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	anna := m.Post(t, "/v1/beneficiaries", "", `{"type":"individual","first_name":"Anna","last_name":"Schmidt","country":"DE","currency":"EUR","bank_account":{"iban":"DE89370400440532013000"}}`)
	for i, path := range []string{"exchange", "payout"} {
		quote := m.Post(t, "/v1/fx/quote", "", `{"sell_currency":"USD","buy_currency":"EUR","buy_amount":"100.00"}`).Data()["id"]
		body := fmt.Sprintf(`{"quote_id":%q}`, quote)
		to := "/v1/fx/exchange"
		if i == 1 {
			to, body = "/v1/payouts", fmt.Sprintf(`{"beneficiary_id":%q,"amount":"100.00","currency":"EUR","quote_id":%q}`, anna.Data()["id"], quote)
		}
		if got := m.Post(t, to, path, body); got.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	for range 3 {
		s.Work()
		s.Clock.Advance(1e9)
	}
}

// inBatches adds a batch that was paid and one that waits to be confirmed.
func inBatches(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	rows := func(amount string) string {
		created := m.Post(t, "/v1/batches", "", `{"rows":[{"first_name":"Ana","last_name":"Braun","country":"DE","iban":"DE89370400440532013000","amount":"`+amount+`","currency":"EUR"}]}`)
		if created.Status != http.StatusCreated {
			t.Fatalf("send a batch: %d %s", created.Status, created.Raw)
		}
		s.Work()
		return created.Data()["id"].(string)
	}
	paid := rows("5.00")
	if got := m.Post(t, "/v1/batches/"+paid+"/confirm", "confirm", ""); got.Status != http.StatusOK {
		t.Fatalf("confirm a batch: %d %s", got.Status, got.Raw)
	}
	for range 3 {
		s.Work()
		s.Clock.Advance(1e9)
	}
	rows("6.00")
}

// priced adds a payout with a fee that was promised, by a rule with tiers.
func priced(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	plan := s.Ops().Post(t, "/ops/v1/pricing/plans", "", `{"name":"Standard","rules":[{"source_currency":"USD","fixed_fee":"5.00","tiers":[{"min_volume":"1000.00","fixed_fee":"4.00"}]}]}`)
	s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/pricing", "", fmt.Sprintf(`{"plan_id":%q}`, plan.Data()["id"]))
	ben := m.Beneficiary(t, "Perez", "9876543212")
	quote := m.Post(t, "/v1/pricing/quote", "", `{"amount":"10.00","source_currency":"USD","country":"US"}`).Data()["id"]
	got := m.Post(t, "/v1/payouts", "priced", fmt.Sprintf(`{"beneficiary_id":%q,"amount":"10.00","currency":"USD","pricing_quote_id":%q}`, ben, quote))
	if got.Status != http.StatusCreated || got.Data()["fee"] != "5.00" {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	for range 3 {
		s.Work()
		s.Clock.Advance(1e9)
	}
}

// byFile adds a payout that went out in a file and came back, and what a bank said of it besides.
func byFile(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	body := strings.NewReplacer(`"country": "US"`, `"country": "GU"`, "Garcia", "Cruz", "9876543210", "9876543212").Replace(testserver.Maria)
	created := m.Post(t, "/v1/beneficiaries", "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	payout := m.Payout(t, created.Data()["id"].(string), "30.00", "by file")
	s.Work()
	s.Clock.Advance(4 * 24 * time.Hour)
	s.WorkRails(t)
	s.Clock.Advance(time.Minute)
	s.Work()
	trace, _ := m.Get(t, "/v1/payouts/"+payout).Data()["rail_reference"].(string)
	if status := m.Status(t, payout); status != "sent" {
		t.Fatalf("it is %s", status)
	}
	s.BankBrings(t, "ach", "returns.ach", testserver.ACHFile(t,
		testserver.ACHAnswer{Trace: trace, Cents: 3000},
		testserver.ACHAnswer{Code: "R03", Trace: trace, Message: 1, Cents: 3000},
		testserver.ACHAnswer{Code: "R02", Trace: trace, Message: 2, Cents: 3000},
	))
	s.WorkRails(t)
	if status := m.Status(t, payout); status != "returned" {
		t.Fatalf("it is %s", status)
	}
}

// recalled adds a payout of which one recall was rejected, and which came back after another.
func recalled(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	body := `{"type":"individual","first_name":"Marino","last_name":"Rossi","country":"SM","currency":"EUR",
		"bank_account":{"iban":"SM86U0322509800000000270100","bic":"BASMSMSMXXX"}}`
	created := m.Post(t, "/v1/beneficiaries", "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	paid := m.Post(t, "/v1/payouts", "recalled", fmt.Sprintf(`{"beneficiary_id":%q,"amount":"30.00","currency":"EUR"}`, created.Data()["id"]))
	if paid.Status != http.StatusCreated {
		t.Fatalf("%d %s", paid.Status, paid.Raw)
	}
	payout := paid.Data()["id"].(string)
	reference := strings.ReplaceAll(payout, "_", "-")
	s.Work()
	s.Clock.Advance(3 * 24 * time.Hour)
	s.WorkRails(t)
	s.Clock.Advance(time.Minute)
	s.Work()
	told := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/payouts/"+payout+"/rail-events", "told", `{"kind":"settled","note":"By telephone"}`)
	if told.Status != http.StatusCreated || told.Data()["outcome"] != "applied" {
		t.Fatalf("%d %s", told.Status, told.Raw)
	}
	for i, code := range []string{"FRAD", "CUST"} {
		got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/payouts/"+payout+"/recalls", code, `{"reason_code":"`+code+`"}`)
		if got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
		s.Clock.Advance(24 * time.Hour)
		s.WorkRails(t)
		if i == 0 {
			s.BankBrings(t, "interbank", "no.xml", testserver.Resolution("N1", [3]string{reference, "RJCR", "NOAS"}))
		} else {
			s.BankBrings(t, "interbank", "yes.xml", testserver.SEPAReturns("R1", testserver.SEPAReturn{EndToEnd: reference, Amount: "30.00", Code: "FOCR", Day: "2026-02-20"}))
		}
		s.WorkRails(t)
	}
	var statuses []string
	for _, r := range s.Ops().Get(t, "/ops/v1/recalls").List() {
		statuses = append(statuses, r["status"].(string))
	}
	if !slices.Equal(statuses, []string{"returned", "rejected"}) {
		t.Fatalf("the recalls are %v", statuses)
	}
}
