package velocity_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/velocity"
)

func window(t require, kind string, seconds int32, zone string) *velocity.Window {
	w, err := velocity.NewWindow(kind, seconds, zone)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

type require interface{ Fatal(args ...any) }

func TestWindowsBeginAndEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind, zone          string
		seconds             int32
		now, starts, resets string
	}{
		"a day in UTC":                   {kind: "calendar_day", now: "2026-02-14T10:00:00Z", starts: "2026-02-14T00:00:00Z", resets: "2026-02-15T00:00:00Z"},
		"a day east of it":               {kind: "calendar_day", zone: "Asia/Kolkata", now: "2026-02-14T20:00:00Z", starts: "2026-02-14T18:30:00Z", resets: "2026-02-15T18:30:00Z"},
		"a day that has 23 hours":        {kind: "calendar_day", zone: "Europe/Berlin", now: "2026-03-29T10:00:00Z", starts: "2026-03-28T23:00:00Z", resets: "2026-03-29T22:00:00Z"},
		"a day that has 25 hours":        {kind: "calendar_day", zone: "Europe/Berlin", now: "2026-10-25T10:00:00Z", starts: "2026-10-24T22:00:00Z", resets: "2026-10-25T23:00:00Z"},
		"a day that begins at one":       {kind: "calendar_day", zone: "Africa/Cairo", now: "2025-04-25T10:00:00Z", starts: "2025-04-24T22:00:00Z", resets: "2025-04-25T21:00:00Z"},
		"a day that has midnight twice":  {kind: "calendar_day", zone: "America/Havana", now: "2025-11-02T12:00:00Z", starts: "2025-11-02T04:00:00Z", resets: "2025-11-03T05:00:00Z"},
		"a day that its zone skipped":    {kind: "calendar_day", zone: "Pacific/Apia", now: "2011-12-30T09:00:00Z", starts: "2011-12-29T10:00:00Z", resets: "2011-12-30T10:00:00Z"},
		"a month":                        {kind: "calendar_month", now: "2026-01-31T23:59:59Z", starts: "2026-01-01T00:00:00Z", resets: "2026-02-01T00:00:00Z"},
		"February of a leap year":        {kind: "calendar_month", now: "2028-02-29T12:00:00Z", starts: "2028-02-01T00:00:00Z", resets: "2028-03-01T00:00:00Z"},
		"December":                       {kind: "calendar_month", now: "2026-12-31T12:00:00Z", starts: "2026-12-01T00:00:00Z", resets: "2027-01-01T00:00:00Z"},
		"the month that it is elsewhere": {kind: "calendar_month", zone: "Pacific/Auckland", now: "2026-01-31T12:00:00Z", starts: "2026-01-31T11:00:00Z", resets: "2026-02-28T11:00:00Z"},
		"a minute":                       {kind: "rolling", seconds: 60, now: "2026-02-14T10:00:00.7Z", starts: "2026-02-14T09:59:00Z", resets: "2026-02-14T10:01:01Z"},
		"a day and a second":             {kind: "rolling", seconds: 86401, now: "2026-02-14T10:00:30Z", starts: "2026-02-13T10:00:00Z", resets: "2026-02-15T10:01:01Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, err := time.Parse(time.RFC3339Nano, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			w := window(t, tt.kind, tt.seconds, tt.zone)
			if got := w.Start(now).UTC().Format(time.RFC3339); got != tt.starts {
				t.Errorf("starts %s, want %s", got, tt.starts)
			}
			if got := w.Resets(now).UTC().Format(time.RFC3339); got != tt.resets {
				t.Errorf("resets %s, want %s", got, tt.resets)
			}
		})
	}
}

// TestRangesCoverEveryMomentOnce holds the buckets that make up a window to the window: from its start on, no gap and nothing twice.
func TestRangesCoverEveryMomentOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		since := rapid.Int64Range(0, 4_000_000_000).Draw(t, "since")
		next := since
		for i, r := range velocity.Ranges(since) {
			if r.From != next || r.Until <= r.From || r.From%int64(r.Step) != 0 {
				t.Fatalf("range %d is %+v, the one before ended at %d", i, r, next)
			}
			next = r.Until
		}
		if next < 250_000_000_000 {
			t.Fatalf("the ranges end at %d", next)
		}
	})
}

// TestEveryRangeIsOfASeriesThatIsKept: whatever the moment, a window is read only from buckets that its rules keep, as far back as they do.
func TestEveryRangeIsOfASeriesThatIsKept(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham"}
	rapid.Check(t, func(t *rapid.T) {
		w := window(t, rapid.SampledFrom([]string{"rolling", "calendar_day", "calendar_month"}).Draw(t, "type"),
			rapid.Int32Range(1, 90*86400).Draw(t, "seconds"), rapid.SampledFrom(zones).Draw(t, "zone"))
		now := time.UnixMicro(rapid.Int64Range(1_500_000_000e6, 2_100_000_000e6).Draw(t, "now"))
		needed := velocity.Needed(velocity.NewRulebook([]*velocity.Rule{{Scope: velocity.ByMerchant, Window: w}}), now)
		for _, r := range velocity.Ranges(w.Start(now).Unix()) {
			since, ok := needed[velocity.Series{Scope: velocity.ByMerchant, Step: r.Step}]
			if !ok || since.Unix() > r.From {
				t.Fatalf("%+v is read, and what is kept is %v", r, needed)
			}
		}
		if start := w.Start(now); start.After(now) || !w.Resets(now).After(now) {
			t.Fatalf("at %s the window begins at %s and resets at %s", now, start, w.Resets(now))
		}
	})
}
