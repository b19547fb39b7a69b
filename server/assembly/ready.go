package assembly

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/postgres"
)

// hangs is after how long without a turn the worker counts as hanging. It turns ten times a second, and in between its slices.
const hangs = time.Minute

// conditions are what a server needs to be ready. Databases that are ahead are fine: while servers are replaced one by one, the first
// new one has migrated.
func conditions(pool *pgxpool.Pool, worker *payouts.Worker) []observe.Check {
	return []observe.Check{
		{Name: "database", Ask: func(ctx context.Context) (string, error) {
			if err := pool.Ping(ctx); err != nil {
				return "the database does not answer in time", err
			}
			return "", nil
		}},
		{Name: "migrations", Ask: func(ctx context.Context) (string, error) {
			at, err := postgres.SchemaVersion(ctx, pool)
			switch want := postgres.LatestMigration(); {
			case err != nil:
				return "the version of the database's schema cannot be read", err
			case at < want:
				return fmt.Sprintf("the database's schema is at version %d, this program needs %d", at, want), nil
			}
			return "", nil
		}},
		{Name: "worker", Ask: func(context.Context) (string, error) {
			turned := worker.Turned()
			if turned.IsZero() {
				return "the payout worker has not started", nil
			}
			if idle := time.Since(turned); idle > hangs {
				return fmt.Sprintf("the payout worker was last seen at work %s ago", idle.Round(time.Second)), nil
			}
			return "", nil
		}},
	}
}
