package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/observe"
)

type serveCommand struct {
	settings
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context) error {
	return serve(ctx, &c.settings, os.Stdout, nil)
}

// serve runs the server until ctx ends: ports, database, keys, parts, sandbox, and back again in the opposite order. It tells people
// on out where everything is, and calls ready (which may be nil) once it answers.
func serve(ctx context.Context, s *settings, out io.Writer, ready func(*sandboxFile)) error {
	if err := s.check(); err != nil {
		return err
	}
	log := s.logger()
	// The ports first: a second start by mistake must end here, before it touches any data.
	on, err := openPorts(ctx, s)
	if err != nil {
		return err
	}
	defer on.close()
	tracer, closeTracer, err := observe.TracerFromEnvironment(ctx, log)
	if err != nil {
		return err
	}
	defer sendTraces(closeTracer, log)
	s.tracer = tracer.SQL()
	pool, closeDatabase, err := openDatabase(ctx, s.database, s.Environment, log)
	if err != nil {
		return err
	}
	defer closeDatabase()
	if err := assembly.Claim(ctx, pool, s.Environment, time.Now()); err != nil {
		return err
	}
	keys, err := loadKeys(ctx, s, pool, log)
	if err != nil {
		return err
	}
	defer renewOnHangup(ctx, keys, func() (*crypto.Keyset, error) { return readKeyset(ctx, s, pool, log) }, log)()
	screening, err := s.screening()
	if err != nil {
		return err
	}
	rails, err := s.rails()
	if err != nil {
		return err
	}
	server, err := assembly.New(assembly.Config{
		Pool: pool, Keys: keys, Clock: time.Now, Log: log, Environment: s.Environment, KeepHeld: s.HitFunds == "keep_held",
		Lists: screening.required, ListMaxAge: s.ScreeningMaxAge, ListRefresh: screening.refresh, ListSources: screening.sources,
		Tracer:       tracer,
		ReviewWithin: s.ReviewWithin, Scanner: s.Clamd,
		RiskModel: s.riskModel(), Release: s.ScreeningRelease,
		FxSource: s.fxSource(), FxMaxAge: s.FxMaxAge, FxMarkupBps: s.FxMarkup, Rails: rails,
	})
	if err != nil {
		return err
	}
	var sandbox *sandboxFile
	if s.Environment == "test" {
		if err := server.TakeSampleRates(ctx); err != nil {
			return err
		}
		if sandbox, err = openSandbox(ctx, s, server, on.http.Addr().String()); err != nil {
			return err
		}
	}
	return serveOn(ctx, server, on, s.drainDelay(), log, func() {
		greet(out, on, sandbox)
		if ready != nil {
			ready(sandbox)
		}
	})
}

// stopWithin is how long calls that are under way have to finish.
const stopWithin = 10 * time.Second

// sendTraces sends what is left of them, for a short while: the collector may be gone too.
func sendTraces(closeTracer func(context.Context) error, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := closeTracer(ctx); err != nil {
		log.Warn("send the last traces", slog.Any("cause", err))
	}
}

// ports are what a server listens on.
type ports struct{ http, grpc, admin net.Listener }

// openPorts takes all of a server's ports or none.
func openPorts(ctx context.Context, s *settings) (on ports, err error) {
	defer func() {
		if err != nil {
			on.close()
		}
	}()
	if on.http, err = listen(ctx, s.HTTPAddr, "--http-addr (ANTON_HTTP_ADDR)"); err != nil {
		return on, err
	}
	if on.grpc, err = listen(ctx, s.GRPCAddr, "--grpc-addr (ANTON_GRPC_ADDR)"); err != nil {
		return on, err
	}
	on.admin, err = listen(ctx, s.AdminAddr, "--admin-addr (ANTON_ADMIN_ADDR)")
	return on, err
}

func (on ports) close() {
	for _, port := range []net.Listener{on.http, on.grpc, on.admin} {
		if port != nil {
			_ = port.Close()
		}
	}
}

// serveOn serves on the listeners until ctx ends, is unready for the time of drain, then finishes what is under way and takes nothing new.
func serveOn(ctx context.Context, server *assembly.Server, on ports, drain time.Duration, log *slog.Logger, ready func()) error {
	rest := &http.Server{
		Handler:           server.HTTP,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	// The admin's port answers longest: one can see the server drain. A profile may take as long as whoever asked for it wants.
	admin := &http.Server{Handler: server.Admin, ReadHeaderTimeout: 10 * time.Second, ErrorLog: rest.ErrorLog}
	failed := make(chan error, 3)
	var serving, working sync.WaitGroup
	serving.Go(func() {
		if err := admin.Serve(on.admin); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve the admin's address: %w", err)
		}
	})
	serving.Go(func() {
		if err := rest.Serve(on.http); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve REST: %w", err)
		}
	})
	serving.Go(func() {
		if err := server.GRPC.Serve(on.grpc); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			failed <- fmt.Errorf("serve gRPC: %w", err)
		}
	})
	// The worker finds the lists there: its first payouts need not wait for the first look.
	if err := server.Sanctions.RunOnce(ctx); err != nil {
		log.Error("look which sanctions lists are in force", slog.Any("cause", err))
	}
	workerCtx, stopWorker := context.WithCancel(context.Background())
	for _, work := range []func(context.Context){
		server.Worker.Run, server.Balances.Run, server.Sequencer.Run, server.Deliverer.Run, server.Sealer.Run, server.Checker.Run,
		server.KeyUses.Run, server.Watcher.Run, server.Ready.Run, server.Sanctions.Run, server.Filler.Run, server.Pruner.Run, server.Folder.Run, server.Tallier.Run,
		server.RfiAlarm.Run, server.Rescreen.Run, server.SelfTest.Run, server.Batches.Run, server.Rails.Run, server.RailClerk.Run,
	} {
		working.Go(func() { work(workerCtx) })
	}
	if server.Refresher != nil {
		working.Go(func() { server.Refresher.Run(workerCtx) })
	}
	if server.Rates != nil {
		working.Go(func() { server.Rates.Run(workerCtx) })
	}
	ready()

	var err error
	select {
	case <-ctx.Done():
		server.Leave()
		log.Info("stopping: unready, and finishing what is under way", slog.Duration("drain", drain))
		err = waitFor(drain, failed)
	case err = <-failed:
		server.Leave()
	}
	server.EndStreams()
	grace, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if stopErr := rest.Shutdown(grace); stopErr != nil {
		_ = rest.Close()
	}
	stopGRPC(grace, server.GRPC)
	stopWorker()
	working.Wait()
	_ = admin.Close()
	serving.Wait()
	return err
}

// waitFor waits, unless something fails meanwhile.
func waitFor(drain time.Duration, failed <-chan error) error {
	select {
	case <-time.After(drain):
		return nil
	case err := <-failed:
		return err
	}
}

func stopGRPC(ctx context.Context, s *grpc.Server) {
	done := make(chan struct{})
	go func() { s.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.Stop()
	}
}

func listen(ctx context.Context, addr, setting string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken: stop what listens there, or choose another address with %s", addr, setting)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s, see %s: %w", addr, setting, err)
	}
	return l, nil
}
