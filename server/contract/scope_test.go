package contract_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	apicall "github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/testserver"
)

// covers says whether a key with only this scope may call methods of the other one, as the documentation has it: `full` is every
// scope, `read_only` is every scope of reading but that of personal data.
func covers(held, needed string) bool {
	switch held {
	case "full":
		return true
	case "read_only":
		return strings.HasSuffix(needed, ":read") && needed != "pii:read"
	}
	return held == needed
}

// No method needs some of the scopes yet, so what a key holds is also checked by itself.
func TestAKeyHoldsItsScopesAndWhatItsBundlesHold(t *testing.T) {
	t.Parallel()
	for _, held := range merchants.Scopes {
		for _, needed := range merchants.Scopes {
			key := &apicall.Caller{Merchant: "mer_1", Scopes: []string{held}}
			if bundle := needed == "full" || needed == "read_only"; !bundle && key.Holds(needed) != covers(held, needed) {
				t.Errorf("a key of %s holds %s: %t", held, needed, key.Holds(needed))
			}
		}
	}
	if (&apicall.Caller{Scopes: nil}).Holds("payouts:read") || (&apicall.Caller{Scopes: []string{"payouts:*", "*", ""}}).Holds("payouts:read") {
		t.Error("a key holds a scope that it was not given")
	}
}

// refusedBy calls the method both ways with a body that cannot be read, which nobody learns who may not call it.
func refusedBy(t *testing.T, s *testserver.Server, c *testserver.Client, m *contract.Method, req fields, who string) {
	t.Helper()
	address, _ := restForm(t, m, req)
	refused := want{code: "insufficient_scope"}
	checkREST(t, who, c.Do(t, m.Verb, address, nil, `{"`), refused)
	checkREST(t, who, call(t, c, m, req, ""), refused)
	checkGRPC(t, who, invoke(t, s, c.Key, m, message(t, m, req)), refused)
}

// admittedBy calls the method both ways and takes every answer but that the caller may not.
func admittedBy(t *testing.T, s *testserver.Server, c *testserver.Client, m *contract.Method, req fields, who string) {
	t.Helper()
	got := call(t, c, m, req, "")
	if got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden || got.Status >= 500 {
		t.Errorf("%s: refused over REST: %d %s", who, got.Status, got.Raw)
	}
	r := invoke(t, s, c.Key, m, message(t, m, req))
	if code := reason(r.err); code == "unauthenticated" || code == "insufficient_scope" || code == "internal" {
		t.Errorf("%s: refused over gRPC: %v", who, r.err)
	}
}

func TestAKeyDoesWhatItsScopeSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	keys := map[string]*testserver.Client{}
	for _, scope := range merchants.Scopes {
		keys[scope] = s.KeyFor(t, tn.Merchant, scope)
	}
	many := s.KeyFor(t, tn.Merchant, "fx:read", "balances:read", "payouts:read", "beneficiaries:read")
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		req := fixture(t, m, tn)
		for _, scope := range slices.Sorted(maps.Keys(keys)) {
			if !m.ForOperators() && covers(scope, m.Rule.GetScope()) {
				admittedBy(t, s, keys[scope], m, req, scope)
			} else {
				refusedBy(t, s, keys[scope], m, req, scope)
			}
		}
		if slices.Contains([]string{"fx:read", "balances:read", "payouts:read", "beneficiaries:read"}, m.Rule.GetScope()) {
			admittedBy(t, s, many, m, req, "four scopes of which one is right")
		} else {
			refusedBy(t, s, many, m, req, "four scopes of which none is right")
		}
	})
}

func TestAnOperatorDoesWhatTheRoleReachesAndNothingElse(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	roles := []antonv1.OperatorRole_Value{
		antonv1.OperatorRole_viewer, antonv1.OperatorRole_operator, antonv1.OperatorRole_compliance, antonv1.OperatorRole_admin,
	}
	if values := antonv1.OperatorRole_Value(0).Descriptor().Values(); values.Len() != len(roles)+1 {
		t.Fatalf("the contract has %d roles; say here who is above whom", values.Len()-1)
	}
	operators := map[antonv1.OperatorRole_Value]*testserver.Client{}
	for _, role := range roles {
		operators[role] = s.With(operatorKey(t, s, role.String()))
	}
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		req := fixture(t, m, tn)
		for i, role := range roles {
			if m.ForOperators() && i >= slices.Index(roles, m.Rule.GetRole()) {
				admittedBy(t, s, operators[role], m, req, role.String())
			} else {
				refusedBy(t, s, operators[role], m, req, role.String())
			}
		}
	})
}
