package observe

import (
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics counts what happens in one server, in a registry of its own. Labels are methods, codes, states and names of ours: never a
// merchant, an id or anything that a client chose, because each new value is a new time series for as long as the server runs. A nil
// *Metrics counts nothing.
//
// docs/operations.md says of every metric what to do with it; a test holds the two together.
type Metrics struct {
	Registry *prometheus.Registry

	calls        *prometheus.CounterVec
	callTook     *prometheus.HistogramVec
	callsNow     *prometheus.GaugeVec
	refused      *prometheus.CounterVec
	rateLimited  prometheus.Counter
	replays      *prometheus.CounterVec
	reruns       *prometheus.CounterVec
	transitions  *prometheus.CounterVec
	waiting      *prometheus.GaugeVec
	waitingSince *prometheus.GaugeVec
	overdueWork  prometheus.Gauge
	unscreened   prometheus.Gauge
	watched      prometheus.Gauge
	stageTook    *prometheus.HistogramVec
	railTook     *prometheus.HistogramVec
	breaches     *prometheus.GaugeVec
	checked      prometheus.Gauge
	checkTook    prometheus.Gauge

	screening screeningMetrics
	backlogs  backlogMetrics
}

// buckets reach from 1 ms, the fastest a committed call can be, to 10 s, when a client has given up.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewMetrics makes all metrics that are counted where things happen, with the process's own.
func NewMetrics() *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry()}
	m.countCalls()
	m.countPayouts()
	m.countChecks()
	m.countScreening()
	m.countBacklogs()
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := gauges(m, "anton_build_info", "Always 1; the labels say which build runs. Compare servers with it during a deploy.", "version", "revision", "go")
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		revision := ""
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
		build.WithLabelValues(info.Main.Version, revision, info.GoVersion).Set(1)
	}
	return m
}

func (m *Metrics) countCalls() {
	m.calls = counters(m, "anton_calls_total", "RPCs that ended, over REST and gRPC, by method and error code (ok for none). Alert on internal and unavailable.", "method", "code")
	m.callTook = histograms(m, "anton_call_duration_seconds", "How long RPCs took, from their first interceptor to their answer. Alert on its quantiles.", "method", "transport")
	m.callsNow = gauges(m, "anton_calls_in_flight", "RPCs under way. A rise without a rise of calls means that something they wait for is slow.", "transport")
	m.refused = counters(m, "anton_rest_refused_total", "REST requests refused before they became an RPC, by error code. A rise is a client's mistake or a probe.", "code")
	m.rateLimited = counter(m, "anton_rate_limited_total", "Calls refused by the rate limit. The log names the merchant; raise its multiplier or talk to it.")
	m.replays = counters(m, "anton_idempotency_replays_total", "Calls answered as their first one was. A rise means that clients time out and retry.", "method")
	m.reruns = counters(m, "anton_unit_reruns_total", "Transactions run again after a lost race, a deadlock or a lost connection, by cause. Deadlocks should be zero.", "cause")
}

func (m *Metrics) countPayouts() {
	m.transitions = counters(m, "anton_payout_transitions_total", "Steps that payouts took, by state left and reached (from is none at creation). Alert when completed stops growing.", "from", "to")
	m.waiting = gauges(m, "anton_payouts_waiting", "Payouts that wait for the worker, a rail or a reviewer, by state. The same on every server: take the max.", "status")
	m.waitingSince = gauges(m, "anton_payouts_waiting_oldest_seconds", "How long ago the payout that is longest in the state entered it.", "status")
	m.overdueWork = gauge(m, "anton_payouts_due_oldest_seconds", "For how long the oldest due payout has been due. Alert: no worker keeps up, or none runs.")
	m.unscreened = gauge(m, "anton_payouts_screening_overdue", "Payouts in pending_screening for more than 10 minutes. Alert on any: a person must look; the log names each once.")
	m.watched = gauge(m, "anton_payouts_watched_timestamp_seconds", "When the anton_payouts_… gauges were last read from the database. Alert when it stands: the gauges are stale then.")
	m.stageTook = histograms(m, "anton_pipeline_duration_seconds", "How long a stage took for a slice of payouts: screening, velocity and risk are parts of evaluate; submit and ask speak with rails.", "stage")
	m.railTook = histograms(m, "anton_rail_call_duration_seconds", "How long rails took to answer, by rail, call (submit, ask) and outcome (ok, error). Silence is no failure, but alert on errors.", "rail", "call", "outcome")
}

func (m *Metrics) countChecks() {
	m.breaches = gauges(m, "anton_invariant_breaches", "Rows that break an invariant, by invariant, as of the last check. Alert on any at once: money or history is wrong.", "invariant")
	m.checked = gauge(m, "anton_invariants_checked_timestamp_seconds", "When the invariants were last checked to the end; 0 before the first time. Alert when it stands.")
	m.checkTook = gauge(m, "anton_invariants_check_duration_seconds", "How long the last check took. It is given up after two minutes: act before it comes near.")
}

// Called notes the end of a call.
func (m *Metrics) Called(method, transport, code string, took time.Duration) {
	if m == nil {
		return
	}
	m.calls.WithLabelValues(method, code).Inc()
	m.callTook.WithLabelValues(method, transport).Observe(took.Seconds())
	m.callsNow.WithLabelValues(transport).Dec()
}

// Calling notes the beginning of a call that Called ends.
func (m *Metrics) Calling(transport string) {
	if m != nil {
		m.callsNow.WithLabelValues(transport).Inc()
	}
}

// Refused notes a REST request that never became a call.
func (m *Metrics) Refused(code string) {
	if m != nil {
		m.refused.WithLabelValues(code).Inc()
	}
}

// RateLimited notes a call that the rate limit refused.
func (m *Metrics) RateLimited() {
	if m != nil {
		m.rateLimited.Inc()
	}
}

// Replayed notes a call that was answered as its first one was.
func (m *Metrics) Replayed(method string) {
	if m != nil {
		m.replays.WithLabelValues(method).Inc()
	}
}

// Rerun notes a transaction that is run again.
func (m *Metrics) Rerun(cause string) {
	if m != nil {
		m.reruns.WithLabelValues(cause).Inc()
	}
}

// Moved notes a committed step of a payout; from is empty when it was created.
func (m *Metrics) Moved(from, to string) {
	if m == nil {
		return
	}
	if from == "" {
		from = "none"
	}
	m.transitions.WithLabelValues(from, to).Inc()
}

// Staged notes how long a stage of the pipeline took since it began.
func (m *Metrics) Staged(stage string, began time.Time) {
	if m != nil {
		m.stageTook.WithLabelValues(stage).Observe(time.Since(began).Seconds())
	}
}

// RailAnswered notes how long a rail took since it was called, and whether it answered.
func (m *Metrics) RailAnswered(rail, call string, began time.Time, err error) {
	if m == nil {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.railTook.WithLabelValues(rail, call, outcome).Observe(time.Since(began).Seconds())
}

// A Queue is the payouts that wait in one state.
type Queue struct {
	Status string
	Count  int64
	Oldest time.Duration // since the one that is longest there entered it
}

// Waiting notes all payouts that wait, for how long the oldest due one has been due, and how many wait too long for their screening.
func (m *Metrics) Waiting(queues []Queue, due time.Duration, unscreened int64, at time.Time) {
	if m == nil {
		return
	}
	m.waiting.Reset()
	m.waitingSince.Reset()
	for _, q := range queues {
		m.waiting.WithLabelValues(q.Status).Set(float64(q.Count))
		m.waitingSince.WithLabelValues(q.Status).Set(q.Oldest.Seconds())
	}
	m.overdueWork.Set(due.Seconds())
	m.unscreened.Set(float64(unscreened))
	m.watched.Set(float64(at.UnixMilli()) / 1000)
}

// Checked notes a check of all invariants that came to its end; breaches has each invariant, those that hold with 0.
func (m *Metrics) Checked(breaches map[string]int, began time.Time) {
	if m == nil {
		return
	}
	for name, rows := range breaches {
		m.breaches.WithLabelValues(name).Set(float64(rows))
	}
	m.checkTook.Set(time.Since(began).Seconds())
	m.checked.SetToCurrentTime()
}

// Read adds a gauge whose value is read when somebody asks.
func (m *Metrics) Read(name, help string, value func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Pool adds the gauges of the pool of database connections.
func (m *Metrics) Pool(pool *pgxpool.Pool) {
	for name, of := range map[string]struct {
		help  string
		value func(*pgxpool.Stat) float64
	}{
		"anton_db_connections_acquired": {
			"Connections in use. At anton_db_connections_max calls wait for one.", func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) },
		},
		"anton_db_connections_idle": {"Connections that are open and free.", func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) }},
		"anton_db_connections_max":  {"The most connections that the pool opens (pool_max_conns).", func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }},
	} {
		m.Read(name, of.help, func() float64 { return of.value(pool.Stat()) })
	}
	for name, of := range map[string]struct {
		help  string
		value func(*pgxpool.Stat) float64
	}{
		"anton_db_waits_total": {
			"Times that a call had to wait for a connection. A steady rise: slow statements, or a pool too small.",
			func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) },
		},
		"anton_db_wait_seconds_total": {
			"Time that calls waited for a connection.", func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() },
		},
	} {
		m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: of.help}, func() float64 { return of.value(pool.Stat()) }))
	}
}

func counters(m *Metrics, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(c)
	return c
}

func counter(m *Metrics, name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.Registry.MustRegister(c)
	return c
}

func gauges(m *Metrics, name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(g)
	return g
}

func gauge(m *Metrics, name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	m.Registry.MustRegister(g)
	return g
}

func histograms(m *Metrics, name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.Registry.MustRegister(h)
	return h
}
