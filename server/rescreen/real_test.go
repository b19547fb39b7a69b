package rescreen_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// realList reads a list as its authority published it, beside the project; what wants one is skipped elsewhere.
func realList(t testing.TB, authority lists.Authority, path string) *lists.List {
	t.Helper()
	const folder = "../../../shared/lists/"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no real lists in ../shared/lists")
	}
	list, err := lists.Read(t.Context(), authority, folder+path)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Whom the United Nations listed between April 2025 and February 2026 is found among the beneficiaries, and nobody else is looked for.
func TestWhoWasReallyAddedIsFound(t *testing.T) {
	t.Parallel()
	before, after := realList(t, lists.UN, "un/consolidated-2025-04-19.xml.gz"), realList(t, lists.UN, "un/consolidated-2026-02-27.xml.gz")
	d := lists.Diff(before, after)
	s := testserver.Screening(t, lists.UN)
	s.Clock.Advance(30 * 24 * time.Hour)
	s.TakeList(t, before)
	s.LookForLists(t)
	rescreened(t, s)
	m := s.Merchant(t)
	wanted := map[string]string{} // by beneficiary: the entry that was added
	for _, entry := range d.Added {
		words := strings.Fields(entry.Names[0].Text)
		if entry.Kind != lists.Person || len(words) < 2 || len(wanted) == 10 {
			continue
		}
		wanted[person(t, m, words[0], strings.Join(words[1:], " "), "")] = entry.ID
	}
	listedBefore := before.Entries[0]
	words := strings.Fields(listedBefore.Names[0].Text)
	person(t, m, words[0], strings.Join(words[1:], " "), "")
	s.TakeList(t, after)
	s.LookForLists(t)
	run := rescreened(t, s)
	t.Logf("%v added, %v changed, %v removed; %v possible, %v certain", run["entries_added"], run["entries_changed"], run["entries_removed"], run["possible"], run["certain"])
	if len(wanted) == 0 || run["entries_added"] != float64(len(d.Added)) || run["examined"] != float64(len(wanted)+1) {
		t.Fatalf("the run is %v, of %d who were added", run, len(wanted))
	}
	for beneficiary, entry := range wanted {
		found := false
		for _, alert := range alerts(t, s, "beneficiary_id="+beneficiary) {
			found = found || alert["entry_id"] == entry
		}
		if !found {
			t.Errorf("%s was not found", entry)
		}
	}
}

// BenchmarkRescreen is a run over 400 beneficiaries, of whom none is listed, against 10,000 parties. The time is of the whole run.
func BenchmarkRescreen(b *testing.B) {
	ofac, un := realList(b, lists.OFAC, "ofac/2021-07-07-native"), realList(b, lists.UN, "un/consolidated-2026-02-27.xml.gz")
	s := testserver.Screening(b, lists.OFAC, lists.UN)
	s.Clock.Advance(30 * 24 * time.Hour)
	s.TakeList(b, ofac)
	m := s.Merchant(b)
	const people = 400
	for i := range people {
		m.Beneficiary(b, "Kowalsky "+filler(i), fmt.Sprint(4_000_000_000+i))
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		un.Entries[0].Remarks, un.Hash = fmt.Sprint("changed ", i), fmt.Sprintf("%064x", i)
		s.TakeList(b, un)
		s.LookForLists(b)
		b.StartTimer()
		if _, err := s.Rescreen.RunOnce(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(people*b.N)/b.Elapsed().Seconds(), "beneficiaries/s")
}
