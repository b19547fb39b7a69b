// Package assembly puts the server's parts together: one function, to be read from top to bottom. The server and the tests run what
// it makes, so that a test never passes on another chain than the one that serves.
package assembly

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/balances"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/docs"
	"github.com/antonpayments/anton/server/documents"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/gateway"
	"github.com/antonpayments/anton/server/interceptors"
	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/rfis"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/webhooks"
)

// Config is what differs between servers.
type Config struct {
	Pool  *pgxpool.Pool
	Keys  *crypto.Keys
	Clock func() time.Time
	Log   *slog.Logger
	// Environment is "test", where the sandbox's rail, list and magic amounts are part of the server, or "live", where they are not.
	Environment string
	// Lists are the authorities whose sanctions lists live needs before it judges a payout; all of them when empty. The sandbox needs its
	// own alone.
	Lists []lists.Authority
	// ListMaxAge is how old a list may be; see sanctions.MaxAge.
	ListMaxAge time.Duration
	// ListRefresh is how often the server asks the authorities for newer lists, never when zero.
	ListRefresh time.Duration
	// ListSources replaces the addresses at which the authorities publish.
	ListSources []sanctions.Source
	// KeepHeld keeps the money of payouts that sanctions screening stopped held until compliance decides.
	KeepHeld bool
	// Tracer traces calls and work; nil where nobody asked for it. The pool has its part of it already.
	Tracer *observe.Tracer
	// ReviewWithin is how long a payout waits in review before it is cancelled; seven days where it is zero.
	ReviewWithin time.Duration
	// Scanner is the address of the clamd that looks at uploads; empty where there is none.
	Scanner string
	// Resolver finds the addresses of webhooks; nil for the system's.
	Resolver *net.Resolver
	// RiskModel is what payouts are scored by; the newest when it is nil.
	RiskModel *risk.Model
}

// A Server is all parts, ready to be given their listeners.
type Server struct {
	HTTP      http.Handler
	GRPC      *grpc.Server
	Worker    *payouts.Worker
	Balances  *balances.Watcher
	Sequencer *events.Sequencer
	Deliverer *webhooks.Deliverer
	Sealer    *audit.Sealer
	Checker   *invariants.Checker
	Watcher   *payouts.Watcher
	Pruner    *engine.Pruner
	Folder    *engine.Folder
	KeyUses   *interceptors.KeyUses
	RfiAlarm  *rfis.Alarm
	Runner    *unit.Runner
	Merchants *merchants.Service
	Ready     *observe.Readiness
	Admin     http.Handler // metrics, health and profiles: for those who run the server
	Metrics   *observe.Metrics
	Sanctions *sanctions.Watcher
	Refresher *sanctions.Refresher // nil when the server does not refresh by itself
	health    *health.Server
	hub       *events.Hub
}

// ErrSandboxKeyset says that a live server was given keys that lay open.
var ErrSandboxKeyset = errors.New("the keyset is a sandbox's, which was never secret: live needs one of its own")

// New assembles a server.
func New(c Config) (*Server, error) {
	if c.Environment == "live" && c.Keys.Sandbox {
		return nil, ErrSandboxKeyset
	}
	c.Log = slog.New(observe.Redact(c.Log.Handler()))
	metrics := observe.NewMetrics()
	runner := &unit.Runner{Pool: c.Pool, Clock: c.Clock, Metrics: metrics, Tracer: c.Tracer}

	watcher, err := newWatcher(c)
	if err != nil {
		return nil, err
	}
	judge := &engine.Engine{Lists: watcher, Keys: c.Keys, Model: cmp.Or(c.RiskModel, risk.Latest()), Metrics: metrics, Tracer: c.Tracer}
	registry := rails.NewRegistry()
	watcher.Prepare = judge.Prepare
	if c.Environment == "test" {
		judge.Force = func(amount string) engine.Outcome { return engine.Outcome(sandbox.MagicAmount(amount)) }
		registry = rails.NewRegistry(&sandbox.Rail{Pool: c.Pool, Clock: c.Clock})
	}
	worker := payouts.NewWorker(runner, judge, registry, c.KeepHeld, c.Log)
	if c.ReviewWithin > 0 {
		worker.ReviewWithin = c.ReviewWithin
	}
	hub, sequencer, deliverer := telling(c, runner)
	documentService := &documents.Service{Keys: c.Keys, Log: c.Log, Scanner: c.Scanner}

	chain := interceptors.New(interceptors.Config{
		Runner: runner, Keys: c.Keys, Log: c.Log, Environment: c.Environment,
		Prepare: map[string]interceptors.Prepare{antonv1.DocumentsService_CreateDocument_FullMethodName: documentService.Examine},
	})
	s := &Server{
		GRPC:      newGRPC(chain),
		Worker:    worker,
		Balances:  &balances.Watcher{Runner: runner, Log: c.Log},
		Sequencer: sequencer,
		Deliverer: deliverer,
		Sealer:    &audit.Sealer{Runner: runner, Log: c.Log},
		Checker:   &invariants.Checker{Pool: c.Pool, Log: c.Log, Metrics: metrics},
		Watcher:   &payouts.Watcher{Runner: runner, Log: c.Log},
		Pruner:    &engine.Pruner{Runner: runner, Log: c.Log},
		Folder:    &engine.Folder{Runner: runner, Keys: c.Keys, Log: c.Log},
		KeyUses:   chain.Uses,
		RfiAlarm:  &rfis.Alarm{Runner: runner, Log: c.Log},
		Runner:    runner,
		Merchants: &merchants.Service{Environment: c.Environment},
		Ready:     &observe.Readiness{Checks: conditions(c.Pool, worker), Log: c.Log},
		Metrics:   metrics,
		Sanctions: watcher,
		Refresher: newRefresher(c, runner, watcher.Required),
		health:    health.NewServer(),
		hub:       hub,
	}
	s.observe(c.Pool)
	conn := gateway.NewConn(chain.Unary())
	documentService.Create = antonv1.NewDocumentsServiceClient(conn).CreateDocument
	for _, to := range []grpc.ServiceRegistrar{interceptors.Kindly(s.GRPC), conn} {
		s.register(to, c, &payouts.Service{Rails: registry, Worker: worker, Beneficiaries: &beneficiaries.Service{Keys: c.Keys}}, documentService)
	}
	healthpb.RegisterHealthServer(s.GRPC, s.health)
	if c.Environment == "test" {
		reflection.Register(s.GRPC)
	}

	s.HTTP, err = gateway.New(gateway.Config{
		Conn: conn, Doorman: chain, Docs: docs.Handler(), Health: s.Ready.Health(), Log: c.Log, Metrics: metrics, Tracer: c.Tracer,
	})
	if err != nil {
		return nil, fmt.Errorf("assemble the gateway: %w", err)
	}
	return s, nil
}

// observe ties together what shows how the server is: gauges that are read when somebody asks, and gRPC's health service, which says
// what readiness says.
func (s *Server) observe(pool *pgxpool.Pool) {
	s.Metrics.Pool(pool)
	s.Metrics.Read("anton_screening_lists", "Sanctions lists that payouts are screened with. Alert on 0: one that is required is missing or too old, so nobody is cleared, and payouts wait in created.",
		func() float64 {
			if s.Sanctions.Usable() != nil {
				return 0
			}
			return float64(len(s.Sanctions.Set().Lists()))
		})
	s.Metrics.Read("anton_audit_seal_lag_seconds", "How old a committed audit row without a seal can be. Alert above a minute: the sealer fails.",
		func() float64 { return s.Sealer.Lag().Seconds() })
	s.Metrics.Read("anton_ready", "1 while /readyz answers 200, else 0. Alert when it stays 0.", func() float64 {
		if s.Ready.Now().Ready() {
			return 1
		}
		return 0
	})
	s.Metrics.Read("anton_worker_idle_seconds", "How long ago the payout worker was last seen at work; -1 before its first turn. Alert above a minute: it hangs.",
		func() float64 {
			if turned := s.Worker.Turned(); !turned.IsZero() {
				return time.Since(turned).Seconds()
			}
			return -1
		})
	s.Admin = observe.Admin(s.Metrics, s.Ready)
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING) // until it is known to be ready
	s.Ready.OnChange = func(ready bool) {
		status := healthpb.HealthCheckResponse_NOT_SERVING
		if ready {
			status = healthpb.HealthCheckResponse_SERVING
		}
		s.health.SetServingStatus("", status)
	}
}

// Leave makes the server unready, over REST, gRPC and the admin's address, so that balancers send no more, and ends the streams, which
// would not end by themselves.
func (s *Server) Leave() {
	s.Ready.Leave()
	s.health.Shutdown()
	s.hub.Close()
}

// telling is what tells merchants of their events: who places them, who sends them, who is told on streams.
func telling(c Config, runner *unit.Runner) (*events.Hub, *events.Sequencer, *webhooks.Deliverer) {
	hub := events.NewHub()
	deliverer := webhooks.NewDeliverer(webhooks.DelivererConfig{
		Runner: runner, Keys: c.Keys, Log: c.Log, Loopback: c.Environment == "test", Resolver: c.Resolver,
	})
	sequencer := events.NewSequencer(runner, c.Log, func(merchants []string, told []events.WebhookKey) {
		hub.Grown(merchants)
		deliverer.Told(told...)
	})
	return hub, sequencer, deliverer
}

func newGRPC(chain *interceptors.Chain) *grpc.Server {
	return grpc.NewServer(
		grpc.UnaryInterceptor(chain.Unary()), grpc.StreamInterceptor(chain.Stream()),
		grpc.ForceServerCodecV2(interceptors.Codec()),
		// A watcher whose machine is gone says nothing; without this its stream would stay.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
}
