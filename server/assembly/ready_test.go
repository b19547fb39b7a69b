package assembly_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/antonpayments/anton/server/testserver"
)

// readiness asks /readyz until it answers the status, over REST and the admin's address, and gives what it says.
func readiness(t *testing.T, s *testserver.Server, status int) map[string]string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // a good answer is remembered for a second
		public := s.With("nobody").Do(t, http.MethodGet, "/readyz", nil, "")
		code, private := s.Admin(t, "/readyz")
		if public.Status == status && code == status {
			if strings.TrimSpace(private) != strings.TrimSpace(string(public.Raw)) {
				t.Errorf("REST says %s, the admin's address %s", public.Raw, private)
			}
			return checksOf(t, private)
		}
		if time.Now().After(deadline) {
			t.Fatalf("want %d; REST answers %d %s, the admin's address %d %s", status, public.Status, public.Raw, code, private)
		}
	}
}

// checksOf are the checks that a readiness report has, each with why it fails.
func checksOf(t *testing.T, report string) map[string]string {
	t.Helper()
	var r struct {
		Status string
		Checks []struct{ Name, Status, Why string }
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatalf("%v: %s", err, report)
	}
	all := map[string]string{}
	ready := "ready"
	for _, c := range r.Checks {
		all[c.Name] = c.Why
		if c.Status != "ok" {
			ready = "not_ready"
		}
		if (c.Status == "ok") != (c.Why == "") {
			t.Errorf("%s is %s and says %q", c.Name, c.Status, c.Why)
		}
	}
	if r.Status != ready {
		t.Errorf("the report does not follow its checks: %s", report)
	}
	return all
}

func serving(t *testing.T, s *testserver.Server) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	got, err := healthpb.NewHealthClient(s.Dial()).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetStatus()
}

func TestReadinessTellsTheTruth(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	if got := readiness(t, s, http.StatusServiceUnavailable); got["worker"] == "" || got["database"] != "" || got["migrations"] != "" {
		t.Errorf("before the worker's first turn: %v", got)
	}
	if got := serving(t, s); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("gRPC's health before the worker's first turn is %s", got)
	}
	s.Work()
	readiness(t, s, http.StatusOK)
	if got := serving(t, s); got != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("gRPC's health of a ready server is %s", got)
	}
	if code, text := s.Admin(t, "/healthz"); code != http.StatusOK || text != "ok\n" {
		t.Errorf("/healthz: %d %s", code, text)
	}

	var latest int64
	err := s.Owner.QueryRow(t.Context(), "delete from goose_db_version where version_id = (select max(version_id) from goose_db_version) returning version_id").Scan(&latest)
	if err != nil {
		t.Fatal(err)
	}
	if got := readiness(t, s, http.StatusServiceUnavailable); !strings.Contains(got["migrations"], "the database's schema is at version") || got["database"] != "" {
		t.Errorf("without the last migration: %v", got)
	}
	if _, err := s.Owner.Exec(t.Context(), "insert into goose_db_version (version_id, is_applied) values ($1, true)", latest+1); err != nil {
		t.Fatal(err)
	}
	readiness(t, s, http.StatusOK) // a newer server has migrated: the older ones serve on

	s.Leave()
	if got := readiness(t, s, http.StatusServiceUnavailable); got["leaving"] == "" {
		t.Errorf("a server that leaves: %v", got)
	}
	if got := serving(t, s); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("gRPC's health of a server that leaves is %s", got)
	}
}

func TestAServerWithoutItsDatabaseIsNotReady(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Work()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Ready.Run(ctx); close(ended) }()
	readiness(t, s, http.StatusOK)
	for _, statement := range []string{
		"alter database " + s.Database + " allow_connections false",
		"select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + s.Database + "' and pid <> pg_backend_pid()",
	} {
		testserver.Superuser(t, statement)
	}
	got := readiness(t, s, http.StatusServiceUnavailable)
	if got["database"] == "" || strings.Contains(got["database"], s.Database) {
		t.Errorf("without a database: %v", got)
	}
	if status := serving(t, s); status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("gRPC's health without a database is %s", status)
	}
	if code, _ := s.Admin(t, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz without a database: %d", code)
	}
	testserver.Superuser(t, "alter database "+s.Database+" allow_connections true")
	readiness(t, s, http.StatusOK)
	stop()
	<-ended
}

// Profiles hold the memory of the process, and metrics how much business there is: neither is on the public's address.
func TestTheAdminsPathsAreOnNoOtherAddress(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine"} {
		if code, _ := s.Admin(t, path); code != http.StatusOK {
			t.Errorf("the admin's %s: %d", path, code)
		}
		if got := m.Get(t, path); got.Status != http.StatusNotFound {
			t.Errorf("the public %s: %d", path, got.Status)
		}
		if got := s.With("nobody").Get(t, path); got.Status != http.StatusUnauthorized {
			t.Errorf("the public %s without a key: %d", path, got.Status)
		}
	}
}
