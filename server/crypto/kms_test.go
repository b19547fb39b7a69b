package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vault answers as Vault's transit engine is documented to (https://developer.hashicorp.com/vault/api-docs/secret/transit): one key
// named anton, AES-256-GCM, a token.
func vault(t *testing.T, token string) *httptest.Server {
	t.Helper()
	block := must[cipher.Block](t)(aes.NewCipher([]byte(rand.Text() + rand.Text())[:32]))
	box := must[cipher.AEAD](t)(cipher.NewGCMWithRandomNonce(block))
	answer := func(w http.ResponseWriter, status int, body map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/transit/{verb}/anton", func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Plaintext, Ciphertext string
			AssociatedData        string `json:"associated_data"`
		}
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			answer(w, http.StatusBadRequest, map[string]any{"errors": []string{err.Error()}})
			return
		}
		if r.Header.Get("X-Vault-Token") != token {
			answer(w, http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
			return
		}
		aad, _ := base64.StdEncoding.DecodeString(ask.AssociatedData)
		switch r.PathValue("verb") {
		case "encrypt":
			plain, _ := base64.StdEncoding.DecodeString(ask.Plaintext)
			sealed := "vault:v1:" + base64.StdEncoding.EncodeToString(box.Seal(nil, nil, plain, aad))
			answer(w, http.StatusOK, map[string]any{"data": map[string]any{"ciphertext": sealed, "key_version": 1}})
		case "decrypt":
			sealed, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(ask.Ciphertext, "vault:v1:"))
			plain, err := box.Open(nil, nil, sealed, aad)
			if err != nil {
				answer(w, http.StatusBadRequest, map[string]any{"errors": []string{"cipher: message authentication failed"}})
				return
			}
			answer(w, http.StatusOK, map[string]any{"data": map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}})
		}
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_CACERT", ca)
	t.Setenv("VAULT_TOKEN", token)
	return server
}

func TestAKMSKeyEncryptsTheKeyset(t *testing.T) {
	server := vault(t, "s.right")
	uri := "hcvault://" + strings.TrimPrefix(server.URL, "https://") + "/transit/keys/anton"
	key := must[*KMSKey](t)(OpenKMSKey(uri))
	k := newKeyset(t)
	file := File{Path: filepath.Join(t.TempDir(), "keyset.json"), KMS: key}
	if err := file.Create(k); err != nil {
		t.Fatal(err)
	}
	text := must[[]byte](t)(os.ReadFile(file.Path))
	plain := must[[]byte](t)(k.Text(nil))
	var inClear stored
	if err := json.Unmarshal(plain, &inClear); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "keyData") || !strings.Contains(string(text), "encryptedKeyset") {
		t.Errorf("the file is not encrypted: %s", text)
	}
	sealed := must[[]byte](t)(keysOf(t, k).Seal(home, []byte("text")))
	if err := file.Replace(func(k *Keyset) error { _, err := k.Stage(); return err }); err != nil {
		t.Fatal(err)
	}
	again := must[*Keyset](t)(file.Read())
	if opened, err := keysOf(t, again).Open(home, sealed); err != nil || string(opened) != "text" || len(again.List()) != 2 {
		t.Errorf("read again: %q, %v, %v", opened, again.List(), err)
	}

	says := func(what string, text []byte, kms *KMSKey, part string) {
		t.Helper()
		if _, err := ReadKeyset(text, kms); err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "s.right") {
			t.Errorf("%s: %v", what, err)
		}
	}
	says("without the KMS key", text, nil, "set ANTON_KEYSET_KMS_URI")
	says("a clear file", plain, key, "is not encrypted")
	var swapped stored
	if err := json.Unmarshal(text, &swapped); err != nil {
		t.Fatal(err)
	}
	swapped.Encryption, swapped.Fingerprints = swapped.Fingerprints, swapped.Encryption
	says("its parts swapped", must[[]byte](t)(json.Marshal(swapped)), key, "decrypt its part encryption")
	t.Setenv("VAULT_TOKEN", "s.wrong")
	says("a wrong token", text, must[*KMSKey](t)(OpenKMSKey(uri)), "permission denied")
	server.Close()
	says("no Vault there", text, key, "connection refused")
}

func TestAWrongKMSURIIsRefusedInASentence(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"hcvault://", "aws-kms://arn:aws:kms:eu-west-1:1:key/1", "https://vault/transit/keys/anton", "hcvault://vault/transit/anton", "hcvault://v:%zz/transit/keys/a"} {
		if _, err := OpenKMSKey(uri); err == nil || !strings.Contains(err.Error(), "ANTON_KEYSET_KMS_URI") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// FuzzOpenKMSKey: a KMS key is always a key of a Vault on some host, and a refusal one sentence.
func FuzzOpenKMSKey(f *testing.F) {
	for _, seed := range []string{"hcvault://vault.example.com:8200/transit/keys/anton", "hcvault://[::1]/a/keys/b", "HCVAULT://x/keys/", "aws-kms://x", "hcvault:///transit/keys/a", "\x00", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		key, err := OpenKMSKey(uri)
		if err == nil && uri != "" && (key.URI != uri || !strings.HasPrefix(strings.ToLower(uri), "hcvault://") || !strings.Contains(uri, "keys/")) {
			t.Errorf("%q was taken", uri)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", uri, err)
		}
	})
}
