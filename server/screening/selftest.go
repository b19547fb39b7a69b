package screening

import (
	"context"
	"fmt"

	"github.com/antonpayments/anton/server/screening/lists"
)

// A Lost name is listed and does not find its own entry.
type Lost struct {
	Authority lists.Authority `json:"authority"`
	EntryID   string          `json:"entry_id"`
	Name      string          `json:"name"`
}

// Lost looks every listed name up and gives those that do not find their own entry at the top score. It looks at every nth name; 1 is
// all. A nightly run of it proves that the lists in use can be searched at all. tested, which may be nil, is told how many names it came to.
func (ix *Index) Lost(ctx context.Context, nth int, tested func(names int)) ([]Lost, error) {
	var lost []Lost
	for i := 0; i < len(ix.names); i += max(nth, 1) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("look up the listed names: %w", err)
		}
		if tested != nil {
			tested(i + 1)
		}
		n := &ix.names[i]
		e := ix.entries[n.entry]
		text := e.entry.Names[n.name].Text
		if !ix.finds(e, text) {
			lost = append(lost, Lost{e.list.Authority, e.entry.ID, text})
		}
	}
	return lost, nil
}

// SelfTest fails when a listed name does not find itself; the first of such names is in the error. It looks at every nth name, as Lost
// does.
func (ix *Index) SelfTest(ctx context.Context, nth int) error {
	lost, err := ix.Lost(ctx, nth, nil)
	if err != nil || len(lost) == 0 {
		return err
	}
	return fmt.Errorf("%d listed names do not find themselves, %s %s %q among them", len(lost), lost[0].Authority, lost[0].EntryID, lost[0].Name)
}

// finds says whether a name finds its entry among the best: others may bear the same name.
func (ix *Index) finds(e listed, text string) bool {
	matches := ix.Match(Query{Name: text, Kind: e.entry.Kind}, 0, candidates)
	for i := range matches {
		if matches[i].Score < matches[0].Score {
			break
		}
		if matches[i].entry == e.entry {
			return true
		}
	}
	return false
}
