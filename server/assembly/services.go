package assembly

import (
	"google.golang.org/grpc"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/accounts"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/balances"
	"github.com/antonpayments/anton/server/batches"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/documents"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/pricing"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/reference"
	"github.com/antonpayments/anton/server/rescreen"
	"github.com/antonpayments/anton/server/rfis"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/webhooks"
)

// register registers every service, with gRPC's server or with the gateway's connection.
func (s *Server) register(to grpc.ServiceRegistrar, c Config, payout *payouts.Service, document *documents.Service, batch *batches.Service) {
	antonv1.RegisterBalancesServiceServer(to, &balances.Service{Clock: c.Clock})
	antonv1.RegisterTransactionsServiceServer(to, &balances.Service{Clock: c.Clock})
	antonv1.RegisterAccountsServiceServer(to, &accounts.Service{Environment: c.Environment})
	antonv1.RegisterApiKeysServiceServer(to, &merchants.APIKeys{Environment: c.Environment})
	antonv1.RegisterMerchantServiceServer(to, &merchants.Self{Environment: c.Environment})
	antonv1.RegisterBeneficiariesServiceServer(to, &beneficiaries.Service{Keys: c.Keys})
	antonv1.RegisterPayoutsServiceServer(to, payout)
	antonv1.RegisterEventsServiceServer(to, &events.Service{Told: s.Deliverer.Told, Hub: s.hub, Sequencer: s.Sequencer})
	antonv1.RegisterWebhooksServiceServer(to, webhooks.NewService(c.Keys, c.Environment, s.Deliverer.Told))
	antonv1.RegisterReferenceServiceServer(to, &reference.Service{})
	antonv1.RegisterSandboxServiceServer(to, payout)
	antonv1.RegisterVelocityServiceServer(to, &engine.Velocity{Clock: c.Clock})
	antonv1.RegisterRfisServiceServer(to, &rfis.Service{Keys: c.Keys})
	antonv1.RegisterEngineServiceServer(to, &engine.Service{Clock: s.Runner.Now})
	antonv1.RegisterDocumentsServiceServer(to, document)
	antonv1.RegisterFxServiceServer(to, &fx.Service{Desk: c.desk(), Clock: s.Runner.Now})
	opsv1.RegisterFxServiceServer(to, s.fxOperator)
	antonv1.RegisterBatchesServiceServer(to, batch)
	antonv1.RegisterPricingServiceServer(to, &pricing.Service{Book: payout.Prices, Desk: c.desk(), Clock: s.Runner.Now})
	opsv1.RegisterPricingServiceServer(to, &pricing.Operator{Book: payout.Prices, Clock: s.Runner.Now})
	opsv1.RegisterMerchantsServiceServer(to, s.Merchants)
	opsv1.RegisterAdjustmentsServiceServer(to, &merchants.Adjustments{Environment: c.Environment, Clock: c.Clock})
	opsv1.RegisterOperatorKeysServiceServer(to, &merchants.OperatorKeys{})
	opsv1.RegisterFundingAccountsServiceServer(to, &accounts.Operator{})
	opsv1.RegisterVelocityRulesServiceServer(to, &engine.VelocityOperator{})
	opsv1.RegisterAuditServiceServer(to, &audit.Service{})
	opsv1.RegisterReviewServiceServer(to, &payouts.Reviews{Worker: s.Worker, Keys: c.Keys, Clock: s.Runner.Now})
	opsv1.RegisterRfisServiceServer(to, &rfis.Operator{Keys: c.Keys, Clock: s.Runner.Now})
	opsv1.RegisterDocumentsServiceServer(to, &documents.Operator{Keys: c.Keys})
	opsv1.RegisterLedgerServiceServer(to, &invariants.Service{Pool: c.Pool})
	opsv1.RegisterScreeningServiceServer(to, &sanctions.Service{Watcher: s.Sanctions})
	opsv1.RegisterEngineServiceServer(to, &engine.Operator{Clock: s.Runner.Now})
	opsv1.RegisterScreeningAlertsServiceServer(to, &engine.Alerts{TwoPeople: c.twoRelease()})
	opsv1.RegisterBeneficiariesServiceServer(to, &rescreen.Blocks{Engine: s.Worker.Engine})
	opsv1.RegisterRailsServiceServer(to, &files.Service{Rails: s.Rails.Rails, Clock: s.Runner.Now})
	opsv1.RegisterRecallsServiceServer(to, &payouts.Recalls{Rails: s.Worker.Rails, Clock: s.Runner.Now})
	opsv1.RegisterRailEventsServiceServer(to, &payouts.RailEvents{Clerk: s.RailClerk, Environment: c.Environment, Clock: s.Runner.Now})
}
