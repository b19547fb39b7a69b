// Package verify checks that a webhook request came from Anton and was not changed on its way. It is for receivers: it needs nothing but
// the standard library.
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // the bytes as they came; parse them afterwards
//	…
//	if err := verify.Verify(r.Header, body, verify.Tolerance, secret); err != nil {
//		http.Error(w, "not from Anton", http.StatusUnauthorized)
//		return
//	}
//
// A request is signed twice over, and either signature is enough: by the headers of Standard Webhooks
// (https://www.standardwebhooks.com: webhook-id, webhook-timestamp, webhook-signature), and by Anton-Signature, which is
// t=<unix>,v1=<hex> over the timestamp, a dot and the body. While a secret is being rotated, each header carries a signature by the new
// secret and one by the old.
package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a webhook request.
const (
	HeaderID        = "Webhook-Id" // the event's id: the same however often the event is delivered
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
	HeaderAnton     = "Anton-Signature"
)

// Prefix begins every secret; 32 bytes in base64 follow it.
const Prefix = "whsec_"

// Tolerance is how old, or how far in the future, a request may usually be. It keeps a request that somebody recorded from being played
// again much later; remember the ids you have seen for what is younger.
const Tolerance = 5 * time.Minute

// The reasons why a request is refused. Test for them with errors.Is.
var (
	ErrSecret    = errors.New("the secret is not whsec_ and base64")
	ErrHeaders   = errors.New("the request has no complete signature headers")
	ErrTimestamp = errors.New("the timestamp is too far from now")
	ErrSignature = errors.New("no signature is by any of the secrets")
)

// maxHeader bounds what is read of a header: strangers send these.
const maxHeader = 4096

// Verify checks a request's headers and the bytes of its body against the secrets, of which one must fit: give the old one and the new
// one while you rotate. The timestamp may be tolerance away from now; zero means Tolerance. It returns nil, or an error that is one of
// the above.
func Verify(header http.Header, body []byte, tolerance time.Duration, secrets ...string) error {
	return At(time.Now(), header, body, tolerance, secrets...)
}

// At is Verify at another time than now.
func At(now time.Time, header http.Header, body []byte, tolerance time.Duration, secrets ...string) error {
	keys, err := keysOf(secrets)
	if err != nil {
		return err
	}
	if tolerance == 0 {
		tolerance = Tolerance
	}
	if header.Get(HeaderSignature) != "" {
		return verifyStandard(now, header, body, tolerance, keys)
	}
	if header.Get(HeaderAnton) != "" {
		return verifyAnton(now, header.Get(HeaderAnton), body, tolerance, keys)
	}
	return fmt.Errorf("%w: neither %s nor %s", ErrHeaders, HeaderSignature, HeaderAnton)
}

// Anton checks the Anton-Signature header alone.
func Anton(now time.Time, signature string, body []byte, tolerance time.Duration, secrets ...string) error {
	keys, err := keysOf(secrets)
	if err != nil {
		return err
	}
	if tolerance == 0 {
		tolerance = Tolerance
	}
	return verifyAnton(now, signature, body, tolerance, keys)
}

func verifyStandard(now time.Time, header http.Header, body []byte, tolerance time.Duration, keys [][]byte) error {
	id, timestamp, signatures := header.Get(HeaderID), header.Get(HeaderTimestamp), header.Get(HeaderSignature)
	if id == "" || timestamp == "" || len(id) > maxHeader || len(signatures) > maxHeader {
		return fmt.Errorf("%w: %s and %s must stand beside %s", ErrHeaders, HeaderID, HeaderTimestamp, HeaderSignature)
	}
	if err := timely(now, timestamp, tolerance); err != nil {
		return err
	}
	for signature := range strings.FieldsSeq(signatures) {
		version, text, _ := strings.Cut(signature, ",")
		sent, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && signedBy(keys, sent, id+"."+timestamp+".", body) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", HeaderSignature, ErrSignature)
}

func verifyAnton(now time.Time, header string, body []byte, tolerance time.Duration, keys [][]byte) error {
	if len(header) > maxHeader {
		return fmt.Errorf("%w: %s is too long", ErrHeaders, HeaderAnton)
	}
	var timestamp string
	var signatures [][]byte
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if timestamp != "" {
				return fmt.Errorf("%w: %s has two timestamps", ErrHeaders, HeaderAnton)
			}
			timestamp = value
		case "v1":
			if sent, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, sent)
			}
		}
	}
	if timestamp == "" || len(signatures) == 0 {
		return fmt.Errorf("%w: %s is not of the form t=<unix>,v1=<hex>", ErrHeaders, HeaderAnton)
	}
	if err := timely(now, timestamp, tolerance); err != nil {
		return err
	}
	for _, sent := range signatures {
		if signedBy(keys, sent, timestamp+".", body) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", HeaderAnton, ErrSignature)
}

func timely(now time.Time, timestamp string, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the timestamp is no number of seconds", ErrHeaders)
	}
	if away := now.Sub(time.Unix(seconds, 0)); away > tolerance || away < -tolerance {
		return fmt.Errorf("%w: %v away, %v is allowed", ErrTimestamp, away.Round(time.Second).Abs(), tolerance)
	}
	return nil
}

// signedBy takes as long for a signature that is wrong in its first byte as for one that is wrong in its last.
func signedBy(keys [][]byte, sent []byte, before string, body []byte) bool {
	found := false
	for _, key := range keys {
		found = hmac.Equal(sent, sign(key, before, body)) || found
	}
	return found
}

func sign(key []byte, before string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(before))
	mac.Write(body)
	return mac.Sum(nil)
}

func keysOf(secrets []string) ([][]byte, error) {
	var keys [][]byte
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, Prefix))
		if err != nil || len(key) == 0 {
			return nil, ErrSecret // without the text: errors end in logs
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	return keys, nil
}

// Sign sets the headers of a request, as Anton does: for tests of receivers, and for what forwards events. The first secret's signature
// stands first.
func Sign(header http.Header, id string, at time.Time, body []byte, secrets ...string) error {
	keys, err := keysOf(secrets)
	if err != nil {
		return err
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	standard, anton := make([]string, len(keys)), "t="+timestamp
	for i, key := range keys {
		standard[i] = "v1," + base64.StdEncoding.EncodeToString(sign(key, id+"."+timestamp+".", body))
		anton += ",v1=" + hex.EncodeToString(sign(key, timestamp+".", body))
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(standard, " "))
	header.Set(HeaderAnton, anton)
	return nil
}
