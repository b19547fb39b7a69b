package page

import (
	"encoding/base64"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

type row struct {
	at time.Time
	id string
}

func key(r row) (time.Time, string) { return r.at, r.id }

// cursorAfter is the cursor of a query's first page.
func cursorAfter(t *testing.T, scope string, req Request, last row) string {
	t.Helper()
	p, err := Of(scope, req)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]row, p.Fetch())
	rows[len(rows)-2] = last
	page, more, next := Cut(p, rows, key)
	if !more || next == nil || len(page) != int(p.Fetch())-1 {
		t.Fatalf("%d rows, more %v", len(page), more)
	}
	return *next
}

func TestCursorContinuesItsOwnQueryOnly(t *testing.T) {
	t.Parallel()
	req := &antonv1.ListPayoutsRequest{Currency: "USD", Limit: proto.Int32(2)}
	last := row{time.Date(2026, 2, 14, 10, 0, 0, 123456000, time.UTC), "pay_x"}
	cursor := cursorAfter(t, "mer_a", req, last)

	p, err := Of("mer_a", &antonv1.ListPayoutsRequest{Currency: "USD", Limit: proto.Int32(50), Cursor: cursor})
	if err != nil || !p.At.Equal(last.at) || p.ID != last.id {
		t.Errorf("the next page starts after %v %s, %v; another limit is no other query", p.At, p.ID, err)
	}
	for name, other := range map[string]Request{
		"another filter":   &antonv1.ListPayoutsRequest{Currency: "EUR", Cursor: cursor},
		"another list":     &antonv1.ListEventsRequest{Cursor: cursor},
		"no cursor at all": &antonv1.ListPayoutsRequest{Currency: "USD", Cursor: "!"},
		"cut off":          &antonv1.ListPayoutsRequest{Currency: "USD", Cursor: cursor[:12]},
	} {
		if _, err := Of("mer_a", other); err == nil {
			t.Errorf("%s: the cursor was taken", name)
		}
	}
	if _, err := Of("mer_b", &antonv1.ListPayoutsRequest{Currency: "USD", Cursor: cursor}); err == nil {
		t.Error("another merchant's cursor was taken")
	}
}

func TestLastPageHasNoCursor(t *testing.T) {
	t.Parallel()
	p, err := Of("mer_a", &antonv1.ListPayoutsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	rows, more, next := Cut(p, make([]row, Usual), key)
	if len(rows) != Usual || more || next != nil {
		t.Errorf("%d rows, more %v, next %v", len(rows), more, next)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := Of("mer_a", &antonv1.ListPayoutsRequest{Cursor: cursor})
		if err == nil && cursor != "" && (p.At == nil || p.ID == "") {
			t.Errorf("%q was taken and says nothing", cursor)
		}
		if raw, bad := base64.RawURLEncoding.DecodeString(cursor); bad != nil && err == nil && cursor != "" {
			t.Errorf("%q was taken as %x", cursor, raw)
		}
	})
}
