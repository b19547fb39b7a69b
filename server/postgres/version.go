package postgres

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	antonsql "github.com/antonpayments/anton/sql"
)

// SchemaVersion is the version that the database's schema is at.
func SchemaVersion(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	var version int64
	err := pool.QueryRow(ctx, "select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}

// LatestMigration is the version that this program brings a schema to. It panics on a migration whose file has no number: it is part of
// the program.
func LatestMigration() int64 {
	files, err := fs.Glob(antonsql.Migrations, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	latest := int64(0)
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			panic(err)
		}
		latest = max(latest, version)
	}
	return latest
}
