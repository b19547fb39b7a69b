package lists_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver/raced"
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

// realRead holds what readReal has read: several tests look at the same lists, and change none.
var realRead sync.Map

func readReal(t testing.TB, authority lists.Authority, name string) *lists.List {
	t.Helper()
	path := realPath(t, name)
	once, _ := realRead.LoadOrStore(path, sync.OnceValues(func() (*lists.List, error) { return lists.Read(context.Background(), authority, path) }))
	list, err := once.(func() (*lists.List, error))()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRealListsAreReadCompletely compares with counts that were taken from the files by other programs.
func TestRealListsAreReadCompletely(t *testing.T) {
	t.Parallel()
	read := map[lists.Authority]bool{}
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
		if raced.On && read[tt.authority] {
			continue // one list of each format: reading is one goroutine's work
		}
		read[tt.authority] = true
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

// TestTheConsolidatedListAsCSV links its files together: its folder also holds other years' XML, and a folder is one list.
func TestTheConsolidatedListAsCSV(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"cons_prim.csv", "cons_alt.csv", "cons_add.csv", "cons_comments.csv"} {
		path, err := filepath.Abs(realPath(t, "ofac/consolidated-nonsdn/"+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Skipf("this system has no links: %v", err)
		}
	}
	list, err := lists.Read(t.Context(), lists.OFACNonSDN, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Entries) != 442 || list.Read.Aliases != 1073 || list.Read.Addresses != 574 {
		t.Errorf("%d entries, %+v", len(list.Entries), list.Read)
	}
	// Its remarks go on in the comments, within a word: "…Registration Numbe" "r 1027700342890 (Russia)…".
	want := lists.Identifier{Type: "Registration Number", Value: "1027700342890", Country: "RU"}
	if e := entry(t, list, "17014"); !strings.Contains(spoken(e.Identifiers), want.String()) || !strings.Contains(spoken(e.Names), "RUSAG (weak)") {
		t.Errorf("%v %v", e.Identifiers, e.Names)
	}
}

func entry(t *testing.T, list *lists.List, id string) lists.Entry {
	t.Helper()
	for _, e := range list.Entries {
		if e.ID == id {
			return e
		}
	}
	t.Fatalf("there is no entry %s", id)
	return lists.Entry{}
}

// TestTrickyRowsOfRealLists are rows that a simple reader gets wrong.
func TestTrickyRowsOfRealLists(t *testing.T) {
	t.Parallel()
	ofac, un := readReal(t, lists.OFAC, "ofac/2021-07-07-native"), readReal(t, lists.UN, "un/consolidated-2026-02-27.xml.gz")
	uk := readReal(t, lists.UK, "uk/ConList-2025-04-14.csv.gz")
	for _, tt := range []struct {
		list                     *lists.List
		id                       string
		names, births, countries string
	}{
		{ofac, "36", "AEROCARIBBEAN AIRLINES (primary), AERO-CARIBBEAN (strong)", "", ""},
		{ofac, "306", "BANCO NACIONAL DE CUBA (primary), NATIONAL BANK OF CUBA (strong), BNC (weak)", "", ""},
		{un, "CDi.001", "ERIC BADEGE (primary)", "1971", "CD"},
		{un, "CDi.004", "INNOCENT KAINA (primary), Colonel Innocent KAINA (strong), India Queen (weak)", "1973-11", ""},
		{uk, "15672", "Mian Abdul HAQ (primary), Mian MITHOO (strong), Mian MITHU (strong)", "", "PK"},
		{uk, "16636", "ZAPCHASTTRADE LLP (primary), \"ZAPCHAST TRADE\" LLP (strong)", "", ""},
	} {
		e := entry(t, tt.list, tt.id)
		names := spoken(e.Names)
		if !strings.HasPrefix(names, tt.names) || spoken(e.Births) != tt.births || strings.Join(e.Countries, ", ") != tt.countries {
			t.Errorf("%s: %s; %s; %v", tt.id, names, spoken(e.Births), e.Countries)
		}
	}
}

// TestHandEditedRealListIsRefused: an alias that somebody planted, as was found in a copy that goes around.
func TestHandEditedRealListIsRefused(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range []string{"sdn.csv", "alt.csv", "add.csv"} {
		content, err := os.ReadFile(realPath(t, "ofac/2021-07-07-native/"+name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: content}
	}
	files["alt.csv"].Data = append([]byte("7,1,\"aka\",\"Another name\",-0- \r\n"), files["alt.csv"].Data...)
	_, err := lists.ReadFS(t.Context(), lists.OFAC, files)
	if err == nil || !strings.Contains(err.Error(), `ofac alt.csv line 1: the alias belongs to the entry "7", which the list does not have`) {
		t.Error(err)
	}
}
