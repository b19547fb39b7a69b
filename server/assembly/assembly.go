// Package assembly puts the server's parts together: one function, to be read from top to bottom. The server and the tests run what
// it makes, so that a test never passes on another chain than the one that serves.
package assembly

import (
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
	"github.com/antonpayments/anton/server/accounts"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/balances"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/docs"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/gateway"
	"github.com/antonpayments/anton/server/interceptors"
	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/reference"
	"github.com/antonpayments/anton/server/screening"
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
	// KeepHeld keeps the money of payouts that sanctions screening stopped held until compliance decides.
	KeepHeld bool
	// Resolver finds the addresses of webhooks; nil for the system's.
	Resolver *net.Resolver
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
	KeyUses   *interceptors.KeyUses
	Runner    *unit.Runner
	Merchants *merchants.Service
	health    *health.Server
	hub       *events.Hub
}

// maxMessage bounds what a gRPC call may send, as the gateway bounds a body.
const maxMessage = 1 << 20

// New assembles a server.
func New(c Config) (*Server, error) {
	if c.Environment == "live" && c.Keys.Sandbox {
		return nil, errors.New("the keyset is a sandbox's, which was never secret: live needs one of its own")
	}
	runner := &unit.Runner{Pool: c.Pool, Clock: c.Clock}

	judge, registry := &engine.Engine{}, rails.NewRegistry()
	if c.Environment == "test" {
		list, err := screening.Sandbox()
		if err != nil {
			return nil, err
		}
		judge.Lists = []*screening.List{list}
		judge.Force = func(amount string) engine.Outcome { return engine.Outcome(sandbox.MagicAmount(amount)) }
		registry = rails.NewRegistry(&sandbox.Rail{Pool: c.Pool, Clock: c.Clock})
	}
	worker := payouts.NewWorker(runner, judge, registry, c.KeepHeld, c.Log)
	payoutService := &payouts.Service{Rails: registry, Worker: worker}
	merchantService := &merchants.Service{Environment: c.Environment}

	hub, sequencer, deliverer := telling(c, runner)

	chain := interceptors.New(interceptors.Config{Runner: runner, Keys: c.Keys, Log: c.Log, Environment: c.Environment})
	s := &Server{
		GRPC:      newGRPC(chain),
		Worker:    worker,
		Balances:  &balances.Watcher{Runner: runner, Log: c.Log},
		Sequencer: sequencer,
		Deliverer: deliverer,
		Sealer:    &audit.Sealer{Runner: runner, Log: c.Log},
		Checker:   &invariants.Checker{Pool: c.Pool, Log: c.Log},
		KeyUses:   chain.Uses,
		Runner:    runner,
		Merchants: merchantService,
		health:    health.NewServer(),
		hub:       hub,
	}
	conn := gateway.NewConn(chain.Unary())
	for _, to := range []grpc.ServiceRegistrar{interceptors.Kindly(s.GRPC), conn} {
		antonv1.RegisterBalancesServiceServer(to, &balances.Service{})
		antonv1.RegisterTransactionsServiceServer(to, &balances.Service{})
		antonv1.RegisterAccountsServiceServer(to, &accounts.Service{Environment: c.Environment})
		antonv1.RegisterApiKeysServiceServer(to, &merchants.APIKeys{Environment: c.Environment})
		antonv1.RegisterMerchantServiceServer(to, &merchants.Self{Environment: c.Environment})
		antonv1.RegisterBeneficiariesServiceServer(to, &beneficiaries.Service{Keys: c.Keys})
		antonv1.RegisterPayoutsServiceServer(to, payoutService)
		antonv1.RegisterEventsServiceServer(to, &events.Service{Told: deliverer.Told, Hub: hub})
		antonv1.RegisterWebhooksServiceServer(to, webhooks.NewService(c.Keys, c.Environment, deliverer.Told))
		antonv1.RegisterReferenceServiceServer(to, &reference.Service{})
		antonv1.RegisterSandboxServiceServer(to, payoutService)
		opsv1.RegisterMerchantsServiceServer(to, merchantService)
		opsv1.RegisterOperatorKeysServiceServer(to, &merchants.OperatorKeys{})
		opsv1.RegisterFundingAccountsServiceServer(to, &accounts.Operator{})
		opsv1.RegisterAuditServiceServer(to, &audit.Service{})
		opsv1.RegisterLedgerServiceServer(to, &invariants.Service{Pool: c.Pool})
	}
	healthpb.RegisterHealthServer(s.GRPC, s.health)
	if c.Environment == "test" {
		reflection.Register(s.GRPC)
	}

	var err error
	s.HTTP, err = gateway.New(gateway.Config{Conn: conn, Doorman: chain, Docs: docs.Handler(), Ready: c.Pool.Ping, Log: c.Log})
	if err != nil {
		return nil, fmt.Errorf("assemble the gateway: %w", err)
	}
	return s, nil
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
		grpc.UnaryInterceptor(chain.Unary()), grpc.StreamInterceptor(chain.Stream()), grpc.MaxRecvMsgSize(maxMessage),
		grpc.ForceServerCodecV2(interceptors.Codec()),
		// A watcher whose machine is gone says nothing; without this its stream would stay.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
}

// Leave tells gRPC's health service that this server is about to go, so that balancers send no more, and ends the streams, which would
// not end by themselves.
func (s *Server) Leave() {
	s.health.Shutdown()
	s.hub.Close()
}
