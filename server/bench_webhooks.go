package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/bench"
)

type benchWebhooksCommand struct {
	DSN        string        `name:"database-url" help:"PostgreSQL to measure on, as the role that serves; the bench leaves its merchants there. Without it, one of the bench's own in a temporary directory." env:"DATABASE_URL" placeholder:"URL"`
	MigrateDSN string        `name:"migrate-url" help:"The same database as the role that owns the schema; the serving role when absent." env:"ANTON_MIGRATE_URL" placeholder:"URL"`
	Duration   time.Duration `help:"Length of each measure at a rate." default:"15s"`
	Rate       int           `help:"Events a second." default:"1000"`
	JSON       bool          `name:"json" help:"Write the report as JSON."`
	Receive    bool          `help:"Be the endpoints; the bench starts itself so." hidden:""`
}

// Run measures and reports. It fails where a bar is missed, after the report.
func (c *benchWebhooksCommand) Run(ctx context.Context) error {
	if c.Receive {
		return bench.Receive(os.Stdin, os.Stdout)
	}
	if c.Duration < time.Second || c.Rate < 100 {
		return errors.New("--duration must be 1s or more, --rate 100 or more")
	}
	dir, err := os.MkdirTemp("", "anton-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // as root, PostgreSQL runs as somebody else and has to reach its part
		return fmt.Errorf("open the temporary directory: %w", err)
	}
	progress := progressLine()
	var report *bench.WebhookReport
	err = onBenchDatabase(ctx, dir, c.DSN, c.MigrateDSN, progress, func(config bench.Config, self string) (err error) {
		config.Client, config.Duration = []string{self, "bench", "webhooks", "--receive"}, c.Duration
		report, err = bench.RunWebhooks(ctx, config, c.Rate)
		return err
	})
	progress("")
	if err != nil {
		return err
	}
	if c.JSON {
		text := json.NewEncoder(os.Stdout)
		text.SetIndent("", "  ")
		err = text.Encode(report)
	} else {
		report.Print(os.Stdout)
	}
	if missed := report.Failed(); len(missed) > 0 {
		return errors.New(strings.Join(missed, "; "))
	}
	return err
}
