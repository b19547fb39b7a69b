package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A fileLock is a flock(2): the kernel drops it when its holder dies, however it
// dies, so no lock is ever left behind.
type fileLock struct{ file *os.File }

const (
	shared    = syscall.LOCK_SH
	exclusive = syscall.LOCK_EX
)

// lockFile opens path, creating it, and waits for the lock until ctx ends.
func lockFile(ctx context.Context, path string, how int) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err // says what and where already
	}
	for {
		err := flock(f, how)
		if err == nil {
			return &fileLock{f}, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close() // what failed before says more
			return nil, fmt.Errorf("lock %s: %w (its file system must support flock)", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close() // what failed before says more
			return nil, fmt.Errorf("wait for the lock %s, which another process holds: %w", path, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// tryExclusive turns our shared lock into an exclusive one when nobody else
// shares it. When somebody does, our share may be gone: the caller is leaving.
func (l *fileLock) tryExclusive() (bool, error) {
	err := flock(l.file, exclusive)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// release gives the lock up. The file stays: removing it would let two processes
// hold "the same" lock on two files.
func (l *fileLock) release() { _ = l.file.Close() }

// lockFileAloud takes an exclusive lock and says what it waits for when that
// takes long enough to be noticed.
func lockFileAloud(ctx context.Context, path string, log *slog.Logger, waitingFor string) (*fileLock, error) {
	slow := time.AfterFunc(2*time.Second, func() { log.Info(waitingFor, "lock", path) })
	defer slow.Stop()
	return lockFile(ctx, path, exclusive)
}

// takeTurn waits until no other process starts or stops the cluster of o.Dir.
func takeTurn(ctx context.Context, o Options) (*fileLock, error) {
	turn, err := lockFileAloud(ctx, filepath.Join(o.Dir, "start.lock"), o.Log,
		"waiting for another process that is starting or stopping this PostgreSQL…")
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the data directory is not ours to write in (%w): run the server as its owner, or choose another directory", err)
	}
	return turn, err
}
