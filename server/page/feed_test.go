package page

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// A walk down a feed that grows while it goes on sees each number that it had at its beginning once.
func TestFeedSkipsNothingWhileItGrows(t *testing.T) {
	t.Parallel()
	req := &antonv1.ListEventsRequest{Limit: proto.Int32(3)}
	var seen []int64
	for top := int64(10); ; top += 4 {
		f, err := FeedOf("mer_a", req)
		if err != nil {
			t.Fatal(err)
		}
		var rows []int64
		for n := min(f.Below-1, top); n > 0 && len(rows) < int(f.Fetch()); n-- {
			rows = append(rows, n)
		}
		page, more, next := CutFeed(f, rows, func(n int64) int64 { return n })
		seen = append(seen, page...)
		if !more {
			break
		}
		req.Cursor = *next
	}
	if want := []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}; !slices.Equal(seen, want) {
		t.Errorf("saw %v", seen)
	}
	if _, err := FeedOf("mer_b", req); err == nil {
		t.Error("another merchant's cursor was taken")
	}
	req.Type = "payout.sent"
	if _, err := FeedOf("mer_a", req); err == nil {
		t.Error("a cursor with other filters was taken")
	}
}

func FuzzFeedCursor(f *testing.F) {
	first, err := FeedOf("mer_a", &antonv1.ListEventsRequest{Limit: proto.Int32(1)})
	if err != nil {
		f.Fatal(err)
	}
	_, _, next := CutFeed(first, []int64{2, 1}, func(n int64) int64 { return n })
	f.Add(*next)
	f.Add("")
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, cursor string) {
		if got, err := FeedOf("mer_a", &antonv1.ListEventsRequest{Cursor: cursor}); err == nil && got.Below < 1 {
			t.Errorf("%q was taken as %d", cursor, got.Below)
		}
	})
}
