package contract_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"buf.build/go/protovalidate"

	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

// broken are the bodies that nobody can read, made of one that is good.
func broken(t *testing.T, good string) map[string]string {
	t.Helper()
	inner := strings.TrimSuffix(strings.TrimPrefix(good, "{"), "}")
	comma := ","
	if inner == "" {
		comma = ""
	}
	return map[string]string{
		"cut off":                    good[:len(good)-1],
		"cut off in a string":        `{"metadata":{"k":"v`,
		"an opening brace":           "{",
		"two values":                 good + good,
		"two values on two lines":    good + "\n" + good,
		"a word after the value":     good + " true",
		"a brace too many":           good + "}",
		"NUL after the value":        good + "\x00",
		"an array":                   "[" + good + "]",
		"a string":                   `"text"`,
		"a number":                   "1",
		"true":                       "true",
		"null":                       "null",
		"a word":                     "hello",
		"spaces and NUL":             "  \x00",
		"a form":                     "amount=1&currency=USD",
		"XML":                        `<?xml version="1.0"?><a/>`,
		"single quotes":              strings.ReplaceAll(good, `"`, `'`) + "'",
		"a comment":                  "/* hello */" + good,
		"a comma too many":           "{" + inner + ",}",
		"no comma":                   `{"a":1 "b":2}`,
		"no quotes":                  `{amount:"1"}`,
		"a byte order mark":          "\xef\xbb\xbf" + good,
		"UTF-16":                     utf16Text(good),
		"bytes that are no text":     `{` + inner + comma + `"metadata":{"k":"` + "\xff\xfe" + `"}}`,
		"an overlong slash":          `{` + inner + comma + `"x":"` + "\xc0\xaf" + `"}`,
		"half a character":           `{` + inner + comma + `"x":"\ud83d"}`,
		"half a character in a name": `{` + inner + comma + `"\udc00":1}`,
		"a raw line break":           `{"x":"a` + "\n" + `b"}`,
		"a raw NUL":                  `{"x":"a` + "\x00" + `b"}`,
		"an unknown escape":          `{"x":"\q"}`,
		"NaN":                        `{"x":NaN}`,
		"a leading zero":             `{"x":01}`,
		"a leading plus":             `{"x":+1}`,
		"a point without digits":     `{"x":1.}`,
		"10,000 objects deep":        strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
		"10,000 lists deep":          `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
		"10,000 metadata deep":       strings.Repeat(`{"metadata":`, 10_000) + "{}" + strings.Repeat("}", 10_000),
		"10,000 open":                strings.Repeat("[", 10_000),
		"17 deep":                    `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}",
		"a name twice":               `{"metadata":{"k":"1","k":"2"}}`,
		"a name twice, escaped":      `{"metadata":{"k":"1","\u006b":"2"}}`,
		"an unknown name twice":      `{"x":1,"x":1}`,
	}
}

func utf16Text(text string) string {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBodiesThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	bomb := zipped(t, "{"+strings.Repeat(" ", 8<<20)+"}")
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		if placeOf(m, "") != inBody {
			return
		}
		address, good := restForm(t, m, fixture(t, m, tn))
		send := func(header http.Header, body string) testserver.Answer {
			header.Set("Idempotency-Key", "broken")
			return clients[m.Name].Do(t, m.Verb, address, header, body)
		}
		for what, body := range broken(t, good) {
			checkREST(t, what, send(http.Header{}, body), want{code: "invalid_json"})
		}
		for what, kind := range map[string]string{"a form": "application/x-www-form-urlencoded", "XML": "text/xml", "nothing": ""} {
			checkREST(t, "half a body that says it is "+what, send(http.Header{"Content-Type": {kind}}, good[:len(good)-1]), want{code: "invalid_json"})
		}

		// What is larger than the method takes is refused for its size, whatever it holds.
		spaces := strings.Repeat(" ", 2<<20)
		for what, body := range map[string]string{
			"2 MiB of spaces before it": spaces + good, "2 MiB of spaces after it": good + spaces, "2 MiB of one string": `{"x":"` + strings.Repeat("a", 2<<20) + `"}`,
			"2 MiB of zeros": strings.Repeat("0", 2<<20), "1 MiB and a byte": good + strings.Repeat(" ", 1<<20-len(good)+1),
		} {
			checkREST(t, what, send(http.Header{}, body), want{code: "payload_too_large"})
		}
		checkREST(t, "2 MiB in chunks", inChunks(t, s, clients[m.Name].Key, m.Verb, address, spaces+good), want{code: "payload_too_large"})

		packed := zipped(t, good)
		for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "identity, gzip"} {
			checkREST(t, "compressed, by "+encoding, send(http.Header{"Content-Encoding": {encoding}}, packed), want{code: "invalid_json"})
		}
		checkREST(t, "compressed without saying so", send(http.Header{}, packed), want{code: "invalid_json"})
		checkREST(t, "a bomb", send(http.Header{"Content-Encoding": {"gzip"}}, bomb), want{code: "invalid_json"})
	})
}

// inChunks sends a body whose length nobody knows before its end.
func inChunks(t *testing.T, s *testserver.Server, key, verb, address, body string) testserver.Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), verb, s.URL+address, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}, "Idempotency-Key": {"chunks"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := testserver.Answer{Status: resp.StatusCode, Header: resp.Header}
	if a.Raw, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.Raw, &a.Body); err != nil {
		t.Fatalf("no JSON: %s", a.Raw)
	}
	return a
}

// No body, white space and {} say the same: nothing but what the path says. Where something is required, it is named.
func TestAnEmptyBodyIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		req := fixture(t, m, tn)
		address, _ := restForm(t, m, req)
		for name := range req {
			if placeOf(m, name) != inPath {
				delete(req, name)
			}
		}
		if placeOf(m, "") != inBody || protovalidate.Validate(message(t, m, req)) == nil {
			return // it takes no body, or it needs none
		}
		for what, body := range map[string]string{"no body": "", "white space": " \r\n\t ", "an empty object": "{}", "an empty object in space": "\n{ }\n"} {
			checkREST(t, what, clients[m.Name].Do(t, m.Verb, address, http.Header{"Idempotency-Key": {"empty"}}, body), want{code: "validation_error"})
		}
	})
}
