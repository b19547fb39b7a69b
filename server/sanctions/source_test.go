package sanctions_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
)

// FuzzSource: a source is read again from what it is written as, and is never fetched where somebody in between could change it.
func FuzzSource(f *testing.F) {
	for _, seed := range []string{
		"un=/lists/un.xml", "ofac=https://example.com/sdn.csv, https://example.com/alt.csv", "uk=http://127.0.0.1/x", "un=http://example.com/x",
		"sandbox=/x", "un=", "=", "un", "eu=ftp://x/y", "eu=https://", "eu=https://a,b://c", "un=a=b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		source, err := sanctions.ParseSource(text)
		if err != nil {
			return
		}
		if source.Authority == lists.Sandbox || len(source.From) == 0 {
			t.Fatalf("%q was read as %+v", text, source)
		}
		again, err := sanctions.ParseSource(string(source.Authority) + "=" + source.String())
		if err != nil || again.Authority != source.Authority || again.String() != source.String() {
			t.Fatalf("%q was read as %+v, and that as %+v, %v", text, source, again, err)
		}
		for _, from := range source.From {
			if !strings.Contains(from, "://") {
				continue // a path
			}
			if u, err := url.Parse(from); err != nil || u.Scheme != "https" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") && !strings.Contains(u.Hostname(), ":") {
				t.Fatalf("%q is fetched from %s, %v", text, from, err)
			}
		}
	})
}
