package crypto

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A File is where a keyset is kept outside the database. KMS encrypts it; nil keeps it in the clear.
type File struct {
	Path string
	KMS  *KMSKey
}

// Read reads the keyset.
func (f File) Read() (*Keyset, error) {
	text, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, fmt.Errorf("read the keyset: %w", err)
	}
	k, err := ReadKeyset(text, f.KMS)
	if err != nil {
		return nil, fmt.Errorf("read the keyset in %s: %w", f.Path, err)
	}
	return k, nil
}

// Exposed says that users who are neither the file's owner nor in its group can read the keys. An encrypted file exposes none.
func (f File) Exposed() (bool, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return false, fmt.Errorf("read the keyset: %w", err)
	}
	return f.KMS == nil && info.Mode().Perm()&0o004 != 0, nil
}

// Create writes a keyset to a file that must not exist yet: to overwrite a keyset is to lose all data.
func (f File) Create(k *Keyset) error {
	text, err := k.Text(f.KMS)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(f.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and a keyset is never overwritten: whatever it encrypted would be lost", f.Path)
	}
	if err != nil {
		return fmt.Errorf("write the keyset: %w", err)
	}
	_, err = out.Write(text)
	if err := errors.Join(err, out.Sync(), out.Close(), syncDir(filepath.Dir(f.Path))); err != nil {
		return errors.Join(fmt.Errorf("write the keyset: %w", err), os.Remove(f.Path))
	}
	return nil
}

// Replace changes the keyset in one step: whoever reads the file meanwhile, and whoever finds it after a crash, has the old one or the
// new one. Two changes at once follow each other. The file keeps its owner and its rights.
func (f File) Replace(change func(*Keyset) error) error {
	path, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		return fmt.Errorf("read the keyset: %w", err)
	}
	held, err := holdFile(path)
	if err != nil {
		return err
	}
	defer held.Close()
	k, err := f.Read()
	if err != nil {
		return err
	}
	if err := change(k); err != nil {
		return err
	}
	text, err := k.Text(f.KMS)
	if err != nil {
		return err
	}
	info, err := held.Stat()
	if err != nil {
		return fmt.Errorf("write the keyset: %w", err)
	}
	if err := writeOver(path, text, info); err != nil {
		return fmt.Errorf("write the keyset: %w", err)
	}
	return nil
}

// holdFile opens the file and keeps other changes away until it is closed.
func holdFile(path string) (*os.File, error) {
	for {
		held, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the keyset: %w", err)
		}
		if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("lock the keyset: %w", err), held.Close())
		}
		// While we waited, the file may have been replaced: then what we hold is the old one.
		ours, err := held.Stat()
		now, pathErr := os.Stat(path)
		if err := errors.Join(err, pathErr); err != nil {
			return nil, errors.Join(fmt.Errorf("read the keyset: %w", err), held.Close())
		}
		if os.SameFile(ours, now) {
			return held, nil
		}
		_ = held.Close() // nothing was written
	}
}

func writeOver(path string, text []byte, like fs.FileInfo) error {
	out, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if owner, ok := like.Sys().(*syscall.Stat_t); ok && err == nil && int(owner.Uid) != os.Geteuid() {
		err = out.Chown(int(owner.Uid), int(owner.Gid)) // root rotates what the server's user reads
	}
	err = errors.Join(err, out.Chmod(like.Mode().Perm()), out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory survive a loss of power.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
