package screening

import (
	"context"
	"fmt"
)

// SelfTest looks every listed name up and says which does not find its own entry at the top score; the first of such names are in the
// error. It looks at every nth name; 1 is all. A nightly run of it proves that the lists in use can be searched at all.
func (ix *Index) SelfTest(ctx context.Context, nth int) error {
	var lost []string
	for i := 0; i < len(ix.names); i += max(nth, 1) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("look up the listed names: %w", err)
		}
		n := &ix.names[i]
		e := ix.entries[n.entry]
		text := e.entry.Names[n.name].Text
		if !ix.finds(e, text) {
			lost = append(lost, fmt.Sprintf("%s %s %q", e.list.Authority, e.entry.ID, text))
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%d listed names do not find themselves, %s among them", len(lost), lost[0])
	}
	return nil
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
