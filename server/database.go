package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/postgres"
)

// mustExist refuses a database that is not there yet. Commands beside the server ask: one that is run in another directory by mistake must
// not look at an empty database of its own, and find all well, or make a key that opens nothing.
func (d database) mustExist() error {
	if d.DSN == "" && d.MigrateDSN == "" && !postgres.Exists(d.Data) {
		return fmt.Errorf("%s has no database: name the server's data directory with --data (ANTON_DATA), or your own PostgreSQL with --database-url (DATABASE_URL)", d.Data)
	}
	return d.check()
}

// check refuses addresses of databases that no PostgreSQL can have. The errors of pgx do not show passwords.
func (d database) check() error {
	for _, setting := range []struct{ name, dsn string }{{"--database-url (DATABASE_URL)", d.DSN}, {"--migrate-url (ANTON_MIGRATE_URL)", d.MigrateDSN}} {
		if _, err := pgxpool.ParseConfig(setting.dsn); setting.dsn != "" && err != nil {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	return nil
}

// openDatabase gives a pool on a database whose schema is up to date, and what closes it. Without a DATABASE_URL it runs a private
// PostgreSQL, and closing stops it.
func openDatabase(ctx context.Context, d database, environment string, log *slog.Logger) (*pgxpool.Pool, func(), error) {
	serving, owner, stop := d.DSN, d.MigrateDSN, func() {}
	if serving == "" {
		private, err := postgres.StartPrivate(ctx, postgres.Options{Dir: d.Data, Log: log})
		if err != nil {
			return nil, nil, err
		}
		log.Debug("PostgreSQL runs", slog.String("version", private.Version()))
		serving, owner = private.DSN("anton_app", "anton"), private.DSN("anton_owner", "anton")
		stop = func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := private.Stop(ctx); err != nil {
				log.Error("stop PostgreSQL", slog.Any("cause", err))
			}
		}
	}
	if owner == "" {
		owner = serving
	}
	pool, err := migrateAndOpen(ctx, serving, owner, environment, log, d.tracer)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return pool, func() { pool.Close(); stop() }, nil
}

func migrateAndOpen(ctx context.Context, serving, owner, environment string, log *slog.Logger, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	pending, err := postgres.Pending(ctx, owner)
	if err != nil {
		return nil, err
	}
	if pending > 0 {
		if _, err := postgres.Migrate(ctx, owner, log); err != nil {
			return nil, err
		}
	}
	pool, err := postgres.OpenTracedPool(ctx, serving, tracer)
	if err != nil {
		return nil, err
	}
	if err := checkRole(ctx, pool, environment, log); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// checkRole makes sure that the role which serves could not rewrite history if it tried. In the sandbox it only warns.
func checkRole(ctx context.Context, pool *pgxpool.Pool, environment string, log *slog.Logger) error {
	var tooMuch bool
	err := pool.QueryRow(ctx, "select has_table_privilege('ledger_postings', 'update')").Scan(&tooMuch)
	if err != nil {
		return fmt.Errorf("check the rights of the serving role: %w", err)
	}
	if !tooMuch {
		return nil
	}
	if environment == "live" {
		return errors.New("the role of DATABASE_URL may rewrite the ledger; serve as anton_app and migrate with ANTON_MIGRATE_URL")
	}
	log.Warn("the role of DATABASE_URL may rewrite the ledger: serve as anton_app and migrate with ANTON_MIGRATE_URL")
	return nil
}

type migrateCommand struct {
	database
}

// Run brings the schema up to date and says what it did.
func (c *migrateCommand) Run(ctx context.Context) error {
	s := settings{database: c.database, LogLevel: "info"}
	if c.DSN == "" && c.MigrateDSN == "" {
		_, stop, err := openDatabase(ctx, c.database, "test", s.logger())
		if err != nil {
			return err
		}
		stop()
		fmt.Println("The schema is up to date.")
		return nil
	}
	owner := c.MigrateDSN
	if owner == "" {
		owner = c.DSN
	}
	applied, err := postgres.Migrate(ctx, owner, s.logger())
	if err != nil {
		return err
	}
	fmt.Printf("The schema is up to date; %d migrations were applied.\n", applied)
	return nil
}
