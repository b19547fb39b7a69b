package crypto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// A Keyset is the keys as they are kept: those that encrypt, of which one is the primary and makes every new ciphertext while the
// others only read, and the one that fingerprints, which never changes (docs/decisions/0016).
type Keyset struct {
	Sandbox                  bool
	encryption, fingerprints *keyset.Handle
}

// A Key is one encryption key of a keyset. Its id is not secret.
type Key struct {
	ID      uint32
	Primary bool
}

// stored is the form of a keyset outside the process: two Tink keysets in Tink's JSON. EncryptedBy names the KMS key that encrypted
// them; they are in the clear when it is empty.
type stored struct {
	Sandbox      bool            `json:"sandbox,omitempty"`
	EncryptedBy  string          `json:"encrypted_by,omitempty"`
	Encryption   json.RawMessage `json:"encryption"`
	Fingerprints json.RawMessage `json:"fingerprints"`
}

// NewKeyset makes a keyset with one encryption key.
func NewKeyset(sandbox bool) (*Keyset, error) {
	encryption, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate an encryption key: %w", err)
	}
	fingerprints, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate a fingerprint key: %w", err)
	}
	return &Keyset{Sandbox: sandbox, encryption: encryption, fingerprints: fingerprints}, nil
}

// ReadKeyset reads what Text wrote, with the same KMS key or with none. Its errors hold nothing of the keys.
func ReadKeyset(text []byte, kms *KMSKey) (*Keyset, error) {
	var s stored
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil || decoder.More() || len(s.Encryption) == 0 || len(s.Fingerprints) == 0 {
		return nil, errors.New("it is no keyset, or not a whole one")
	}
	switch {
	case s.EncryptedBy != "" && kms == nil:
		return nil, fmt.Errorf("it is encrypted: set ANTON_KEYSET_KMS_URI, which was %s when it was written", s.EncryptedBy)
	case s.EncryptedBy == "" && kms != nil:
		return nil, errors.New("it is not encrypted, and ANTON_KEYSET_KMS_URI says that it is")
	}
	k := &Keyset{Sandbox: s.Sandbox}
	var err error
	if k.encryption, err = readPart(s.Encryption, kms, "encryption"); err != nil {
		return nil, err
	}
	if k.fingerprints, err = readPart(s.Fingerprints, kms, "fingerprints"); err != nil {
		return nil, err
	}
	if err := k.check(); err != nil {
		return nil, err
	}
	return k, nil
}

// check refuses keys of another kind than ours: which key made a ciphertext must be readable in it.
func (k *Keyset) check() error {
	for _, key := range k.encryption.KeysetInfo().GetKeyInfo() {
		if key.GetOutputPrefixType() != tinkpb.OutputPrefixType_TINK {
			return fmt.Errorf("its key %d has no prefix of Tink", key.GetKeyId())
		}
	}
	_, err := k.material()
	return err
}

func readPart(text json.RawMessage, kms *KMSKey, part string) (*keyset.Handle, error) {
	reader := keyset.NewJSONReader(bytes.NewReader(text))
	if kms == nil {
		handle, err := insecurecleartextkeyset.Read(reader)
		if err != nil {
			return nil, fmt.Errorf("its part %s is not whole", part)
		}
		return handle, nil
	}
	handle, err := keyset.ReadWithAssociatedData(reader, kms.aead, []byte("anton keyset "+part))
	if err != nil {
		return nil, fmt.Errorf("decrypt its part %s with %s: %s", part, kms.URI, oneLine(err))
	}
	return handle, nil
}

// Text writes the keyset, encrypted by the KMS key when there is one. Without one it is secret.
func (k *Keyset) Text(kms *KMSKey) ([]byte, error) {
	s := stored{Sandbox: k.Sandbox}
	if kms != nil {
		s.EncryptedBy = kms.URI
	}
	var err error
	if s.Encryption, err = writePart(k.encryption, kms, "encryption"); err != nil {
		return nil, err
	}
	if s.Fingerprints, err = writePart(k.fingerprints, kms, "fingerprints"); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

func writePart(handle *keyset.Handle, kms *KMSKey, part string) (json.RawMessage, error) {
	var text bytes.Buffer
	writer := keyset.NewJSONWriter(&text)
	if kms == nil {
		if err := insecurecleartextkeyset.Write(handle, writer); err != nil {
			return nil, fmt.Errorf("write a keyset: %w", err)
		}
		return text.Bytes(), nil
	}
	if err := handle.WriteWithAssociatedData(writer, kms.aead, []byte("anton keyset "+part)); err != nil {
		return nil, fmt.Errorf("encrypt the keyset with %s: %s", kms.URI, oneLine(err))
	}
	return text.Bytes(), nil
}

// List gives the encryption keys, oldest first.
func (k *Keyset) List() []Key {
	info := k.encryption.KeysetInfo()
	var keys []Key
	for _, key := range info.GetKeyInfo() {
		keys = append(keys, Key{ID: key.GetKeyId(), Primary: key.GetKeyId() == info.GetPrimaryKeyId()})
	}
	return keys
}

// Primary is the id of the key that encrypts.
func (k *Keyset) Primary() uint32 { return k.encryption.KeysetInfo().GetPrimaryKeyId() }

// Stage adds a new encryption key that only reads until it is promoted, so that every server can have it before the first one uses it.
func (k *Keyset) Stage() (id uint32, err error) {
	return id, k.change(func(m *keyset.Manager) (err error) {
		id, err = m.Add(aead.AES256GCMKeyTemplate())
		return err
	})
}

// Promote makes the key the one that encrypts.
func (k *Keyset) Promote(id uint32) error {
	if err := k.has(id); err != nil {
		return err
	}
	return k.change(func(m *keyset.Manager) error { return m.SetPrimary(id) })
}

// Retire removes the key for good. What it encrypted can no longer be read: whoever calls has looked that there is nothing.
func (k *Keyset) Retire(id uint32) error {
	if err := k.has(id); err != nil {
		return err
	}
	if id == k.Primary() {
		return fmt.Errorf("key %d is the primary: it encrypts everything new", id)
	}
	return k.change(func(m *keyset.Manager) error { return m.Delete(id) })
}

func (k *Keyset) has(id uint32) error {
	if !slices.ContainsFunc(k.List(), func(key Key) bool { return key.ID == id }) {
		return fmt.Errorf("the keyset has no key %d", id)
	}
	return nil
}

func (k *Keyset) change(by func(*keyset.Manager) error) error {
	manager := keyset.NewManagerFromHandle(k.encryption)
	if err := by(manager); err != nil {
		return fmt.Errorf("change the keyset: %w", err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return fmt.Errorf("change the keyset: %w", err)
	}
	k.encryption = handle
	return nil
}
