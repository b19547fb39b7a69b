package webhooks_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

// emit writes the next events of an object, in one transaction.
func emit(t *testing.T, s *testserver.Server, merchant, object string, from, count int) {
	t.Helper()
	err := s.Runner.Do(t.Context(), unit.Who{Merchant: merchant, Actor: "test"}, false, func(ctx context.Context, u *unit.Unit) error {
		for i := range count {
			err := events.Emit(ctx, u, events.Event{
				Merchant: merchant, Type: "payout.sent", ObjectType: "payout", ObjectID: object, Sequence: int32(from + i), Object: &structpb.Struct{},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever fails and whenever, on two servers at once: every event comes at least once, and the first time it comes all before it of
// its object have been taken.
func TestAnyFailuresKeepTheOrderOfEachObject(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	other := testserver.On(t, s.Database, s.Clock)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		if run++; run > 12 { // each takes a while; a longer run says ‑rapid.checks and this number
			return
		}
		var mu sync.Mutex
		taken := map[string][]int{}
		failing := rapid.SliceOfN(rapid.IntRange(0, 3), 8, 30).Draw(r, "failing")
		turn, refused := 0, map[string]int{}
		to := newReceiver(t, nil)
		to.says(func(w http.ResponseWriter, req *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			turn++
			id := req.Header.Get("Webhook-Id")
			if failing[turn%len(failing)] == 0 && refused[id] < 2 { // oftener, and the webhook would be given up in the end
				refused[id]++
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			for _, got := range to.all() {
				if got.event.ID == id {
					taken[got.event.ObjectID] = append(taken[got.event.ObjectID], got.event.Sequence)
					break
				}
			}
		})
		h := subscribe(t, m, to.URL, "payout.sent")
		objects := rapid.IntRange(1, 3).Draw(r, "objects")
		length := make([]int, objects)
		for step := range rapid.IntRange(2, 5).Draw(r, "steps") {
			for i := range length {
				n := rapid.IntRange(0, 4).Draw(r, fmt.Sprint("events of ", i, " in step ", step))
				emit(t, s, m.Merchant, fmt.Sprint("pay_", run, "_", i), length[i]+1, n)
				length[i] += n
			}
			both(t, s, other)
			s.Clock.Advance(time.Duration(rapid.IntRange(0, 90).Draw(r, "seconds")) * time.Second)
			both(t, s, other)
		}
		// Each event is refused twice at most, and those of an object wait for each other.
		for range 3 * slices.Max(length) {
			s.Clock.Advance(30 * time.Hour)
			both(t, s, other)
		}
		mu.Lock()
		defer mu.Unlock()
		for i, n := range length {
			got := taken[fmt.Sprint("pay_", run, "_", i)]
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != n {
				r.Fatalf("of %d events were taken %v", n, got)
			}
		}
		expect(t, "delete", m.Do(t, http.MethodDelete, "/v1/webhooks/"+h.id, nil, ""), http.StatusOK, "")
	})
}

// both has two servers place and deliver at once.
func both(t *testing.T, servers ...*testserver.Server) {
	t.Helper()
	var group sync.WaitGroup
	for _, s := range servers {
		group.Go(func() {
			for range 2 {
				if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := s.Deliverer.RunOnce(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// An event whose transaction commits late gets a late place: who has read up to a place has seen all before it, and meets it later.
func TestALateCommitIsNotSkipped(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	late, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.Background()) }()
	_, err = late.Exec(t.Context(), `insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at)
		values ($1, 'evt_late', 'payout.sent', 'payout', 'pay_late', 1, '{}', $2)`, m.Merchant, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Second)
	emit(t, s, m.Merchant, "pay_soon", 1, 1)
	place(t, s)
	last := counted(t, s, "select last_position from event_feeds where merchant_id = $1", m.Merchant)
	if n := counted(t, s, "select count(*) from event_positions p join events e on e.id = p.event_id where e.object_id = 'pay_soon'"); n != 1 {
		t.Fatal("the event that was committed has no place")
	}
	place(t, s)
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	place(t, s)
	if at := counted(t, s, "select position from event_positions where event_id = 'evt_late'"); at != last+1 {
		t.Errorf("the late one stands at %d, the last one before it at %d", at, last)
	}
}

// Two servers' clocks differ. What happened after a webhook was made is told, and a replay keeps the order, whatever the times say.
func TestClocksThatDifferLoseNothing(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	r := newReceiver(t, nil)
	h := subscribe(t, m, r.URL, "payout.sent")
	for sequence := range 4 {
		s.Clock.Advance(-10 * time.Second)
		emit(t, s, m.Merchant, "pay_skewed", sequence+1, 1)
		place(t, s)
	}
	told := func() (sequences []int) {
		s.Deliver()
		for _, got := range r.all() {
			sequences = append(sequences, got.event.Sequence)
		}
		r.forget()
		return sequences
	}
	s.Clock.Advance(time.Minute)
	if got := told(); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("it was told %v", got)
	}
	expect(t, "replay", m.Post(t, "/v1/webhooks/"+h.id+"/replay", "", fmt.Sprintf(`{"from":%q}`, s.Clock.Now().Add(-time.Hour).Format(time.RFC3339))), http.StatusOK, "")
	if got := told(); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("the replay told %v", got)
	}
}
