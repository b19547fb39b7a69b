package contract_test

import (
	"net/http"
	"path"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/testserver"
)

// strangers are the credentials of nobody, as Authorization headers, and what each is told.
var strangers = map[string]struct {
	headers []string
	code    string
}{
	"no header":             {nil, "unauthenticated"},
	"an empty header":       {[]string{""}, "unauthenticated"},
	"a random key":          {[]string{"Bearer " + merchants.NewKey("test").Text}, "unauthenticated"},
	"a random operator key": {[]string{"Bearer " + merchants.NewKey("ops").Text}, "unauthenticated"},
	"a random word":         {[]string{"Bearer x"}, "unauthenticated"},
	"a scheme alone":        {[]string{"Bearer"}, "unauthenticated"},
	"a scheme and a space":  {[]string{"Bearer "}, "unauthenticated"},
	"another scheme":        {[]string{"Basic YWRtaW46YWRtaW4="}, "unauthenticated"},
	"a key of no scheme":    {[]string{merchants.NewKey("test").Text}, "unauthenticated"},
	"a key of 10,000":       {[]string{"Bearer ak_test_" + strings.Repeat("A", 10_000)}, "unauthenticated"},
	"two headers":           {[]string{"Bearer x", "Bearer y"}, "unauthenticated"},
	"SQL":                   {[]string{"Bearer ' or 1=1 --"}, "unauthenticated"},
	"a live key":            {[]string{"Bearer " + merchants.NewKey("live").Text}, "wrong_environment"},
}

func TestNobodyGetsInWithoutAKey(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		req := fixture(t, m, tn)
		address, body := restForm(t, m, req)
		msg := message(t, m, req)
		for who, stranger := range strangers {
			header := http.Header{"Idempotency-Key": {"stranger"}, "Authorization": stranger.headers}
			got := tn.Do(t, m.Verb, address, header, body)
			checkREST(t, who, got, want{code: stranger.code})
			challenge := `Bearer error="invalid_token"` // RFC 6750, section 3
			if strings.Join(stranger.headers, "") == "" {
				challenge = "Bearer"
			}
			if said := got.Header.Get("WWW-Authenticate"); said != challenge {
				t.Errorf("%s: WWW-Authenticate is %q, not %q", who, said, challenge)
			}
			// Whoever has no key does not learn whether the body could be read.
			checkREST(t, who+" and no JSON", tn.Do(t, m.Verb, address, header, `{"`), want{code: stranger.code})

			var md []string
			for _, h := range stranger.headers {
				md = append(md, "authorization", h)
			}
			checkGRPC(t, who, invoke(t, s, "", m, msg, md...), want{code: stranger.code})
		}
	})
}

func TestARevokedKeyIsNoKey(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	revoked := s.KeyFor(t, tn.Merchant)
	if _, err := s.Owner.Exec(t.Context(), "update api_keys set revoked_at = created_at where last4 = right($1, 4)", revoked.Key); err != nil {
		t.Fatal(err)
	}
	operator := s.With(operatorKey(t, s, "admin"))
	if _, err := s.Owner.Exec(t.Context(), "update operator_keys set revoked_at = created_at where name = 'Test admin'"); err != nil {
		t.Fatal(err)
	}
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		c := revoked
		if m.ForOperators() {
			c = operator
		}
		checkREST(t, "a revoked key", call(t, c, m, fixture(t, m, tn), "revoked"), want{code: "unauthenticated"})
		checkGRPC(t, "a revoked key", invoke(t, s, c.Key, m, message(t, m, fixture(t, m, tn))), want{code: "unauthenticated"})
	})
}

func TestASuspendedMerchantReadsAndChangesNothing(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	tn.Client = s.KeyFor(t, tn.Merchant) // the server remembers what it knows of the first key for a second
	if _, err := s.Owner.Exec(t.Context(), "update merchants set status = 'suspended', suspended_at = created_at where id = $1", tn.Merchant); err != nil {
		t.Fatal(err)
	}
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if m.ForOperators() || m.Rule.GetAudited() {
			return // operators act on suspended merchants; a read that leaves a trace stores that
		}
		got := call(t, tn.Client, m, fixture(t, m, tn), "suspended")
		r := invoke(t, s, tn.Key, m, message(t, m, fixture(t, m, tn)), "idempotency-key", "suspended")
		if !m.ReadOnly {
			checkREST(t, "REST", got, want{code: "merchant_suspended"})
			checkGRPC(t, "gRPC", r, want{code: "merchant_suspended"})
			return
		}
		if got.Status != http.StatusOK || r.err != nil {
			t.Errorf("a suspended merchant reads %d %s, %v", got.Status, got.Raw, r.err)
		}
	})
}

func TestPathsThatAreNotThereTellStrangersNothing(t *testing.T) {
	t.Parallel()
	s, known := withTenant(t)
	stranger := s.With("nobody")
	storesNothing(t, s)
	for _, path := range []string{
		"/v1", "/v1/", "/v1/nothing", "/v1/payouts/pay_1/nothing", "/v2/payouts", "/ops/v1/nothing", "/admin", "/.env", "/metrics",
		"/debug/pprof/", "/v1/payouts/" + strings.Repeat("a", 4000) + "/b", "/V1/payouts", "/v1/payouts:cancel",
		"/anton.v1.PayoutsService/ListPayouts", "/v1/balances/USD/", "/v1/payouts/a%2Fb", "/v1/%00", "/v1/%0d%0aX: y", "/v1/%E2%80%AE",
	} {
		for _, verb := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			checkREST(t, "a stranger: "+verb+" "+path, stranger.Do(t, verb, path, nil, "{}"), want{code: "unauthenticated"})
			checkREST(t, verb+" "+path, known.Do(t, verb, path, nil, "{}"), want{code: "not_found"})
		}
	}
}

func TestAVerbThatAPathDoesNotHaveIsRefusedWithThoseItHas(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		address, _ := restForm(t, m, fixture(t, m, tn))
		served := map[string]bool{}
		for _, other := range contract.Methods() {
			// /v1/velocity/rules/simulate is a path of its own and, with other verbs, the path of a rule that there is not.
			same := other.Path == m.Path || (strings.HasSuffix(m.Path, "/simulate") && other.Path == path.Dir(m.Path)+"/{id}")
			served[other.Verb] = served[other.Verb] || same
		}
		for _, verb := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MADE-UP"} {
			if served[verb] {
				continue
			}
			got := tn.Do(t, verb, address, http.Header{"X-Http-Method-Override": {m.Verb}}, "")
			checkREST(t, verb, got, want{code: "method_not_allowed"})
			for allowed := range strings.SplitSeq(got.Header.Get("Allow"), ", ") {
				if !served[allowed] {
					t.Errorf("%s: Allow says %q", verb, got.Header.Get("Allow"))
				}
			}
		}
	})
}

// A header cannot make a POST something else: with the override honoured, this would be a GET, which stores nothing and says 200.
func TestAVerbCannotBeOverridden(t *testing.T) {
	t.Parallel()
	_, tn := withTenant(t)
	header := http.Header{"X-Http-Method-Override": {"GET"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	checkREST(t, "a form", tn.Do(t, "POST", "/v1/payouts", header, "limit=1"), want{code: "invalid_json"})
}

// The side doors are open to everybody and say nothing of anybody.
func TestTheSideDoorsAreOpen(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Work() // a server whose worker has not turned is not ready
	for path, says := range map[string]string{
		"/healthz": "ok", "/readyz": `{"status":"ready"`, "/docs/": "<!", "/openapi.json": "{", "/openapi-ops.json": "{",
	} {
		got := s.With("nobody").Do(t, "GET", path, http.Header{"Authorization": nil}, "")
		if got.Status != http.StatusOK || !strings.HasPrefix(strings.ToLower(string(got.Raw)), says) {
			t.Errorf("GET %s: %d %s", path, got.Status, shortened(got.Raw))
		}
	}
}

// Nothing that a client sends becomes the request's id or its caller.
func TestHeadersThatServersAmongThemselvesUseHaveNoEffect(t *testing.T) {
	t.Parallel()
	_, tn := withTenant(t)
	for _, name := range []string{"Grpc-Metadata-Authorization", "Grpc-Metadata-X-Request-Id", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Host", "Grpc-Timeout"} {
		value := "Bearer " + tn.Key
		stranger := tn.Do(t, "GET", "/v1/balances", http.Header{"Authorization": nil, name: {value}}, "")
		checkREST(t, name+" of a stranger", stranger, want{code: "unauthenticated"})
		got := tn.Do(t, "GET", "/v1/balances", http.Header{name: {value}}, "")
		if got.Status != http.StatusOK || got.Header.Get("X-Request-Id") == value {
			t.Errorf("%s: %d %s, request id %q", name, got.Status, got.Raw, got.Header.Get("X-Request-Id"))
		}
	}
}

// noRedirects asks without following where an answer points.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// whereTo asks for an address as it is written, and says how that was answered and where the answer points.
func whereTo(t *testing.T, address, key string) (code int, location string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := noRedirects.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

// A path is read as it was sent: an id such as ".." must not lead to another path, and no answer leads anywhere.
func TestPathsAreNotTidied(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	for _, path := range []string{"/v1//payouts", "/v1/payouts/..", "/v1/payouts/.", "/v1/balances/../payouts", "//v1/payouts", "/v1/payouts/%2e%2e", "/v1/./payouts"} {
		for key, code := range map[string]string{"nobody": "unauthenticated", tn.Key: "not_found"} {
			answered, location := whereTo(t, s.URL+path, key)
			if answered != statuses[code].http {
				t.Errorf("%s (%s): %d %s", path, code, answered, location)
			}
		}
	}
}

func TestUnknownMethodsAreDeniedOverGRPC(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	for _, name := range []string{"/anton.v1.PayoutsService/Nothing", "/anton.v1.Nothing/GetPayout", "/anton.v1.PayoutsService", "/x/y", "/"} {
		r := invoke(t, s, tn.Key, &contract.Method{Name: name, NewReply: contract.Methods()[0].NewReply}, &antonv1.GetPayoutRequest{Id: tn.payout})
		if status.Code(r.err) != codes.Unimplemented {
			t.Errorf("%s: %v", name, r.err)
		}
	}
}
