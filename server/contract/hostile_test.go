package contract_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/contract"
)

// A cursor that somebody made, with the part that binds it to its query left as it was, is refused like any other.
func TestAForgedCursorIsRefused(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	twoOfEverything(t, tn)
	s.Merchant(t)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if !paged(m) {
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(cursorOf(t, clients[m.Name], m, tn))
		if err != nil || len(raw) < 16 {
			t.Fatalf("cursors are of another form than this test knows: %v", err)
		}
		bind, at, id := string(raw[:8]), string(raw[8:16]), string(raw[16:])
		moment := func(micros int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(micros))) }
		for what, text := range map[string]string{
			"NUL in the id":          bind + at + "a\x00bc",
			"bytes that are no text": bind + at + "\xff\xfe",
			"an id that is too long": bind + at + strings.Repeat("a", 300),
			"the end of time":        bind + moment(math.MaxInt64) + id,
			"before all time":        bind + moment(math.MinInt64) + id,
		} {
			req := fields{"limit": 1, "cursor": base64.RawURLEncoding.EncodeToString([]byte(text))}
			for name, value := range fixture(t, m, tn) {
				if placeOf(m, name) == inPath {
					req[name] = value
				}
			}
			checkREST(t, what, call(t, clients[m.Name], m, req, ""), want{"validation_error", "cursor"})
			checkGRPC(t, what, invoke(t, s, clients[m.Name].Key, m, message(t, m, req)), want{"validation_error", "cursor"})
		}
	})
}

// An answer is bounded whatever was sent: names are cut, and past the first hundred fields it stops.
func TestAnAnswerIsBoundedWhateverWasSent(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	many := fields{}
	for i := range 1000 {
		many[strings.Repeat("k", 50)+fmt.Sprint(i)] = "v"
	}
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for _, name := range mapFields(m) {
			for what, value := range map[string]fields{"a key of 100,000 characters": {strings.Repeat("k", 100_000): "v"}, "1,000 keys that are too long": many} {
				req := copied(fixture(t, m, tn))
				req[name] = value
				got := call(t, tn.Client, m, req, what)
				checkREST(t, what, got, want{"validation_error", name + "*"})
				if len(got.Raw) > 64<<10 {
					t.Errorf("%s: the answer has %d bytes", what, len(got.Raw))
				}
				r := invoke(t, s, tn.Key, m, message(t, m, req), "idempotency-key", what)
				checkGRPC(t, what, r, want{"validation_error", name + "*"})
			}
		}
	})
}

// Paths have dots, over REST as over gRPC, whether the reader or a rule refused the field.
func TestAKeyOfAMapIsNamedWithADot(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		for _, name := range mapFields(m) {
			for what, value := range map[string]string{"too long": strings.Repeat("v", 501), "NUL": "\x00"} {
				req := copied(fixture(t, m, tn))
				req[name] = fields{"team": value}
				checkREST(t, what, call(t, tn.Client, m, req, what), want{"validation_error", name + ".team"})
				checkGRPC(t, what, invoke(t, s, tn.Key, m, message(t, m, req), "idempotency-key", what), want{"validation_error", name + ".team"})
			}
		}
	})
}

// A body that says it is compressed is not read as if it were not.
func TestAnEncodedBodyIsRefused(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if placeOf(m, "") != inBody {
			return
		}
		address, good := restForm(t, m, fixture(t, m, tn))
		for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP", "x"} {
			header := http.Header{"Content-Encoding": {encoding}, "Idempotency-Key": {"encoded"}}
			checkREST(t, encoding, clients[m.Name].Do(t, m.Verb, address, header, good), want{code: "invalid_json"})
		}
	})
}

// What a path is made of is shown in the answer, which is UTF-8 whatever was asked for.
func TestAPathThatIsNoTextIsNotFound(t *testing.T) {
	t.Parallel()
	_, tn := withTenant(t)
	for _, path := range []string{"/v1/%ff", "/v1/%c0%af/x", "/v1/" + strings.Repeat("%ff", 200), "/v1/%1b[31m"} {
		for _, verb := range []string{"GET", "POST", "DELETE"} {
			checkREST(t, verb+" "+path, tn.Do(t, verb, path, nil, "{}"), want{code: "not_found"})
		}
	}
}
