// Package bench measures what creating a payout costs: over REST and over gRPC, through the real chain, on a real PostgreSQL, and
// beside them the floor, which is the least that anybody could do for the same (see floor.go). All of them run in turns, on one
// database, in the same minutes, because only their ratios say something on a machine that has other things to do.
//
// The server runs in this process; the load comes from another one, so that this process's CPU time and memory are the server's. It
// never fakes: every payout is created, committed and durable, and when the load is over the invariants are checked over all of it.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/invariants"
)

// Config says what is measured and where.
type Config struct {
	Pool *pgxpool.Pool // as the role that serves
	Keys *crypto.Keys
	// Owner reaches the same database as the role that may make a schema. Admin does as a superuser; empty where there is none.
	Owner, Admin string
	// Dir is a directory for what the bench writes: the server's log, pgbench's.
	Dir string
	// Client is the command that runs Drive in a process of its own.
	Client []string

	Duration                   time.Duration // of each measure, after a warm-up
	Rounds, Clients, Merchants int
	Evaluation                 bool   // whether the worker runs, as it does in a server
	Only                       string // rest, grpc, floor, or empty for all
	CPUProfile                 string // file for the CPU profile of the measures over REST and gRPC; empty for none

	// Progress is told, in a few words, what goes on; often.
	Progress func(string)
}

type bench struct {
	Config
	server    *assembly.Server
	restAddr  string
	grpcAddr  string
	bareAddr  string
	pgbench   string // the program; empty where there is none
	merchants []Merchant
	meter     meter
}

// A target is one way to create a payout.
type target struct {
	name, group string
	measure     func(context.Context) (*Measure, error)
}

// Run measures. When ctx ends it stops the load and reports what it has until then; only a failure is an error.
func Run(ctx context.Context, c Config) (*Report, error) {
	b := &bench{Config: c}
	report := &Report{
		CPUs: runtime.NumCPU(), Go: runtime.Version(), Clients: c.Clients, Merchants: c.Merchants, Evaluation: c.Evaluation,
	}
	if err := c.Pool.QueryRow(ctx, "select split_part(current_setting('server_version'), ' ', 1)").Scan(&report.PostgreSQL); err != nil {
		return nil, fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	stop, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := b.populate(ctx); err != nil {
		return nil, err
	}
	dropFloor, err := b.makeFloor(ctx)
	if err != nil {
		return nil, err
	}
	defer dropFloor()
	b.meter = newMeter(ctx, b.Pool)
	if b.pgbench, err = findPgbench(ctx, c.Admin); err != nil {
		report.Notes = append(report.Notes, "The floor in SQL is not measured: "+err.Error()+".")
	}
	if err := b.rounds(ctx, report); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		report.Notes = append(report.Notes, "Stopped early.")
	}
	report.PeakMemory = peakMemory()
	c.Progress("checking the invariants")
	return report, b.check(context.WithoutCancel(ctx), report)
}

// rounds measures every target once a round, so that whatever else the machine does meets all of them, and every other round the other
// way about, because the tables have grown for whoever comes last. What fails because ctx ended is no failure.
func (b *bench) rounds(ctx context.Context, report *Report) error {
	for round := 1; round <= b.Rounds; round++ {
		targets := b.targets()
		if round%2 == 0 {
			slices.Reverse(targets)
		}
		for _, t := range targets {
			b.Progress(fmt.Sprintf("round %d of %d: %s", round, b.Rounds, t.name))
			err := b.turn(ctx, report, t, round)
			if ctx.Err() == nil && err != nil {
				return fmt.Errorf("measure %s: %w", t.name, err)
			}
		}
	}
	return nil
}

// turn measures one target and adds the measure to the report.
func (b *bench) turn(ctx context.Context, report *Report, t target, round int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m, err := t.measure(ctx)
	if m != nil && m.Done > 0 {
		m.Target, m.Round = t.name, round
		report.Measures = append(report.Measures, *m)
	}
	return errors.Join(err, b.drain(ctx))
}

// The names of the targets, as the report gives them.
const (
	floorSQL  = "floor, SQL alone"
	floorHTTP = "floor, bare handler"
	overREST  = "payout over REST"
	overGRPC  = "payout over gRPC"
)

func (b *bench) targets() []target {
	all := []target{
		{floorSQL, "floor", b.runPgbench},
		{floorHTTP, "floor", func(ctx context.Context) (*Measure, error) { return b.load(ctx, floorHTTP, "rest", b.bareAddr) }},
		{overREST, "rest", func(ctx context.Context) (*Measure, error) { return b.profiled(ctx, overREST, "rest", b.restAddr) }},
		{overGRPC, "grpc", func(ctx context.Context) (*Measure, error) { return b.profiled(ctx, overGRPC, "grpc", b.grpcAddr) }},
	}
	var chosen []target
	for _, t := range all {
		if (b.Only == "" || b.Only == t.group) && (t.name != floorSQL || b.pgbench != "") {
			chosen = append(chosen, t)
		}
	}
	return chosen
}

// profiled measures with the profiler on, where a profile is wanted. A later measure replaces the profile of an earlier one.
func (b *bench) profiled(ctx context.Context, name, over, address string) (*Measure, error) {
	if b.CPUProfile == "" {
		return b.load(ctx, name, over, address)
	}
	file, err := os.Create(b.CPUProfile)
	if err != nil {
		return nil, fmt.Errorf("write the profile: %w", err)
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("write the profile: %w", err)
	}
	defer pprof.StopCPUProfile()
	return b.load(ctx, name, over, address)
}

// start serves the real server on free ports. Its log goes to a file, as in production: a line a call costs what it costs.
func (b *bench) start(ctx context.Context) (stop func(), err error) {
	logFile, err := os.Create(filepath.Join(b.Dir, "server.log"))
	if err != nil {
		return nil, fmt.Errorf("write the server's log: %w", err)
	}
	b.server, err = assembly.New(assembly.Config{
		Pool: b.Pool, Keys: b.Keys, Clock: time.Now, Log: slog.New(slog.NewJSONHandler(logFile, nil)), Environment: "test",
	})
	if err != nil {
		return nil, err
	}
	if err := b.server.Sanctions.RunOnce(ctx); err != nil {
		return nil, err
	}
	restPort, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	grpcPort, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	b.restAddr, b.grpcAddr = restPort.Addr().String(), grpcPort.Addr().String()
	var serving sync.WaitGroup
	rest := &http.Server{Handler: b.server.HTTP, ReadHeaderTimeout: 10 * time.Second}
	serving.Go(func() { _ = rest.Serve(restPort) }) // ends with Close
	serving.Go(func() { _ = b.server.GRPC.Serve(grpcPort) })
	workerCtx, stopWorker := context.WithCancel(context.WithoutCancel(ctx))
	if b.Evaluation {
		serving.Go(func() { b.server.Worker.Run(workerCtx) })
	}
	return func() {
		stopWorker()
		_ = rest.Close()
		b.server.GRPC.Stop()
		serving.Wait()
		_ = logFile.Close()
	}, nil
}

func listen(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on a free port: %w", err)
	}
	return l, nil
}

// drain waits until the worker has evaluated what a measure left, so that the next one does not pay for it.
func (b *bench) drain(ctx context.Context) error {
	for b.Evaluation && ctx.Err() == nil {
		var left bool
		if err := b.Pool.QueryRow(ctx, "select exists (select from payouts where due_at <= now())").Scan(&left); err != nil {
			return fmt.Errorf("look for payouts that wait: %w", err)
		}
		if !left {
			return nil
		}
		b.Progress("waiting for the worker")
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// check reports every breach of an invariant over all that the load left.
func (b *bench) check(ctx context.Context, report *Report) error {
	breaches, err := invariants.Check(ctx, b.Pool)
	if err != nil {
		return fmt.Errorf("check the invariants: %w", err)
	}
	report.InvariantsChecked = len(invariants.All)
	for _, breach := range breaches {
		report.Breaches = append(report.Breaches, breach.String())
	}
	return nil
}
