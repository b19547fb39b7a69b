package engine_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// addHistory shares payouts of the last thirty days among merchants, with their verdicts and those of their transitions in which something is
// counted: of a hundred payouts one is blocked, one fails screening, three are reviewed for up to two hours, one is returned, the others
// complete. Events are written of the last payouts alone; they have no place yet.
func addHistory(t testing.TB, s *testserver.Server, merchants []string, payouts, unplaced int) {
	t.Helper()
	type statement struct {
		sql  string
		args []any
	}
	for _, make := range []statement{
		{`alter table payouts drop constraint payout_status_is_its_last_transition, drop constraint payouts_merchant_id_beneficiary_id_instrument_id_fkey`, nil},
		{`alter table payout_transitions drop constraint transition_starts_where_the_last_one_ended, drop constraint approval_has_a_verdict_of_its_payout`, nil},
		{`create unlogged table made as
		 select m.id as merchant_id, 'pay_made' || lpad(n::text, 9, '0') as id, n, n % 100 as kind,
		        $3::timestamptz - make_interval(secs => n * 2592000.0 / $2) as at,
		        (array['USD', 'EUR', 'GBP'])[1 + n % 3] as currency
		 from unnest($1::text[]) with ordinality m(id, i)
		 join generate_series(1, $2::integer) n on n % cardinality($1::text[]) = m.i - 1`, []any{merchants, payouts, s.Clock.Now()}},
		{`create unlogged table said as
		 select kind, v, case when kind = 0 then 'velocity_block' when kind = 1 then 'screening_hit' when kind < 5 then 'review' else 'clear' end as outcome, v * 50 as score,
		        jsonb_build_object('screening', jsonb_build_object('lists', jsonb_build_array('un-1', 'ofac-2', 'eu-3')), 'forced', '',
		            'velocity', jsonb_build_object('rules', '[1, 2]'::jsonb, 'shadow', null, 'hits', case when kind = 0
		                then jsonb_build_array(jsonb_build_object('rule_id', 'vr_bench' || v + 1, 'rule', 'Rule', 'effect', 'block', 'owner', 'mer')) end),
		            'risk', jsonb_build_object('score', v * 50, 'model', '2026-11', 'review_from', 700, 'signals', jsonb_build_array(
		                jsonb_build_object('code', 'first_payout_to_beneficiary', 'family', 'beneficiary_history', 'points', 100, 'says', 'No payout to this beneficiary was completed before.'),
		                jsonb_build_object('code', (array['burst', 'unusual_hour', 'new_key', 'round_amount'])[1 + v % 4], 'family', 'real_time_anomaly', 'points', 50, 'says', 'It is seldom that this merchant pays then.')))) as stages
		 from generate_series(0, 6) kind cross join generate_series(0, 12) v`, nil},
		{`insert into verdicts (merchant_id, id, payout_id, outcome, score, stages, inputs, created_at)
		 select m.merchant_id, 'ver_' || m.n, m.id, s.outcome, s.score, s.stages, '{}', m.at
		 from made m join said s on s.kind = least(m.kind, 6) and s.v = m.n % 13`, nil},
		{`insert into payouts (merchant_id, id, status, seq, beneficiary_id, instrument_id, amount, currency, source_amount, source_currency, dest_amount,
		                      dest_currency, fee, fee_bearer, total_debited, method, rail, estimated_arrival, created_at, updated_at, sent_at, completed_at, returned_at)
		 select merchant_id, id, (case when kind = 0 then 'velocity_blocked' when kind = 1 then 'screening_failed' when kind = 5 then 'returned' else 'completed' end)::payout_status,
		        7, 'ben', 'ins', n % 5000 + 0.25, currency, n % 5000 + 0.25, currency, n % 5000 + 0.25, currency, 0, 'merchant', n % 5000 + 0.25, 'us_bank', 'sandbox', at, at, at,
		        at, case when kind > 1 and kind <> 5 then at end, case when kind = 5 then at end from made`, nil},
		{`insert into payout_transitions (merchant_id, payout_id, seq, from_status, to_status, at, actor, event_id, verdict_id)
		 select m.merchant_id, m.id, w.seq, w.came::payout_status, w.went::payout_status,
		        m.at + case when m.kind in (2, 3, 4) and w.seq > 4 then make_interval(secs => 1 + n % 7200) else interval '0' end,
		        'engine', 'evt_' || m.n || '_' || w.seq, case when w.went in ('velocity_blocked', 'screening_failed', 'manual_review', 'approved') then 'ver_' || m.n end
		 from made m
		 cross join lateral (
		     select ordinality::integer as seq, lag(went) over (order by ordinality) as came, went
		     from unnest(string_to_array(case
		         when m.kind = 0 then 'created pending_screening pending_approval velocity_blocked'
		         when m.kind = 1 then 'created pending_screening screening_failed'
		         when m.kind < 5 then 'created pending_screening pending_approval manual_review approved processing sent completed'
		         when m.kind = 5 then 'created pending_screening pending_approval approved processing sent returned'
		         else 'created pending_screening pending_approval approved processing sent completed' end, ' ')) with ordinality x(went, ordinality)
		 ) w
		 where w.went not in ('pending_screening', 'pending_approval', 'processing', 'sent')`, nil},
		{`insert into event_feeds (merchant_id) select unnest($1::text[]) on conflict do nothing`, []any{merchants}},
		{`insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at)
		 select t.merchant_id, t.event_id, 'payout.' || replace(t.to_status::text, 'pending_screening', 'screening'), 'payout', t.payout_id, t.seq, '{}', t.at
		 from payout_transitions t join made m on m.merchant_id = t.merchant_id and m.id = t.payout_id where m.n <= $1`, []any{unplaced}},
		{`analyze`, nil},
	} {
		began := time.Now()
		if _, err := s.Owner.Exec(t.Context(), make.sql, make.args...); err != nil {
			t.Fatalf("%.60s: %v", make.sql, err)
		}
		t.Logf("%.60s…: %s", make.sql, time.Since(began).Round(time.Millisecond))
	}
}

// BenchmarkDashboard measures the dashboards over REST, of one merchant and of all ten, on a million payouts of thirty days; what the last
// thousand cost while nobody has added them up; and what adding up costs a payout, all at once and as it happens. The million takes some
// minutes to make.
//
//	go test ./server/engine -run '^$' -bench Dashboard -benchtime 20x -timeout 60m
func BenchmarkDashboard(b *testing.B) {
	const payouts, unplaced = 1_000_000, 1000
	s := testserver.On(b, testserver.Database(b), testserver.NewClock())
	var merchants []string
	var first *testserver.Client
	for range 10 {
		m := entitled(b, s)
		addRules(b, s, m.Merchant, 1, 40)
		merchants, first = append(merchants, m.Merchant), m
	}
	addHistory(b, s, merchants, payouts, unplaced)

	began := time.Now()
	if _, err := s.Owner.Exec(b.Context(), "select engine_tallies_rebuild(merchant_id) from event_feeds"); err != nil {
		b.Fatal(err)
	}
	b.Logf("added up all at once: %.1f µs a payout", float64(time.Since(began).Microseconds())/payouts)
	if _, err := s.Owner.Exec(b.Context(), "analyze"); err != nil {
		b.Fatal(err)
	}
	measure := func(name string, c *testserver.Client, path string) {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for range b.N {
				began := time.Now()
				if got := c.Get(b, path); got.Status != http.StatusOK {
					b.Fatalf("%d %s", got.Status, got.Raw)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
		})
	}
	measure("of a merchant, the last thousand payouts not added up", first, "/v1/engine/dashboard")
	measure("of all, the last thousand payouts not added up", s.Ops(), "/ops/v1/engine/dashboard")
	place(b, s)
	began = time.Now()
	if _, err := s.Tallier.RunOnce(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("added up as it happens: %.1f µs a payout", float64(time.Since(began).Microseconds())/unplaced)
	var rows, total int64
	if err := s.Owner.QueryRow(b.Context(), "select count(*), sum(n) filter (where measure = 'outcome' and key = 'created') from engine_tallies").Scan(&rows, &total); err != nil {
		b.Fatal(err)
	}
	if total != payouts {
		b.Fatalf("%d payouts are added up", total)
	}
	b.Logf("%d rows", rows)
	measure("of a merchant", first, "/v1/engine/dashboard")
	measure("of a merchant, a year", first, "/v1/engine/dashboard?from=2025-02-15&to=2026-02-15")
	measure("of all", s.Ops(), "/ops/v1/engine/dashboard")
}
