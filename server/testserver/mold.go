package testserver

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	migrations "github.com/antonpayments/anton/sql"
)

// A mold is the data of a stopped cluster that has the template, in the user's cache. Every package's tests have a cluster of their own:
// to copy it takes a twentieth of a second, to create and migrate it two. A mold that is missing, or removed, is made anew.
type mold struct {
	dir  string
	lock *os.File // held while it is looked at or made, so that packages that start at once make one
}

// keepMolds is how long molds of other migrations are kept, which another checkout may use.
const keepMolds = 24 * time.Hour

func openMold() (*mold, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	key, err := moldKey()
	if err != nil {
		return nil, err
	}
	molds := filepath.Join(cache, "anton", "test-clusters")
	if err := os.MkdirAll(molds, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.Create(filepath.Join(molds, "lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &mold{filepath.Join(molds, key), lock}, nil
}

func (m *mold) close() { _ = m.lock.Close() }

// moldKey names what a mold is made of.
func moldKey() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(migrations.Migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.Migrations, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), err
}

// pour fills the directory of a cluster that there is not yet, and says whether there was a mold.
func (m *mold) pour(dir string) (bool, error) {
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	now := time.Now()
	if err := os.Chtimes(m.dir, now, now); err != nil {
		return false, err
	}
	return true, copyData(m.dir, filepath.Join(dir, "pg"))
}

// keep makes the mold of a cluster that is stopped. Where the data are not in its directory there is none to make.
func (m *mold) keep(dir string) error {
	data := filepath.Join(dir, "pg")
	if _, err := os.Stat(data); err != nil {
		return nil //nolint:nilerr // it lives elsewhere
	}
	others, _ := filepath.Glob(filepath.Join(filepath.Dir(m.dir), "*", "PG_VERSION"))
	for _, other := range others {
		old := filepath.Dir(other)
		if info, err := os.Stat(old); err == nil && time.Since(info.ModTime()) > keepMolds {
			_ = os.RemoveAll(old)
		}
	}
	unfinished := m.dir + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := copyData(data, unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, m.dir)
}

// copyData copies a cluster's data, which PostgreSQL uses only where they are closed to others.
func copyData(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.Chmod(to, 0o700) //nolint:gosec // a directory
}
