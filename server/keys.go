package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/unit"
)

// keysCommand is for whoever may reach the database itself: it needs no key, so it makes the first one and the one after all were lost.
// It works beside running servers, which notice a revoked key within a second.
type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make an operator's key and print it, this once, on standard output."`
	List   keysListCommand   `cmd:"" help:"List the operators' keys."`
	Revoke keysRevokeCommand `cmd:"" help:"Revoke an operator's key, unless it is the last one of an admin."`
}

type keysCreateCommand struct {
	database
	Name string `help:"Whose key it is." required:"" placeholder:"NAME"`
	Role string `help:"What it may do: viewer, operator, compliance or admin, which is what a new server needs first." enum:"viewer,operator,compliance,admin" default:"admin"`
}

// Run makes the key. Nothing but the key goes to standard output, so that a script can keep it.
func (c *keysCreateCommand) Run(ctx context.Context) error {
	if n := len([]rune(c.Name)); n < 1 || n > 100 {
		return fmt.Errorf("--name must have 1 to 100 characters")
	}
	return c.change(ctx, func(ctx context.Context, u *unit.Unit) (func(), error) {
		row, key, err := merchants.IssueOperatorKey(ctx, u, c.Name, db.OperatorRole(c.Role))
		if err != nil {
			return nil, err
		}
		return func() {
			fmt.Fprintf(os.Stderr, "Key %s of %q with the role %s. It cannot be shown again:\n", row.ID, row.Name, row.Role)
			fmt.Println(key.Text)
		}, audit.Record(ctx, u, audit.Row{Action: "operator_key.create", Object: row.ID})
	})
}

type keysRevokeCommand struct {
	database
	ID string `arg:"" help:"The key's id, key_…, as keys list shows it."`
}

// Run revokes the key.
func (c *keysRevokeCommand) Run(ctx context.Context) error {
	return c.change(ctx, func(ctx context.Context, u *unit.Unit) (func(), error) {
		row, err := merchants.RevokeOperatorKey(ctx, u, c.ID)
		if err != nil {
			return nil, err
		}
		return func() { fmt.Printf("Key %s of %q is revoked.\n", row.ID, row.Name) },
			audit.Record(ctx, u, audit.Row{Action: "operator_key.revoke", Object: row.ID})
	})
}

type keysListCommand struct {
	database
}

// Run lists the keys, newest first.
func (c *keysListCommand) Run(ctx context.Context) error {
	return c.on(ctx, func(runner *unit.Runner) error {
		rows, err := db.New(runner.Pool).OperatorKeyList(ctx, db.OperatorKeyListParams{RowLimit: 1000})
		if err != nil {
			return fmt.Errorf("list the keys: %w", err)
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tNAME\tROLE\tENDS IN\tMADE\tLAST USED\tREVOKED")
		for _, row := range rows {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.ID, row.Name, row.Role, row.Last4, row.CreatedAt.UTC().Format(time.RFC3339),
				dateOr(row.LastUsedAt, "never"), dateOr(row.RevokedAt, "no"))
		}
		return table.Flush()
	})
}

func dateOr(at *time.Time, otherwise string) string {
	if at == nil {
		return otherwise
	}
	return at.UTC().Format(time.RFC3339)
}

// change runs fn in one transaction and, once it is committed, tells what fn gave it to tell.
func (d database) change(ctx context.Context, fn func(context.Context, *unit.Unit) (tell func(), err error)) error {
	return d.on(ctx, func(runner *unit.Runner) error {
		err := runner.Do(ctx, unit.Who{Actor: "command_line"}, false, func(ctx context.Context, u *unit.Unit) error {
			tell, err := fn(ctx, u)
			if err == nil {
				u.AfterCommit(tell)
			}
			return err
		})
		if refused, ok := errors.AsType[*apierr.Error](err); ok {
			return errors.New(refused.Message)
		}
		return err
	})
}

// on opens the database, bringing its schema up to date, for as long as fn needs it.
func (d database) on(ctx context.Context, fn func(*unit.Runner) error) error {
	if err := d.mustExist(); err != nil {
		return err
	}
	s := settings{database: d, LogLevel: "warn"}
	pool, stop, err := openDatabase(ctx, d, "test", s.logger()) // the environment decides only how strict it is about the serving role
	if err != nil {
		return err
	}
	defer stop()
	return fn(&unit.Runner{Pool: pool, Clock: time.Now})
}
