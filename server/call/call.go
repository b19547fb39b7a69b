// Package call is what a handler may ask of its call: who calls, in which transaction, at what time, under which request id. The
// interceptors put it there; a handler that asks for what its call does not have has a fault, and panics.
package call

import (
	"context"
	"slices"
	"strings"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

// A Caller is who holds the key of the call: a merchant's program, or an operator.
type Caller struct {
	KeyID    string
	Merchant string // empty for operators
	Scopes   []string
	Role     antonv1.OperatorRole_Value // unspecified for merchants
	// Suspended merchants may read and change nothing.
	Suspended bool
	// RateMultiplier is how many times the usual rate limit the caller has.
	RateMultiplier int32
	// Entitlements are what the merchant may use beyond what every merchant may.
	Entitlements []string
}

// PerMinute is the contract's rate limit: requests a minute of a caller, before its RateMultiplier.
const PerMinute = 1000

// Owner is whose idempotency keys the caller uses and whose rate limit it spends: the merchant, or the operator's own key.
func (c *Caller) Owner() string {
	if c.Merchant != "" {
		return c.Merchant
	}
	return c.KeyID
}

// Holds says whether the caller's key has the scope, by itself or in a bundle: `full` holds all, `read_only` holds every `…:read`
// but personal data.
func (c *Caller) Holds(scope string) bool {
	if slices.Contains(c.Scopes, scope) || slices.Contains(c.Scopes, "full") {
		return true
	}
	return slices.Contains(c.Scopes, "read_only") && strings.HasSuffix(scope, ":read") && scope != "pii:read"
}

type (
	callerKey    struct{}
	requestIDKey struct{}
	txKey        struct{}
	readsKey     struct{}
	keysKey      struct{}
	auditedKey   struct{}
)

// WithCaller is for the interceptors.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// WithRequestID is for the interceptors.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// WithIdempotencyKeys is for the REST gateway: the Idempotency-Key headers as they came. gRPC's metadata would lose one that is not
// ASCII, and a call that its client believes to be protected would not be.
func WithIdempotencyKeys(ctx context.Context, keys []string) context.Context {
	return context.WithValue(ctx, keysKey{}, keys)
}

// IdempotencyKeys are the Idempotency-Key headers of a REST call; ok is false for a call over gRPC.
func IdempotencyKeys(ctx context.Context) (keys []string, ok bool) {
	keys, ok = ctx.Value(keysKey{}).([]string)
	return keys, ok
}

// WithTx is for the transaction interceptor: the call may read and queue writes.
func WithTx(ctx context.Context, tx *unit.Unit) context.Context {
	return context.WithValue(ctx, txKey{}, tx)
}

// WithReads is for the transaction interceptor: the call may read only.
func WithReads(ctx context.Context, q *db.Queries) context.Context {
	return context.WithValue(ctx, readsKey{}, q)
}

// WithAuditedReads is for the transaction interceptor: the call may read only, in the unit that its audit row is written in.
func WithAuditedReads(ctx context.Context, tx *unit.Unit) context.Context {
	return context.WithValue(WithReads(ctx, tx.Read()), auditedKey{}, tx)
}

// CallerOf is who calls; nil before authentication.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// Merchant is the calling merchant's id. It panics in a call of an operator, which has none.
func Merchant(ctx context.Context) string {
	c := CallerOf(ctx)
	if c == nil || c.Merchant == "" {
		panic("call.Merchant: the caller is no merchant")
	}
	return c.Merchant
}

// RequestID is the call's id; empty outside a call.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Tx is the call's transaction. It panics in a method that was declared to change nothing.
func Tx(ctx context.Context) *unit.Unit {
	tx, _ := ctx.Value(txKey{}).(*unit.Unit)
	if tx == nil {
		panic("call.Tx: the method is declared NO_SIDE_EFFECTS")
	}
	return tx
}

// Reads is for methods that change nothing: queries outside a transaction.
func Reads(ctx context.Context) *db.Queries {
	q, _ := ctx.Value(readsKey{}).(*db.Queries)
	if q == nil {
		panic("call.Reads: the method is not declared NO_SIDE_EFFECTS; read through call.Tx")
	}
	return q
}

// ReadAbout says which object the audit row of an audited read is about. It panics in a method that was not declared `audited`.
func ReadAbout(ctx context.Context, object string) {
	tx, _ := ctx.Value(auditedKey{}).(*unit.Unit)
	if tx == nil {
		panic("call.ReadAbout: the method is not declared audited")
	}
	tx.Object = object
}
