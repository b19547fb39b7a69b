package files

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/unit"
)

// A Dispatcher does the rails' work by the clock: it cuts files, delivers them, and takes what banks bring to the directories. Any number
// may run, on any number of servers; those that bring and fetch files must share the rails' directories.
type Dispatcher struct {
	Rails []*Rail
	Log   *slog.Logger
}

const (
	// turnEvery is how often the rails are looked at.
	turnEvery = 5 * time.Second
	// quietFor is how long nobody may have written into a file before it is taken: a bank's program may be at it still.
	quietFor = time.Minute
)

// Run works until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		if err := d.RunOnce(context.WithoutCancel(ctx)); err != nil && ctx.Err() == nil {
			d.Log.Error("work on the rails' files", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce does everything that is due now. A rail that fails keeps no other from its work.
func (d *Dispatcher) RunOnce(ctx context.Context) error {
	var failed error
	for _, r := range d.Rails {
		for _, work := range []func(context.Context) (int, error){r.Cut, r.Deliver, r.Collect} {
			_, err := work(ctx)
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Collect takes the files that the bank brought, and returns how many. One that was taken before is put away again, because we may have
// stopped between both; one that cannot be read is put aside for a person, and logged.
func (r *Rail) Collect(ctx context.Context) (taken int, err error) {
	names, err := r.Store.waiting()
	if err != nil {
		return 0, fmt.Errorf("look for files of the bank's: %w", err)
	}
	var failed error
	for _, name := range names {
		content, quiet, err := r.Store.read(name)
		if err != nil || !quiet {
			failed = errors.Join(failed, err)
			continue
		}
		err = r.Runner.Do(ctx, unit.Who{Actor: r.actor()}, true, func(ctx context.Context, u *unit.Unit) error {
			_, err := r.Take(ctx, u, name, content)
			return err
		})
		to := archiveDir
		if refused, ok := errors.AsType[*apierr.Error](err); ok && refused.Code != antonv1.ErrorCode_internal {
			if refused.Code != antonv1.ErrorCode_state_conflict {
				to = refusedDir
				r.Log.Error("a file of the bank's was refused", slog.String("rail", r.Name()), slog.String("file", name), slog.Any("cause", err))
			}
		} else if err != nil {
			failed = errors.Join(failed, fmt.Errorf("take %s: %w", name, err))
			continue
		} else {
			taken++
		}
		failed = errors.Join(failed, r.Store.putAway(name, to))
	}
	return taken, failed
}

// read gives a file that the bank brought, and whether it has been quiet for a while. One that is larger than any file may be is not read
// to its end.
func (s *Store) read(name string) (content []byte, quiet bool, err error) {
	info, err := os.Lstat(s.path(inDir, name))
	if err != nil || time.Since(info.ModTime()) < quietFor {
		return nil, false, err
	}
	if info.Size() > MaxFile {
		return make([]byte, MaxFile+1), true, nil
	}
	content, err = os.ReadFile(s.path(inDir, name))
	return content, true, err
}
