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

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/balances"
	"github.com/antonpayments/anton/server/batches"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/docs"
	"github.com/antonpayments/anton/server/documents"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/gateway"
	"github.com/antonpayments/anton/server/interceptors"
	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/pricing"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/rescreen"
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
	// FxSource is where exchange rates are read from; fx.Sample, which only the sandbox has, is read once and never again.
	FxSource fx.Source
	// FxMaxAge is how many publications the rates may have missed before no more quotes are given on them. The sample has no age.
	FxMaxAge int
	// FxMarkupBps is what is taken off the mid rate of merchants for whom no operator set anything.
	FxMarkupBps int32
	// Tracer traces calls and work; nil where nobody asked for it. The pool has its part of it already.
	Tracer *observe.Tracer
	// ReviewWithin is how long a payout waits in review before it is cancelled; seven days where it is zero.
	ReviewWithin time.Duration
	// Scanner is the address of the clamd that looks at uploads; empty where there is none.
	Scanner string
	// Rails are the rails that are set up; nil for none but the sandbox's in test.
	Rails *RailSettings
	// Resolver finds the addresses of webhooks; nil for the system's.
	Resolver *net.Resolver
	// RiskModel is what payouts are scored by; the newest when it is nil.
	RiskModel *risk.Model
	// Release is how many people it takes to release a party from a listed entry, "one" or "two"; one in test and two in live when empty.
	Release string
}

// A Server is all parts, ready to be given their listeners.
type Server struct {
	HTTP      http.Handler
	GRPC      *grpc.Server
	Worker    *payouts.Worker
	Balances  *balances.Watcher
	Batches   *batches.Worker
	Sequencer *events.Sequencer
	Deliverer *webhooks.Deliverer
	Sealer    *audit.Sealer
	Checker   *invariants.Checker
	Watcher   *payouts.Watcher
	Filler    *engine.Filler
	Pruner    *engine.Pruner
	Folder    *engine.Folder
	Tallier   *engine.Tallier
	Rescreen  *rescreen.Rescreener
	SelfTest  *rescreen.SelfTester
	KeyUses   *interceptors.KeyUses
	RfiAlarm  *rfis.Alarm
	Rails     *files.Dispatcher
	RailClerk *payouts.RailClerk
	Runner    *unit.Runner
	Merchants *merchants.Service
	Ready     *observe.Readiness
	Admin     http.Handler // metrics, health and profiles: for those who run the server
	Metrics   *observe.Metrics
	Sanctions *sanctions.Watcher
	Refresher *sanctions.Refresher // nil when the server does not refresh by itself
	Rates     *fx.Refresher        // nil where the rates are the sandbox's sample

	fxOperator *fx.Operator
	health     *health.Server
	hub        *events.Hub
}

// ErrSandboxKeyset says that a live server was given keys that lay open.
var ErrSandboxKeyset = errors.New("the keyset is a sandbox's, which was never secret: live needs one of its own")

// New assembles a server.
func New(c Config) (*Server, error) {
	if err := c.keepSandboxOut(); err != nil {
		return nil, err
	}
	c.Log = slog.New(observe.Redact(c.Log.Handler()))
	metrics := observe.NewMetrics()
	runner := &unit.Runner{Pool: c.Pool, Clock: c.Clock, Metrics: metrics, Tracer: c.Tracer}

	watcher, err := newWatcher(c)
	if err != nil {
		return nil, err
	}
	judge := newEngine(c, runner, watcher, metrics)
	byFiles, err := c.Rails.open(c, runner)
	if err != nil {
		return nil, err
	}
	worker := newWorker(c, runner, judge, newRegistry(c, byFiles))
	hub, sequencer, deliverer := telling(c, runner)
	documentService := &documents.Service{Keys: c.Keys, Log: c.Log, Scanner: c.Scanner}

	fxOperator := &fx.Operator{Desk: c.desk(), Source: c.FxSource, Clock: runner.Now}
	payees := &beneficiaries.Service{Keys: c.Keys}
	payoutService := &payouts.Service{Rails: worker.Rails, Worker: worker, Desk: c.desk(), Prices: &pricing.Book{}, Beneficiaries: payees}
	batchService := batches.NewService(batches.NewWorker(runner, c.Keys, payoutService, payees, c.Log))
	chain := interceptors.New(interceptors.Config{
		Runner: runner, Keys: c.Keys, Log: c.Log, Environment: c.Environment, Prepare: preparations(documentService, batchService, fxOperator),
	})
	s := &Server{
		GRPC:      newGRPC(chain),
		Worker:    worker,
		Balances:  &balances.Watcher{Runner: runner, Log: c.Log},
		Batches:   batchService.Worker,
		Sequencer: sequencer,
		Deliverer: deliverer,
		Sealer:    &audit.Sealer{Runner: runner, Log: c.Log},
		Checker:   &invariants.Checker{Pool: c.Pool, Log: c.Log, Metrics: metrics},
		Watcher:   &payouts.Watcher{Runner: runner, Log: c.Log},
		Filler:    judge.Filler,
		Pruner:    &engine.Pruner{Runner: runner, Log: c.Log},
		Folder:    &engine.Folder{Runner: runner, Keys: c.Keys, Log: c.Log},
		Tallier:   &engine.Tallier{Runner: runner, Log: c.Log},
		KeyUses:   chain.Uses,
		RfiAlarm:  &rfis.Alarm{Runner: runner, Log: c.Log},
		Rails:     &files.Dispatcher{Rails: byFiles, Log: c.Log},
		RailClerk: &payouts.RailClerk{Worker: worker, Log: c.Log},
		Runner:    runner,
		Merchants: &merchants.Service{Environment: c.Environment},
		Ready:     &observe.Readiness{Checks: conditions(c.Pool, worker), Log: c.Log},
		Metrics:   metrics,
		Sanctions: watcher,
		Refresher: newRefresher(c, runner, watcher.Required),
		Rates:     newRates(c, runner),
		health:    health.NewServer(),
		hub:       hub,

		fxOperator: fxOperator,
	}
	s.Rescreen, s.SelfTest = rescreen.New(runner, judge, c.Log)
	s.observe(c.Pool)
	conn := gateway.NewConn(chain.Unary())
	s.registerBoth(chain, conn, c, payoutService, documentService, batchService)

	s.HTTP, err = gateway.New(gateway.Config{
		Conn: conn, Doorman: chain, Docs: docs.Handler(), Health: s.Ready.Health(), Log: c.Log, Metrics: metrics, Tracer: c.Tracer,
	})
	if err != nil {
		return nil, fmt.Errorf("assemble the gateway: %w", err)
	}
	return s, nil
}

func newEngine(c Config, runner *unit.Runner, watcher *sanctions.Watcher, metrics *observe.Metrics) *engine.Engine {
	judge := &engine.Engine{
		Lists: watcher, Keys: c.Keys, Model: cmp.Or(c.RiskModel, risk.Latest()), Filler: engine.NewFiller(runner, c.Log), Metrics: metrics, Tracer: c.Tracer,
	}
	watcher.Prepare = judge.Prepare
	if c.Environment == "test" {
		judge.Force = func(amount string) engine.Outcome { return engine.Outcome(sandbox.MagicAmount(amount)) }
	}
	return judge
}

func newWorker(c Config, runner *unit.Runner, judge *engine.Engine, registry *rails.Registry) *payouts.Worker {
	worker := payouts.NewWorker(runner, judge, registry, c.KeepHeld, c.Log)
	if c.ReviewWithin > 0 {
		worker.ReviewWithin = c.ReviewWithin
	}
	return worker
}

// keepSandboxOut refuses to run live with what only the sandbox may have: keys that lay open. Its invented rates give way to real ones.
func (c *Config) keepSandboxOut() error {
	if c.Environment != "live" {
		return nil
	}
	if c.Keys.Sandbox {
		return ErrSandboxKeyset
	}
	if c.FxSource == fx.Sample {
		c.FxSource = fx.ECB
	}
	return nil
}

// preparations are what methods do before their transaction begins.
func preparations(document *documents.Service, batch *batches.Service, rates *fx.Operator) map[string]interceptors.Prepare {
	return map[string]interceptors.Prepare{
		antonv1.DocumentsService_CreateDocument_FullMethodName: document.Examine,
		antonv1.BatchesService_CreateBatch_FullMethodName:      batch.Read,
		opsv1.FxService_RefreshFxRates_FullMethodName:          rates.Fetch,
	}
}

// registerBoth registers every service with gRPC's server and with the gateway's connection. Files that come in pieces over the one are
// stored by a call over the other.
func (s *Server) registerBoth(chain *interceptors.Chain, conn *gateway.Conn, c Config, payout *payouts.Service, document *documents.Service, batch *batches.Service) {
	document.Create = antonv1.NewDocumentsServiceClient(conn).CreateDocument
	batch.Create = antonv1.NewBatchesServiceClient(conn).CreateBatch
	for _, to := range []grpc.ServiceRegistrar{chain.Unread(s.GRPC), conn} {
		s.register(to, c, payout, document, batch)
	}
	healthpb.RegisterHealthServer(s.GRPC, s.health)
	if c.Environment == "test" {
		reflection.Register(s.GRPC)
	}
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
	s.Metrics.Read("anton_engine_tally_lag_seconds", "How old an event can be that is not added up for the dashboards. Alert above 10 minutes: dashboards stay exact, but slow down.",
		func() float64 { return s.Tallier.Lag().Seconds() })
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

// Leave makes the server unready, over REST, gRPC and the admin's address, so that balancers send no more.
func (s *Server) Leave() {
	s.Ready.Leave()
	s.health.Shutdown()
}

// EndStreams ends the streams, which would not end by themselves. Their clients connect anew at once, so it is done when this server takes
// no new connections, or nearly so.
func (s *Server) EndStreams() { s.hub.Close() }

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

// streamWorkers is how many calls over gRPC find a goroutine that is warm; those beyond it get one of their own.
const streamWorkers = 64

func newGRPC(chain *interceptors.Chain) *grpc.Server {
	return grpc.NewServer(
		grpc.StreamInterceptor(chain.Stream()),
		grpc.MaxHeaderListSize(32<<10), // as over REST; gRPC's own bound is 16 MiB, which strangers may send too
		// A goroutine that has served calls keeps the stack it needed for them: growing a new one for each was a tenth of their time.
		grpc.NumStreamWorkers(streamWorkers),
		// A watcher whose machine is gone says nothing; without this its stream would stay.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
}
