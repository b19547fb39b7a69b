package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
)

// fail answers with an error in the contract's form.
func (g *gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := g.find(r, err)
	cutOff(r)
	body := &antonv1.ErrorResponse{Error: &antonv1.Error{Message: e.Message, Code: e.Code.String(), RequestId: call.RequestID(r.Context())}}
	for _, f := range e.Fields {
		body.Error.Details = append(body.Error.Details, &antonv1.FieldError{Field: f.Path, Message: f.Message})
	}
	text, err := Marshaler{}.Marshal(body)
	if err != nil {
		text, _ = json.Marshal(map[string]any{"error": map[string]string{"code": "internal", "message": "internal"}})
	}
	h := w.Header()
	h.Del("Trailer")
	h.Set("Content-Type", "application/json")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", e.RetryAfterSeconds())
	}
	if e.HTTPStatus() == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(r))
	}
	w.WriteHeader(e.HTTPStatus())
	_, _ = w.Write(text)
}

// challenge tells a client how to authenticate, as RFC 6750 section 3 has it: with an error only where credentials were sent.
func challenge(r *http.Request) string {
	if r.Header.Get("Authorization") == "" {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}

// find gets the contract's error out of what a reader, an interceptor or a generated handler returned. What never reached the
// interceptors is logged here, because they log everything else.
func (g *gateway) find(r *http.Request, err error) *apierr.Error {
	e, refused := carried(err)
	if !refused {
		var reached bool
		if e, reached = errors.AsType[*apierr.Error](err); reached && e.RequestID != "" {
			return e
		}
		e = apierr.From(err)
	}
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("request_id", call.RequestID(r.Context())), slog.String("code", e.Code.String())}
	attrs = append(attrs, call.CallerOf(r.Context()).Attrs()...)
	if pattern, ok := runtime.HTTPPattern(r.Context()); ok {
		if m := g.routes[route{r.Method, pattern.String()}]; m != nil {
			attrs = append(attrs, slog.String("method", m.Name))
		}
	}
	if began, ok := r.Context().Value(beganKey{}).(time.Time); ok {
		attrs = append(attrs, slog.Duration("took", time.Since(began)))
	}
	if e.Code == antonv1.ErrorCode_internal || e.Code == antonv1.ErrorCode_unavailable {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("cause", e.Cause)) // that of a refusal may quote what was refused
	}
	g.Log.LogAttrs(r.Context(), level, "refused", attrs...)
	g.Metrics.Refused(e.Code.String())
	return e
}

// noRoute answers paths that the contract does not have, and methods that a path does not have.
func (g *gateway) noRoute(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch verbs := verbsOf(r.URL.Path); {
	case code == http.StatusBadRequest:
		g.fail(w, r, apierr.New(antonv1.ErrorCode_not_found, "The path is malformed."))
	case len(verbs) > 0:
		w.Header().Set("Allow", strings.Join(verbs, ", "))
		g.fail(w, r, apierr.New(antonv1.ErrorCode_method_not_allowed, "This path takes %s, not %s.", strings.Join(verbs, " and "), r.Method))
	default:
		g.fail(w, r, apierr.New(antonv1.ErrorCode_not_found, "There is no path %s.", shown(r.URL.Path)))
	}
}

// verbsOf lists the HTTP methods that the contract has for the path.
func verbsOf(path string) []string {
	var verbs []string
	for _, m := range contract.Methods() {
		if matches(m.Path, path) {
			verbs = append(verbs, m.Verb)
		}
	}
	slices.Sort(verbs)
	return slices.Compact(verbs)
}

func matches(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == h || (strings.HasPrefix(w, "{") && h != "") })
}
