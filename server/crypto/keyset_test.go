package crypto

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func newKeyset(t testing.TB) *Keyset {
	t.Helper()
	k, err := NewKeyset(false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keysOf(t testing.TB, k *Keyset) *Keys {
	t.Helper()
	keys, err := k.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

var home = Place{"mer_a", "ins_1", "instruments.details"}

func TestAKeyIsStagedPromotedAndRetired(t *testing.T) {
	t.Parallel()
	k := newKeyset(t)
	old := k.Primary()
	before := keysOf(t, k)
	mark := must[[]byte](t)(before.Mark())
	sealedOld := must[[]byte](t)(before.Seal(home, []byte("old")))

	fresh := must[uint32](t)(k.Stage())
	staged := keysOf(t, k)
	if id, ok := KeyOf(must[[]byte](t)(staged.Seal(home, []byte("x")))); !ok || id != old {
		t.Errorf("a staged key encrypts: %d, the primary is %d", id, old)
	}
	if err := k.Promote(fresh); err != nil {
		t.Fatal(err)
	}
	after := keysOf(t, k)
	sealedNew := must[[]byte](t)(after.Seal(home, []byte("new")))
	if id, _ := KeyOf(sealedNew); id != fresh || !bytes.HasPrefix(sealedNew, PrefixOf(fresh)) {
		t.Errorf("the promoted key does not encrypt: %d", id)
	}
	for name, c := range map[string]struct {
		keys   *Keys
		sealed []byte
	}{"old data after": {after, sealedOld}, "new data in a server that only has it staged": {staged, sealedNew}} {
		if _, err := c.keys.Open(home, c.sealed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := before.Open(home, sealedNew); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a server that lacks the key says %v", err)
	}
	if err := k.Retire(fresh); err == nil || !strings.Contains(err.Error(), "primary") {
		t.Errorf("the primary was retired: %v", err)
	}
	if err := k.Retire(old); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Promote(old), k.Retire(old)); err == nil || strings.Count(err.Error(), "has no key") != 2 {
		t.Errorf("a retired key: %v", err)
	}
	if _, err := keysOf(t, k).Open(home, sealedOld); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("retired: %v", err)
	}
	if !bytes.Equal(mark, must[[]byte](t)(keysOf(t, k).Mark())) {
		t.Error("a rotation changed the fingerprints")
	}

	if err := before.Renew(k); err != nil || before.Primary() != fresh || before.Knows(old) {
		t.Errorf("renewed: %v, primary %d", err, before.Primary())
	}
	if err := before.Renew(newKeyset(t)); err == nil || before.Primary() != fresh {
		t.Errorf("another keyset was taken: %v", err)
	}
}

func TestAFileIsWrittenOnceAndChangedInOneStep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := File{Path: filepath.Join(dir, "keyset.json")}
	k := newKeyset(t)
	if err := file.Create(k); err != nil {
		t.Fatal(err)
	}
	if err := file.Create(newKeyset(t)); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("the file was overwritten: %v", err)
	}
	info := must[os.FileInfo](t)(os.Stat(file.Path))
	if info.Mode().Perm() != 0o600 || must[bool](t)(file.Exposed()) {
		t.Errorf("the file is open to others: %v", info.Mode())
	}
	link := File{Path: filepath.Join(dir, "link.json")}
	if err := os.Symlink("keyset.json", link.Path); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 { // changes at once, half of them by another name, lose none
		group.Go(func() {
			if err := []File{file, link}[i%2].Replace(func(k *Keyset) error { _, err := k.Stage(); return err }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if is := must[*Keyset](t)(file.Read()); len(is.List()) != 9 || is.Primary() != k.Primary() {
		t.Errorf("after eight rotations: %v", is.List())
	}
	refused := errors.New("refused")
	was := must[[]byte](t)(os.ReadFile(file.Path))
	if err := file.Replace(func(k *Keyset) error { return errors.Join(k.Retire(k.List()[1].ID), refused) }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if !bytes.Equal(was, must[[]byte](t)(os.ReadFile(file.Path))) {
		t.Error("a refused change was written")
	}
	if left := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(left) != 2 {
		t.Errorf("something is left behind: %v", left)
	}
	if err := os.Chmod(file.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if !must[bool](t)(file.Exposed()) {
		t.Error("an open file is not noticed")
	}
}

func TestWhatIsNoKeysetIsRefusedInASentence(t *testing.T) {
	t.Parallel()
	whole := must[[]byte](t)(newKeyset(t).Text(nil))
	for name, text := range map[string]string{
		"nothing": "", "half": string(whole[:len(whole)/2]), "JSON of another kind": `{"a":1}`, "two": string(whole) + string(whole),
		"no keys": `{"encryption":{},"fingerprints":{}}`, "an empty part": `{"encryption":{"primaryKeyId":1,"key":[]},"fingerprints":{}}`,
	} {
		_, err := ReadKeyset([]byte(text), nil)
		if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 100 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (File{Path: filepath.Join(t.TempDir(), "none")}).Read(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// FuzzReadKeyset: whatever is read is whole, and comes back as it was written.
func FuzzReadKeyset(f *testing.F) {
	whole := must[[]byte](f)(newKeyset(f).Text(nil))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"encryption":{},"fingerprints":{}}`))
	f.Add([]byte(`{"sandbox":true,"encrypted_by":"hcvault://x/transit/keys/a","encryption":{"encryptedKeyset":""},"fingerprints":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ReadKeyset(text, nil)
		if err != nil {
			return
		}
		keys := keysOf(t, k)
		sealed := must[[]byte](t)(keys.Seal(home, []byte("text")))
		if id, ok := KeyOf(sealed); !ok || id != k.Primary() || !keys.Knows(id) {
			t.Fatalf("key %d of %v made %x", id, k.List(), sealed[:PrefixSize])
		}
		again := must[*Keyset](t)(ReadKeyset(must[[]byte](t)(k.Text(nil)), nil))
		if opened, err := keysOf(t, again).Open(home, sealed); err != nil || string(opened) != "text" {
			t.Fatalf("written and read again it opens %q, %v", opened, err)
		}
	})
}
