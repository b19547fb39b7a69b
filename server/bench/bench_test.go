package bench

import (
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1)*time.Millisecond)
	}
	for _, tt := range []struct {
		sorted []time.Duration
		p      int
		want   float64
	}{
		{nil, 99, 0},
		{hundred[:1], 50, 1},
		{hundred[:2], 50, 1},
		{hundred[:2], 99, 2},
		{hundred, 50, 50},
		{hundred, 95, 95},
		{hundred, 99, 99},
	} {
		if got := percentile(tt.sorted, tt.p); got != tt.want {
			t.Errorf("p%d of %d: got %v, want %v", tt.p, len(tt.sorted), got, tt.want)
		}
	}
}

func TestRatioComparesWithinARound(t *testing.T) {
	t.Parallel()
	measure := func(target string, round, done int) Measure {
		return Measure{Target: target, Round: round, Load: Load{Seconds: 1, Done: done}}
	}
	r := Report{Measures: []Measure{
		measure(floorHTTP, 1, 1000), measure(overREST, 1, 300),
		measure(floorHTTP, 2, 100), measure(overREST, 2, 40),
		measure(floorHTTP, 3, 1000), measure(overREST, 3, 100),
		measure(overREST, 4, 5000), // its round was stopped before the floor was measured
	}}
	if got := r.ratio(overREST); got != 0.3 {
		t.Errorf("got %v, want the median 0.3", got)
	}
	if got := r.ratio(overGRPC); got != 0 {
		t.Errorf("a target that was not measured has the ratio %v", got)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	// From proc_pid_stat(5); the name may hold anything, parentheses and spaces included.
	got, ok := parseStat("42 (odd ) name) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 7 3 20 0 1 0 100 0 0")
	want := process{name: "odd ) name", parent: 7, cpu: 210 * tick}
	if !ok || got != want {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	if _, ok := parseStat("42 (postgres) S 7"); ok {
		t.Error("a line that was cut short was understood")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (postgres) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 7 3 20 0 1 0 100 0 0")
	f.Add(") (")
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := parseStat(text); !ok && p != (process{}) {
			t.Errorf("%q was not understood and gave %+v", text, p)
		}
	})
}

func TestParseLog(t *testing.T) {
	t.Parallel()
	got, err := parseLog([]byte("0 199 2241 0 1175850568 995598\n1 12 60 0 1175850569 2\n"))
	if err != nil || len(got) != 2 || got[0] != 2241*time.Microsecond || got[1] != 60*time.Microsecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"0 199\n", "0 199 skipped 0 1175850568 995598\n"} {
		if _, err := parseLog([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a transaction", bad)
		}
	}
}

func FuzzParseLog(f *testing.F) {
	f.Add([]byte("0 199 2241 0 1175850568 995598\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if took, err := parseLog(text); err != nil && took != nil {
			t.Errorf("%q: both %v and %v", text, took, err)
		}
	})
}

// On a busy machine the time of a measure is over before a client had its turn.
func TestAMeasureMeasuresHoweverShort(t *testing.T) {
	t.Parallel()
	create := func(Merchant, string, string) error { return nil }
	got := run(t.Context(), order{Clients: 4, Merchants: []Merchant{{}}}, 0, create, nil)
	if got.Done < 4 || got.Failed != 0 {
		t.Errorf("4 clients had no time: %+v", got)
	}
}
