package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver of database/sql, which goose speaks
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	antonsql "github.com/antonpayments/anton/sql"
)

// Migrate brings the schema up to date, as the role that owns it, and returns how many migrations it applied. Several servers may
// start at once: goose's session lock lets one of them work and the others wait.
func Migrate(ctx context.Context, ownerDSN string, log *slog.Logger) (applied int, err error) {
	owner, err := sql.Open("pgx", ownerDSN)
	if err != nil {
		return 0, fmt.Errorf("read the owner's address: %w", err)
	}
	defer owner.Close()
	if err := ensureServingRole(ctx, owner); err != nil {
		return 0, err
	}
	provider, err := newProvider(owner)
	if err != nil {
		return 0, err
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		log.Info("migrated the database", "migration", r.Source.Path, "took", r.Duration.Round(time.Millisecond).String())
	}
	if err != nil {
		return len(results), fmt.Errorf("migrate: %w", err)
	}
	return len(results), nil
}

// Pending says how many migrations the database lacks; it needs no more than the right to read.
func Pending(ctx context.Context, dsn string) (int, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return 0, fmt.Errorf("read the database's address: %w", err)
	}
	defer db.Close()
	var current int64
	err = db.QueryRowContext(ctx, "select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&current)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42P01" {
		current, err = 0, nil // undefined_table: nothing was ever migrated here
	}
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	provider, err := newProvider(db)
	if err != nil {
		return 0, err
	}
	pending := 0
	for _, source := range provider.ListSources() {
		if source.Version > current {
			pending++
		}
	}
	return pending, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(antonsql.Migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("make the migrations' lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// ensureServingRole makes sure that anton_app exists before the migrations grant rights to it.
func ensureServingRole(ctx context.Context, owner *sql.DB) error {
	var exists bool
	if err := owner.QueryRowContext(ctx, "select exists (select from pg_roles where rolname = 'anton_app')").Scan(&exists); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	if exists {
		return nil
	}
	_, err := owner.ExecContext(ctx, "create role anton_app nologin")
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "42710": // duplicate_object: another server made it a moment ago
			return nil
		case "42501": // insufficient_privilege
			return errors.New("the database has no role anton_app and this role may not create it; as a superuser run: create role anton_app login password '…'")
		}
	}
	if err != nil {
		return fmt.Errorf("create the role anton_app: %w", err)
	}
	return nil
}
