package assembly

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/unit"
)

// SandboxKeyset gives the sandbox's encryption keys, making them on the first start. They lie in the database, so that every server on
// it reads the same data; a live server must have a keyset of its own, from outside.
func SandboxKeyset(ctx context.Context, pool *pgxpool.Pool) (*crypto.Keyset, error) {
	keyset, _, err := KeptKeyset(ctx, pool)
	if !errors.Is(err, ErrNoKeyset) {
		return keyset, err
	}
	fresh, err := crypto.GenerateSandbox()
	if err != nil {
		return nil, err
	}
	if err := db.New(pool).SandboxKeysetInsert(ctx, fresh); err != nil {
		return nil, fmt.Errorf("store the sandbox's keyset: %w", err)
	}
	keyset, _, err = KeptKeyset(ctx, pool)
	return keyset, err
}

// ErrNoKeyset says that a database keeps no keyset, as every live one and a sandbox that was never started.
var ErrNoKeyset = errors.New("this database keeps no keyset: name its file with --keyset (ANTON_KEYSET)")

// KeptKeyset gives the keyset that the sandbox's database keeps, and its text.
func KeptKeyset(ctx context.Context, pool *pgxpool.Pool) (*crypto.Keyset, []byte, error) {
	text, err := db.New(pool).SandboxKeysetGet(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, ErrNoKeyset
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the sandbox's keyset: %w", err)
	}
	keyset, err := crypto.ReadKeyset(text, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read the sandbox's keyset: %w", err)
	}
	return keyset, text, nil
}

// SandboxKeys are the keys of SandboxKeyset, ready to be used.
func SandboxKeys(ctx context.Context, pool *pgxpool.Pool) (*crypto.Keys, error) {
	keyset, err := SandboxKeyset(ctx, pool)
	if err != nil {
		return nil, err
	}
	return keyset.Keys()
}

// ReplaceKeptKeyset changes the keyset that the sandbox's database keeps. Of two changes at once one is refused, and has changed nothing.
func ReplaceKeptKeyset(ctx context.Context, pool *pgxpool.Pool, change func(*crypto.Keyset) error) error {
	keyset, was, err := KeptKeyset(ctx, pool)
	if err != nil {
		return err
	}
	if err := change(keyset); err != nil {
		return err
	}
	is, err := keyset.Text(nil)
	if err != nil {
		return err
	}
	replaced, err := db.New(pool).SandboxKeysetReplace(ctx, is, was)
	if err != nil {
		return fmt.Errorf("store the sandbox's keyset: %w", err)
	}
	if replaced != 1 {
		return errors.New("somebody else changed the keyset at the same time: look at it with `anton keyset status`, and try again")
	}
	return nil
}

// A Sandbox is what a newcomer needs to begin: a merchant with funds, its key with every scope, and an operator's key.
type Sandbox struct {
	Merchant       string
	APIKey, OpsKey string
}

// OpenSandbox makes fresh keys for the sandbox's first merchant, and the merchant where there is none yet.
func (s *Server) OpenSandbox(ctx context.Context) (*Sandbox, error) {
	box := &Sandbox{}
	err := s.Runner.Do(ctx, unit.Who{Actor: "setup"}, false, func(ctx context.Context, u *unit.Unit) error {
		var err error
		if box.Merchant, err = s.firstMerchant(ctx, u); err != nil {
			return err
		}
		row, key, err := merchants.IssueKey(ctx, u, "test", box.Merchant, "Sandbox key", []string{"full"})
		if err != nil {
			return err
		}
		box.APIKey = key.Text
		if err := audit.Record(ctx, u, audit.Row{Merchant: box.Merchant, Action: "api_key.create", Object: row.ID}); err != nil {
			return err
		}
		operator, key, err := merchants.IssueOperatorKey(ctx, u, "Sandbox operator", db.OperatorRoleAdmin)
		if err != nil {
			return err
		}
		box.OpsKey = key.Text
		return audit.Record(ctx, u, audit.Row{Action: "operator_key.create", Object: operator.ID})
	})
	if err != nil {
		return nil, fmt.Errorf("open the sandbox: %w", err)
	}
	return box, nil
}

func (s *Server) firstMerchant(ctx context.Context, u *unit.Unit) (string, error) {
	first, err := u.Read().MerchantFirst(ctx)
	if err == nil {
		return first, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("look for a merchant: %w", err)
	}
	row := db.Merchant{ID: ids.New(ids.Merchant, u.Now), Name: "Sandbox Merchant", Country: "US", RateLimitMultiplier: 1, CreatedAt: u.Now}
	if err := s.Merchants.Insert(ctx, u, row); err != nil {
		return "", err
	}
	return row.ID, audit.Record(ctx, u, audit.Row{Merchant: row.ID, Action: "merchant.create", Object: row.ID})
}

// KeysWork says whether both keys are known to this database.
func (s *Server) KeysWork(ctx context.Context, apiKey, opsKey string) (bool, error) {
	q := db.New(s.Runner.Pool)
	api, ops := sha256.Sum256([]byte(apiKey)), sha256.Sum256([]byte(opsKey))
	_, err := q.ApiKeyByHash(ctx, api[:])
	if err == nil {
		_, err = q.OperatorKeyByHash(ctx, ops[:])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look the sandbox's keys up: %w", err)
	}
	return true, nil
}
