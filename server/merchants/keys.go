package merchants

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// A Key is an API key as it is shown once: its text, and what is stored of it.
type Key struct {
	Text  string // ak_test_…
	Hash  []byte // SHA-256 of Text
	Last4 string
}

// NewKey makes a key of the kind "test", "live" or "ops". It carries 256 random bits and more, so that its hash needs no salt and no
// slowness.
func NewKey(kind string) Key {
	text := "ak_" + kind + "_" + rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(text))
	return Key{Text: text, Hash: hash[:], Last4: text[len(text)-4:]}
}

// Scopes are what a merchant's key can hold; the last two are bundles.
var Scopes = []string{
	"balances:read", "beneficiaries:read", "beneficiaries:write", "pii:read", "payouts:read", "payouts:write", "rfis:read", "rfis:write",
	"engine:read", "engine:write", "webhooks:read", "webhooks:write", "fx:read", "fx:write", "batches:write", "keys:write", "sandbox:write",
	"read_only", "full",
}

// checkScopes refuses words that are no scopes.
func checkScopes(scopes []string) error {
	var wrong []apierr.Field
	for i, scope := range scopes {
		if !slices.Contains(Scopes, scope) {
			wrong = append(wrong, apierr.Field{Path: fmt.Sprintf("scopes[%d]", i), Message: "must be one of " + strings.Join(Scopes, ", ")})
		}
	}
	if len(wrong) > 0 {
		return apierr.Invalid(wrong...)
	}
	return nil
}

// mayGrant refuses to let a caller make a key that may do what the caller may not. A bundle must be held as such: it will cover scopes
// that do not exist yet.
func mayGrant(caller *call.Caller, scopes []string) error {
	var missing []string
	for _, scope := range scopes {
		if !caller.Holds(scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		return apierr.New(antonv1.ErrorCode_insufficient_scope,
			"This key does not hold %s, so it cannot make a key that does. Use a key that holds every scope of the new one.", strings.Join(missing, ", "))
	}
	return nil
}

// IssueKey queues a new key of the merchant. kind is the environment, "test" or "live". It checks nothing; whoever calls it has.
func IssueKey(ctx context.Context, tx *unit.Unit, kind, merchant, name string, scopes []string) (db.ApiKeyInsertParams, Key, error) {
	key := NewKey(kind)
	row := db.ApiKeyInsertParams{
		Hash: key.Hash, MerchantID: merchant, ID: ids.New(ids.APIKey, tx.Now), Name: name, Scopes: scopes, Last4: key.Last4, CreatedAt: tx.Now,
	}
	return row, key, tx.Queue(unit.Rows).ApiKeyInsert(ctx, row)
}

// IssueOperatorKey queues a new key of an operator.
func IssueOperatorKey(ctx context.Context, tx *unit.Unit, name string, role db.OperatorRole) (db.OperatorKeyInsertParams, Key, error) {
	key := NewKey("ops")
	row := db.OperatorKeyInsertParams{
		Hash: key.Hash, ID: ids.New(ids.APIKey, tx.Now), Name: name, Role: role, Last4: key.Last4, CreatedAt: tx.Now,
	}
	return row, key, tx.Queue(unit.Rows).OperatorKeyInsert(ctx, row)
}

// RevokeOperatorKey queues the end of an operator's key and returns the key as it will be. It refuses to take the last admin's, after
// which nobody could make keys; a key that is revoked already stays as it is.
func RevokeOperatorKey(ctx context.Context, tx *unit.Unit, id string) (db.OperatorKey, error) {
	// The admins first, so that everyone who revokes a key locks in the same order.
	admins, err := tx.Read().OperatorKeyAdminsForUpdate(ctx)
	if err != nil {
		return db.OperatorKey{}, fmt.Errorf("lock the admins' keys: %w", err)
	}
	row, err := tx.Read().OperatorKeyGetForUpdate(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("operator key", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the key: %w", err)
	}
	if row.RevokedAt != nil {
		return row, nil
	}
	if len(admins) == 1 && admins[0] == id {
		return row, apierr.Conflict("The key %q is the last one of an admin. Make another admin's key first.", id)
	}
	row.RevokedAt = &tx.Now
	return row, tx.Queue(unit.Rows).OperatorKeyRevoke(ctx, &tx.Now, id)
}
