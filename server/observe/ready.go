package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A Check is one condition of being ready. Why is empty when it holds; otherwise it says why not, in words that a stranger may read. The
// cause is for the log.
type Check struct {
	Name string
	Ask  func(ctx context.Context) (why string, cause error)
}

// A Report says whether the server can serve.
type Report struct {
	Status string    `json:"status"` // "ready" or "not_ready"
	Checks []Outcome `json:"checks"`
}

// An Outcome is a check's.
type Outcome struct {
	Name   string `json:"name"`
	Status string `json:"status"`        // "ok" or "failing"
	Why    string `json:"why,omitempty"` // why it fails
}

// Ready says whether the report is good.
func (r Report) Ready() bool { return r.Status == "ready" }

const (
	// answerWithin bounds all checks together: a balancer that waits longer has given up.
	answerWithin = 2 * time.Second
	// remembered is how old a good answer may be: whoever asks in a loop must not load the database. A bad one is kept more shortly: who
	// waits for a server to start need not wait longer than it takes.
	remembered, badRemembered = time.Second, 50 * time.Millisecond
)

// Readiness knows whether the server can serve. OnChange, which may be nil, is told each answer that differs from the last.
type Readiness struct {
	Checks   []Check
	Log      *slog.Logger
	OnChange func(ready bool)

	mu      sync.Mutex
	leaving bool
	asked   time.Time
	last    Report
}

// Now asks the checks, unless they were asked within the last second.
func (r *Readiness) Now() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := badRemembered
	if r.last.Ready() {
		fresh = remembered
	}
	if r.last.Status != "" && time.Since(r.asked) < fresh {
		return r.last
	}
	report, causes := r.ask()
	r.settle(report, causes)
	return r.last
}

// Leave makes the server unready for good: it is about to go.
func (r *Readiness) Leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = true
	report, causes := r.ask()
	r.settle(report, causes)
}

func (r *Readiness) ask() (Report, []any) {
	report := Report{Status: "ready"}
	if r.leaving {
		report.Status = "not_ready"
		report.Checks = []Outcome{{Name: "leaving", Status: "failing", Why: "the server is stopping and takes no new work"}}
		return report, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	var causes []any
	for _, check := range r.Checks {
		outcome := Outcome{Name: check.Name, Status: "ok"}
		why, cause := check.Ask(ctx)
		if why != "" {
			report.Status, outcome.Status, outcome.Why = "not_ready", "failing", why
			causes = append(causes, slog.Group(check.Name, slog.String("why", why), slog.Any("cause", cause)))
		}
		report.Checks = append(report.Checks, outcome)
	}
	report.Checks = append(report.Checks, Outcome{Name: "leaving", Status: "ok"})
	return report, causes
}

// settle remembers the answer, and tells the log and OnChange when it is another one.
func (r *Readiness) settle(report Report, causes []any) {
	before := r.last.Status
	r.last, r.asked = report, time.Now()
	if before == report.Status {
		return
	}
	switch {
	case report.Ready():
		r.Log.Info("ready")
	case before != "" && !r.leaving: // at the start nothing was ready before
		r.Log.Error("not ready", causes...)
	}
	if r.OnChange != nil {
		r.OnChange(report.Ready())
	}
}

// Run asks every second until ctx ends, so that OnChange hears of every change whoever else asks.
func (r *Readiness) Run(ctx context.Context) {
	tick := time.NewTicker(remembered)
	defer tick.Stop()
	for {
		r.Now()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Health serves /healthz and /readyz, the same on every address that has them.
func (r *Readiness) Health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		report := r.Now()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.Ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(report) // whoever asked is gone
	})
	return mux
}
