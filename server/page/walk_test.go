package page

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

type numbered struct {
	list   string
	number int64
}

func numberedKey(n numbered) (string, int64) { return n.list, n.number }

// A walk over lists that grow while it goes on sees what was there when it began, each row once.
func TestWalkSkipsNothingWhileListsGrow(t *testing.T) {
	t.Parallel()
	req := &antonv1.ListTransactionsRequest{Limit: proto.Int32(3)}
	tops := map[string]int64{"EUR": 5, "JPY": 1, "USD": 9}
	var seen []string
	for pages := 0; ; pages++ {
		w, err := WalkOf("mer_a", req)
		if err != nil {
			t.Fatal(err)
		}
		if w.Below == nil {
			w.Below = map[string]int64{}
			for list, top := range tops {
				w.Below[list] = top + 1
			}
		}
		for list := range tops { // each list grows between any two pages, and one begins
			tops[list] += 2
		}
		tops["GBP"] = 4
		var rows []numbered
		for _, list := range slices.Sorted(maps.Keys(w.Below)) {
			for n := min(w.Below[list]-1, tops[list]); n > 0; n-- {
				rows = append(rows, numbered{list, n})
			}
		}
		page, more, next := CutWalk(w, rows[:min(len(rows), int(w.Fetch()))], numberedKey)
		for _, row := range page {
			seen = append(seen, fmt.Sprint(row.list, row.number))
		}
		if !more {
			break
		}
		req.Cursor = *next
		if pages > 10 {
			t.Fatal("the walk does not end")
		}
	}
	want := []string{
		"EUR5", "EUR4", "EUR3", "EUR2", "EUR1", "JPY1", "USD9", "USD8", "USD7", "USD6", "USD5", "USD4", "USD3", "USD2", "USD1",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("saw  %v\nwant %v", seen, want)
	}
}

func FuzzWalkCursor(f *testing.F) {
	w, err := WalkOf("mer_a", &antonv1.ListTransactionsRequest{Limit: proto.Int32(1)})
	if err != nil {
		f.Fatal(err)
	}
	w.Below = map[string]int64{"USD": 3, "EUR": 2}
	_, _, next := CutWalk(w, []numbered{{"USD", 2}, {"USD", 1}}, numberedKey)
	f.Add(*next)
	f.Add("")
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, cursor string) {
		w, err := WalkOf("mer_a", &antonv1.ListTransactionsRequest{Cursor: cursor})
		if err != nil || cursor == "" {
			return
		}
		for list, below := range w.Below {
			if len(list) != 3 || below < 1 {
				t.Errorf("%q was taken as %v", cursor, w.Below)
			}
		}
	})
}
