// Package assembly puts the server's parts together: one function, to be read from top to bottom. The server and the tests run what
// it makes, so that a test never passes on another chain than the one that serves.
package assembly

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
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
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/unit"
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
	// RiskModel is what payouts are scored by; the newest when it is nil.
	RiskModel *risk.Model
}

// A Server is all parts, ready to be given their listeners.
type Server struct {
	HTTP      http.Handler
	GRPC      *grpc.Server
	Worker    *payouts.Worker
	Sealer    *audit.Sealer
	Checker   *invariants.Checker
	Pruner    *engine.Pruner
	Folder    *engine.Folder
	KeyUses   *interceptors.KeyUses
	Runner    *unit.Runner
	Merchants *merchants.Service
	health    *health.Server
}

// ErrSandboxKeyset says that a live server was given keys that lay open.
var ErrSandboxKeyset = errors.New("the keyset is a sandbox's, which was never secret: live needs one of its own")

// New assembles a server.
func New(c Config) (*Server, error) {
	if c.Environment == "live" && c.Keys.Sandbox {
		return nil, ErrSandboxKeyset
	}
	runner := &unit.Runner{Pool: c.Pool, Clock: c.Clock}

	judge, registry := &engine.Engine{Keys: c.Keys, Model: cmp.Or(c.RiskModel, risk.Latest())}, rails.NewRegistry()
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

	chain := interceptors.New(interceptors.Config{Runner: runner, Keys: c.Keys, Log: c.Log, Environment: c.Environment})
	s := &Server{
		GRPC:      grpc.NewServer(grpc.UnaryInterceptor(chain.Unary()), grpc.ForceServerCodecV2(interceptors.Codec())),
		Worker:    worker,
		Sealer:    &audit.Sealer{Runner: runner, Log: c.Log},
		Checker:   &invariants.Checker{Pool: c.Pool, Log: c.Log},
		Pruner:    &engine.Pruner{Runner: runner, Log: c.Log},
		Folder:    &engine.Folder{Runner: runner, Keys: c.Keys, Log: c.Log},
		KeyUses:   chain.Uses,
		Runner:    runner,
		Merchants: merchantService,
		health:    health.NewServer(),
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
		antonv1.RegisterEventsServiceServer(to, &events.Service{})
		antonv1.RegisterReferenceServiceServer(to, &reference.Service{})
		antonv1.RegisterSandboxServiceServer(to, payoutService)
		antonv1.RegisterVelocityServiceServer(to, &engine.Velocity{Clock: c.Clock})
		opsv1.RegisterMerchantsServiceServer(to, merchantService)
		opsv1.RegisterAdjustmentsServiceServer(to, &merchants.Adjustments{Environment: c.Environment, Clock: c.Clock})
		opsv1.RegisterOperatorKeysServiceServer(to, &merchants.OperatorKeys{})
		opsv1.RegisterFundingAccountsServiceServer(to, &accounts.Operator{})
		opsv1.RegisterVelocityRulesServiceServer(to, &engine.VelocityOperator{})
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

// Leave tells gRPC's health service that this server is about to go, so that balancers send no more.
func (s *Server) Leave() { s.health.Shutdown() }
