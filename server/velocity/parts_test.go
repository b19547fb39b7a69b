package velocity_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/velocity"
)

// TestAWindowIsTheSumOfItsParts reads windows of all sorts from the parts that they share, wherever the past is settled, and compares each with
// what a look at every payout gives.
func TestAWindowIsTheSumOfItsParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := noon.Add(time.Duration(rapid.Int64Range(0, 40*86400).Draw(t, "now")) * time.Second)
		settled := now.Add(-time.Duration(rapid.Int64Range(-900, 100*86400).Draw(t, "settled")) * time.Second).Truncate(15 * time.Minute)
		var rules []*velocity.Rule
		for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
			w := window(t, rapid.SampledFrom([]string{"rolling", "rolling", "calendar_day", "calendar_month"}).Draw(t, "type"),
				rapid.SampledFrom([]int32{1, 59, 60, 61, 3600, 86399, 86400, 86401, 7 * 86400, 90 * 86400}).Draw(t, "seconds"),
				rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Asia/Kathmandu"}).Draw(t, "zone"))
			rules = append(rules, &velocity.Rule{
				ID: fmt.Sprint("vr_", i), Type: velocity.CountPerWindow, Scope: velocity.ByMerchant, Window: w, Threshold: number("1"), Action: "block", Mode: "enforce",
			})
		}
		var paid []int64
		for range rapid.IntRange(0, 40).Draw(t, "payouts") {
			within := rapid.SampledFrom([]int64{90, 2000, 90_000, 95 * 86400}).Draw(t, "within")
			paid = append(paid, now.Unix()-rapid.Int64Range(-5, within).Draw(t, "ago"))
		}
		next := []velocity.Payout{payout("1", nil)}
		book := velocity.NewRulebook(rules)
		used := velocity.NewUsed(book, next, now, settled)
		first := rapid.IntRange(0, len(paid)).Draw(t, "in buckets from the first")
		for _, s := range used.Subjects() {
			var all []velocity.Totals
			for _, r := range s.Ranges() {
				totals, err := velocity.AddUp(bucketsOf(r, paid[:first], next[0].Kind))
				if err == nil {
					totals, err = totals.And(r, recent(paid[first:], next[0]))
				}
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, totals)
			}
			if err := s.Put(all); err != nil {
				t.Fatal(err)
			}
		}
		decisions, err := velocity.Evaluate(book, used, nil, next, now)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, h := range decisions[0].Hits {
			got[h.RuleID] = h.Used
		}
		for _, r := range rules {
			want := 0
			for _, at := range paid {
				if at >= r.Window.Start(now).Unix() {
					want++
				}
			}
			if text := fmt.Sprint(want); want > 0 && got[r.ID] != text || want == 0 && got[r.ID] != "" {
				t.Fatalf("%s %d %s at %s, settled %s: %q are used, and %d were paid", r.Window.Type, r.Window.Seconds, r.Window.Zone, now, settled, got[r.ID], want)
			}
		}
	})
}

// bucketsOf are the buckets of a range, one for each payout that is in it.
func bucketsOf(r velocity.Range, paid []int64, kind velocity.Kind) []velocity.Bucket {
	var buckets []velocity.Bucket
	for _, at := range paid {
		step := int64(r.Step)
		if from := at - at%step; from >= r.From && from < r.Until {
			buckets = append(buckets, velocity.Bucket{From: from, KindSum: velocity.KindSum{Kind: kind, Sum: velocity.Sum{Payouts: 1}}})
		}
	}
	return buckets
}

func recent(paid []int64, p velocity.Payout) []velocity.Recent {
	var all []velocity.Recent
	for _, at := range paid {
		all = append(all, velocity.Recent{Payout: p, At: time.Unix(at, 0)})
	}
	return all
}

// TestADayBeginsOnce holds the quick way to find the beginning of a day to what a day is: the moment is the first of its date.
func TestADayBeginsOnce(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "Africa/Cairo", "America/Havana", "America/St_Johns", "Asia/Beirut", "Asia/Kathmandu", "Pacific/Apia", "America/Asuncion"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(rapid.Int64Range(1_325_376_000, 2_100_000_000).Draw(t, "now"), 0) // from 2012 on: before, Apia skipped a day, and St. John's turned its clocks after midnight
		start := window(t, "calendar_day", 0, zone).Start(now)
		date := func(at time.Time) string { return at.In(loc).Format(time.DateOnly) }
		if date(start) != date(now) || date(start.Add(-time.Second)) == date(now) || date(start.Add(-2*time.Hour)) == date(now) {
			t.Fatalf("the day of %s begins at %s", now.In(loc), start.In(loc))
		}
	})
}
