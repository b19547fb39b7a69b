package postgres

import (
	"context"
	"database/sql"
)

// MigrateTo migrates up to a version and no further: what an older program left behind.
func MigrateTo(ctx context.Context, ownerDSN string, version int64) error {
	owner, err := sql.Open("pgx", ownerDSN)
	if err != nil {
		return err
	}
	defer owner.Close()
	if err := ensureServingRole(ctx, owner); err != nil {
		return err
	}
	provider, err := newProvider(owner)
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}
