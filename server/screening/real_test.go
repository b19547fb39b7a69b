package screening

import (
	"os"
	"testing"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver/raced"
)

// realIndex is of lists as authorities published them, beside the project; the tests that want them are skipped elsewhere.
func realIndex(t testing.TB) *Index {
	t.Helper()
	const folder = "../../../shared/lists/"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no real lists in ../shared/lists")
	}
	var all []*lists.List
	for path, authority := range map[string]lists.Authority{"ofac/2021-07-07-native": lists.OFAC, "un/consolidated-2026-02-27.xml.gz": lists.UN} {
		list, err := lists.Read(t.Context(), authority, folder+path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list)
	}
	return NewIndex(all...)
}

func TestRealNamesFindThemselves(t *testing.T) {
	t.Parallel()
	ix := realIndex(t)
	nth := 5
	if testing.Short() || raced.On {
		nth = 100
	}
	if err := ix.SelfTest(t.Context(), nth); err != nil {
		t.Error(err)
	}
}

func BenchmarkMatch(b *testing.B) {
	ix := realIndex(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := &ix.names[i*7919%len(ix.names)]
		ix.Match(Query{Name: ix.entries[n.entry].entry.Names[n.name].Text, Kind: n.kind}, PossibleScore, 10)
	}
}
