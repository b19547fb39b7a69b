package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenPool connects to the database as OpenTracedPool does, and traces nothing.
func OpenPool(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return OpenTracedPool(ctx, dsn, nil)
}

// OpenTracedPool connects to the database that serves; the tracer, which may be nil, sees every statement. The pool is small on purpose: a payout needs a connection for less than a
// millisecond, and every further connection only adds to the queue inside PostgreSQL. pool_max_conns and pool_min_idle_conns in the DSN
// override it.
func OpenTracedPool(ctx context.Context, dsn string, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database's address: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = 16
	}
	if !strings.Contains(dsn, "pool_min_idle_conns") {
		config.MinIdleConns = 1
	}
	config.ConnConfig.Tracer = tracer
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		registerNumeric(c.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return pool, nil
}
