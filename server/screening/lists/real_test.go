package lists_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/antonpayments/anton/server/screening/lists"
)

// realLists is where the authorities' published lists lie on a machine that has them. They are not part of the project.
const realLists = "../../../../shared/lists"

func realPath(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(realLists, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the published lists are not on this machine: %v", err)
	}
	return path
}

func readReal(t testing.TB, authority lists.Authority, name string) *lists.List {
	t.Helper()
	list, err := lists.Read(t.Context(), authority, realPath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRealListsAreReadCompletely compares with counts that were taken from the files by other programs.
func TestRealListsAreReadCompletely(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		authority                                 lists.Authority
		path                                      string
		published                                 string
		entries, aliases                          int
		persons, organisations, vessels, aircraft int
	}{
		{lists.OFAC, "ofac/2021-07-07-native", "", 8976, 11910, 4620, 3673, 406, 277},
		{lists.OFAC, "ofac/2021-04-25-native", "", 8890, 11742, 4566, 3644, 403, 277},
		// The reconstruction holds three rows twice or three times.
		{lists.OFAC, "ofac/2025-05-reconstructed", "", 17860, 18846, 7423, 8815, 1248, 374},
		{lists.UK, "uk/ConList-2025-04-14.csv.gz", "2025-04-14", 4688, 18798 - 5783, 3663, 1010, 15, 0},
		{lists.UK, "uk/ConList-2023-06-05.csv.gz", "2023-06-05", 3993, 0, 0, 0, 0, 0},
		{lists.UN, "un/consolidated-2026-02-27.xml.gz", "2026-02-27", 1003, 2752, 730, 273, 0, 0},
		{lists.UN, "un/consolidated-2025-04-19.xml.gz", "2025-04-19", 877, 2704, 684, 193, 0, 0},
		{lists.UN, "un/consolidated-2020-11-30.xml.gz", "2020-11-30", 1018, 2678, 713, 305, 0, 0},
		{lists.OFACNonSDN, "ofac/consolidated-nonsdn/consolidated-2025-03-28.xml.gz", "2025-03-28", 443, 1136, 0, 0, 0, 0},
		{lists.OFACNonSDN, "ofac/consolidated-nonsdn/consolidated-2024-05-06.xml.gz", "2024-05-06", 443, 0, 0, 0, 0, 0},
	} {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			list := readReal(t, tt.authority, tt.path)
			kinds := map[lists.Kind]int{}
			for _, e := range list.Entries {
				kinds[e.Kind]++
			}
			t.Log(len(list.Entries), list.Read, kinds)
			if len(list.Entries) != tt.entries || list.Published != tt.published {
				t.Errorf("%d entries, published %q; want %d, %q", len(list.Entries), list.Published, tt.entries, tt.published)
			}
			if tt.aliases > 0 && list.Read.Aliases != tt.aliases {
				t.Errorf("%d aliases, want %d", list.Read.Aliases, tt.aliases)
			}
			if tt.persons > 0 && (kinds[lists.Person] != tt.persons || kinds[lists.Organisation] != tt.organisations ||
				kinds[lists.Vessel] != tt.vessels || kinds[lists.Aircraft] != tt.aircraft) {
				t.Errorf("kinds: %v", kinds)
			}
		})
	}
}
