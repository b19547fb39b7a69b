package docs_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/antonpayments/anton/gen/openapi"
	"github.com/antonpayments/anton/server/docs"
)

// start serves the handler under the patterns that a mux gives it, beside a handler of the API.
func start(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	handler := docs.Handler()
	for _, pattern := range []string{"/docs", "/docs/", "/openapi.json", "/openapi-ops.json"} {
		mux.Handle(pattern, handler)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return server
}

func fetch(t *testing.T, server *httptest.Server, method, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

func TestEveryFileHasItsTypeAndStrictHeaders(t *testing.T) {
	t.Parallel()
	server := start(t)
	for path, contentType := range map[string]string{
		"/openapi.json":              "application/json",
		"/openapi-ops.json":          "application/json",
		"/docs/":                     "text/html; charset=utf-8",
		"/docs/page.js":              "text/javascript; charset=utf-8",
		"/docs/page.css":             "text/css; charset=utf-8",
		"/docs/icon.svg":             "image/svg+xml",
		"/docs/swagger-ui-bundle.js": "application/javascript",
		"/docs/swagger-ui.css":       "text/css; charset=utf-8",
	} {
		answer, body := fetch(t, server, http.MethodGet, path)
		if answer.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: status %d with %d bytes", path, answer.StatusCode, len(body))
		}
		for name, want := range map[string]string{
			"Content-Type":           contentType,
			"Cache-Control":          "no-cache",
			"Referrer-Policy":        "no-referrer",
			"X-Content-Type-Options": "nosniff",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := answer.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src 'self' 'unsafe") {
			t.Errorf("%s: Content-Security-Policy is %q", path, policy)
		}
		etag := answer.Header.Get("ETag")
		if etag == "" {
			t.Errorf("%s: no ETag", path)
			continue
		}
		if answer, body = fetch(t, server, http.MethodGet, path, "If-None-Match", etag); answer.StatusCode != http.StatusNotModified || len(body) > 0 {
			t.Errorf("%s: asked again with its ETag: status %d with %d bytes, want 304", path, answer.StatusCode, len(body))
		}
	}
}

func TestDocumentsAreServedAsGenerated(t *testing.T) {
	t.Parallel()
	server := start(t)
	for path, want := range map[string][]byte{"/openapi.json": openapi.Merchants, "/openapi-ops.json": openapi.Operators} {
		if _, body := fetch(t, server, http.MethodGet, path); !bytes.Equal(body, want) || !json.Valid(body) {
			t.Errorf("%s is not the generated document", path)
		}
		if answer, body := fetch(t, server, http.MethodHead, path); answer.StatusCode != http.StatusOK || len(body) > 0 {
			t.Errorf("HEAD %s: status %d with %d bytes", path, answer.StatusCode, len(body))
		}
		if answer, _ := fetch(t, server, http.MethodPost, path); answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d, want 405", path, answer.StatusCode)
		}
	}
}

func TestThePageIsFoundAndNothingElseIs(t *testing.T) {
	t.Parallel()
	server := start(t)
	if answer, _ := fetch(t, server, http.MethodGet, "/docs"); answer.Header.Get("Location") != "/docs/" {
		t.Errorf("GET /docs: status %d, Location %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	// The last two exist in the module that holds Swagger UI: a page with scripts inline, and a page for OAuth.
	for _, path := range []string{"/docs/nothing", "/docs/page/", "/docs/index.html", "/docs/embed.go", "/docs/oauth2-redirect.html"} {
		if answer, _ := fetch(t, server, http.MethodGet, path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", path, answer.StatusCode)
		}
	}
}

// What the policy forbids would fail only in a browser, so it is looked for here.
func TestThePageLoadsOnlyFromThisServerAndRunsNothingInline(t *testing.T) {
	t.Parallel()
	server := start(t)
	_, html := fetch(t, server, http.MethodGet, "/docs/")
	loaded := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(html, -1)
	if len(loaded) < 5 {
		t.Fatalf("the page loads %d files", len(loaded))
	}
	for _, match := range loaded {
		path := string(match[1])
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			t.Errorf("the page names %q, which is not a path of this server", path)
		} else if answer, _ := fetch(t, server, http.MethodGet, path); answer.StatusCode != http.StatusOK {
			t.Errorf("the page names %s: status %d", path, answer.StatusCode)
		}
	}
	if inline := regexp.MustCompile(`<script>|<script [^>]*>[^<]|<style|javascript:| on[a-z]+=`).Find(html); inline != nil {
		t.Errorf("the page has %q inline", inline)
	}
	for _, name := range []string{"page/page.js", "page/page.css"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if host := regexp.MustCompile(`(https?:)?//[a-z0-9-]+\.[a-z]+|@import`).Find(text); host != nil {
			t.Errorf("%s names another host: %q", name, host)
		}
	}
}
