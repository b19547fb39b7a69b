package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Report is what was measured, on what.
type Report struct {
	CPUs       int       `json:"cpus"`
	Go         string    `json:"go"`
	PostgreSQL string    `json:"postgresql"`
	Clients    int       `json:"clients"`
	Merchants  int       `json:"merchants"`
	Evaluation bool      `json:"evaluation"`
	Measures   []Measure `json:"measures"`
	// PeakMemory is the most the server had resident, in bytes, the bare handler included.
	PeakMemory int64 `json:"peak_memory_bytes"`
	// WarmStart is how long `anton serve` took to its first answer on the database as the bench left it, with PostgreSQL's own start,
	// in milliseconds; 0 where it was not measured.
	WarmStart         int64    `json:"warm_start_ms,omitempty"`
	InvariantsChecked int      `json:"invariants_checked"`
	Breaches          []string `json:"breaches"`
	Notes             []string `json:"notes,omitempty"`
}

// A Measure is one target in one round.
type Measure struct {
	Target string `json:"target"`
	Round  int    `json:"round"`
	Load
	Cost
}

// Cost is what a payout cost: CPU in milliseconds, log in bytes, Go's allocations. Zero where it could not be measured.
type Cost struct {
	ServerCPU      float64 `json:"server_cpu_ms"`
	PostgresCPU    float64 `json:"postgres_cpu_ms"`
	WAL            float64 `json:"wal_bytes"`
	Allocations    float64 `json:"allocations"`
	AllocatedBytes float64 `json:"allocated_bytes"`
}

func (m Measure) perSecond() float64 { return float64(m.Done) / m.Seconds }

// Failed is how many requests were not answered with a payout.
func (r *Report) Failed() (count int, first string) {
	for _, m := range r.Measures {
		count += m.Failed
		if first == "" {
			first = m.FirstFailure
		}
	}
	return count, first
}

// of gives the target's measures, one a round.
func (r *Report) of(target string) []Measure {
	return slices.DeleteFunc(slices.Clone(r.Measures), func(m Measure) bool { return m.Target != target })
}

// ratio is the median, over the rounds that have both, of the target's throughput by the bare handler's; 0 where there is none.
func (r *Report) ratio(target string) float64 {
	var ratios []float64
	for _, m := range r.of(target) {
		for _, floor := range r.of(floorHTTP) {
			if floor.Round == m.Round {
				ratios = append(ratios, m.perSecond()/floor.perSecond())
			}
		}
	}
	return median(ratios)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// Print writes the report for people: the median of the rounds.
func (r *Report) Print(w io.Writer) {
	evaluation := "off"
	if r.Evaluation {
		evaluation = "on"
	}
	fmt.Fprintf(w, "\n%d merchants, %d clients, evaluation %s; PostgreSQL %s, %s, %d CPUs shared by load, server and database.\nMedians of %d rounds.\n\n",
		r.Merchants, r.Clients, evaluation, r.PostgreSQL, r.Go, r.CPUs, r.roundsDone())
	fmt.Fprintf(w, "%-20s %9s %7s %7s %7s %7s %10s %10s %8s %7s %8s\n",
		"", "payouts/s", "of bare", "p50 ms", "p95 ms", "p99 ms", "server CPU", "pg CPU ms", "WAL B", "allocs", "kB alloc")
	for _, target := range []string{floorSQL, floorHTTP, overREST, overGRPC} {
		if measures := r.of(target); len(measures) > 0 {
			r.printRow(w, target, measures)
		}
	}
	fmt.Fprintln(w)
	if r.PeakMemory > 0 {
		fmt.Fprintf(w, "Server's memory at its peak: %d MB.\n", r.PeakMemory>>20)
	}
	if r.WarmStart > 0 {
		fmt.Fprintf(w, "Warm start to the first answer, PostgreSQL's included: %d ms.\n", r.WarmStart)
	}
	if failed, first := r.Failed(); failed > 0 {
		fmt.Fprintf(w, "%d requests failed; the first: %s\n", failed, first)
	}
	fmt.Fprintf(w, "Invariants: %d checked, %d rows break one.\n", r.InvariantsChecked, len(r.Breaches))
	for _, line := range slices.Concat(r.Breaches, r.Notes) {
		fmt.Fprintln(w, line)
	}
}

func (r *Report) roundsDone() int {
	last := 0
	for _, m := range r.Measures {
		last = max(last, m.Round)
	}
	return last
}

func (r *Report) printRow(w io.Writer, target string, measures []Measure) {
	middle := func(format string, of func(Measure) float64) string {
		var values []float64
		for _, m := range measures {
			values = append(values, of(m))
		}
		value := median(values)
		if value == 0 {
			return "-"
		}
		return fmt.Sprintf(format, value)
	}
	ratio := "-"
	if of := r.ratio(target); of > 0 {
		ratio = fmt.Sprintf("%.0f %%", of*100)
	}
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-20s %9s %7s %7s %7s %7s %10s %10s %8s %7s %8s", target,
		middle("%.0f", Measure.perSecond), ratio,
		middle("%.2f", func(m Measure) float64 { return m.P50 }),
		middle("%.2f", func(m Measure) float64 { return m.P95 }),
		middle("%.2f", func(m Measure) float64 { return m.P99 }),
		middle("%.3f", func(m Measure) float64 { return m.ServerCPU }),
		middle("%.3f", func(m Measure) float64 { return m.PostgresCPU }),
		middle("%.0f", func(m Measure) float64 { return m.WAL }),
		middle("%.0f", func(m Measure) float64 { return m.Allocations }),
		middle("%.1f", func(m Measure) float64 { return m.AllocatedBytes / 1000 })), " "))
}
