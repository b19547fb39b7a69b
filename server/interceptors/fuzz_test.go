package interceptors

import (
	"strings"
	"testing"
	"unicode/utf8"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/rules"
)

// FuzzAuthorization: only a Bearer header with something after it has a key, and the key is what stands there.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Bearer ak_test_X", "bearer  x", "Bearer", "Bearer ", "Basic YQ==", "BEARER\tx", "Bearer a,Bearer b", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, ok := bearer(header)
		if !ok {
			return
		}
		if key == "" || len(key) > maxKey || !strings.EqualFold(header, "bearer "+key) || !strings.HasSuffix(header, " "+key) {
			t.Errorf("%q has the key %q", header, key)
		}
	})
}

// FuzzIdempotencyKey: a key is taken as it came or refused with a sentence about it; what is taken fits the database, and the same
// text with another request is another request.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"invoice-1042-maria", "", " ", "é", "a\x00", "\u0085", "\xff", strings.Repeat("k", 255), strings.Repeat("é", 256)} {
		f.Add(seed)
	}
	c, m := &Chain{}, contract.Lookup("/anton.v1.PayoutsService/CreatePayout")
	caller := &call.Caller{KeyID: "key_a", Merchant: "mer_a"}
	f.Fuzz(func(t *testing.T, text string) {
		ctx := call.WithIdempotencyKeys(t.Context(), []string{text})
		k, err := c.keyOf(ctx, m, caller, &antonv1.CreatePayoutRequest{Amount: "1.00"})
		fits := text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= 255 && !rules.Control(text, false)
		if fits != (err == nil) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			if e := apierr.From(err); e.HTTPStatus() >= 500 || !utf8.ValidString(e.Message) {
				t.Errorf("%q is answered with %v", text, err)
			}
			return
		}
		other, err := c.keyOf(ctx, m, caller, &antonv1.CreatePayoutRequest{Amount: "2.00"})
		if err != nil || k.text != text || other.text != text || string(k.hash) == string(other.hash) {
			t.Errorf("%q became %q and %q, %v", text, k.text, other.text, err)
		}
	})
}
