package interceptors

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
)

// Admit checks a call's credentials and takes it off the caller's rate limit. The REST gateway calls it before it reads a body; the
// chain calls it for gRPC. The headers it sets belong on every answer, refusals included.
func (c *Chain) Admit(ctx context.Context, authorization string, header func(key, value string)) (context.Context, error) {
	caller, err := c.authenticate(ctx, authorization)
	if err != nil {
		return ctx, err
	}
	ctx = call.WithCaller(ctx, caller)
	if err := c.limits.take(caller, c.now(), header); err != nil {
		c.Runner.Metrics.RateLimited()
		return ctx, err
	}
	return ctx, nil
}

// auth admits calls that come over gRPC, then checks for every call that the caller may call this method.
func (c *Chain) auth(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if call.CallerOf(ctx) == nil {
		md, _ := metadata.FromIncomingContext(ctx)
		var err error
		ctx, err = c.Admit(ctx, strings.Join(md.Get("authorization"), ","), func(k, v string) { setHeader(ctx, k, v) })
		noteCaller(ctx)
		if err != nil {
			return nil, err
		}
	}
	if err := c.Authorize(call.CallerOf(ctx), contract.Lookup(info.FullMethod)); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

// Authorize says whether the caller may call the method.
func (c *Chain) Authorize(caller *call.Caller, m *contract.Method) error {
	switch {
	case m == nil:
		return apierr.New(antonv1.ErrorCode_not_found, "There is no such method.")
	case m.ForOperators() != (caller.Merchant == ""):
		return apierr.New(antonv1.ErrorCode_insufficient_scope, "This key is for %s; the method is for %s.", kindOf(caller.Merchant != ""), kindOf(!m.ForOperators()))
	case m.ForOperators() && caller.Role < m.Rule.GetRole():
		return apierr.New(antonv1.ErrorCode_insufficient_scope, "This key has the role %s; the method needs %s.", caller.Role, m.Rule.GetRole())
	case !m.ForOperators() && !caller.Holds(m.Rule.GetScope()):
		return apierr.New(antonv1.ErrorCode_insufficient_scope, "This key does not hold the scope %s.", m.Rule.GetScope())
	case strings.HasPrefix(m.Rule.GetScope(), "engine:") && !slices.Contains(caller.Entitlements, "engine"):
		return apierr.New(antonv1.ErrorCode_engine_access_required, "The engine's programmatic access is not enabled for your account. Contact us to have it enabled.")
	case m.Rule.GetSandboxOnly() && c.Environment != "test":
		return apierr.New(antonv1.ErrorCode_sandbox_only, "This method exists in the sandbox only.")
	case caller.Suspended && !m.ReadOnly:
		return apierr.New(antonv1.ErrorCode_merchant_suspended, "Your account is suspended. Reading still works; contact support.")
	}
	return nil
}

func kindOf(merchant bool) string {
	if merchant {
		return "merchants"
	}
	return "operators"
}

// callers remembers keys for as long as a revoked key may still work: a second, on every server.
type callers struct {
	byHash *lru.Cache[keyHash, known]
}

// A keyHash is the SHA-256 of a key.
type keyHash = [sha256.Size]byte

// A known key is whose it is, until when it works, and the moment before it was looked up, from which the second counts.
type known struct {
	caller  *call.Caller
	expires *time.Time
	asked   time.Time
}

const keyMemory = time.Second

// newCallers remembers 10,000 keys. What is too old is asked for anew when its key calls again, and goes when it is the one not used for
// longest: nothing needs to run in between and look for it.
func newCallers() *callers {
	byHash, err := lru.New[keyHash, known](10_000)
	if err != nil {
		panic(err) // only for a size of zero
	}
	return &callers{byHash}
}

func unauthenticated() error {
	return apierr.New(antonv1.ErrorCode_unauthenticated, "The API key is missing, unknown, revoked or expired. Send \"Authorization: Bearer <key>\".")
}

// authenticate finds the caller by the hash of its key. Keys are long and random, so that a fast hash is enough, and looking the hash
// up in an index tells an attacker nothing about the keys that exist.
func (c *Chain) authenticate(ctx context.Context, authorization string) (*call.Caller, error) {
	key, ok := bearer(authorization)
	if !ok {
		return nil, unauthenticated()
	}
	for _, environment := range []string{"test", "live"} {
		if strings.HasPrefix(key, "ak_"+environment+"_") && environment != c.Environment {
			return nil, apierr.New(antonv1.ErrorCode_wrong_environment, "This is a %s key, and this is the %s environment.", environment, c.Environment)
		}
	}
	hash, operator := sha256.Sum256([]byte(key)), strings.HasPrefix(key, "ak_ops_")
	k, err := c.lookUp(ctx, hash, operator)
	if err != nil {
		return nil, err
	}
	now := c.now()
	if k.expires != nil && !now.Before(*k.expires) {
		return nil, unauthenticated()
	}
	c.Uses.note(hash, operator, now)
	return k.caller, nil
}

// maxKey is the longest text that is looked up as a key; ours have 40 characters.
const maxKey = 200

// bearer is the key in an Authorization header (RFC 6750, section 2.1; the scheme in capitals or not, as RFC 9110 has it).
func bearer(authorization string) (key string, ok bool) {
	scheme, key, _ := strings.Cut(authorization, " ")
	return key, strings.EqualFold(scheme, "Bearer") && key != "" && len(key) <= maxKey
}

// lookUp finds a key in memory or in the database. What is remembered is a second old at most, counted from before it was read: a
// revocation that commits while it is being read counts from then on.
func (c *Chain) lookUp(ctx context.Context, hash keyHash, operator bool) (known, error) {
	if k, ok := c.callers.byHash.Get(hash); ok && time.Since(k.asked) < keyMemory {
		return k, nil
	}
	k := known{asked: time.Now()}
	q := db.New(c.Runner.Pool)
	if operator {
		row, err := q.OperatorKeyByHash(ctx, hash[:])
		if err != nil {
			return k, keyError(err)
		}
		k.caller = &call.Caller{KeyID: row.ID, Role: antonv1.OperatorRole_Value(antonv1.OperatorRole_Value_value[string(row.Role)]), RateMultiplier: 1}
	} else {
		row, err := q.ApiKeyByHash(ctx, hash[:])
		if err != nil {
			return k, keyError(err)
		}
		k.expires = row.ExpiresAt
		k.caller = &call.Caller{
			KeyID:          row.ID,
			Merchant:       row.MerchantID,
			Scopes:         row.Scopes,
			Suspended:      row.Status != db.MerchantStatusActive,
			RateMultiplier: row.RateLimitMultiplier,
			Entitlements:   row.Entitlements,
		}
	}
	c.callers.byHash.Add(hash, k)
	return k, nil
}

func keyError(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return unauthenticated()
	}
	return public(fmt.Errorf("look the key up: %w", err)) // REST answers this without the rest of the chain
}
