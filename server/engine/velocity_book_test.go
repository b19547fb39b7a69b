package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// TestManyPayoutsOfOneMomentAreCounted has two servers pay more in one moment than is read with the book, and nobody fills buckets for them:
// exactly the cap passes, then and when the moment is over and an evaluation fills them itself.
func TestManyPayoutsOfOneMomentAreCounted(t *testing.T) {
	t.Parallel()
	first := testserver.New(t)
	second := testserver.On(t, first.Database, first.Clock)
	w := newWorld(t, first)
	createRule(t, w.m, map[string]any{
		"name": "Many", "type": "count_per_window", "window": map[string]any{"type": "rolling", "seconds": 3600}, "threshold": "135",
	})
	for i := range 140 {
		w.m.Payout(t, w.bens[i%2], "1.00", fmt.Sprint("moment ", i))
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() { workAlone(t, []*testserver.Server{first, second}[i%2]) })
	}
	group.Wait()
	workAlone(t, first)
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
	over := w.m.Payout(t, w.bens[0], "1", "over")
	workAlone(t, first)
	if status := w.m.Status(t, over); status != "velocity_blocked" {
		t.Errorf("a payout over the cap is %s a second later", status)
	}
	expect("a second later", 6, 135)
	first.Clock.Advance(time.Hour)
	if !w.pay(t, 0, "1").passed {
		t.Error("a payout did not pass when the window was over")
	}
}

// workAlone has the server's worker judge what waits, and its Filler do nothing.
func workAlone(t testing.TB, s *testserver.Server) {
	for {
		n, err := s.Worker.RunOnce(context.Background())
		if err != nil {
			t.Errorf("worker: %v", err)
		}
		if n == 0 || err != nil {
			return
		}
	}
}

// TestAServerFollowsWhatOthersFill has one server judge now and then, while another judges and fills buckets: what the first remembers of the
// windows follows, where it missed few payouts, where it missed more than it reads at once, and where some were given back meanwhile.
func TestAServerFollowsWhatOthersFill(t *testing.T) {
	t.Parallel()
	first := testserver.New(t)
	second := testserver.On(t, first.Database, first.Clock)
	w := newWorld(t, first)
	createRule(t, w.m, map[string]any{
		"name": "Each", "type": "count_per_window", "scope": "beneficiary", "window": map[string]any{"type": "rolling", "seconds": 6 * 3600}, "threshold": "1000",
	})
	createRule(t, w.m, map[string]any{
		"name": "All", "type": "count_per_window", "window": map[string]any{"type": "rolling", "seconds": 6 * 3600}, "threshold": "150", "mode": "shadow",
	})
	all := 0
	pay := func(s *testserver.Server, n int) {
		t.Helper()
		var ids []string
		for i := range n {
			ids = append(ids, w.m.Payout(t, w.bens[i%2], "1.00", fmt.Sprint("followed ", payments.next())))
		}
		s.Work()
		s.Clock.Advance(time.Second)
		all += n
		for _, id := range ids[max(0, n-3):] { // the last of them sees what all others used
			if status := w.m.Status(t, id); status == "velocity_blocked" {
				t.Fatalf("a payout is %s", status)
			}
		}
	}
	wouldBlock := func(want int) {
		t.Helper()
		var got int
		err := first.Owner.QueryRow(t.Context(), "select coalesce(sum(payouts), 0) from velocity_hits where merchant_id = $1 and effect = 'would_block'", w.m.Merchant).Scan(&got)
		if err != nil || got != want {
			t.Fatalf("after %d payouts %d were over the cap, want %d: %v", all, got, want, err)
		}
	}
	pay(first, 1)
	for range 3 {
		pay(second, 4)
		pay(first, 1)
	}
	pay(second, 133) // 149
	wouldBlock(0)
	pay(first, 1) // 150
	wouldBlock(0)
	pay(first, 1)
	wouldBlock(1)
	pay(second, 1)
	wouldBlock(2)
	held := w.m.Payout(t, w.bens[0], "1313.13", "held")
	second.Work()
	wouldBlock(3)
	pay(first, 1)
	wouldBlock(4)
	if got := w.m.Post(t, "/v1/payouts/"+held+"/cancel", "", "{}"); got.Status != http.StatusOK {
		t.Fatalf("cancel: %d %s", got.Status, got.Raw)
	}
	first.Clock.Advance(6*time.Hour + time.Minute)
	pay(first, 1)
	pay(second, 1)
	wouldBlock(4)
}

// TestWhatATailHasNoMoreIsReadAgain has one server remember what a beneficiary used. Another pays that beneficiary up to its cap, which the first
// follows only until others' payouts take the place of these in its memory.
func TestWhatATailHasNoMoreIsReadAgain(t *testing.T) {
	t.Parallel()
	first := testserver.New(t)
	second := testserver.On(t, first.Database, first.Clock)
	w := newWorld(t, first)
	createRule(t, w.m, map[string]any{
		"name": "Each", "type": "count_per_window", "scope": "beneficiary", "window": map[string]any{"type": "rolling", "seconds": 6 * 3600}, "threshold": "6",
	})
	pay := func(s *testserver.Server, beneficiary int) bool {
		w.s = s
		p := w.pay(t, beneficiary, "1")
		first.Clock.Advance(time.Second)
		return p.passed
	}
	for range 4 {
		pay(first, 0)
	}
	pay(second, 0)
	pay(second, 0)
	for range 5 {
		if !pay(first, 1) {
			t.Fatal("a payout to another beneficiary is blocked")
		}
	}
	if pay(first, 0) {
		t.Error("a payout over the cap passed")
	}
	if !pay(second, 1) || pay(second, 1) {
		t.Error("exactly the other's cap did not pass")
	}
}

// TestWhatNeverWasIsForgotten has the database fall back to an earlier moment under a server, as a failover without synchronous replication makes
// it: the window has room again for what is lost, and no more.
func TestWhatNeverWasIsForgotten(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Breaks("approved_payouts_count")
	w := newWorld(t, s)
	createRule(t, w.m, map[string]any{
		"name": "Each", "type": "count_per_window", "scope": "beneficiary", "window": map[string]any{"type": "rolling", "seconds": 6 * 3600}, "threshold": "8",
	})
	pay := func() bool {
		p := w.pay(t, 0, "1")
		s.Clock.Advance(time.Second)
		s.Work()
		return p.passed
	}
	passed := func(n int) {
		t.Helper()
		for i := range n {
			if !pay() {
				t.Fatalf("payout %d of %d is blocked", i+1, n)
			}
		}
	}
	on := func(sql string) {
		t.Helper()
		for _, table := range []string{"velocity_checks", "velocity_buckets", "velocity_books"} {
			if _, err := s.Owner.Exec(t.Context(), strings.ReplaceAll(sql, "TABLE", table)); err != nil {
				t.Fatal(err)
			}
		}
	}
	passed(4)
	on("create table before_TABLE as table TABLE")
	passed(4)
	on("delete from TABLE")
	on("insert into TABLE select * from before_TABLE")
	passed(4)
	if pay() {
		t.Error("a payout over the cap passed")
	}
}
