package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

// addRules gives the merchant rules of all types, scopes and windows, as an operator of the database would: those from one number to another.
func addRules(t testing.TB, s *testserver.Server, merchant string, from, to int) {
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
		    from generate_series($2::integer, $3) n
		    returning merchant_id, rule_id, created_at
		), book as (
		    insert into velocity_books (merchant_id, rules, revision) values ($1, $3 - $2 + 1, 1)
		    on conflict (merchant_id) do update set rules = velocity_books.rules + $3 - $2 + 1, revision = velocity_books.revision + 1
		)
		insert into velocity_rules (merchant_id, id, version, created_at) select merchant_id, rule_id, 1, created_at from versions`, merchant, from, to)
	if err != nil {
		t.Fatal(err)
	}
}

// addPast gives the merchant payouts of the last year that count, to twenty thousand beneficiaries in two countries. Those that it has are
// among them.
func addPast(t testing.TB, s *testserver.Server, merchant string, count int) {
	t.Helper()
	_, err := s.Owner.Exec(t.Context(), `
		with payees as (
		    select row_number() over (order by b.id) - 1 as place, b.id, encode(i.fingerprint, 'hex') as account
		    from beneficiaries b join instruments i on i.merchant_id = b.merchant_id and i.beneficiary_id = b.id where b.merchant_id = $1
		)
		insert into velocity_checks (merchant_id, at, place, payout_id, passed, first_to_beneficiary, was_new, amount, currency, beneficiary_id,
		                             beneficiary_type, account, country, method)
		select $1, $2::timestamptz - make_interval(secs => n * 31536000.0 / $3), 0, 'pay_past' || n, true, n <= 20000, n <= 20000, 12.34, 'USD',
		       coalesce(p.id, 'ben_past' || n % 20000), 'individual', coalesce(p.account, 'account' || n % 20000),
		       (array['US', 'GB'])[1 + n % 2], 'us_bank'
		from generate_series(1, $3::integer) n left join payees p on p.place = n % 20000`, merchant, s.Clock.Now(), count)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owner.Exec(t.Context(), "analyze"); err != nil {
		t.Fatal(err)
	}
}

// payees is how many beneficiaries addPast pays.
const payees = 20_000

// addPayees makes more beneficiaries, each with an account, out of one that there is, until the merchant has as many as addPast pays.
func addPayees(t testing.TB, s *testserver.Server, merchant string) {
	t.Helper()
	_, err := s.Owner.Exec(t.Context(), `
		with model as (select b as ben, i as ins from beneficiaries b join instruments i on i.merchant_id = b.merchant_id and i.beneficiary_id = b.id
		               where b.merchant_id = $1 order by b.id limit 1),
		numbers as (select n, 'ben_bench' || n as ben, 'ins_bench' || n as ins, '\x' || encode(sha256(n::text::bytea), 'hex') as hash
		            from generate_series(1, $2 - (select count(*)::integer from beneficiaries where merchant_id = $1)) n),
		people as (insert into beneficiaries select (jsonb_populate_record(null::beneficiaries, to_jsonb(model.ben) || jsonb_build_object(
		    'id', numbers.ben, 'default_instrument_id', numbers.ins, 'fingerprint', hash))).* from model, numbers)
		insert into instruments select (jsonb_populate_record(null::instruments, to_jsonb(model.ins) || jsonb_build_object(
		    'id', numbers.ins, 'beneficiary_id', numbers.ben, 'fingerprint', hash))).* from model, numbers`, merchant, payees)
	if err != nil {
		t.Fatal(err)
	}
}

// unjudged makes payouts that were not evaluated, as one that was: to all that addPayees made in turns, or to the same beneficiary.
func unjudged(t testing.TB, s *testserver.Server, like, prefix string, count int, toAll bool) []db.Payout {
	t.Helper()
	columns := `merchant_id, status, seq, amount, currency, source_amount, source_currency, dest_amount, dest_currency, fee, fee_bearer, total_debited, method, rail, estimated_arrival, created_at, updated_at`
	_, err := s.Owner.Exec(t.Context(), `alter table payouts drop constraint if exists payout_status_is_its_last_transition`)
	if err == nil {
		_, err = s.Owner.Exec(t.Context(), `insert into payouts (id, beneficiary_id, instrument_id, `+columns+`)
			select $2 || n, case when $4 then 'ben_bench' || 1 + n % 10000 else beneficiary_id end,
			       case when $4 then 'ins_bench' || 1 + n % 10000 else instrument_id end, `+columns+`
			from generate_series(1, $3::integer) n join payouts on id = $1`, like, prefix, count, toAll)
	}
	if err != nil {
		t.Fatal(err)
	}
	var merchant string
	if err := s.Owner.QueryRow(t.Context(), "select merchant_id from payouts where id = $1", like).Scan(&merchant); err != nil {
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

// BenchmarkVelocity measures what velocity adds to an evaluation, for one merchant with rules of all kinds and ANTON_BENCH_PAYOUTS past payouts of the
// last year (a hundred thousand where it is not set; ten million take some minutes and some six gigabytes to make). Payouts come as fast as they
// did, and to the same beneficiaries, so that buckets begin and settle as they would. Five things take turns:
//
//   - one:        "select 1", the least that a round trip costs here; a check has two of them, and a third where something is not remembered
//   - check:      velocity alone, from the lock of the book to the commit of what it counts, to a beneficiary that was paid hours ago
//   - again:      the same, to one beneficiary every time
//   - evaluation: all three stages, to that beneficiary
//   - fill:       one in some sixteen payouts has buckets filled behind it
//
// Latencies are by the clock, which a busy machine stretches. "cpu" is what the process and the backends of PostgreSQL used, a transaction.
//
//	ANTON_BENCH_PAYOUTS=10000000 go test ./server/engine -run '^$' -bench Velocity -benchtime 2000x -timeout 2h
func BenchmarkVelocity(b *testing.B) {
	past := 100_000
	if text := os.Getenv("ANTON_BENCH_PAYOUTS"); text != "" {
		var err error
		if past, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	w := newBenchWorld(b, past)
	for _, rules := range []int{0, 100, 1000} {
		addRules(b, w.s, w.m.Merchant, w.rules+1, rules)
		w.rules = rules
		b.Run(fmt.Sprint(rules, " rules"), w.run)
	}
}

type benchWorld struct {
	s     *testserver.Server
	m     *testserver.Client
	like  string        // a payout
	every time.Duration // between two payouts
	rules int
	pools int
}

func newBenchWorld(b *testing.B, past int) *benchWorld {
	s := testserver.On(b, testserver.Database(b), testserver.NewClock())
	w := &benchWorld{s: s, m: s.Merchant(b), every: 365 * 24 * time.Hour / time.Duration(past)}
	w.like = w.m.Payout(b, w.m.Beneficiary(b, "Garcia", "9876543210"), "10.00", "bench")
	addPayees(b, s, w.m.Merchant)
	addPast(b, s, w.m.Merchant, past)
	return w
}

// run lets the transactions take turns, and reports each.
func (w *benchWorld) run(b *testing.B) {
	filler := engine.NewFiller(w.s.Runner, slog.New(slog.DiscardHandler))
	e := &engine.Engine{Filler: filler}
	whole := w.s.Worker.Engine
	do := func(fn func(context.Context, *unit.Unit) error) {
		if err := w.s.Runner.Do(context.Background(), unit.Who{Merchant: w.m.Merchant, Actor: "bench"}, false, fn); err != nil {
			b.Fatal(err)
		}
	}
	w.pools++
	toAll := unjudged(b, w.s, w.like, fmt.Sprint("pay_all", w.pools, "_"), b.N+50, true)
	toOne := unjudged(b, w.s, w.like, fmt.Sprint("pay_one", w.pools, "_"), 2*b.N+100, false)
	one, check, again, evaluation, fill := w.meter(b), w.meter(b), w.meter(b), w.meter(b), w.meter(b)
	velocity := func(m *meter, payout db.Payout) {
		w.s.Clock.Advance(w.every)
		m.took(func() {
			do(func(ctx context.Context, u *unit.Unit) error {
				return e.CheckVelocity(ctx, u, w.m.Merchant, []db.Payout{payout})
			})
		})
	}
	turn := func(i int) {
		one.took(func() {
			if _, err := w.s.Pool.Exec(context.Background(), "select 1"); err != nil {
				b.Fatal(err)
			}
		})
		velocity(check, toAll[i])
		velocity(again, toOne[2*i])
		w.s.Clock.Advance(w.every)
		evaluation.took(func() {
			do(func(ctx context.Context, u *unit.Unit) error {
				_, err := whole.Evaluate(ctx, u, w.m.Merchant, toOne[2*i+1:2*i+2])
				return err
			})
		})
		if filler.Asked() {
			fill.took(func() { filler.RunOnce(context.Background()) })
		}
	}
	first := time.Now()
	turn(0) // it adds up the series
	b.ReportMetric(float64(time.Since(first).Milliseconds()), "ms-first")
	if _, err := w.s.Owner.Exec(b.Context(), "vacuum analyze"); err != nil {
		b.Fatal(err)
	}
	for i := range 49 {
		turn(1 + i)
	}
	*one, *check, *again, *evaluation, *fill = *w.meter(b), *w.meter(b), *w.meter(b), *w.meter(b), *w.meter(b)
	b.ResetTimer()
	for i := range b.N {
		turn(50 + i)
	}
	b.StopTimer()
	one.report(b, "one")
	check.report(b, "check")
	again.report(b, "again")
	evaluation.report(b, "evaluation")
	fill.report(b, "fill")
}

// A meter measures how long transactions took, and what they cost.
type meter struct {
	b     *testing.B
	stats []string // of the backends that may serve
	times []time.Duration
	cpu   time.Duration
}

func (w *benchWorld) meter(b *testing.B) *meter {
	m := &meter{b: b}
	rows, err := w.s.Owner.Query(b.Context(), "select '/proc/' || pid || '/schedstat' from pg_stat_activity where datname = current_database() and usename = 'anton_app'")
	if err == nil {
		m.stats, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func (m *meter) took(f func()) {
	cpu, start := m.used(), time.Now()
	f()
	m.times = append(m.times, time.Since(start))
	m.cpu += m.used() - cpu
}

// used is the time on a processor of this process and of the backends so far. A new connection's is not in it.
func (m *meter) used() time.Duration {
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		m.b.Fatal(err)
	}
	total := time.Duration(self.Utime.Nano() + self.Stime.Nano())
	for _, path := range m.stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // no such thing here, or a connection that ended
		}
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			m.b.Fatal(err)
		}
		total += time.Duration(n)
	}
	return total
}

func (m *meter) report(b *testing.B, name string) {
	if len(m.times) == 0 {
		return
	}
	slices.Sort(m.times)
	of := func(share float64) float64 {
		return float64(m.times[int(share*float64(len(m.times)-1))].Microseconds())
	}
	b.ReportMetric(of(0.5), "µs-"+name+"-p50")
	b.ReportMetric(of(0.99), "µs-"+name+"-p99")
	b.ReportMetric(of(0), "µs-"+name+"-least")
	b.ReportMetric(float64(m.cpu.Microseconds())/float64(len(m.times)), "µs-"+name+"-cpu")
}

// TestTheCheckScansNoPayouts asks PostgreSQL how it would run each query of a check, with a history that makes a scan expensive.
func TestTheCheckScansNoPayouts(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Breaks("counted_is_what_leaves", "rules_have_all_their_versions")
	m := s.Merchant(t)
	addPast(t, s, m.Merchant, 20_000)
	addRules(t, s, m.Merchant, 1, 1000)
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
			[]int32{0, 1},
			[]string{"merchant", "beneficiary"},
			[]string{"", "ben_past7"},
			[]int32{86400, 900},
			[]time.Time{now.AddDate(0, 0, -10), now.AddDate(0, 0, -1)},
			[]time.Time{now, now},
			m.Merchant,
		},
		"velocityLook":      {[]string{"pay_1"}, now, m.Merchant},
		"velocityUncounted": {m.Merchant, now, 0, ""},
		"velocityCount":     {m.Merchant, now.AddDate(0, 0, -1), now, nil},
		"velocityRelease":   {m.Merchant, now, []string{"pay_past7"}},
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
		for _, table := range []string{"velocity_checks", "velocity_buckets"} {
			if strings.Contains(plan.String(), "Seq Scan on "+table) {
				t.Errorf("%s scans %s:\n%s", name, table, plan.String())
			}
		}
	}
}
