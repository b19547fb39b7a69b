package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// TestABackfillIsWhatTheCodeWouldHaveCounted gives a database of an old version, from before velocity counted payouts apart from rules,
// payouts in every state, and migrates it. What the migrations make of them must be what a server counted that judged the same
// payouts with the schema of today, and such a server must go on where the old one stopped.
func TestABackfillIsWhatTheCodeWouldHaveCounted(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	// The backfills look at the last weeks, and what is paid here must be of one day.
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	s.Clock.Advance(noon.Sub(testserver.Start))
	s.LookForLists(t)
	m := s.Merchant(t)
	payouts := inEveryState(t, s, m)

	database := old(t, s)
	if _, err := postgres.Migrate(t.Context(), testserver.DSN(t, "anton_owner", database), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	migrated := testserver.On(t, database, s.Clock)
	for what, query := range map[string]string{
		"what velocity counts": `select payout_id, at, released_at, amount, currency, beneficiary_id, beneficiary_type, account, country, method,
			first_to_beneficiary and released_at is null as first from velocity_checks where passed order by payout_id`,
		"how often payouts were judged": `select merchant_id, hour, n from risk_hours order by 1, 2`,
		"the usual amounts":             `select merchant_id, currency, month, bucket, n from risk_amounts order by 1, 2, 3, 4`,
		"the usual countries":           `select merchant_id, country, n from risk_countries order by 1, 2`,
	} {
		want, got := rowsOf(t, s, query), rowsOf(t, migrated, query)
		if len(want) == 0 || !slices.Equal(want, got) {
			t.Errorf("%s:\nthe code counted\n  %s\nthe migration made\n  %s", what, strings.Join(want, "\n  "), strings.Join(got, "\n  "))
		}
	}
	migrated.CheckInvariants(t)

	// The server goes on: what was under way ends, what is new is judged by what was counted.
	m = m.At(migrated)
	next := m.Payout(t, payouts["completed"].beneficiary, "12.00", "after the migration")
	for range 3 {
		migrated.Clock.Advance(time.Minute)
		migrated.Work()
	}
	for name, want := range map[string]string{"created": "completed", "sent": "completed", "completed": "completed", "cancelled": "cancelled"} {
		if got := m.Status(t, payouts[name].id); got != want {
			t.Errorf("the payout that was %s is %s", name, got)
		}
	}
	if got := m.Status(t, next); got != "completed" {
		t.Errorf("a payout after the migration is %s", got)
	}
	var used int64
	err := migrated.Owner.QueryRow(t.Context(), `select sum(payouts) from velocity_buckets where merchant_id = $1 and scope = 'merchant' and step = 86400`, m.Merchant).Scan(&used)
	if err != nil || used != int64(len(rowsOf(t, migrated, "select from velocity_checks join velocity_books using (merchant_id) where at < counted and passed and released_at is null"))) {
		t.Errorf("the day has %d payouts, %v", used, err)
	}
	migrated.CheckInvariants(t)
}

type payout struct{ id, beneficiary string }

// inEveryState brings payouts into every state that the old version could leave them in, and returns each by its state.
func inEveryState(t *testing.T, s *testserver.Server, m *testserver.Client) map[string]payout {
	t.Helper()
	all := map[string]payout{}
	pay := func(state, beneficiary, amount string) {
		s.Clock.Advance(time.Second)
		all[state] = payout{m.Payout(t, beneficiary, amount, "old "+state), beneficiary}
		s.Work()
	}
	maria, fails := m.Beneficiary(t, "Garcia", "9876543210"), m.Beneficiary(t, "Fails", "9876540001")
	pay("completed", maria, "2500.00")
	pay("second", maria, "1.01")
	pay("failed", fails, "30.00")
	pay("returned", m.Beneficiary(t, "Returns", "9876540002"), "40.00")
	pay("velocity_blocked", maria, "1414.14")
	pay("manual_review", maria, "1313.13")
	pay("cancelled", m.Beneficiary(t, "Held", "9876543299"), "1313.13")
	if got := m.Post(t, "/v1/payouts/"+all["cancelled"].id+"/cancel", "", "{}"); got.Status != http.StatusOK {
		t.Fatalf("cancel: %d %s", got.Status, got.Raw)
	}
	for range 3 {
		s.Clock.Advance(time.Minute)
		s.Work()
	}
	pay("after the failure", fails, "31.00")
	s.Clock.Advance(time.Hour)
	pay("silent", m.Beneficiary(t, "Silent", "9876540003"), "50.00")
	pay("sent", maria, "60.00")
	s.Clock.Advance(time.Second)
	all["created"] = payout{m.Payout(t, maria, "70.00", "old created"), maria}
	for state, p := range all {
		status := m.Status(t, p.id)
		if known := []string{"second", "after the failure", "silent", "sent"}; !slices.Contains(known, state) && status != state {
			t.Fatalf("the payout that should be %s is %s", state, status)
		}
		t.Logf("%s is %s", state, status)
	}
	return all
}

// oldVersion is the last migration of the first release.
const oldVersion = 5

// old makes a database of the old version with what the server's has. The reservations, which that version had in place of checks, are made
// as it made them: for each payout that passed, one a rule.
func old(t *testing.T, s *testserver.Server) (database string) {
	t.Helper()
	database, exec := copied(t, s, oldVersion, "goose|velocity")
	var reserved string
	err := s.Owner.QueryRow(t.Context(), "select coalesce(json_agg(r), '[]')::text from (select merchant_id, payout_id, at, released_at, amount from velocity_checks where passed) r").Scan(&reserved)
	if err != nil {
		t.Fatal(err)
	}
	exec(`with reserved as (
		    select c.merchant_id, c.payout_id, r.id as rule_id, (c.at at time zone 'UTC')::date as window_day,
		           case when r.currency is null then 1 else c.amount end as amount, c.released_at
		    from json_to_recordset($1::json) c(merchant_id text, payout_id text, at timestamptz, released_at timestamptz, amount numeric) cross join velocity_rules r
		), used as (
		    insert into velocity_usage (merchant_id, rule_id, window_day, used)
		    select merchant_id, rule_id, window_day, coalesce(sum(amount) filter (where released_at is null), 0) from reserved group by 1, 2, 3
		)
		insert into velocity_reservations select merchant_id, payout_id, rule_id, window_day, amount, released_at from reserved`, reserved)
	return database
}

// copied makes a database of a version with what the server's has, as far as that version knows it, without some tables. exec runs a
// statement there to which constraints between tables mean nothing.
func copied(t *testing.T, s *testserver.Server, version int64, without string) (database string, exec func(sql string, args ...any)) {
	t.Helper()
	database = fmt.Sprint(s.Database, "_at_", version)
	testserver.Superuser(t, "create database "+database+" owner anton_owner")
	if err := postgres.MigrateTo(t.Context(), testserver.DSN(t, "anton_owner", database), version); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), testserver.DSN(t, "postgres", database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	exec = func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("set session_replication_role = replica") // tables come in any order
	for _, table := range names(t, conn, `select table_name from information_schema.tables
		where table_schema = 'public' and table_type = 'BASE TABLE' and table_name !~ ('^(' || $1 || ')') order by 1`, without) {
		// information_schema.columns says the same, and joins a dozen tables to say it, for each of a thousand questions.
		const columns = `select quote_ident(attname) from pg_attribute
			where attrelid = to_regclass('public.' || $1) and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = '' order by 1`
		now := columnsOf(t, s, columns, table)
		both := slices.DeleteFunc(names(t, conn, columns, table), func(c string) bool { return !slices.Contains(now, c) })
		if len(both) == 0 {
			continue // what is no more
		}
		list := strings.Join(both, ", ")
		read := list
		if table == "payouts" && version == oldVersion { // a review had no end then
			read = strings.Replace(list, "due_at", "case when status <> 'manual_review' then due_at end as due_at", 1)
		}
		var rows string
		if err := s.Owner.QueryRow(t.Context(), fmt.Sprintf("select coalesce(json_agg(r), '[]')::text from (select %s from %s) r", read, table)).Scan(&rows); err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
		exec(fmt.Sprintf("insert into %[1]s (%[2]s) select %[2]s from json_populate_recordset(null::%[1]s, $1::json) on conflict do nothing", table, list), rows)
	}
	return database, exec
}

func columnsOf(t *testing.T, s *testserver.Server, query, table string) []string {
	t.Helper()
	conn, err := s.Owner.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	return names(t, conn.Conn(), query, table)
}

// rowsOf are a query's rows, each as one text.
func rowsOf(t *testing.T, s *testserver.Server, query string) []string {
	t.Helper()
	conn, err := s.Owner.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	return names(t, conn.Conn(), "select r::text from ("+query+") r")
}

func names(t *testing.T, conn *pgx.Conn, query string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}
