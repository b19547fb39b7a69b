package lists

import (
	"fmt"
	"time"
)

// plausible says how large an authority's list can be. The bounds are wide: they are there to notice another list under this name, half
// a file, and a file that reads to nearly nothing.
//
//	ofac         8,976 entries in July 2021, 17,863 in May 2025, 19,249 in August 2026
//	ofac-nonsdn  443 in 2024 and 2025
//	eu           5,316 in May 2025
//	uk           3,993 in June 2023, 4,688 in April 2025
//	un           1,018 in November 2020, 877 in April 2025, 1,003 in February 2026
var plausible = map[Authority]struct{ least, most int }{
	OFAC:       {5_000, 100_000},
	OFACNonSDN: {100, 4_000},
	EU:         {2_500, 50_000},
	UK:         {2_000, 50_000},
	UN:         {400, 10_000},
	Sandbox:    {1, 1_000},
}

const (
	// maxNameless is how many entries of a hundred may have no name. Real lists have none.
	maxNameless = 1
	// maxShrink is how many entries of a hundred a list may lose at once before a person must have looked at it.
	maxShrink = 10
)

// Check says whether a list can be what its authority published. It does not compare with an earlier one.
func Check(list *List, now time.Time) error {
	bounds, known := plausible[list.Authority]
	entries := len(list.Entries)
	switch {
	case !known:
		return fmt.Errorf("%s publishes no list that is known here", list.Authority)
	case entries < bounds.least:
		return fmt.Errorf("%s: %d entries are too few to be its list, which has at least %d", list.Authority, entries, bounds.least)
	case entries > bounds.most:
		return fmt.Errorf("%s: %d entries are too many to be its list, which has at most %d", list.Authority, entries, bounds.most)
	case list.Read.Nameless*100 > maxNameless*(entries+list.Read.Nameless):
		return fmt.Errorf("%s: %d of %d entries have no name", list.Authority, list.Read.Nameless, entries+list.Read.Nameless)
	}
	if list.Published == "" {
		return nil
	}
	published, err := time.Parse(time.DateOnly, list.Published)
	if err != nil {
		return fmt.Errorf("%s: the publication date %.20q is no date", list.Authority, list.Published)
	}
	// Two days, because a day begins at the authority's own hour.
	if published.After(now.AddDate(0, 0, 2)) {
		return fmt.Errorf("%s: it was published on %s, which is in the future", list.Authority, list.Published)
	}
	return nil
}

// Shrunk says whether a list lost so much at once that it may take effect only when a person has said why.
func Shrunk(before, after int) bool { return (before-after)*100 > maxShrink*before }
