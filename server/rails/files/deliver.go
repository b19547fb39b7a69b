package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/unit"
)

// Deliver delivers the files that were cut and returns how many. Of each file the bytes are in the database, so it can be done again from
// there at any point:
//
//  1. The bytes are written, complete, to the stage. If we stop here, they are written again.
//  2. The database notes that they are staged. If we stop here, the file is delivered from the stage.
//  3. One rename delivers it. If we stop here, it is no longer on the stage, which says that it was delivered: the bank may have fetched it
//     already, and it must not get it again.
//  4. The database notes that it was delivered.
//
// The file's row is locked meanwhile, so that two servers never deliver it together. Both steps write to a local disk, which is why they
// may be part of a transaction; a bank is never called here.
func (r *Rail) Deliver(ctx context.Context) (delivered int, err error) {
	waiting, err := db.New(r.Runner.Pool).RailFilesUndelivered(ctx, r.Name())
	if err != nil {
		return 0, fmt.Errorf("look for files to deliver: %w", err)
	}
	var failed error
	for _, id := range waiting {
		if ctx.Err() != nil {
			break
		}
		// A file that cannot be delivered keeps no other from its bank.
		err := r.step(ctx, id, r.stage)
		if err == nil {
			err = r.step(ctx, id, r.send)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("deliver %s: %w", id, err))
			continue
		}
		delivered++
	}
	return delivered, failed
}

// step does one step of a delivery under the lock of the file's row. Where somebody else has it, there is nothing to do.
func (r *Rail) step(ctx context.Context, id string, do func(context.Context, *unit.Unit, db.RailFile, []byte) error) error {
	return r.Runner.Do(ctx, unit.Who{Actor: r.actor()}, false, func(ctx context.Context, u *unit.Unit) error {
		file, err := u.Read().RailFileLock(ctx, r.Name(), id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("lock the file: %w", err)
		}
		content, err := r.Content(ctx, u.Read(), id)
		if err != nil {
			return err
		}
		return do(ctx, u, file, content)
	})
}

func (r *Rail) stage(ctx context.Context, u *unit.Unit, file db.RailFile, content []byte) error {
	if file.StagedAt != nil {
		return nil
	}
	if err := r.Store.stage(file.Name, content); err != nil {
		return err
	}
	return u.Queue(unit.Rows).RailFileStaged(ctx, db.RailFileStagedParams{Rail: file.Rail, ID: file.ID, At: &u.Now})
}

func (r *Rail) send(ctx context.Context, u *unit.Unit, file db.RailFile, content []byte) error {
	if file.StagedAt == nil || file.DeliveredAt != nil {
		return nil
	}
	if err := r.Store.deliver(file.Name, content); err != nil {
		return err
	}
	if err := u.Queue(unit.Rows).RailFileDelivered(ctx, db.RailFileDeliveredParams{Rail: file.Rail, ID: file.ID, At: &u.Now}); err != nil {
		return err
	}
	return audit.Record(ctx, u, audit.Row{Action: "rail_file.delivered", Object: file.ID, Detail: map[string]string{
		"rail": file.Rail, "name": file.Name,
	}})
}
