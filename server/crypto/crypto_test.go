package crypto

import (
	"bytes"
	"errors"
	"testing"
)

func newKeys(t *testing.T) *Keys {
	t.Helper()
	text, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestSealedDataOpensOnlyInItsPlace(t *testing.T) {
	t.Parallel()
	keys, secret := newKeys(t), []byte("9876543210")
	home := Place{"mer_a", "ins_1", "instruments.details"}
	sealed, err := keys.Seal(home, secret)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, secret) {
		t.Error("the secret can be read")
	}
	if opened, err := keys.Open(home, sealed); err != nil || !bytes.Equal(opened, secret) {
		t.Errorf("opened %q, %v", opened, err)
	}
	for _, elsewhere := range []Place{
		{"mer_b", "ins_1", "instruments.details"},
		{"mer_a", "ins_2", "instruments.details"},
		{"mer_a", "ins_1", "beneficiaries.private_data"},
	} {
		if _, err := keys.Open(elsewhere, sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("opened in %v: %v", elsewhere, err)
		}
	}
	if _, err := newKeys(t).Open(home, sealed); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("opened with other keys: %v", err)
	}
}

func TestFingerprintsMeetOnlyUnderTheSameKeys(t *testing.T) {
	t.Parallel()
	keys := newKeys(t)
	fingerprint := func(k *Keys, kind, text string) string {
		print, err := k.Fingerprint(kind, text)
		if err != nil {
			t.Fatal(err)
		}
		return string(print)
	}
	one := fingerprint(keys, "account", "us_bank 021000021 9876543210")
	if one != fingerprint(keys, "account", "us_bank 021000021 9876543210") {
		t.Error("the same account has two fingerprints")
	}
	for name, other := range map[string]string{
		"another account": fingerprint(keys, "account", "us_bank 021000021 9876543211"),
		"another kind":    fingerprint(keys, "beneficiary", "us_bank 021000021 9876543210"),
		"other keys":      fingerprint(newKeys(t), "account", "us_bank 021000021 9876543210"),
	} {
		if one == other {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}
