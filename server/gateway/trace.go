package gateway

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/antonpayments/anton/server/call"
)

// trace makes the request a span, below the client's own when it sent a `traceparent`. It has no name until its route is known: what
// was asked for is a stranger's text.
func (g *gateway) trace(next http.Handler) http.Handler {
	if g.Tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := g.Tracer.Start(g.Tracer.From(r.Context(), r.Header.Get), "HTTP request", trace.SpanKindServer,
			attribute.String("anton.request_id", call.RequestID(r.Context())))
		answer := &statusKeeper{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			span.Set(attribute.Int("http.response.status_code", answer.status))
			if answer.status >= http.StatusInternalServerError {
				span.Fail(http.StatusText(answer.status))
			}
			span.End(nil)
		}()
		next.ServeHTTP(answer, r.WithContext(ctx))
	})
}

// A statusKeeper remembers the status of the answer.
type statusKeeper struct {
	http.ResponseWriter
	status int
}

func (k *statusKeeper) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (k *statusKeeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }
