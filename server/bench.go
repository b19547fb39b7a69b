package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/bench"
	"github.com/antonpayments/anton/server/postgres"
)

type benchCommand struct {
	Payouts   benchPayoutsCommand   `cmd:"" help:"Measure how payouts are created, beside the least that anybody could do for the same." default:"withargs"`
	Screening benchScreeningCommand `cmd:"" help:"Measure how many listed names are found, how many others are held, and how fast."`
	Webhooks  benchWebhooksCommand  `cmd:"" help:"Measure how events are delivered, with dead and slow endpoints among the others."`
}

type benchPayoutsCommand struct {
	DSN        string        `name:"database-url" help:"PostgreSQL to measure on, as the role that serves; the bench leaves its merchants there. Without it, one of the bench's own in a temporary directory." env:"DATABASE_URL" placeholder:"URL"`
	MigrateDSN string        `name:"migrate-url" help:"The same database as the role that owns the schema; the serving role when absent." env:"ANTON_MIGRATE_URL" placeholder:"URL"`
	Duration   time.Duration `help:"Length of each measure." default:"10s"`
	Rounds     int           `help:"How often each measure is taken, in turns." default:"3"`
	Clients    int           `help:"Clients that call at once." default:"32"`
	Merchants  int           `help:"Merchants whose payouts are created; 1 has every payout wait for one balance." default:"100"`
	Evaluation string        `help:"Whether the worker evaluates and sends payouts while others are created; the floor has none." enum:"on,off" default:"off"`
	Only       string        `help:"Measure one thing only: rest, grpc or floor." enum:",rest,grpc,floor" default:""`
	JSON       bool          `name:"json" help:"Write the report as JSON, with every round."`
	Drive      bool          `help:"Be the load, as standard input says; the bench starts itself so." hidden:""`
	CPUProfile string        `name:"cpu-profile" help:"Write the server's CPU profile of the last measure over REST or gRPC." type:"path" placeholder:"FILE"`
}

// Run measures and reports. It fails where a request failed or an invariant is broken, after the report.
func (c *benchPayoutsCommand) Run(ctx context.Context) error {
	if c.Drive {
		return bench.Drive(ctx, os.Stdin, os.Stdout)
	}
	if c.Duration < 100*time.Millisecond || c.Rounds < 1 || c.Clients < 1 || c.Merchants < 1 {
		return errors.New("--duration must be 100ms or more; --rounds, --clients and --merchants 1 or more")
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
	report, err := c.measure(ctx, dir, progress)
	if err == nil && c.DSN == "" && ctx.Err() == nil {
		progress("starting a server again")
		report.WarmStart, err = warmStart(ctx, dir)
	}
	progress("")
	if err != nil {
		return err
	}
	if err := c.write(report); err != nil {
		return err
	}
	if failed, _ := report.Failed(); failed > 0 || len(report.Breaches) > 0 {
		return fmt.Errorf("%d requests failed, %d rows break an invariant", failed, len(report.Breaches))
	}
	return nil
}

func (c *benchPayoutsCommand) write(report *bench.Report) error {
	if !c.JSON {
		report.Print(os.Stdout)
		return nil
	}
	text := json.NewEncoder(os.Stdout)
	text.SetIndent("", "  ")
	return text.Encode(report)
}

// measure runs the bench on a database of its own, or on the one given.
func (c *benchPayoutsCommand) measure(ctx context.Context, dir string, progress func(string)) (report *bench.Report, err error) {
	err = onBenchDatabase(ctx, dir, c.DSN, c.MigrateDSN, progress, func(config bench.Config, self string) (err error) {
		config.Client = []string{self, "bench", "payouts", "--drive"}
		config.Duration, config.Rounds, config.Clients, config.Merchants = c.Duration, c.Rounds, c.Clients, c.Merchants
		config.Evaluation, config.Only, config.CPUProfile = c.Evaluation == "on", c.Only, c.CPUProfile
		report, err = bench.Run(ctx, config)
		return err
	})
	return report, err
}

// onBenchDatabase prepares a database of the bench's own, or the one given, and has measure measure on it. self is this program.
func onBenchDatabase(
	ctx context.Context, dir, serving, owner string, progress func(string), measure func(config bench.Config, self string) error,
) error {
	s := settings{LogLevel: "warn"}
	admin := ""
	if serving == "" {
		progress("starting PostgreSQL")
		private, err := postgres.StartPrivate(ctx, postgres.Options{Dir: dir, Log: s.logger()})
		if err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			_ = private.Stop(ctx) // the directory is removed with all in it
		}()
		serving, owner, admin = private.DSN("anton_app", "anton"), private.DSN("anton_owner", "anton"), private.DSN("postgres", "anton")
	}
	if owner == "" {
		owner = serving
	}
	pool, err := migrateAndOpen(ctx, serving, owner, "test", s.logger(), nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := assembly.Claim(ctx, pool, "test", time.Now()); err != nil {
		return err
	}
	keys, err := assembly.SandboxKeys(ctx, pool)
	if err != nil {
		return err
	}
	if err := assembly.ClaimKeyset(ctx, pool, keys); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return measure(bench.Config{Pool: pool, Keys: keys, Owner: owner, Admin: admin, Dir: dir, Progress: progress}, self)
}

// warmStart starts `anton serve` on the data that the bench left and gives the milliseconds to its first answer.
func warmStart(ctx context.Context, dir string) (int64, error) {
	port, err := listen(ctx, "127.0.0.1:0", "")
	if err != nil {
		return 0, err
	}
	addr := port.Addr().String()
	if err := port.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "serve", "--env=test", "--data="+dir, "--http-addr="+addr, "--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--log-level=warn")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said strings.Builder
	cmd.Stderr = &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start a server: %w", err)
	}
	for !answers(ctx, "http://"+addr) && ctx.Err() == nil && time.Since(began) < time.Minute {
		time.Sleep(2 * time.Millisecond)
	}
	took := time.Since(began)
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil && ctx.Err() == nil {
		return 0, fmt.Errorf("start a server: %w: %s", err, said.String())
	}
	return took.Milliseconds(), nil
}

// progressLine tells what goes on, on one line of a terminal; nowhere when there is no terminal. An empty text ends it.
func progressLine() func(string) {
	if !isTerminal(os.Stderr) {
		return func(string) {}
	}
	return func(text string) { fmt.Fprint(os.Stderr, "\r\x1b[K", text) }
}
