package crypto

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A KMSKey is a key that never leaves its key management service; a keyset file can be encrypted by it.
type KMSKey struct {
	URI  string
	aead tink.AEAD
}

// kmsWait bounds a call to the service: a server that cannot start must say so.
const kmsWait = 20 * time.Second

// OpenKMSKey gives the key of the URI, `hcvault://vault.example.com:8200/transit/keys/anton`: a key of HashiCorp Vault's transit
// engine, or of OpenBao's, which speaks the same. It is nil for an empty URI. How to reach and convince the service is in Vault's own
// variables (VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE, https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables).
// Nothing is asked of it yet.
func OpenKMSKey(uri string) (*KMSKey, error) {
	if uri == "" {
		return nil, nil //nolint:nilnil // no URI, no key: the keyset is in the clear
	}
	place, err := url.Parse(uri)
	if err != nil || place.Scheme != "hcvault" || place.Host == "" || !strings.Contains(place.Path, "/keys/") {
		return nil, errors.New("ANTON_KEYSET_KMS_URI must look like hcvault://vault.example.com:8200/transit/keys/anton")
	}
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, fmt.Errorf("read Vault's variables: %w", config.Error)
	}
	config.Address, config.Timeout, config.MaxRetries = "https://"+place.Host, kmsWait, 1
	client, err := api.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("reach Vault: %w", err)
	}
	key, err := hcvault.NewAEAD(place.EscapedPath(), client.Logical())
	if err != nil {
		return nil, fmt.Errorf("read ANTON_KEYSET_KMS_URI: %w", err)
	}
	return &KMSKey{URI: uri, aead: key}, nil
}

// oneLine is what the service said, which Vault's client writes as a page.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
