package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/invariants"
	"github.com/antonpayments/anton/server/postgres"
)

// openToInspect gives a pool on a database that is looked at and not changed: unlike openDatabase it does not migrate. It works beside
// a running server, also on the private PostgreSQL of its data directory.
func openToInspect(ctx context.Context, d database) (*pgxpool.Pool, func(), error) {
	return openAs(ctx, d, "anton_app", d.DSN)
}

// openAsOwner gives a pool on a database as openToInspect does, as the role that owns the schema.
func openAsOwner(ctx context.Context, d database) (*pgxpool.Pool, func(), error) {
	if d.MigrateDSN != "" {
		return openAs(ctx, d, "", d.MigrateDSN)
	}
	return openAs(ctx, d, "anton_owner", d.DSN)
}

// openAs gives a pool on the database of the DSN, or without one on the private PostgreSQL of the data directory as the role.
func openAs(ctx context.Context, d database, role, dsn string) (*pgxpool.Pool, func(), error) {
	if err := d.mustExist(); err != nil {
		return nil, nil, err
	}
	log := (&settings{LogLevel: "warn"}).logger()
	stop := func() {}
	if dsn == "" {
		private, err := postgres.StartPrivate(ctx, postgres.Options{Dir: d.Data, Log: log})
		if err != nil {
			return nil, nil, err
		}
		dsn = private.DSN(role, "anton")
		stop = func() { _ = private.Stop(context.WithoutCancel(ctx)) } // nothing was written that could be lost
	}
	pending, err := postgres.Pending(ctx, dsn)
	if err == nil && pending > 0 {
		err = errors.New("the database's schema is older than this program: run `anton migrate` first")
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	pool, err := postgres.OpenPool(ctx, dsn)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return pool, func() { pool.Close(); stop() }, nil
}

// printJSON prints a value for machines.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

type ledgerCommand struct {
	Check ledgerCheckCommand `cmd:"" help:"Check every rule that must hold between payouts, money, events and the audit log. Ends with 1 when one is broken."`
}

type ledgerCheckCommand struct {
	database
	JSON bool `name:"json" help:"Print the result as JSON."`
}

// checkedInvariant is an invariant as JSON has it.
type checkedInvariant struct {
	Name   string   `json:"name"`
	Says   string   `json:"says"`
	Holds  bool     `json:"holds"`
	Broken []string `json:"broken"`
}

// Run checks the invariants on one snapshot of the database and says which hold.
func (c *ledgerCheckCommand) Run(ctx context.Context) error {
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return err
	}
	defer done()
	breaches, err := invariants.Check(ctx, pool)
	if err != nil {
		return fmt.Errorf("check the invariants: %w", err)
	}
	rows := invariants.ByName(breaches)
	var checked []checkedInvariant
	for _, invariant := range invariants.All {
		broken := append([]string{}, rows[invariant.Name]...)
		checked = append(checked, checkedInvariant{invariant.Name, invariant.Says, len(broken) == 0, broken})
	}
	if c.JSON {
		err = printJSON(os.Stdout, map[string]any{"holds": len(rows) == 0, "invariants": checked})
	} else {
		printInvariants(os.Stdout, checked)
	}
	if err == nil && len(rows) > 0 {
		err = fmt.Errorf("%d of %d invariants are broken", len(rows), len(checked))
	}
	return err
}

func printInvariants(out io.Writer, checked []checkedInvariant) {
	for _, c := range checked {
		if c.Holds {
			fmt.Fprintf(out, "OK      %s\n", c.Name)
			continue
		}
		fmt.Fprintf(out, "BROKEN  %s: %s\n", c.Name, c.Says)
		for _, row := range c.Broken {
			fmt.Fprintf(out, "          %s\n", row)
		}
		if len(c.Broken) == invariants.Shown {
			fmt.Fprintf(out, "          and perhaps more; the first %d are shown\n", invariants.Shown)
		}
	}
}
