package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/antonpayments/anton/server/bench"
	"github.com/antonpayments/anton/server/testserver"
)

// The bench tells every event to every endpoint that listens, whatever the bad ones do. Its bars are for a machine that has nothing else to
// do, so they are not this test's.
func TestBenchDeliversEverything(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	database := testserver.Database(t)
	command := exec.Command(binary, "bench", "webhooks", "--duration=1s", "--rate=200", "--json")
	command.Env = append(os.Environ(), "DATABASE_URL="+testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL="+testserver.DSN(t, "anton_owner", database))
	out, err := command.Output()
	var report bench.WebhookReport
	if bad := json.Unmarshal(out, &report); bad != nil {
		t.Fatalf("%v, %v: %s", err, bad, out)
	}
	if len(report.Measures) != 3 || len(report.Breaches) > 0 {
		t.Fatalf("it measured %+v", report)
	}
	for _, m := range report.Measures {
		if m.Got != m.Offered || m.Got == 0 || m.P50 <= 0 || m.P99 < m.P50 {
			t.Errorf("%+v", m)
		}
	}
}
