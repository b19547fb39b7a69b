// Package gateway is the REST side of the contract: generated routes, strict decoding, one form of answers and errors. It decides
// nothing; every call goes through the same interceptors as over gRPC.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/observe"
)

// maxBody is the most that a request's body may hold.
const maxBody = 1 << 20

// A Doorman is what the gateway asks before it reads a body: the chain of interceptors, which checks the same for gRPC.
type Doorman interface {
	NewRequestID() string
	Admit(ctx context.Context, authorization string, header func(key, value string)) (context.Context, error)
	Authorize(caller *call.Caller, m *contract.Method) error
}

// Config is what the gateway works with. Health serves /healthz and /readyz. Metrics and Tracer may be nil.
type Config struct {
	Conn    *Conn
	Doorman Doorman
	Docs    http.Handler
	Health  http.Handler
	Log     *slog.Logger
	Metrics *observe.Metrics
	Tracer  *observe.Tracer
}

type gateway struct {
	Config
	routes map[route]*contract.Method
}

// services are the services that REST reaches.
var services = []func(*runtime.ServeMux, grpc.ClientConnInterface) error{
	routes(antonv1.RegisterBalancesServiceHandlerClient, antonv1.NewBalancesServiceClient),
	routes(antonv1.RegisterBeneficiariesServiceHandlerClient, antonv1.NewBeneficiariesServiceClient),
	routes(antonv1.RegisterPayoutsServiceHandlerClient, antonv1.NewPayoutsServiceClient),
	routes(antonv1.RegisterEventsServiceHandlerClient, antonv1.NewEventsServiceClient),
	routes(antonv1.RegisterWebhooksServiceHandlerClient, antonv1.NewWebhooksServiceClient),
	routes(antonv1.RegisterReferenceServiceHandlerClient, antonv1.NewReferenceServiceClient),
	routes(antonv1.RegisterSandboxServiceHandlerClient, antonv1.NewSandboxServiceClient),
	routes(opsv1.RegisterMerchantsServiceHandlerClient, opsv1.NewMerchantsServiceClient),
	routes(opsv1.RegisterAuditServiceHandlerClient, opsv1.NewAuditServiceClient),
	routes(opsv1.RegisterLedgerServiceHandlerClient, opsv1.NewLedgerServiceClient),
	routes(opsv1.RegisterAdjustmentsServiceHandlerClient, opsv1.NewAdjustmentsServiceClient),
	routes(antonv1.RegisterTransactionsServiceHandlerClient, antonv1.NewTransactionsServiceClient),
	routes(antonv1.RegisterAccountsServiceHandlerClient, antonv1.NewAccountsServiceClient),
	routes(antonv1.RegisterApiKeysServiceHandlerClient, antonv1.NewApiKeysServiceClient),
	routes(antonv1.RegisterMerchantServiceHandlerClient, antonv1.NewMerchantServiceClient),
	routes(opsv1.RegisterOperatorKeysServiceHandlerClient, opsv1.NewOperatorKeysServiceClient),
	routes(antonv1.RegisterVelocityServiceHandlerClient, antonv1.NewVelocityServiceClient),
	routes(opsv1.RegisterVelocityRulesServiceHandlerClient, opsv1.NewVelocityRulesServiceClient),
	routes(opsv1.RegisterFundingAccountsServiceHandlerClient, opsv1.NewFundingAccountsServiceClient),
	routes(opsv1.RegisterScreeningServiceHandlerClient, opsv1.NewScreeningServiceClient),
	routes(antonv1.RegisterRfisServiceHandlerClient, antonv1.NewRfisServiceClient),
	routes(antonv1.RegisterDocumentsServiceHandlerClient, antonv1.NewDocumentsServiceClient),
	routes(antonv1.RegisterBatchesServiceHandlerClient, antonv1.NewBatchesServiceClient),
	routes(antonv1.RegisterEngineServiceHandlerClient, antonv1.NewEngineServiceClient),
	routes(antonv1.RegisterFxServiceHandlerClient, antonv1.NewFxServiceClient),
	routes(opsv1.RegisterFxServiceHandlerClient, opsv1.NewFxServiceClient),
	routes(antonv1.RegisterPricingServiceHandlerClient, antonv1.NewPricingServiceClient),
	routes(opsv1.RegisterPricingServiceHandlerClient, opsv1.NewPricingServiceClient),
	routes(opsv1.RegisterReviewServiceHandlerClient, opsv1.NewReviewServiceClient),
	routes(opsv1.RegisterRfisServiceHandlerClient, opsv1.NewRfisServiceClient),
	routes(opsv1.RegisterDocumentsServiceHandlerClient, opsv1.NewDocumentsServiceClient),
	routes(opsv1.RegisterScreeningAlertsServiceHandlerClient, opsv1.NewScreeningAlertsServiceClient),
	routes(opsv1.RegisterEngineServiceHandlerClient, opsv1.NewEngineServiceClient),
	routes(opsv1.RegisterBeneficiariesServiceHandlerClient, opsv1.NewBeneficiariesServiceClient),
	routes(opsv1.RegisterRailsServiceHandlerClient, opsv1.NewRailsServiceClient),
	routes(opsv1.RegisterRecallsServiceHandlerClient, opsv1.NewRecallsServiceClient),
	routes(opsv1.RegisterRailEventsServiceHandlerClient, opsv1.NewRailEventsServiceClient),
}

// routes ties a service's generated routes to its generated client.
func routes[Client any](
	register func(context.Context, *runtime.ServeMux, Client) error, client func(grpc.ClientConnInterface) Client,
) func(*runtime.ServeMux, grpc.ClientConnInterface) error {
	return func(mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
		return register(context.Background(), mux, client(conn))
	}
}

// New makes the handler of the REST port.
func New(c Config) (http.Handler, error) {
	g := &gateway{Config: c, routes: map[route]*contract.Method{}}
	for _, m := range contract.Methods() {
		g.routes[route{m.Verb, pathVariable.ReplaceAllString(m.Path, "{$1=*}")}] = m
	}
	api := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, Marshaler{}),
		runtime.WithMiddlewares(g.authorize, guard(g.fail)),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			g.fail(w, r, err)
		}),
		runtime.WithRoutingErrorHandler(g.noRoute),
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }), // no header becomes metadata,
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithForwardResponseOption(g.finish),
		runtime.WithDisablePathLengthFallback(),
	)
	for _, add := range services {
		if err := add(api, c.Conn); err != nil {
			return nil, fmt.Errorf("register the REST routes: %w", err)
		}
	}
	return g.outside(api), nil
}

// outside is everything around the API: health, documentation, and the checks that come before a body is read.
func (g *gateway) outside(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/healthz", g.Health)
	mux.Handle("/readyz", g.Health)
	for _, path := range []string{"/docs", "/docs/", "/openapi.json", "/openapi-ops.json"} {
		mux.Handle(path, g.Docs)
	}
	api = g.uploads(api)
	mux.Handle("GET /{$}", http.RedirectHandler("/docs", http.StatusFound))
	guarded := g.trace(g.door(api))
	return g.identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect a path such as //v1 before anyone asked for credentials, so it sees its own paths only.
		switch path := r.URL.Path; {
		case path == "/", path == "/healthz", path == "/readyz", path == "/docs", path == "/openapi.json", path == "/openapi-ops.json",
			strings.HasPrefix(path, "/docs/"):
			mux.ServeHTTP(w, r)
		default:
			guarded.ServeHTTP(w, r)
		}
	}))
}

type beganKey struct{}

// identify gives the request its id, notes when it came, and keeps a panic from closing the connection without an answer.
func (g *gateway) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := g.Doorman.NewRequestID()
		w.Header().Set("X-Request-ID", id)
		r = r.WithContext(context.WithValue(call.WithRequestID(r.Context(), id), beganKey{}, time.Now()))
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p) // not a fault: see cutOff
				}
				fault := observe.Panicked(p)
				g.Log.Error("panic", slog.String("request_id", id), slog.Any("cause", fault), slog.String("stack", string(debug.Stack())))
				g.fail(w, r, apierr.Internal(fault))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// door lets only callers with credentials in, whatever they ask for, and bounds what they may send.
func (g *gateway) door(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := strings.Join(r.Header.Values("Authorization"), ",")
		ctx, err := g.Doorman.Admit(r.Context(), authorization, w.Header().Set)
		if err != nil {
			g.fail(w, r.WithContext(ctx), err) // by now it may be known who calls
			return
		}
		r = r.WithContext(call.WithIdempotencyKeys(ctx, r.Header.Values("Idempotency-Key")))
		if encoding := strings.Join(r.Header.Values("Content-Encoding"), ","); encoding != "" && !strings.EqualFold(encoding, "identity") {
			g.fail(w, r, apierr.New(antonv1.ErrorCode_invalid_json, "The body must be sent as it is, without a Content-Encoding."))
			return
		}
		r.Header.Del("Grpc-Timeout")                // the generated handlers would obey it; how long a call may take is ours to say
		w.Header().Set("Cache-Control", "no-store") // answers hold names, amounts and sometimes account numbers
		next.ServeHTTP(w, r)
	})
}

// authorize checks the caller's scopes as soon as the route is known.
func (g *gateway) authorize(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		pattern, _ := runtime.HTTPPattern(r.Context())
		if span := observe.SpanOf(r.Context()); span.Traced() {
			span.Name(r.Method + " " + pattern.String())
			span.Set(attribute.String("http.route", pattern.String()))
		}
		m := g.routes[route{r.Method, pattern.String()}]
		if err := g.Doorman.Authorize(call.CallerOf(r.Context()), m); err != nil {
			g.fail(w, r, err)
			return
		}
		next(w, withPieces(w, r, m), path)
	}
}

// finish sets what a successful answer has besides its body.
func (g *gateway) finish(ctx context.Context, w http.ResponseWriter, answer proto.Message) error {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	if _, file := answer.(*httpbody.HttpBody); file {
		offerFile(w.Header(), md.HeaderMD)
	}
	if len(md.HeaderMD.Get("x-idempotent-replayed")) > 0 {
		w.Header().Set("X-Idempotent-Replayed", "true")
	}
	validatedOnly := len(md.HeaderMD.Get("x-validated-only")) > 0
	if name, ok := runtime.RPCMethod(ctx); ok && contract.Lookup(name).Creates && !validatedOnly {
		w.WriteHeader(http.StatusCreated)
	}
	return nil
}
