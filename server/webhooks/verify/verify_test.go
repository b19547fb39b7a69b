package verify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/antonpayments/anton/server/webhooks/verify"
)

var (
	secret = verify.Prefix + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	older  = verify.Prefix + base64.StdEncoding.EncodeToString([]byte("fedcba9876543210fedcba9876543210"))
	other  = verify.Prefix + base64.StdEncoding.EncodeToString([]byte("another secret, another endpoint"))
	body   = []byte(`{"id":"evt_1","type":"payout.sent"}`)
)

func signed(t testing.TB, at time.Time, secrets ...string) http.Header {
	t.Helper()
	header := http.Header{}
	if err := verify.Sign(header, "evt_1", at, body, secrets...); err != nil {
		t.Fatal(err)
	}
	return header
}

func TestWhatIsSignedVerifies(t *testing.T) {
	t.Parallel()
	now := time.Now()
	header := signed(t, now, secret, older)
	for name, secrets := range map[string][]string{"the new secret": {secret}, "the old one": {older}, "both": {other, older}} {
		if err := verify.Verify(header, body, verify.Tolerance, secrets...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verify.Anton(now, header.Get(verify.HeaderAnton), body, 0, secrets...); err != nil {
			t.Errorf("%s, Anton-Signature: %v", name, err)
		}
	}
	anton := http.Header{verify.HeaderAnton: header[verify.HeaderAnton]}
	if err := verify.Verify(anton, body, 0, older); err != nil {
		t.Errorf("Anton-Signature alone: %v", err)
	}
	for _, s := range []string{secret, older} { // the reference implementation agrees
		hook, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := hook.Verify(body, header); err != nil {
			t.Errorf("the library of Standard Webhooks: %v", err)
		}
	}
}

func TestWhatTheReferenceSignsVerifies(t *testing.T) {
	t.Parallel()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := hook.Sign("evt_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{
		verify.HeaderID: {"evt_1"}, verify.HeaderTimestamp: {fmt.Sprint(now.Unix())}, verify.HeaderSignature: {"v1a,xyz " + signature},
	}
	if err := verify.Verify(header, body, 0, secret); err != nil {
		t.Error(err)
	}
}

func TestWhatWasTamperedWithIsRefused(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good := signed(t, now, secret)
	with := func(change func(http.Header)) http.Header {
		header := good.Clone()
		change(header)
		return header
	}
	anton := func(value string) http.Header { return http.Header{verify.HeaderAnton: {value}} }
	for name, tt := range map[string]struct {
		header  http.Header
		body    string
		at      time.Time
		secrets []string
		want    error
	}{
		"another body":             {good, "{}", now, []string{secret}, verify.ErrSignature},
		"another endpoint":         {good, string(body), now, []string{other}, verify.ErrSignature},
		"another id":               {with(func(h http.Header) { h.Set(verify.HeaderID, "evt_2") }), string(body), now, []string{secret}, verify.ErrSignature},
		"played again later":       {good, string(body), now.Add(6 * time.Minute), []string{secret}, verify.ErrTimestamp},
		"from the future":          {good, string(body), now.Add(-6 * time.Minute), []string{secret}, verify.ErrTimestamp},
		"a younger timestamp":      {with(func(h http.Header) { h.Set(verify.HeaderTimestamp, fmt.Sprint(now.Unix()+60)) }), string(body), now, []string{secret}, verify.ErrSignature},
		"no timestamp":             {with(func(h http.Header) { h.Del(verify.HeaderTimestamp) }), string(body), now, []string{secret}, verify.ErrHeaders},
		"no number":                {with(func(h http.Header) { h.Set(verify.HeaderTimestamp, "soon") }), string(body), now, []string{secret}, verify.ErrHeaders},
		"no headers":               {http.Header{}, string(body), now, []string{secret}, verify.ErrHeaders},
		"a short signature":        {with(func(h http.Header) { h.Set(verify.HeaderSignature, "v1,AA==") }), string(body), now, []string{secret}, verify.ErrSignature},
		"another version":          {with(func(h http.Header) { h.Set(verify.HeaderSignature, "v2"+h.Get(verify.HeaderSignature)[2:]) }), string(body), now, []string{secret}, verify.ErrSignature},
		"endless signatures":       {with(func(h http.Header) { h.Set(verify.HeaderSignature, strings.Repeat("v1,AA== ", 1000)) }), string(body), now, []string{secret}, verify.ErrHeaders},
		"Anton's with another":     {anton(signed(t, now, other).Get(verify.HeaderAnton)), string(body), now, []string{secret}, verify.ErrSignature},
		"Anton's without a time":   {anton("v1=00"), string(body), now, []string{secret}, verify.ErrHeaders},
		"Anton's with two times":   {anton("t=1,t=2,v1=00"), string(body), now, []string{secret}, verify.ErrHeaders},
		"Anton's older":            {anton(good.Get(verify.HeaderAnton)), string(body), now.Add(time.Hour), []string{secret}, verify.ErrTimestamp},
		"a secret that is none":    {good, string(body), now, []string{"whsec_?"}, verify.ErrSecret},
		"no secret":                {good, string(body), now, nil, verify.ErrSecret},
		"an empty secret":          {good, string(body), now, []string{""}, verify.ErrSecret},
		"an empty one and a right": {good, string(body), now, []string{secret, "whsec_"}, verify.ErrSecret},
	} {
		err := verify.At(tt.at, tt.header, []byte(tt.body), verify.Tolerance, tt.secrets...)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		for _, s := range tt.secrets {
			if len(s) > len(verify.Prefix)+1 && err != nil && strings.Contains(err.Error(), s) {
				t.Errorf("%s: the error holds the secret: %v", name, err)
			}
		}
	}
}

// FuzzVerify: whatever strangers send, Verify neither panics nor lets in what was not signed: the one request that was, by the one or the
// other header, to the letter. What is signed is let in, and nothing that differs from it in one bit.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1_771_063_200, 0)
	good := signed(f, now, secret)
	id, timestamp, standard, anton := good.Get(verify.HeaderID), good.Get(verify.HeaderTimestamp), good.Get(verify.HeaderSignature), good.Get(verify.HeaderAnton)
	f.Add(id, timestamp, standard, anton, body)
	f.Add("", "", "", anton, body)
	f.Add("", "", "", "t=1,v1=,t", []byte{})
	f.Add("evt_1", "-1", "v1,", "t=9223372036854775808,v1=00", body)
	f.Add(id, "0"+timestamp, standard+" v1,", " "+anton+",v1=00", body)
	f.Fuzz(func(t *testing.T, sentID, sentTimestamp, sentStandard, sentAnton string, text []byte) {
		header := http.Header{}
		header.Set(verify.HeaderID, sentID)
		header.Set(verify.HeaderTimestamp, sentTimestamp)
		header.Set(verify.HeaderSignature, sentStandard)
		header.Set(verify.HeaderAnton, sentAnton)
		if err := verify.At(now, header, text, 0, secret); err == nil {
			byStandard := sentID == id && sentTimestamp == timestamp && strings.Contains(sentStandard, strings.TrimRight(standard, "="))
			_, hex, _ := strings.Cut(anton, "v1=")
			byAnton := sentStandard == "" && strings.Contains(sentAnton, "t="+timestamp) && strings.Contains(strings.ToLower(sentAnton), hex)
			if !bytes.Equal(text, body) || !byStandard && !byAnton {
				t.Errorf("%q %q was let in", header, text)
			}
		}
		if sentID == "" || len(sentID) > 4096 {
			return
		}
		if err := verify.Sign(header, sentID, now, text, secret); err != nil {
			t.Fatal(err)
		}
		if err := verify.At(now, header, text, 0, secret); err != nil {
			t.Errorf("%q as it was signed: %v", text, err)
		}
		if len(text) == 0 {
			return
		}
		changed := bytes.Clone(text)
		changed[len(sentTimestamp)%len(text)] ^= 1 << (len(sentAnton) % 8)
		for _, without := range []string{verify.HeaderAnton, verify.HeaderSignature} {
			one := header.Clone()
			one.Del(without)
			if err := verify.At(now, one, changed, 0, secret); !errors.Is(err, verify.ErrSignature) {
				t.Errorf("%q was signed as %q: %v", changed, text, err)
			}
		}
	})
}

func ExampleVerify() {
	secret := "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // from POST /v1/webhooks; keep it where your secrets are
	seen := map[string]bool{}                                      // in a database, for at least as long as the tolerance
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too long", http.StatusRequestEntityTooLarge)
			return
		}
		if err := verify.Verify(r.Header, body, verify.Tolerance, secret); err != nil {
			http.Error(w, "not from Anton", http.StatusUnauthorized)
			return
		}
		if id := r.Header.Get(verify.HeaderID); !seen[id] {
			seen[id] = true
			fmt.Printf("took %s: %s\n", id, body)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()

	for range 2 { // events come at least once
		event := `{"id":"evt_1","type":"payout.sent"}`
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, receiver.URL, strings.NewReader(event))
		if err != nil {
			panic(err)
		}
		if err := verify.Sign(req.Header, "evt_1", time.Now(), []byte(event), secret); err != nil {
			panic(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// took evt_1: {"id":"evt_1","type":"payout.sent"}
	// 204
	// 204
}
