package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// TestManyPayoutsOfOneMomentAreCounted has two servers pay more in one moment than is read with the book and than a moment can put into
// buckets: exactly the cap passes, then and when the moment is over.
func TestManyPayoutsOfOneMomentAreCounted(t *testing.T) {
	t.Parallel()
	first := testserver.New(t)
	second := testserver.On(t, first.Database, first.Clock)
	w := newWorld(t, first)
	createRule(t, w.m, map[string]any{
		"name": "Forty", "type": "count_per_window", "window": map[string]any{"type": "rolling", "seconds": 3600}, "threshold": "40",
	})
	for i := range 45 {
		w.m.Payout(t, w.bens[i%2], "1.00", fmt.Sprint("moment ", i))
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go([]*testserver.Server{first, second}[i%2].Work)
	}
	group.Wait()
	first.Work()
	expect := func(when string, blocked, inBuckets int) {
		t.Helper()
		var nBlocked, nCounted int
		err := first.Owner.QueryRow(t.Context(), `select (select count(*) from payouts where status = 'velocity_blocked'),
			(select coalesce(sum(payouts), 0) from velocity_buckets where scope = 'merchant' and step = 60)`).Scan(&nBlocked, &nCounted)
		if err != nil || nBlocked != blocked || nCounted != inBuckets {
			t.Errorf("%s, %d payouts are blocked and %d are in buckets, want %d and %d: %v", when, nBlocked, nCounted, blocked, inBuckets, err)
		}
	}
	expect("in their moment", 5, 0)
	first.Clock.Advance(time.Second)
	if w.pay(t, 0, "1").passed {
		t.Error("a payout over the cap passed a second later")
	}
	expect("a second later", 6, 40)
	first.Clock.Advance(time.Hour)
	if !w.pay(t, 0, "1").passed {
		t.Error("a payout did not pass when the window was over")
	}
}
