package lists_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/antonpayments/anton/server/screening/lists"
)

func TestCountriesAreFoundAsAuthoritiesWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Iran": "IR", "Iran (Islamic Republic of)": "IR", "Korea, North": "KP", "Democratic People's Republic of Korea": "KP", "Burma": "MM",
		"Congo (Democratic Republic)": "CD", "The Gambia": "GM", "Cote d'Ivoire": "CI", "CÔTE D’IVOIRE": "CI", "Region: Gaza": "PS",
		"Former USSR Currently Ukraine": "UA", "Ukrainian SSR (now Ukraine)": "UA", "Iraq (previous address)": "IQ", "Türkiye": "TR",
		"Virgin Islands, British": "VG", "UK": "GB", "Kosovo": "XK",
		"": "", "USSR": "", "Congo": "", "undetermined": "", "Netherlands Antilles": "", strings.Repeat("(", 10_000): "",
	} {
		if got := lists.Country(text); got != want {
			t.Errorf("Country(%.40q) = %q, want %q", text, got, want)
		}
	}
}

func TestDiffNamesWhatChanged(t *testing.T) {
	t.Parallel()
	before := readSample(t, lists.UN, "un.xml")
	after := &lists.List{Authority: lists.UN, Entries: []lists.Entry{before.Entries[0], {ID: "NWi.002", Names: []lists.Name{{Text: "Helene Niemand"}}}}}
	after.Entries[0].Names = append(slices.Clone(after.Entries[0].Names), lists.Name{Text: "O. T. Drax", Quality: lists.Strong})
	after.Entries[0].Countries = []string{"SY"}

	d := lists.Diff(before, after)
	if len(d.Added) != 1 || d.Added[0].ID != "NWi.002" || len(d.Removed) != 1 || d.Removed[0].ID != "NWe.001" || len(d.Changed) != 1 {
		t.Fatalf("%+v", d)
	}
	want := []lists.FieldChange{
		{Field: "names", Added: []string{"O. T. Drax (strong)"}}, {Field: "countries", Removed: []string{"IR"}, Added: []string{"SY"}},
	}
	if diff := cmp.Diff(want, d.Changed[0].Fields()); diff != "" {
		t.Error(diff)
	}
	if d := lists.Diff(before, before); len(d.Added)+len(d.Removed)+len(d.Changed) > 0 {
		t.Errorf("a list differs from itself: %+v", d)
	}
}

// TestTheContentHashIsForGood: reviewed pairs keep it, so a change of the code that changes it would forget every review.
func TestTheContentHashIsForGood(t *testing.T) {
	t.Parallel()
	e := lists.Entry{
		ID: "1", Kind: lists.Person, Names: []lists.Name{{Text: "Ormond Drax", Given: "Ormond", Family: "Drax"}, {Text: "Shorty", Quality: lists.Weak}},
		Births: []lists.Birth{{From: "1943", Circa: true}}, Countries: []string{"IR"},
		Identifiers: []lists.Identifier{{Type: "Passport", Value: "X1", Country: "IR"}}, Addresses: []lists.Address{{City: "Tehran"}},
		Programs: []string{"X"}, Remarks: "Invented.",
	}
	const want = "66d8dbec22a3057917c1ad18382ef65d1c65c3e6eb3dba127554429de77a045b"
	if got := e.ContentHash(); got != want {
		t.Errorf("the hash is %s, it was %s", got, want)
	}
	shuffled := readSample(t, lists.UK, "conlist.csv")
	if shuffled.Entries[0].ContentHash() == shuffled.Entries[1].ContentHash() {
		t.Error("two entries have one hash")
	}
}

func TestWhatCannotBeAListIsImplausible(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 14, 10, 0, 0, 0, time.UTC)
	list := func(authority lists.Authority, entries, nameless int, published string) *lists.List {
		return &lists.List{Authority: authority, Published: published, Entries: make([]lists.Entry, entries), Read: lists.Counts{Nameless: nameless}}
	}
	for name, tt := range map[string]struct {
		list   *lists.List
		reason string
	}{
		"a list":                     {list(lists.UN, 1000, 0, "2026-02-13"), ""},
		"one of tomorrow, elsewhere": {list(lists.UN, 1000, 0, "2026-02-15"), ""},
		"one without a date":         {list(lists.OFAC, 9000, 0, ""), ""},
		"some without a name":        {list(lists.UN, 1000, 9, "2026-02-13"), ""},
		"many without a name":        {list(lists.UN, 1000, 20, "2026-02-13"), "20 of 1020 entries have no name"},
		"next to nothing":            {list(lists.OFAC, 4, 0, ""), "too few"},
		"the SDN as the other list":  {list(lists.OFACNonSDN, 17_863, 0, ""), "too many"},
		"the other list as the SDN":  {list(lists.OFAC, 443, 0, ""), "too few"},
		"one of the future":          {list(lists.UN, 1000, 0, "2026-02-20"), "in the future"},
		"one of nobody":              {list("moon", 1000, 0, ""), "publishes no list"},
		"one of a day that is not":   {list(lists.UN, 1000, 0, "2026-02-31"), "no date"},
	} {
		err := lists.Check(tt.list, now)
		if (err == nil) != (tt.reason == "") || err != nil && !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if lists.Shrunk(1000, 900) || !lists.Shrunk(1000, 899) || lists.Shrunk(1000, 1200) {
		t.Error("a list may lose a tenth of its entries, and not more")
	}
}

func TestAStoredListIsTheSame(t *testing.T) {
	t.Parallel()
	list := readSample(t, lists.OFAC, "ofac")
	packed, err := lists.Encode(list)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := lists.Decode(packed, len(list.Entries))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list.Entries, entries); diff != "" {
		t.Error(diff)
	}
	if _, err := lists.Decode(packed, 3); err == nil {
		t.Error("another number of entries was taken")
	}
	if _, err := lists.Decode(packed[:len(packed)/2], 4); err == nil {
		t.Error("half of it was taken")
	}
}

func TestAuthoritiesAreNamed(t *testing.T) {
	t.Parallel()
	got, err := lists.ParseAuthorities(" OFAC, un,ofac,")
	if err != nil || !slices.Equal(got, []lists.Authority{lists.OFAC, lists.UN}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := lists.ParseAuthorities("ofac,moon"); err == nil {
		t.Error("the moon is no authority")
	}
	for _, a := range lists.Authorities {
		if lists.Sources[a].URL == "" || lists.Sources[a].Page == "" {
			t.Errorf("%s has no source", a)
		}
	}
}
