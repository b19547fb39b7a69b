package webhooks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	other.Leave()
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

// Who reads slowly holds up nobody, and gets everything in the end.
func TestASlowWatcherGetsEverything(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, beneficiary := payer(t, s)
	w := watch(t, s, m, &antonv1.WatchEventsRequest{FromNow: true, Types: []string{"payout.*"}})
	w.next(t)
	const payouts = 40
	for i := range payouts {
		m.Payout(t, beneficiary, "1.00", fmt.Sprint("slow ", i))
	}
	complete(s)
	place(t, s)
	last := map[string]int32{}
	for range payouts * 7 {
		e := w.event(t).GetData()
		if e.GetSequence() != last[e.GetObjectId()]+1 {
			t.Fatalf("%s: %d came after %d", e.GetObjectId(), e.GetSequence(), last[e.GetObjectId()])
		}
		last[e.GetObjectId()]++
	}
	w.stop()
	for {
		if _, err := w.Recv(); err != nil {
			if errors.Is(err, io.EOF) {
				t.Errorf("it ended with %v", err)
			}
			return
		}
	}
}
