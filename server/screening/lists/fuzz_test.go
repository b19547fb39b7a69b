package lists_test

import (
	"maps"
	"os"
	"testing"
	"testing/fstest"

	"github.com/antonpayments/anton/server/screening/lists"
)

// fuzzReader feeds a reader anything. It must not panic, and what it reads must be a list that can be stored and read back.
func fuzzReader(f *testing.F, authority lists.Authority, name string, rest fstest.MapFS, seeds ...string) {
	for _, seed := range seeds {
		f.Add(sampleBytes(f, seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		files := fstest.MapFS{name: {Data: content}}
		maps.Copy(files, rest)
		list, err := lists.ReadFS(t.Context(), authority, files)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, e := range list.Entries {
			if e.ID == "" || ids[e.ID] || len(e.Names) == 0 || e.Names[0].Text == "" || e.Names[0].Quality != lists.Primary {
				t.Fatalf("an entry that cannot be: %+v", e)
			}
			ids[e.ID] = true
		}
		packed, err := lists.Encode(list)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := lists.Decode(packed, len(list.Entries))
		if err != nil {
			t.Fatal(err)
		}
		if d := lists.Diff(list, &lists.List{Entries: entries}); len(d.Added)+len(d.Removed)+len(d.Changed) > 0 {
			t.Fatalf("stored and read back, it is another list: %+v", d)
		}
	})
}

func ofacRest(f *testing.F, without string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range []string{"sdn.csv", "alt.csv", "add.csv"} {
		if name != without {
			files[name] = &fstest.MapFile{Data: sampleBytes(f, "ofac/"+name)}
		}
	}
	return files
}

func FuzzOFACEntries(f *testing.F) {
	fuzzReader(f, lists.OFAC, "sdn.csv", ofacRest(f, "sdn.csv"), "ofac/sdn.csv")
}

func FuzzOFACAliases(f *testing.F) {
	fuzzReader(f, lists.OFAC, "alt.csv", ofacRest(f, "alt.csv"), "ofac/alt.csv")
}

func FuzzOFACAddresses(f *testing.F) {
	fuzzReader(f, lists.OFAC, "add.csv", ofacRest(f, "add.csv"), "ofac/add.csv")
}

func FuzzOFACComments(f *testing.F) {
	fuzzReader(f, lists.OFAC, "sdn_comments.csv", ofacRest(f, ""), "ofac/sdn_comments.csv")
}

func FuzzOFACXML(f *testing.F) {
	fuzzReader(f, lists.OFAC, "sdn.xml", nil, "ofac.xml", "ofac-advanced.xml")
}

func FuzzUN(f *testing.F) { fuzzReader(f, lists.UN, "un.xml", nil, "un.xml") }

func FuzzEU(f *testing.F) { fuzzReader(f, lists.EU, "eu", nil, "eu.xml", "eu.csv", "eu-old.csv") }

func FuzzUK(f *testing.F) { fuzzReader(f, lists.UK, "uk.csv", nil, "uk.csv", "conlist.csv") }

func FuzzSandbox(f *testing.F) {
	content, err := os.ReadFile("../sandbox_list.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	fuzzReader(f, lists.Sandbox, "sandbox.csv", nil)
}

func FuzzDecode(f *testing.F) {
	list, err := lists.Read(f.Context(), lists.UN, "testdata/un.xml")
	if err != nil {
		f.Fatal(err)
	}
	packed, err := lists.Encode(list)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed, len(list.Entries))
	f.Fuzz(func(t *testing.T, packed []byte, entries int) {
		got, err := lists.Decode(packed, entries)
		if err == nil && len(got) != entries {
			t.Fatalf("%d entries instead of %d", len(got), entries)
		}
	})
}
