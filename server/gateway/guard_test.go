package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// A listener stands where the services are and keeps the request that reaches them.
type listener struct{ heard proto.Message }

func (l *listener) Invoke(_ context.Context, _ string, args, _ any, _ ...grpc.CallOption) error {
	l.heard = args.(proto.Message)
	return nil
}

func (*listener) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("no streams")
}

// send lets a request through the generated handlers as the server has them, and returns what reached the service or the error that
// reached the error handler.
func send(t *testing.T, method, target, body string) (proto.Message, *apierr.Error) {
	t.Helper()
	var refused error
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, Marshaler{}),
		runtime.WithMiddlewares(guard(func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err })),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, err error) {
			refused = err
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, status int) {
			refused = apierr.NotFound("path", fmt.Sprint(status))
		}),
		runtime.WithDisablePathLengthFallback(),
	)
	l := &listener{}
	if err := antonv1.RegisterPayoutsServiceHandlerClient(t.Context(), mux, antonv1.NewPayoutsServiceClient(l)); err != nil {
		t.Fatal(err)
	}
	if err := antonv1.RegisterBeneficiariesServiceHandlerClient(t.Context(), mux, antonv1.NewBeneficiariesServiceClient(l)); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	mux.ServeHTTP(httptest.NewRecorder(), r)
	if refused == nil {
		return l.heard, nil
	}
	if l.heard != nil {
		t.Errorf("%s %s was refused, and still reached the service", method, target)
	}
	if e, ok := errors.AsType[*apierr.Error](refused); ok {
		return nil, e
	}
	return nil, refusal(t, refused)
}

func TestRequestsThroughTheGeneratedHandlers(t *testing.T) {
	t.Parallel()
	const manyQ = `is an unknown parameter: this method has none`
	for _, c := range []struct{ name, method, target, body, want string }{
		{"a body", "POST", "/v1/payouts", `{"amount":"2500.00","currency":"USD"}`, `{"amount":"2500.00","currency":"USD"}`},
		{"no body", "POST", "/v1/payouts", ``, `{}`},
		{"a body beside the path", "POST", "/v1/payouts/pay_1/cancel", `{"reason":"twice"}`, `{"id":"pay_1","reason":"twice"}`},
		{"no body beside the path", "POST", "/v1/payouts/pay_1/cancel", ``, `{"id":"pay_1"}`},
		{"a query", "GET", "/v1/payouts?status=sent&limit=5", ``, `{"status":"sent","limit":5}`},
		{"a query beside the path", "GET", "/v1/beneficiaries/ben_1/instruments?limit=5", ``, `{"beneficiary_id":"ben_1","limit":5}`},
		{"a question mark alone", "GET", "/v1/payouts/pay_1?", ``, `{"id":"pay_1"}`},
		{"an encoded letter", "GET", "/v1/payouts/pay%5F1", ``, `{"id":"pay_1"}`},
		{"an encoded percent sign", "GET", "/v1/payouts/100%25", ``, `{"id":"100%"}`},
		{"what is encoded twice is decoded once", "GET", "/v1/payouts/a%2525b", ``, `{"id":"a%25b"}`},

		{"no JSON", "POST", "/v1/payouts", `{"amount":}`, `invalid_json: The JSON body is wrong at line 1, column 11: expected a value, found '}'.`},
		{"wrong fields", "POST", "/v1/payouts", `{"amount":1,"curency":"USD"}`, `validation_error: [{amount must be a string, not a number: a decimal string such as "2500.00", with up to 12 digits before the point} {curency is an unknown field; did you mean "currency"?} {beneficiary_id is required} {currency is required}]`},
		{"the path's field in the body", "POST", "/v1/payouts/pay_1/cancel", `{"id":"pay_1"}`, `validation_error: [{id is an unknown field here: it is part of the path}]`},
		{"the path's name misspelt", "POST", "/v1/payouts/pay_1/cancel", `{"idd":"pay_1"}`, `validation_error: [{idd is an unknown field}]`},
		{"wrong parameters", "GET", "/v1/payouts?status=done&limt=5", ``, `validation_error: [{limt is an unknown parameter; did you mean "limit"?} {status must be one of created, pending_screening, screening_failed, pending_approval, velocity_blocked, manual_review, approved, processing, sent, completed, failed, returned, cancelled}]`},
		{"the path's field in the query", "GET", "/v1/beneficiaries/ben_1/instruments?beneficiary_id=ben_2", ``, `validation_error: [{beneficiary_id is an unknown parameter: it is part of the path}]`},
		{"a query of a method that has none", "GET", "/v1/payouts/pay_1?expand=events&id=pay_2", ``, `validation_error: [{expand ` + manyQ + `} {id ` + manyQ + `}]`},
		{"a query beside a body", "POST", "/v1/payouts?validate_only=true", `{}`, `validation_error: [{validate_only ` + manyQ + `}]`},
		{"a query that is none", "GET", "/v1/payouts?status=%zz", ``, `validation_error: [{query must be name=value pairs joined by &, percent-encoded}]`},
		{"a semicolon", "GET", "/v1/payouts/pay_1?a;b", ``, `validation_error: [{query must be name=value pairs joined by &, percent-encoded}]`},
		{"an encoded slash that would lead elsewhere", "GET", "/v1/payouts/pay_1%2Ftimeline", ``, `not_found: There is no such path: no id has a slash in it.`},
		{"an encoded slash that leads nowhere", "GET", "/v1/payouts/pay_1%2fx", ``, `not_found: There is no path "404".`},
		{"no UTF-8 in the path", "GET", "/v1/payouts/pay%ff", ``, `validation_error: [{id must be percent-encoded UTF-8}]`},
		{"NUL in the path", "GET", "/v1/payouts/pay%00", ``, `validation_error: [{id must not contain control characters}]`},
		{"a line end in the path", "POST", "/v1/payouts/pay%0a/cancel", ``, `validation_error: [{id must not contain control characters}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			heard, e := send(t, c.method, c.target, c.body)
			if e != nil {
				checkBounds(t, e)
				got := e.Code.String() + ": " + e.Message
				if len(e.Fields) > 0 {
					got = fmt.Sprintf("%s: %v", e.Code, e.Fields)
				}
				if got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
				return
			}
			want := fromProtojsonOrFail(t, heard, c.want)
			if !proto.Equal(heard, want) {
				t.Errorf("the service heard %v, want %s", heard, c.want)
			}
		})
	}
}

func fromProtojsonOrFail(t *testing.T, like proto.Message, text string) proto.Message {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatalf("the service heard %v, want %s", like, text)
	}
	return fromProtojson(t, like.ProtoReflect().New().Interface(), text)
}

// What the gateway calls its patterns must not drift from what the guard makes of the protos: a route that the guard does not know is
// not guarded.
func TestTheGuardKnowsEveryRoute(t *testing.T) {
	t.Parallel()
	reads := queryReaders()
	asked := map[route]bool{}
	mux := runtime.NewServeMux()
	for _, m := range requestTypes() {
		for _, b := range bindingsOf(m) {
			verb, template := verbOf(b)
			err := mux.HandlePath(verb, template, func(_ http.ResponseWriter, r *http.Request, _ map[string]string) {
				pattern, _ := runtime.HTTPPattern(r.Context())
				asked[route{r.Method, pattern.String()}] = true
			})
			if err != nil {
				t.Fatal(err)
			}
			mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), verb, pathVariable.ReplaceAllString(template, "x"), nil))
		}
	}
	for r := range asked {
		if _, ok := reads[r]; !ok {
			t.Errorf("the guard does not know %v", r)
		}
	}
	if len(asked) == 0 || len(asked) != len(reads) {
		t.Errorf("%d routes were asked, the guard knows %d", len(asked), len(reads))
	}
	for r, want := range map[route]bool{
		{"GET", "/v1/payouts"}:                                      true,
		{"GET", "/v1/payouts/{id=*}"}:                               false,
		{"POST", "/v1/payouts"}:                                     false,
		{"POST", "/v1/payouts/{id=*}/cancel"}:                       false,
		{"GET", "/v1/balances"}:                                     false,
		{"GET", "/v1/beneficiaries/{beneficiary_id=*}/instruments"}: true,
	} {
		if got, ok := reads[r]; !ok || got != want {
			t.Errorf("%v reads a query: %v, want %v", r, got, want)
		}
	}
}

// bindingsOf lists the REST routes of the methods that take the request.
func bindingsOf(request protoreflect.MessageDescriptor) (all []*annotations.HttpRule) {
	services := request.ParentFile().Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			rule, ok := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
			if ok && rule != nil && methods.Get(j).Input() == request {
				all = append(append(all, rule), rule.GetAdditionalBindings()...)
			}
		}
	}
	return all
}
