package lists_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver/raced"
)

func readSample(t testing.TB, authority lists.Authority, name string) *lists.List {
	t.Helper()
	list, err := lists.Read(t.Context(), authority, filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func sampleBytes(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestOFACFilesAreJoinedAndRemarksAreRead(t *testing.T) {
	t.Parallel()
	list := readSample(t, lists.OFAC, "ofac")
	want := []lists.Entry{
		{
			ID: "101", Kind: lists.Person,
			Names: []lists.Name{
				{Text: "Ormond Tessaly DRAX Jr.", Given: "Ormond Tessaly", Family: "DRAX", Quality: lists.Primary},
				{Text: "Ormond DRACKS", Given: "Ormond", Family: "DRACKS", Quality: lists.Strong},
				{Text: "O. DRAX", Given: "O.", Family: "DRAX", Quality: lists.Weak},
				{Text: "SHORTY", Quality: lists.Weak},
			},
			Births:    []lists.Birth{{From: "1943-10-12"}, {From: "1944", Circa: true}},
			Countries: []string{"IR", "KP"},
			Identifiers: []lists.Identifier{
				{Type: "Digital Currency Address - XBT", Value: "1Invented"},
				{Type: "National ID No.", Value: "99", Country: "SY"},
				{Type: "Passport", Value: "X1234567", Country: "IR"},
			},
			Addresses: []lists.Address{{Text: "1 Invented Street", City: "Tehran", Country: "IR"}},
			Programs:  []string{"IRAN", "SDGT"},
			Remarks: "DOB 12 Oct 1943; alt. DOB circa 1944; POB Nowhere; nationality Iran; alt. nationality Korea, North; Passport X1234567 (Iran) expires 01 Jan 2030; " +
				"National ID No. 99 (Syria); Digital Currency Address - XBT 1Invented; a.k.a. 'SHORTY'; a.k.a. 'DRAX, O.'; Linked To: NORTHERN PHANTOM SHIPPING CO.",
		},
		{
			ID: "102", Kind: lists.Organisation,
			Names: []lists.Name{
				{Text: "NORTHERN PHANTOM SHIPPING CO., LTD."}, {Text: "PHANTOM LINES", Quality: lists.Strong}, {Text: "NPS", Quality: lists.Weak},
			},
			// The registration number lies on the seam between the remarks and the comments.
			Identifiers: []lists.Identifier{{Type: "Registration Number", Value: "555", Country: "RU"}, {Type: "Tax ID No.", Value: "77440"}},
			Addresses:   []lists.Address{{Country: "KP"}},
			Programs:    []string{"DPRK"},
			Remarks:     "Tax ID No. 77440; Registration Number 555 (Russia); a.k.a. 'NPS'.",
		},
		{
			ID: "103", Kind: lists.Vessel, Names: []lists.Name{{Text: "PHANTOM STAR"}}, Countries: []string{"PA"},
			Identifiers: []lists.Identifier{{Type: "Call Sign", Value: "XX123"}, {Type: "Vessel Registration Identification", Value: "IMO 0000001"}},
			Programs:    []string{"DPRK"}, Remarks: "Vessel Registration Identification IMO 0000001.",
		},
		{ID: "104", Kind: lists.Aircraft, Names: []lists.Name{{Text: "EP-ZZZ"}}, Programs: []string{"SDGT"}},
	}
	if diff := cmp.Diff(want, list.Entries); diff != "" {
		t.Error(diff)
	}
}

// TestEverySampleSaysTheSameOfTheSameParty: the formats are many, the party is one.
func TestEverySampleSaysTheSameOfTheSameParty(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		authority   lists.Authority
		path, id    string
		published   string
		names       string
		births      string
		countries   string
		identifiers string
		entries     int
	}{
		{
			lists.OFAC, "ofac.xml", "101", "2026-02-13", "Ormond Tessaly DRAX (primary), Ormond DRACKS (strong), SHORTY (weak)", "1943-10-12", "IR",
			"Passport X1234567 (IR)", 2,
		},
		{
			lists.OFAC, "ofac-advanced.xml", "101", "2026-02-13", "Ormond Tessaly DRAX (primary), أورموند دراكس (strong), SHORTY (weak)",
			"1943-10-12, about 1944, 1945-02, 1950-01-01 to 1955-12-31", "IR", "Digital Currency Address - XBT 1Invented, Passport X1234567 (IR)", 3,
		},
		{
			lists.UN, "un.xml", "NWi.001", "2026-02-13",
			"ORMOND TESSALY DRAX (primary), Ormond Dracks (strong), أورموند دراكس (strong), Shorty (weak)",
			"about 1943, 1950 to 1955, 1973-11", "IR", "Passport X1234567 (IR)", 2,
		},
		{
			lists.EU, "eu.xml", "11", "2026-02-13", "Ormond Tessaly Drax (primary), Ормонд Дракс (strong), Shorty (weak)",
			"1943-10-12, about 1944", "IR", "EU EU.1.1, UN NWi.001, passport X1234567 (IR)", 2,
		},
		{
			lists.EU, "eu.csv", "11", "2026-02-13", "Ormond Tessaly Drax (primary), Shorty (strong), Ормонд Дракс (strong)", "1943-10-12", "IR",
			"EU EU.1.1, UN NWi.001, passport X1234567 (IR)", 2,
		},
		{lists.EU, "eu-old.csv", "11", "2016-02-13", "Ormond Tessaly Drax (primary)", "1943-10-12", "IR", "EU EU.1.1", 2},
		{
			lists.UK, "uk.csv", "NWH0001", "2026-02-13",
			"Ormond Tessaly DRAX (primary), Ormond DRACKS (strong), أورموند دراكس (strong), SHORTY (weak)", "1943-10-12, 1944", "IR, KP",
			"Passport X1234567 (IR), Passport Y7654321 (SY), UN NWi.001", 3,
		},
		{lists.UK, "conlist.csv", "90001", "2025-04-14", "Ormond DRAX (primary), Orman DRAX (strong)", "1943-10", "IR", "", 2},
	} {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			list := readSample(t, tt.authority, tt.path)
			if len(list.Entries) != tt.entries || list.Published != tt.published {
				t.Errorf("%d entries, published %s", len(list.Entries), list.Published)
			}
			for _, e := range list.Entries {
				if e.ID != tt.id {
					continue
				}
				for what, pair := range map[string][2]string{
					"names": {spoken(e.Names), tt.names}, "births": {spoken(e.Births), tt.births},
					"countries": {strings.Join(e.Countries, ", "), tt.countries}, "identifiers": {spoken(e.Identifiers), tt.identifiers},
				} {
					if pair[0] != pair[1] {
						t.Errorf("%s:\n got %s\nwant %s", what, pair[0], pair[1])
					}
				}
				return
			}
			t.Errorf("there is no entry %s", tt.id)
		})
	}
}

func spoken[T interface{ String() string }](values []T) string {
	var texts []string
	for _, v := range values {
		texts = append(texts, v.String())
	}
	return strings.Join(texts, ", ")
}

// samples are the single files, by what they are.
var samples = map[string]lists.Authority{
	"ofac.xml": lists.OFAC, "ofac-advanced.xml": lists.OFAC, "un.xml": lists.UN, "eu.xml": lists.EU, "eu.csv": lists.EU, "eu-old.csv": lists.EU, "uk.csv": lists.UK, "conlist.csv": lists.UK,
}

func TestPackedFilesAreTheSameList(t *testing.T) {
	t.Parallel()
	plain := readSample(t, lists.OFAC, "ofac")
	dir := t.TempDir()
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for _, name := range []string{"sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv"} {
		content := sampleBytes(t, "ofac/"+name)
		var zipped bytes.Buffer
		writer := gzip.NewWriter(&zipped)
		_, err := writer.Write(content)
		if err := errors.Join(err, writer.Close(), os.WriteFile(filepath.Join(dir, name+".gz"), zipped.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		file, err := archive.Create("lists/" + name)
		if err == nil {
			_, err = file.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := filepath.Join(t.TempDir(), "sdn.zip")
	if err := errors.Join(archive.Close(), os.WriteFile(at, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, at} {
		list, err := lists.Read(t.Context(), lists.OFAC, path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain, list); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// TestDamagedListsAreRefused: whatever is wrong, the reason names the file, and the line where there is one.
func TestDamagedListsAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		authority lists.Authority
		file      string // of the sample; the others of its folder stay as they are
		old, new  string
		reason    string
	}{
		"an entry was planted under another's number": {lists.OFAC, "ofac/sdn.csv", "104,\"EP-ZZZ\"", "101,\"EP-ZZZ\"", `ofac sdn.csv line 4: the id 101 is there twice`},
		"an alias for nobody":                         {lists.OFAC, "ofac/alt.csv", "102,2,", "999,2,", `ofac alt.csv line 2: the alias belongs to the entry "999", which the list does not have`},
		"an alias number twice":                       {lists.OFAC, "ofac/alt.csv", "102,2,", "102,1,", `ofac alt.csv line 2: the alias number 1 is there twice`},
		"an unknown kind of alias":                    {lists.OFAC, "ofac/alt.csv", `"fka"`, `"Another name"`, `ofac alt.csv line 2: the alias 2 is of the unknown type "Another name"`},
		"a column too many":                           {lists.OFAC, "ofac/sdn.csv", "104,", "104,\"x\",", `ofac sdn.csv line 4: the row has 13 columns instead of 12`},
		"an unclosed quote":                           {lists.OFAC, "ofac/add.csv", `"Tehran"`, `"Tehran`, `ofac add.csv: the file is in no format that is known here`},
		"an unclosed quote further down":              {lists.OFAC, "ofac/add.csv", "102,2,-0- ", "102,2,\"-0- ", `ofac add.csv line 2: the row is not CSV`},
		"broken encoding":                             {lists.OFAC, "ofac/alt.csv", "DRACKS", "DR\xc4CKS", `ofac alt.csv line 1: column 4 is not UTF-8`},
		"text behind the end mark":                    {lists.OFAC, "ofac/alt.csv", "\x1a", "\x1a\n103,3,\"aka\",\"X\",-0- \r\n", `ofac alt.csv line 4: there is text behind the file's end mark`},
		"no end of the last line":                     {lists.OFAC, "ofac/alt.csv", "-0- \r\n\x1a", "-0", `ofac alt.csv line 2: the last line has no end: the file was cut off`},
		"a web page instead of a part":                {lists.OFAC, "ofac/sdn_comments.csv", "102", "<html><body>Sorry</body></html>", `ofac sdn_comments.csv: it is a web page, no list`},
		"a web page instead of a list":                {lists.UN, "un.xml", `<?xml version="1.0" encoding="UTF-8"?>`, `<!DOCTYPE html><html>Sorry</html>`, `un un.xml: it is a web page, no list`},
		"the list of another":                         {lists.EU, "un.xml", "", "", `eu un.xml: it is the UN's list, no list of eu`},
		"markup of its own":                           {lists.UN, "un.xml", `<CONSOLIDATED_LIST`, `<!DOCTYPE x [<!ENTITY y "z">]><CONSOLIDATED_LIST`, `un un.xml: it begins like XML and is none: the file declares its own markup`},
		"broken encoding in XML":                      {lists.UN, "un.xml", "Shorty", "Sh\xf6rty", `un un.xml line 10: invalid UTF-8`},
		"another encoding":                            {lists.UN, "un.xml", `encoding="UTF-8"`, `encoding="ISO-8859-1"`, `un un.xml: it begins like XML and is none: xml: encoding "ISO-8859-1"`},
		"XML cut off":                                 {lists.UN, "un.xml", "</ENTITIES>\n</CONSOLIDATED_LIST>", "", `un un.xml line 26: the file was cut off`},
		"an unknown quality":                          {lists.UN, "un.xml", "<QUALITY>Low", "<QUALITY>Middling", `un un.xml line 4: an alias of NWi.001 is of the unknown quality "Middling"`},
		"a reference twice":                           {lists.UN, "un.xml", "NWe.001", "NWi.001", `the id NWi.001 is there twice`},
		"no date":                                     {lists.UN, "un.xml", "dateGenerated", "dateGuessed", `dateGenerated does not say when the list was made`},
		"fewer entries than promised":                 {lists.OFAC, "ofac.xml", "<Record_Count>2<", "<Record_Count>3<", `ofac ofac.xml: the list says that it has 3 entries, and has 2`},
		"a column of the UK's is gone":                {lists.UK, "uk.csv", "Alias strength", "Alias vigour", `uk uk.csv line 2: the column "Alias strength" is missing`},
		"a UK party of two kinds":                     {lists.UK, "conlist.csv", ",90003\r", ",90001\r", `uk conlist.csv line 4: 90001 is "Entity" here`},
		"a UK date that is none":                      {lists.UK, "uk.csv", "13-Feb-2026\r", "31-Feb-2026\r", `uk uk.csv line 1: the first row does not say when the list was made`},
		"advanced: a party taken out":                 {lists.OFAC, "ofac-advanced.xml", `<Profile ID="102"`, `<Profile ID="999"`, `an entry lists the party "102", which the file does not have`},
		"advanced: a party twice":                     {lists.OFAC, "ofac-advanced.xml", `<Profile ID="102"`, `<Profile ID="101"`, `the id 101 is there twice`},
		"advanced: an unknown type":                   {lists.OFAC, "ofac-advanced.xml", `PartySubTypeID="3"`, `PartySubTypeID="9"`, `the party 102: it is of the unknown type "9"`},
		"advanced: no date":                           {lists.OFAC, "ofac-advanced.xml", `<Month>2</Month>`, ``, `DateOfIssue is`},
		"advanced: no words": {
			lists.OFAC, "ofac-advanced.xml", `<ReferenceValueSets>`, `<Location ID="1"/><ReferenceValueSets>`, `line 4: the words that the numbers stand for do not come first`,
		},
		"broken encoding in OFAC's XML":          {lists.OFAC, "ofac.xml", "SHORTY", "SH\xd6RTY", `invalid UTF-8`},
		"broken encoding in the advanced XML":    {lists.OFAC, "ofac-advanced.xml", "SHORTY", "SH\xd6RTY", `invalid UTF-8`},
		"broken encoding in the EU's XML":        {lists.EU, "eu.xml", "Shorty", "Sh\xf6rty", `invalid UTF-8`},
		"broken encoding in the EU's CSV":        {lists.EU, "eu.csv", "Shorty", "Sh\xf6rty", `eu eu.csv line 3: column 12 is not UTF-8`},
		"broken encoding in the UK's":            {lists.UK, "uk.csv", "SHORTY", "SH\xd6RTY", `uk uk.csv line 6: column 5 is not UTF-8`},
		"broken encoding in OFSI's":              {lists.UK, "conlist.csv", "Orman", "Orm\xe4n", `is not UTF-8`},
		"a row too short in the EU's CSV":        {lists.EU, "eu.csv", ";Shorty;", ";Shorty", `eu eu.csv line 3: the row has`},
		"a row too long in the UK's":             {lists.UK, "uk.csv", ",SHORTY,", ",SHORTY,,", `uk uk.csv line 6: the row has 59 columns instead of 58`},
		"an unknown kind of name in the UK's":    {lists.UK, "uk.csv", "Primary Name", "Another name", `uk uk.csv line 3: a name of NWH0001 is of the unknown type "Another name"`},
		"an unknown kind of party in OFAC's XML": {lists.OFAC, "ofac.xml", "<sdnType>Individual", "<sdnType>Ghost", `the entry 101 is of the unknown type "Ghost"`},
		"an EU entity twice":                     {lists.EU, "eu.xml", `logicalId="12"`, `logicalId="11"`, `the id 11 is there twice`},
		"an EU column is gone":                   {lists.EU, "eu.csv", "NameAlias_WholeName", "NameAlias_HalfName", `the column "NameAlias_WholeName" is missing`},
		"a field without end":                    {lists.UN, "un.xml", "He was invented.", strings.Repeat("invented ", 10_000), `un un.xml line 7: the text of COMMENTS1 is longer`},
		"elements without end":                   {lists.UN, "un.xml", "<ENTITIES>", strings.Repeat("<ENTITIES>", 100), `elements lie deeper than 16`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := sampleBytes(t, tt.file)
			damaged := bytes.Replace(content, []byte(tt.old), []byte(tt.new), 1)
			if bytes.Equal(content, damaged) && tt.old != tt.new {
				t.Fatal("the sample does not hold what is to be damaged")
			}
			if strings.Contains(tt.reason, "web page") {
				damaged = []byte(tt.new)
			}
			files := fstest.MapFS{filepath.Base(tt.file): {Data: damaged}}
			if dir := filepath.Dir(tt.file); dir == "ofac" {
				for _, other := range []string{"sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv"} {
					if files[other] == nil {
						files[other] = &fstest.MapFile{Data: sampleBytes(t, "ofac/"+other)}
					}
				}
			}
			list, err := lists.ReadFS(t.Context(), tt.authority, files)
			if err == nil || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("read %v, %v\nwant %s", list != nil, err, tt.reason)
			}
		})
	}
}

func TestHalfAListIsRefused(t *testing.T) {
	t.Parallel()
	all := []string{"sdn.csv", "alt.csv", "add.csv"}
	for _, missing := range all {
		files := fstest.MapFS{}
		for _, name := range all {
			if name != missing {
				files[name] = &fstest.MapFile{Data: sampleBytes(t, "ofac/"+name)}
			}
		}
		if _, err := lists.ReadFS(t.Context(), lists.OFAC, files); err == nil || !strings.Contains(err.Error(), "like "+missing) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
	for name, files := range map[string]fstest.MapFS{
		"nothing":       {},
		"an empty file": {"sdn.csv": {}},
		"two lists":     {"a.xml": {Data: sampleBytes(t, "un.xml")}, "b.xml": {Data: sampleBytes(t, "un.xml")}},
	} {
		if list, err := lists.ReadFS(t.Context(), lists.UN, files); err == nil {
			t.Errorf("%s was read: %d entries", name, len(list.Entries))
		}
	}
}

func TestReadingStopsWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lists.Read(ctx, lists.UN, "testdata/un.xml"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestATruncatedFileIsRefusedOrSaysLess: XML that ends anywhere is refused. A CSV file that ends with a whole row cannot be told from a
// shorter list, so it must at least not say anything that the whole file does not say.
func TestATruncatedFileIsRefusedOrSaysLess(t *testing.T) {
	t.Parallel()
	step := 1
	if raced.On {
		step = 11
	}
	for name, authority := range samples {
		whole := readSample(t, authority, name)
		content := sampleBytes(t, name)
		for n := 0; n < len(content); n += step + len(content)/2000 {
			list, err := lists.ReadFS(t.Context(), authority, fstest.MapFS{name: {Data: content[:n]}})
			if err != nil {
				continue
			}
			rest := bytes.TrimSpace(content[n:])
			if strings.HasSuffix(name, ".xml") && len(rest) > 0 {
				t.Fatalf("%s: the first %d bytes were read as a list", name, n)
			}
			for _, e := range list.Entries {
				known := false
				for _, w := range whole.Entries {
					known = known || w.ID == e.ID && len(w.Names) >= len(e.Names)
				}
				if !known {
					t.Fatalf("%s: the first %d bytes name %s, which the whole file does not", name, n, e.ID)
				}
			}
		}
	}
}
