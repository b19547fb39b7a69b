package assembly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
)

// Claim makes the database the environment's, "test" or "live", or refuses it because it is the other's: a sandbox on live data would
// hand real payouts to a bank that moves no money, and live on a sandbox's data would pay with invented funds. Every server claims its
// database before it does anything else there.
func Claim(ctx context.Context, pool *pgxpool.Pool, environment string, at time.Time) error {
	q := db.New(pool)
	if environment == "live" {
		// A sandbox from before databases were claimed has left this behind.
		found, err := q.SandboxTraces(ctx)
		if err != nil {
			return fmt.Errorf("look for a sandbox's data: %w", err)
		}
		if found {
			return errors.New("this database was a sandbox's: live needs one of its own")
		}
	}
	if err := q.DeploymentClaim(ctx, environment, at.UTC()); err != nil {
		return fmt.Errorf("claim the database: %w", err)
	}
	owner, err := q.DeploymentGet(ctx)
	if err != nil {
		return fmt.Errorf("read whose the database is: %w", err)
	}
	if owner != environment {
		return fmt.Errorf("this database belongs to %s, and this server is %s: give it a database of its own, or start it with --env %s", owner, environment, owner)
	}
	return nil
}

// ClaimKeyset makes the keyset the database's, or refuses it because another one is: it could not read what is there, and what it
// sealed the others could not read. A later form of the same keyset, after a rotation, is no other one.
func ClaimKeyset(ctx context.Context, pool *pgxpool.Pool, keys *crypto.Keys) error {
	mark, err := keys.Mark()
	if err != nil {
		return err
	}
	q := db.New(pool)
	if err := q.KeysetMarkClaim(ctx, mark); err != nil {
		return fmt.Errorf("claim the database for the keyset: %w", err)
	}
	owner, err := q.KeysetMarkGet(ctx)
	if err != nil {
		return fmt.Errorf("read which keyset is the database's: %w", err)
	}
	if !bytes.Equal(owner, mark) {
		return errors.New("the keyset is not the one that this database was begun with, and could not read it: give --keyset (ANTON_KEYSET) the right file")
	}
	return nil
}
