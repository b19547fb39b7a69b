package webhooks_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

// A stream is a merchant's WatchEvents.
type stream struct {
	grpc.ServerStreamingClient[antonv1.WatchEventsResponse]
	stop context.CancelFunc
}

func watch(t *testing.T, s *testserver.Server, m *testserver.Client, req *antonv1.WatchEventsRequest) stream {
	t.Helper()
	ctx, stop := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key))
	t.Cleanup(stop)
	got, err := antonv1.NewEventsServiceClient(s.Dial()).WatchEvents(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return stream{got, stop}
}

func (w stream) next(t *testing.T) *antonv1.WatchEventsResponse {
	t.Helper()
	got, err := w.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// event is the next one; heartbeats are passed over.
func (w stream) event(t *testing.T) *antonv1.WatchEventsResponse {
	t.Helper()
	for {
		if got := w.next(t); got.GetData() != nil {
			return got
		}
	}
}

// reason is an error's code.
func reason(err error) string {
	for _, detail := range grpcstatus.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func TestAStreamGoesOnWhereItWasAcrossServers(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, beneficiary := payer(t, s)
	w := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true, Types: []string{"payout.*"}})
	first := w.next(t)
	if first.GetData() != nil || first.GetCursor() == "" {
		t.Fatalf("it begins with %v", first)
	}
	var got []string
	take := func(w stream, n int) (cursor string) {
		for range n {
			e := w.event(t)
			got, cursor = append(got, fmt.Sprint(e.GetData().GetObjectId(), " ", e.GetData().GetSequence())), e.GetCursor()
		}
		return cursor
	}
	one := m.Payout(t, beneficiary, "25.00", "one")
	m.Beneficiary(t, "Lopez", "1112223334")
	complete(s)
	place(t, s)
	cursor := take(w, 3) // and goes away with four unread
	w.stop()
	two := m.Payout(t, beneficiary, "26.00", "two")
	complete(s)

	other := testserver.On(t, s.Database, s.Clock) // another server, as after a restart
	w = watch(t, other, m.At(other), &antonv1.WatchEventsRequest{Cursor: cursor, Types: []string{"payout.*"}})
	take(w, 4)
	place(t, other)
	take(w, 7)
	var want []string
	for _, payout := range []string{one, two} {
		for i := range 7 {
			want = append(want, fmt.Sprint(payout, " ", i+1))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("it was told\n%v, want\n%v", got, want)
	}
	other.EndStreams()
	if _, err := w.Recv(); reason(err) != "unavailable" {
		t.Errorf("the server stops and says %v", err)
	}
}

func TestWhoMayWatchWhat(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	other, _ := payer(t, s)
	w := watch(t, s, other, &antonv1.WatchEventsRequest{FromNow: true})
	foreign := w.next(t).GetCursor()
	for name, tt := range map[string]struct {
		client *testserver.Client
		req    *antonv1.WatchEventsRequest
		want   string
	}{
		"neither":             {m, &antonv1.WatchEventsRequest{}, "validation_error"},
		"both":                {m, &antonv1.WatchEventsRequest{FromNow: true, Cursor: foreign}, "validation_error"},
		"another's cursor":    {m, &antonv1.WatchEventsRequest{Cursor: foreign}, "validation_error"},
		"no cursor at all":    {m, &antonv1.WatchEventsRequest{Cursor: "b3BhcXVl"}, "validation_error"},
		"no such type":        {m, &antonv1.WatchEventsRequest{FromNow: true, Types: []string{"payout.flown"}}, "validation_error"},
		"too many characters": {m, &antonv1.WatchEventsRequest{Cursor: string(make([]byte, 600))}, "validation_error"},
		"no key":              {s.With("ak_test_nobody"), &antonv1.WatchEventsRequest{FromNow: true}, "unauthenticated"},
		"a key without scope": {s.KeyFor(t, m.Merchant, "payouts:read"), &antonv1.WatchEventsRequest{FromNow: true}, "insufficient_scope"},
		"an operator":         {s.Ops(), &antonv1.WatchEventsRequest{FromNow: true}, "insufficient_scope"},
	} {
		if _, err := watch(t, s, tt.client, tt.req).Recv(); reason(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key)
	stream, err := s.Dial().NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, antonv1.EventsService_WatchEvents_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&antonv1.WatchEventsResponse{}); reason(err) != "validation_error" {
		t.Errorf("no request at all: %v", err)
	}
}

func TestARevokedKeysStreamEnds(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	made := m.Post(t, "/v1/api-keys", "", `{"name":"Watcher","scopes":["webhooks:read"]}`)
	w := watch(t, s, s.With(made.Data()["key"].(string)), &antonv1.WatchEventsRequest{FromNow: true})
	w.next(t)
	start := time.Now()
	expect(t, "revoke", m.Post(t, "/v1/api-keys/"+made.Data()["id"].(string)+"/revoke", "", "{}"), http.StatusOK, "")
	for {
		if _, err := w.Recv(); err != nil {
			if reason(err) != "unauthenticated" {
				t.Errorf("after %v it ended with %v", time.Since(start), err)
			}
			return
		}
	}
}

func TestAMerchantHasSoManyStreamsAndNoMore(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	var open []stream
	for range 10 {
		w := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true})
		w.next(t)
		open = append(open, w)
	}
	if _, err := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true}).Recv(); reason(err) != "rate_limited" {
		t.Errorf("the eleventh: %v", err)
	}
	open[0].stop()
	until(t, func() bool {
		_, err := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true}).Recv()
		return err == nil
	})
}

// Who reads slowly holds up nobody, costs no memory however much waits, and gets everything once, also when the server is another by then.
func TestASlowWatcherGetsEverything(t *testing.T) { //nolint:paralleltest // it measures the heap
	s := testserver.New(t)
	m, _ := payer(t, s)
	slow := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true, Types: []string{"payout.*"}})
	fast := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true})
	slow.next(t)
	fast.next(t)
	const objects, each, size = 30, 100, 12_000 // 36 MB
	_, err := s.Owner.Exec(t.Context(), `insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at)
		select $1, format('evt_%s_%s', o, n), 'payout.sent', 'payout', 'pay_' || o, n, json_build_object('padding', repeat('x', $5)), $2
		from generate_series(1, $3::integer) o, generate_series(1, $4::integer) n`, m.Merchant, s.Clock.Now(), objects, each, size)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	place(t, s)
	last := map[string]int32{}
	take := func(w stream, n int) (cursor string) {
		for range n {
			got := w.event(t)
			e := got.GetData()
			if last[e.GetObjectId()]++; e.GetSequence() != last[e.GetObjectId()] {
				t.Fatalf("%s: %d came where %d was due", e.GetObjectId(), e.GetSequence(), last[e.GetObjectId()])
			}
			cursor = got.GetCursor()
		}
		return cursor
	}
	take(fast, objects*each)
	fast.stop()
	// The slow one had the same time, and has read nothing. What it holds is a page of events and what gRPC sends ahead, 16 MB at most.
	if grown := heap() - before; grown > 24<<20 {
		t.Errorf("what waits for the slow one takes %d MB", grown>>20)
	}
	clear(last)
	cursor := take(slow, objects*each/2)
	slow.stop()

	other := testserver.On(t, s.Database, s.Clock) // as after a restart
	w := watch(t, other, m.At(other), &antonv1.WatchEventsRequest{Cursor: cursor, Types: []string{"payout.*"}})
	take(w, objects*each/2)
	emit(t, other, m.Merchant, "pay_1", each+1, 1)
	place(t, other)
	if take(w, 1); last["pay_1"] != each+1 {
		t.Errorf("after all of them came another one: %v", last)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools keep lives one longer
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A stream that has nothing to tell says every 15 seconds that it lives.
func TestASilentStreamHasAHeartbeat(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	w := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true})
	first, second := w.next(t), w.next(t)
	if first.GetData() != nil || second.GetData() != nil || second.GetCursor() != first.GetCursor() {
		t.Errorf("it said %v, then %v", first, second)
	}
}
