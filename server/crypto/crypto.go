// Package crypto keeps what must not be readable in the database: personal data and stored responses encrypted, accounts and persons
// as fingerprints. Every ciphertext is bound to the place it was made for, so that it cannot be moved to another row or merchant.
//
// The algorithms are Tink's (AES-256-GCM and HMAC-SHA-256); the keysets are ours to keep.
package crypto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keys encrypts, decrypts and fingerprints. It is safe for concurrent use.
type Keys struct {
	// Sandbox says that the keys were made for a sandbox, which keeps them beside its data: they were never secret.
	Sandbox bool

	box    tink.AEAD
	prints *prf.Set
}

// stored is the form of a keyset outside the process: two Tink keysets in Tink's JSON.
type stored struct {
	Sandbox      bool            `json:"sandbox,omitempty"`
	Encryption   json.RawMessage `json:"encryption"`
	Fingerprints json.RawMessage `json:"fingerprints"`
}

// Generate makes new keys, in the form that Load reads. It is secret.
func Generate() ([]byte, error) { return generate(stored{}) }

// GenerateSandbox makes new keys that are marked as a sandbox's, so that no live server takes them.
func GenerateSandbox() ([]byte, error) { return generate(stored{Sandbox: true}) }

func generate(s stored) ([]byte, error) {
	for _, part := range []struct {
		to       *json.RawMessage
		generate func() (*keyset.Handle, error)
	}{
		{&s.Encryption, func() (*keyset.Handle, error) { return keyset.NewHandle(aead.AES256GCMKeyTemplate()) }},
		{&s.Fingerprints, func() (*keyset.Handle, error) { return keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()) }},
	} {
		handle, err := part.generate()
		if err != nil {
			return nil, fmt.Errorf("generate a keyset: %w", err)
		}
		var text bytes.Buffer
		if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
			return nil, fmt.Errorf("write a keyset: %w", err)
		}
		*part.to = bytes.Clone(text.Bytes())
	}
	return json.Marshal(s)
}

// Load reads what Generate made.
func Load(text []byte) (*Keys, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read the keyset: %w", err)
	}
	encryption, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(s.Encryption)))
	if err != nil {
		return nil, fmt.Errorf("read the encryption keys: %w", err)
	}
	box, err := aead.New(encryption)
	if err != nil {
		return nil, fmt.Errorf("read the encryption keys: %w", err)
	}
	fingerprints, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(s.Fingerprints)))
	if err != nil {
		return nil, fmt.Errorf("read the fingerprint keys: %w", err)
	}
	prints, err := prf.NewPRFSet(fingerprints)
	if err != nil {
		return nil, fmt.Errorf("read the fingerprint keys: %w", err)
	}
	return &Keys{Sandbox: s.Sandbox, box: box, prints: prints}, nil
}

// A Place is where a ciphertext belongs: the merchant, the object, the column. Data sealed for one place does not open in another.
type Place struct {
	Merchant, Object, Field string
}

func (p Place) bytes() []byte {
	return []byte(p.Merchant + "\x00" + p.Object + "\x00" + p.Field)
}

// Seal encrypts data for the place.
func (k *Keys) Seal(place Place, data []byte) ([]byte, error) {
	sealed, err := k.box.Encrypt(data, place.bytes())
	if err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", place.Field, err)
	}
	return sealed, nil
}

// ErrSealed says that a ciphertext does not open: it was made with other keys or for another place.
var ErrSealed = errors.New("the data does not open with these keys")

// Open decrypts what was sealed for the place.
func (k *Keys) Open(place Place, sealed []byte) ([]byte, error) {
	data, err := k.box.Decrypt(sealed, place.bytes())
	if err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", place.Field, ErrSealed)
	}
	return data, nil
}

// Fingerprint gives 32 bytes that are the same for the same text and say nothing about it to whoever lacks the keys.
func (k *Keys) Fingerprint(kind, text string) ([]byte, error) {
	sum, err := k.prints.ComputePrimaryPRF([]byte(kind+"\x00"+text), 32)
	if err != nil {
		return nil, fmt.Errorf("fingerprint %s: %w", kind, err)
	}
	return sum, nil
}
