package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/bench"
	"github.com/antonpayments/anton/server/testserver"
)

// benchOn prepares `anton bench` on a database of the tests' PostgreSQL.
func benchOn(t *testing.T, database string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, append([]string{"bench", "--clients=4", "--merchants=2"}, args...)...)
	command.Env = append(os.Environ(), "DATABASE_URL="+testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL="+testserver.DSN(t, "anton_owner", database))
	return command
}

func TestBenchMeasuresRealPayouts(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	for _, evaluation := range []string{"off", "on"} {
		out, err := benchOn(t, database, "--duration=200ms", "--rounds=1", "--json", "--evaluation="+evaluation).Output()
		if err != nil {
			t.Fatalf("anton bench: %v: %s", err, out)
		}
		var report bench.Report
		if err := json.Unmarshal(out, &report); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		measured := map[string]bool{}
		for _, m := range report.Measures {
			measured[m.Target] = true
			if m.Done == 0 || m.Failed > 0 || m.P50 <= 0 || m.P99 < m.P50 || m.WAL <= 0 {
				t.Errorf("evaluation %s: a measure says %+v", evaluation, m)
			}
		}
		for _, target := range []string{"floor, bare handler", "payout over REST", "payout over gRPC"} {
			if !measured[target] {
				t.Errorf("evaluation %s: no measure of %s", evaluation, target)
			}
		}
		if report.InvariantsChecked == 0 || len(report.Breaches) > 0 {
			t.Errorf("evaluation %s: %d invariants checked, broken: %v", evaluation, report.InvariantsChecked, report.Breaches)
		}
	}
	conn, err := pgx.Connect(t.Context(), testserver.DSN(t, "anton_owner", database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var left bool
	var payouts int
	err = conn.QueryRow(t.Context(), "select to_regnamespace('anton_bench') is not null, (select count(*) from payouts)").Scan(&left, &payouts)
	if err != nil || left || payouts == 0 {
		t.Errorf("the floor's schema is left: %v; payouts: %d; %v", left, payouts, err)
	}
}

func TestBenchStopsAndStillReports(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	command := benchOn(t, database, "--duration=1h", "--rounds=1", "--only=rest")
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	conn, err := pgx.Connect(t.Context(), testserver.DSN(t, "anton_owner", database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// The warm-up lasts a second: payouts a second and a half apart say that it measures.
	measuring := "select coalesce(max(created_at) - min(created_at) > interval '1500 ms', false) from payouts"
	for on, deadline := false, time.Now().Add(time.Minute); !on; {
		if time.Now().After(deadline) {
			t.Fatalf("it does not measure: %s", out.String())
		}
		if err := conn.QueryRow(t.Context(), measuring).Scan(&on); err != nil {
			t.Fatal(err)
		}
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("stopped, it ended with %v", err)
	}
	for _, says := range []string{"payout over REST", "Stopped early.", "0 rows break one"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("stopped, it does not say %q: %s", says, out.String())
		}
	}
}
