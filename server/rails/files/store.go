package files

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Store is the directory of one rail. A bank's program fetches from out/ and brings to in/; how it does is no concern of ours, and what
// it does with a file that it fetched neither.
//
//	staged/   complete files that are about to be delivered; nobody but us looks here
//	out/      files for the bank
//	in/       files of the bank's
//	archive/  files of the bank's that were taken
//	refused/  files of the bank's that could not be read, for a person to look at
type Store struct{ dir string }

// The directories of a store.
const (
	stagedDir  = "staged"
	outDir     = "out"
	inDir      = "in"
	archiveDir = "archive"
	refusedDir = "refused"
)

// OpenStore makes the directories where they are missing, for us alone. All must lie on one file system: what delivers a file is a rename.
func OpenStore(dir string) (*Store, error) {
	for _, sub := range []string{stagedDir, outDir, inDir, archiveDir, refusedDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of a rail's files: %w", err)
		}
	}
	s := &Store{dir}
	return s, s.sweep()
}

// sweep removes what writers that died left on the stage: it holds account numbers. What is younger than an hour may have a writer yet.
func (s *Store) sweep() error {
	left, err := filepath.Glob(s.path(stagedDir, writing+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		info, err := os.Lstat(path)
		if err != nil || time.Since(info.ModTime()) < time.Hour {
			continue // somebody else swept it, or writes it
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what is left of a file: %w", err)
		}
	}
	return nil
}

// writing is how the names of files begin that are being written.
const writing = ".writing-"

func (s *Store) path(sub, name string) string { return filepath.Join(s.dir, sub, name) }

// stage writes a file, whole and durable, where Deliver will find it. What was left there by an attempt that failed is replaced.
func (s *Store) stage(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Join(s.dir, stagedDir), writing+"*") // made for us alone
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(stagedDir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return s.sync(stagedDir)
}

// ErrOtherContent says that a file of the name lies there and is another one.
var ErrOtherContent = errors.New("a file of this name is there already, with other content")

// deliver moves a staged file to where the bank fetches it, and does nothing where that happened before: a file leaves the stage once. A
// name that is taken by something else is never written over.
func (s *Store) deliver(name string, content []byte) error {
	switch there, err := os.ReadFile(s.path(outDir, name)); {
	case err == nil && !bytes.Equal(there, content):
		return fmt.Errorf("%s: %w", s.path(outDir, name), ErrOtherContent)
	case err == nil:
		// Delivered, and not recorded: or somebody put it there by hand. Either way the bank has it, and must not get it again.
		if err := os.Remove(s.path(stagedDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return s.sync(stagedDir)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	// No longer staged and not there: it was delivered before, and the bank has fetched it.
	if err := os.Rename(s.path(stagedDir, name), s.path(outDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(s.sync(outDir), s.sync(stagedDir))
}

// sync makes durable which names a directory has.
func (s *Store) sync(sub string) error {
	d, err := os.Open(filepath.Join(s.dir, sub))
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// waiting are the files that the bank brought, by name. Those that a program is still writing are left: by custom their names begin with a
// dot or end in .tmp, .part or .filepart.
func (s *Store) waiting() ([]string, error) {
	all, err := os.ReadDir(filepath.Join(s.dir, inDir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range all {
		name := entry.Name()
		writing := strings.HasPrefix(name, ".")
		for _, suffix := range []string{".tmp", ".part", ".filepart"} {
			writing = writing || strings.HasSuffix(strings.ToLower(name), suffix)
		}
		if entry.Type().IsRegular() && !writing {
			names = append(names, name)
		}
	}
	return names, nil
}

// putAway moves a file that the bank brought. One of the same name that lies there already stays: the new one gets a number.
func (s *Store) putAway(name, sub string) error {
	to := name
	for i := 2; ; i++ {
		if _, err := os.Lstat(s.path(sub, to)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		to = fmt.Sprintf("%s.%d", name, i)
	}
	if err := os.Rename(s.path(inDir, name), s.path(sub, to)); err != nil {
		return err
	}
	return errors.Join(s.sync(sub), s.sync(inDir))
}
