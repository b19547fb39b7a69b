// Package crypto keeps what must not be readable in the database: personal data and stored responses encrypted, accounts and persons
// as fingerprints. Every ciphertext is bound to the place it was made for, so that it cannot be moved to another row or merchant.
//
// The algorithms are Tink's (AES-256-GCM and HMAC-SHA-256); the keysets are ours to keep.
package crypto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keys encrypts, decrypts and fingerprints. It is safe for concurrent use.
type Keys struct {
	// Sandbox says that the keys were made for a sandbox, which keeps them beside its data: they were never secret.
	Sandbox bool

	now atomic.Pointer[material] // replaced as a whole by Renew
}

// material is a keyset ready to be used.
type material struct {
	box     tink.AEAD
	prints  *prf.Set
	primary uint32
	known   map[uint32]bool
}

// Generate makes new keys, in the form that Load reads. It is secret.
func Generate() ([]byte, error) { return generate(false) }

// GenerateSandbox makes new keys that are marked as a sandbox's, so that no live server takes them.
func GenerateSandbox() ([]byte, error) { return generate(true) }

func generate(sandbox bool) ([]byte, error) {
	k, err := NewKeyset(sandbox)
	if err != nil {
		return nil, err
	}
	return k.Text(nil)
}

// Load reads what Generate made.
func Load(text []byte) (*Keys, error) {
	k, err := ReadKeyset(text, nil)
	if err != nil {
		return nil, err
	}
	return k.Keys()
}

// Keys makes the keyset ready to be used.
func (k *Keyset) Keys() (*Keys, error) {
	m, err := k.material()
	if err != nil {
		return nil, err
	}
	keys := &Keys{Sandbox: k.Sandbox}
	keys.now.Store(m)
	return keys, nil
}

func (k *Keyset) material() (*material, error) {
	box, err := aead.New(k.encryption)
	if err != nil {
		return nil, fmt.Errorf("read the encryption keys: %w", err)
	}
	prints, err := prf.NewPRFSet(k.fingerprints)
	if err != nil {
		return nil, fmt.Errorf("read the fingerprint keys: %w", err)
	}
	m := &material{box: box, prints: prints, known: map[uint32]bool{}}
	for _, key := range k.List() {
		m.known[key.ID] = true
		if key.Primary {
			m.primary = key.ID
		}
	}
	return m, nil
}

// Renew has the keys be those of the keyset from now on. It refuses a keyset with other fingerprint keys: that one belongs to other
// data, and the keys stay as they were.
func (k *Keys) Renew(from *Keyset) error {
	next, err := from.Keys()
	if err != nil {
		return err
	}
	was, err := k.Mark()
	if err != nil {
		return err
	}
	is, err := next.Mark()
	if err != nil {
		return err
	}
	if string(was) != string(is) || k.Sandbox != next.Sandbox {
		return errors.New("the keyset is another one, not a later form of the one in use")
	}
	k.now.Store(next.now.Load())
	return nil
}

// Primary is the id of the key that encrypts.
func (k *Keys) Primary() uint32 { return k.now.Load().primary }

// Knows says whether the keys can decrypt what the key of this id encrypted.
func (k *Keys) Knows(id uint32) bool { return k.now.Load().known[id] }

// A Place is where a ciphertext belongs: the merchant, the object, the column. Data sealed for one place does not open in another.
type Place struct {
	Merchant, Object, Field string
}

func (p Place) bytes() []byte {
	return []byte(p.Merchant + "\x00" + p.Object + "\x00" + p.Field)
}

// Seal encrypts data for the place.
func (k *Keys) Seal(place Place, data []byte) ([]byte, error) {
	sealed, err := k.now.Load().box.Encrypt(data, place.bytes())
	if err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", place.Field, err)
	}
	return sealed, nil
}

// ErrSealed says that a ciphertext does not open: it was made with other keys or for another place.
var ErrSealed = errors.New("the data does not open with these keys")

// ErrUnknownKey says that a ciphertext was made with a key that is not among these: this server's keyset is older, or another one.
var ErrUnknownKey = errors.New("this keyset does not have the key: give every server the newest keyset")

// Open decrypts what was sealed for the place.
func (k *Keys) Open(place Place, sealed []byte) ([]byte, error) {
	now := k.now.Load()
	data, err := now.box.Decrypt(sealed, place.bytes())
	if err == nil {
		return data, nil
	}
	if id, ok := KeyOf(sealed); ok && !now.known[id] {
		return nil, fmt.Errorf("decrypt %s of key %d: %w", place.Field, id, ErrUnknownKey)
	}
	return nil, fmt.Errorf("decrypt %s: %w", place.Field, ErrSealed)
}

// PrefixSize is how many bytes of a ciphertext say which key made it: a 1, then the key's id with its highest byte first. It is
// Tink's own form (https://developers.google.com/tink/wire-format#tink_output_prefix).
const PrefixSize = 5

// KeyOf gives the id of the key that made the ciphertext; ok is false for what is no ciphertext of ours.
func KeyOf(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < PrefixSize || sealed[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:PrefixSize]), true
}

// PrefixOf is how the ciphertexts of a key begin.
func PrefixOf(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{1}, id) }

// Fingerprint gives 32 bytes that are the same for the same text and say nothing about it to whoever lacks the keys.
func (k *Keys) Fingerprint(kind, text string) ([]byte, error) {
	sum, err := k.now.Load().prints.ComputePrimaryPRF([]byte(kind+"\x00"+text), 32)
	if err != nil {
		return nil, fmt.Errorf("fingerprint %s: %w", kind, err)
	}
	return sum, nil
}

// Mark tells a keyset from every other one, for as long as it lives: rotations do not change the fingerprint keys it is made with. It
// is not secret.
func (k *Keys) Mark() ([]byte, error) { return k.Fingerprint("keyset", "mark") }
