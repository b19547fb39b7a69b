package testserver

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/screening/lists"
)

// A Server is a running server with a database of its own. Its worker does not run by itself: the test says Work.
type Server struct {
	*assembly.Server
	URL      string // of REST
	Clock    *Clock
	Database string
	Pool     *pgxpool.Pool // as anton_app, which serves
	Owner    *pgxpool.Pool // as anton_owner, for what a test must look at or damage
	OpsKey   string
	grpc     *grpc.ClientConn
	t        testing.TB
	breaks   []string
	log      *slog.Logger
	tracer   *observe.Tracer
	rails    *assembly.RailSettings
	required []lists.Authority // whose lists payouts wait for, besides the sandbox's own; all of them in live when empty
}

// Breaks says which invariants the test breaks on purpose, because it goes where the server never does.
func (s *Server) Breaks(names ...string) { s.breaks = append(s.breaks, names...) }

// New starts a server on a fresh database.
func New(t testing.TB) *Server {
	t.Helper()
	s := On(t, Database(t), NewClock())
	t.Cleanup(func() { s.CheckInvariants(t) })
	return s
}

// Observed is New with a log and a tracer (which may be nil) of the test's own.
func Observed(t testing.TB, log *slog.Logger, tracer *observe.Tracer) *Server {
	t.Helper()
	s := prepare(t, Database(t), NewClock())
	s.log, s.tracer = log, tracer
	if tracer != nil {
		pool, err := postgres.OpenTracedPool(t.Context(), DSN(t, "anton_app", s.Database), tracer.SQL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		s.Pool = pool
	}
	s.sandbox(t)
	t.Cleanup(func() { s.CheckInvariants(t) })
	return s
}

// On starts a server on a database that may have others.
func On(t testing.TB, database string, clock *Clock) *Server {
	t.Helper()
	s := prepare(t, database, clock)
	s.sandbox(t)
	return s
}

func (s *Server) sandbox(t testing.TB) {
	t.Helper()
	keys, err := assembly.SandboxKeys(t.Context(), s.Pool)
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, "test", keys)
	if err := s.TakeSampleRates(t.Context()); err != nil {
		t.Fatal(err)
	}
	box, err := s.OpenSandbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.OpsKey = box.OpsKey
}

func prepare(t testing.TB, database string, clock *Clock) *Server {
	t.Helper()
	s := &Server{Clock: clock, Database: database, t: t, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	s.setUpRails(t, usualRails)
	s.Pool = openPool(t, DSN(t, "anton_app", database))
	s.Owner = openPool(t, DSN(t, "anton_owner", database))
	return s
}

func (s *Server) start(t testing.TB, environment string, keys *crypto.Keys) {
	t.Helper()
	err := assembly.Claim(t.Context(), s.Pool, environment, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := assembly.ClaimKeyset(t.Context(), s.Pool, keys); err != nil {
		t.Fatal(err)
	}
	s.Server, err = assembly.New(assembly.Config{
		Pool: s.Pool, Keys: keys, Clock: s.Clock.Now, Log: s.log, Environment: environment, Tracer: s.tracer, Lists: s.required,
		FxMaxAge: 4, FxMarkupBps: 45,
		Rails: s.rails,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.LookForLists(t)
	rest := httptest.NewServer(s.HTTP)
	t.Cleanup(rest.Close)
	s.URL = rest.URL
	s.serveGRPC(t)
}

func openPool(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.OpenPool(t.Context(), dsn+" pool_min_idle_conns=0") // none beyond what is asked for
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func (s *Server) serveGRPC(t testing.TB) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Server.GRPC.Serve(listener) }() // ends with Stop, which is no error
	t.Cleanup(s.Server.GRPC.Stop)
	s.grpc, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.grpc.Close() })
}

// Dial is a gRPC connection to the server.
func (s *Server) Dial() *grpc.ClientConn { return s.grpc }

// Work has the worker do everything that is due at the clock's time, until nothing is.
func (s *Server) Work() {
	s.t.Helper()
	for {
		n, err := s.Worker.RunOnce(context.Background())
		if err != nil {
			s.t.Fatalf("worker: %v", err)
		}
		s.Filler.RunOnce(context.Background())
		batches, err := s.Batches.RunOnce(context.Background())
		if err != nil {
			s.t.Fatalf("batch worker: %v", err)
		}
		if n+batches == 0 {
			return
		}
	}
}

// Deliver places all events in their feeds and makes all attempts to deliver them that are due at the clock's time, until none is. It
// returns how many attempts it made.
func (s *Server) Deliver() (attempts int) {
	s.t.Helper()
	for {
		placed, err := s.Sequencer.RunOnce(context.Background())
		if err != nil {
			s.t.Fatalf("sequencer: %v", err)
		}
		made, err := s.Deliverer.RunOnce(context.Background())
		if err != nil {
			s.t.Fatalf("deliverer: %v", err)
		}
		attempts += made
		if placed+made == 0 {
			return attempts
		}
	}
}

// CheckInvariants fails the test with every row that breaks one. It asks through the server's own connections: PostgreSQL reads the
// catalog anew for each that is opened, which takes longer than all the questions.
func (s *Server) CheckInvariants(t testing.TB) {
	t.Helper()
	breaches, err := invariants.Check(context.Background(), s.Pool)
	if err != nil { // the test may have ended the server's connections
		s.Pool.Reset()
		breaches, err = invariants.Check(context.Background(), s.Pool)
	}
	if err != nil {
		t.Errorf("check the invariants: %v", err)
	}
	for _, b := range breaches {
		if slices.Contains(s.breaks, b.Invariant.Name) {
			continue
		}
		t.Errorf("invariant broken: %s", b)
	}
}
