// Package docs serves the API's reference: the OpenAPI documents and a page that shows them and tries them out.
//
// It answers everybody alike, so nothing in it may depend on who asks. Everything comes from the binary: the page loads nothing from
// another host, and its Content-Security-Policy holds the browser to that.
package docs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/swaggest/swgui/v5emb"

	"github.com/antonpayments/anton/gen/openapi"
)

// page holds index.html and what it loads, besides Swagger UI itself.
//
//go:embed page
var page embed.FS

// pagePolicy lets the page run its own scripts, set styles (Swagger UI writes style attributes), show the icons that Swagger UI keeps
// in its style sheet, and call this server. Nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// filePolicy is that of documents and parts of the page, should someone open one by itself.
const filePolicy = "default-src 'none'; frame-ancestors 'none'"

// Handler serves GET /openapi.json (merchants), /openapi-ops.json (operators) and the page at /docs/.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /openapi.json", file("application/json", filePolicy, openapi.Merchants))
	mux.Handle("GET /openapi-ops.json", file("application/json", filePolicy, openapi.Operators))
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	mux.Handle("GET /docs/{$}", file("text/html; charset=utf-8", pagePolicy, embedded("index.html")))
	mux.Handle("GET /docs/page.js", file("text/javascript; charset=utf-8", filePolicy, embedded("page.js")))
	mux.Handle("GET /docs/page.css", file("text/css; charset=utf-8", filePolicy, embedded("page.css")))
	mux.Handle("GET /docs/icon.svg", file("image/svg+xml", filePolicy, embedded("icon.svg")))
	// The module's own page has scripts inline, which the policy forbids; of its files we serve these two.
	swagger := guarded(filePolicy, v5emb.New("", "", "/docs/"))
	mux.Handle("GET /docs/swagger-ui-bundle.js", swagger)
	mux.Handle("GET /docs/swagger-ui.css", swagger)
	return mux
}

// embedded reads a file of the page.
func embedded(name string) []byte {
	content, err := page.ReadFile("page/" + name)
	if err != nil {
		panic(err) // the file is missing in the source tree, which every test of this package notices
	}
	return content
}

// file serves one content. Its ETag is its hash, so that a browser asks again every time and fetches only what changed.
func file(contentType, policy string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
	return guarded(policy, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
}

// guarded sets the headers that keep browsers strict.
func guarded(policy string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
