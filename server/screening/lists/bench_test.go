package lists_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/antonpayments/anton/server/screening/lists"
)

// BenchmarkReadAll reads the four large lists at once, as a refresh of everything may, and says how much memory they take afterwards.
// The limit is three seconds on two cores.
func BenchmarkReadAll(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var reading sync.WaitGroup
		var all [4]*lists.List
		for i, from := range []struct {
			authority lists.Authority
			path      string
		}{
			{lists.OFAC, "ofac/2025-05-reconstructed"},
			{lists.UK, "uk/ConList-2025-04-14.csv.gz"},
			{lists.UN, "un/consolidated-2026-02-27.xml.gz"},
			{lists.OFACNonSDN, "ofac/consolidated-nonsdn/consolidated-2025-03-28.xml.gz"},
		} {
			path := realPath(b, from.path)
			reading.Go(func() {
				list, err := lists.Read(b.Context(), from.authority, path)
				if err != nil {
					b.Error(err)
				}
				all[i] = list
			})
		}
		reading.Wait()
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapAlloc)/1e6, "MB")
		runtime.KeepAlive(all)
	}
}

// BenchmarkDecode is what a server does when a version of OFAC's list comes into force.
func BenchmarkDecode(b *testing.B) {
	list := readReal(b, lists.OFAC, "ofac/2025-05-reconstructed")
	packed, err := lists.Encode(list)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := lists.Decode(packed, len(list.Entries)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(packed))/1e6, "stored-MB")
}
