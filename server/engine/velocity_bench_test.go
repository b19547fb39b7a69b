package engine_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

// addRules gives the merchant rules of all types, scopes and windows, as an operator of the database would.
func addRules(t testing.TB, s *testserver.Server, merchant string, count int) {
	t.Helper()
	_, err := s.Owner.Exec(t.Context(), `
		with versions as (
		    insert into velocity_rule_versions
		    select $1, 'vr_bench' || n, 1, 'Rule ' || n, '',
		           (array['amount_per_window', 'count_per_window', 'amount_per_window', 'new_beneficiaries_per_window', 'max_amount_per_payout'])[1 + n % 5]::velocity_type,
		           case when n % 5 = 3 then 'merchant' else (array['merchant', 'beneficiary', 'instrument', 'country', 'method'])[1 + n / 5 % 5] end::velocity_scope,
		           case when n % 5 = 4 then null else (array['calendar_day', 'calendar_month', 'rolling'])[1 + n / 25 % 3] end::velocity_window,
		           case when n % 5 <> 4 and n / 25 % 3 = 2 then (array[60, 3600, 86400, 604800])[1 + n / 75 % 4] end,
		           case when n % 5 <> 4 and n / 25 % 3 <> 2 then (array['UTC', 'Europe/Berlin'])[1 + n / 75 % 2] end,
		           1000000000 + n, case when n % 5 in (0, 2, 4) then 'USD' end,
		           case when n % 3 = 0 then array['US', 'GB'] else '{}' end, case when n % 7 = 0 then array['us_bank'] else '{}' end,
		           array['USD'], '{}', 'block', 'enforce', n, true, 'bench', now()
		    from generate_series(1, $2) n
		    returning merchant_id, rule_id, created_at
		), book as (
		    insert into velocity_books (merchant_id, rules, revision) values ($1, $2, 1)
		    on conflict (merchant_id) do update set rules = velocity_books.rules + $2, revision = velocity_books.revision + 1
		)
		insert into velocity_rules (merchant_id, id, version, created_at) select merchant_id, rule_id, 1, created_at from versions`, merchant, count)
	if err != nil {
		t.Fatal(err)
	}
}

// addPast gives the merchant payouts of the last year that count, to twenty thousand beneficiaries in two countries.
func addPast(t testing.TB, s *testserver.Server, merchant string, count int) {
	t.Helper()
	_, err := s.Owner.Exec(t.Context(), `
		insert into velocity_checks (merchant_id, at, place, payout_id, passed, first_to_beneficiary, was_new, amount, currency, beneficiary_id,
		                             beneficiary_type, account, country, method)
		select $1, $2::timestamptz - make_interval(secs => n * 31536000.0 / $3), 0, 'pay_past' || n, true, n <= 20000, n <= 20000, 12.34, 'USD',
		       'ben_past' || n % 20000, 'individual', 'account' || n % 20000, (array['US', 'GB'])[1 + n % 2], 'us_bank'
		from generate_series(1, $3::integer) n`, merchant, s.Clock.Now(), count)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owner.Exec(t.Context(), "analyze"); err != nil {
		t.Fatal(err)
	}
}

// copies makes copies of a payout that were not evaluated.
func copies(t testing.TB, s *testserver.Server, payout, prefix string, count int) []db.Payout {
	t.Helper()
	columns := `merchant_id, status, seq, beneficiary_id, instrument_id, amount, currency, source_amount, source_currency, dest_amount, dest_currency, fee, fee_bearer, total_debited, method, rail, estimated_arrival, created_at, updated_at`
	_, err := s.Owner.Exec(t.Context(), `alter table payouts drop constraint if exists payout_status_is_its_last_transition`)
	if err == nil {
		_, err = s.Owner.Exec(t.Context(), `insert into payouts (id, `+columns+`) select $2 || n, `+columns+` from payouts cross join generate_series(1, $3::integer) n where id = $1`, payout, prefix, count)
	}
	if err != nil {
		t.Fatal(err)
	}
	var merchant string
	if err := s.Owner.QueryRow(t.Context(), "select merchant_id from payouts where id = $1", payout).Scan(&merchant); err != nil {
		t.Fatal(err)
	}
	var all []db.Payout
	for n := range count {
		p, err := db.New(s.Pool).PayoutGet(t.Context(), merchant, fmt.Sprint(prefix, n+1))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// BenchmarkVelocity measures the second stage of an evaluation with a thousand rules, on ANTON_BENCH_PAYOUTS past payouts (a hundred thousand where it
// is not set; ten million take some minutes to make). It says how long reading and deciding takes ("check"), and the whole transaction with what is
// counted, BEGIN and COMMIT included.
//
//	ANTON_BENCH_PAYOUTS=10000000 go test ./server/engine -run '^$' -bench Velocity -benchtime 2000x
func BenchmarkVelocity(b *testing.B) {
	past := 100_000
	if text := os.Getenv("ANTON_BENCH_PAYOUTS"); text != "" {
		var err error
		if past, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, rules := range []int{0, 100, 1000} {
		b.Run(fmt.Sprint(rules, " rules"), func(b *testing.B) { benchmarkVelocity(b, rules, past) })
	}
}

func benchmarkVelocity(b *testing.B, rules, past int) {
	s := testserver.New(b)
	s.Breaks("rules_have_all_their_versions", "counted_is_what_leaves", "new_beneficiaries_are_counted_once", "approved_payouts_count", "velocity_usage_is_reserved",
		"held_is_payouts_in_progress", "payouts_are_held_once", "payouts_stand_at_their_last_transition", "payouts_do_not_get_stuck", "what_exists_was_audited", "ended_payouts_let_go")
	m := s.Merchant(b)
	payout := m.Payout(b, m.Beneficiary(b, "Garcia", "9876543210"), "10.00", "bench")
	if past > 0 {
		addPast(b, s, m.Merchant, past)
	}
	if rules > 0 {
		addRules(b, s, m.Merchant, rules)
	}
	e := &engine.Engine{}
	var checking []time.Duration
	check := func(p db.Payout) {
		s.Clock.Advance(time.Millisecond)
		err := s.Runner.Do(context.Background(), unit.Who{Merchant: m.Merchant, Actor: "bench"}, false, func(ctx context.Context, u *unit.Unit) error {
			start := time.Now()
			err := e.CheckVelocity(ctx, u, m.Merchant, []db.Payout{p})
			checking = append(checking, time.Since(start))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	pool := copies(b, s, payout, fmt.Sprint("pay_bench", b.N, "_"), b.N+200)
	first := time.Now()
	check(pool[b.N]) // it adds up the series
	b.ReportMetric(float64(time.Since(first).Milliseconds()), "ms-first")
	if _, err := s.Owner.Exec(b.Context(), "vacuum analyze"); err != nil {
		b.Fatal(err)
	}
	for _, p := range pool[b.N+1:] {
		check(p)
	}
	checking = nil
	b.ResetTimer()
	for _, p := range pool[:b.N] {
		check(p)
	}
	slices.Sort(checking)
	b.ReportMetric(float64(checking[0].Microseconds()), "µs-least")
	b.ReportMetric(float64(checking[len(checking)/2].Microseconds()), "µs-median")
}

// TestTheCheckScansNoPayouts asks PostgreSQL how it would run each query of a check, with a history that makes a scan expensive.
func TestTheCheckScansNoPayouts(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Breaks("counted_is_what_leaves", "rules_have_all_their_versions")
	m := s.Merchant(t)
	addPast(t, s, m.Merchant, 20_000)
	addRules(t, s, m.Merchant, 1000)
	m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "explained")
	s.Work()
	if _, err := s.Owner.Exec(t.Context(), "analyze"); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../gen/db/velocity.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	now := s.Clock.Now()
	for name, args := range map[string][]any{
		"velocityUsed": {
			[]int32{0, 0},
			[]string{"merchant", "beneficiary"},
			[]string{"", "ben_past7"},
			[]int32{86400, 900},
			[]time.Time{now.AddDate(0, 0, -10), now.AddDate(0, 0, -1)},
			[]time.Time{now, now},
			m.Merchant,
		},
		"velocityPayouts": {m.Merchant, []string{"pay_1"}},
		"velocityRelease": {m.Merchant, now, []string{"pay_past7"}},
	} {
		query := regexp.MustCompile("(?s)const " + name + " = `(.*?)`").FindStringSubmatch(string(source))
		if query == nil {
			t.Fatalf("no query %s", name)
		}
		rows, err := s.Owner.Query(t.Context(), "explain "+query[1], args...)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		if rows.Err() != nil {
			t.Fatalf("%s: %v", name, rows.Err())
		}
		for _, table := range []string{"velocity_checks", "velocity_usage"} {
			if strings.Contains(plan.String(), "Seq Scan on "+table) {
				t.Errorf("%s scans %s:\n%s", name, table, plan.String())
			}
		}
	}
}
