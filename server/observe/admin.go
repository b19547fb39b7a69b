package observe

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin serves what only the people who run the server may see: metrics, health, profiles. Profiles hold the memory of the process, so
// this must never be on an address that the public reaches.
func Admin(m *Metrics, r *Readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry}))
	mux.Handle("/healthz", r.Health())
	mux.Handle("/readyz", r.Health())
	mux.HandleFunc("/debug/pprof/", pprof.Index) // all but cmdline: a database's address on the command line has its password
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
