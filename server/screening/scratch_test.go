package screening

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/screening/lists"
)

const sh = "/work/shared/"

func open(p string) io.Reader {
	f, err := os.Open(p)
	if err != nil {
		panic(err)
	}
	if strings.HasSuffix(p, ".gz") {
		z, _ := gzip.NewReader(f)
		return z
	}
	return f
}
func rows(p string) [][]string {
	r := csv.NewReader(bufio.NewReader(open(p)))
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	all, _ := r.ReadAll()
	return all
}
func mkName(s string, k lists.Kind, q lists.Quality) lists.Name {
	n := lists.Name{Text: s, Quality: q}
	if k == lists.Person {
		if f, g, ok := strings.Cut(s, ", "); ok {
			n.Family, n.Given = f, g
			n.Text = g + " " + f
		}
	}
	return n
}
func loadOFAC(a lists.Authority, prim, alt string) *lists.List {
	l := &lists.List{Authority: a}
	at := map[string]int{}
	for _, r := range rows(prim) {
		if len(r) < 3 {
			continue
		}
		k := lists.Organisation
		switch strings.TrimSpace(r[2]) {
		case "individual":
			k = lists.Person
		case "vessel":
			k = lists.Vessel
		case "aircraft":
			k = lists.Aircraft
		}
		at[r[0]] = len(l.Entries)
		l.Entries = append(l.Entries, lists.Entry{ID: r[0], Kind: k, Names: []lists.Name{mkName(r[1], k, lists.Primary)}})
	}
	for _, r := range rows(alt) {
		if i, ok := at[r[0]]; ok && len(r) > 3 {
			e := &l.Entries[i]
			e.Names = append(e.Names, mkName(r[3], e.Kind, lists.Strong))
		}
	}
	return l
}

type unXML struct {
	I []struct {
		R string `xml:"REFERENCE_NUMBER"`
		F string `xml:"FIRST_NAME"`
		S string `xml:"SECOND_NAME"`
		T string `xml:"THIRD_NAME"`
		X string `xml:"FOURTH_NAME"`
		O string `xml:"NAME_ORIGINAL_SCRIPT"`
		A []struct {
			Q string `xml:"QUALITY"`
			N string `xml:"ALIAS_NAME"`
		} `xml:"INDIVIDUAL_ALIAS"`
	} `xml:"INDIVIDUALS>INDIVIDUAL"`
	E []struct {
		R string `xml:"REFERENCE_NUMBER"`
		F string `xml:"FIRST_NAME"`
		O string `xml:"NAME_ORIGINAL_SCRIPT"`
		A []struct {
			Q string `xml:"QUALITY"`
			N string `xml:"ALIAS_NAME"`
		} `xml:"ENTITY_ALIAS"`
	} `xml:"ENTITIES>ENTITY"`
}

func loadUN(p string) *lists.List {
	var u unXML
	if err := xml.NewDecoder(open(p)).Decode(&u); err != nil {
		panic(err)
	}
	l := &lists.List{Authority: lists.UN}
	for _, e := range u.I {
		x := lists.Entry{ID: strings.TrimSpace(e.R), Kind: lists.Person}
		x.Names = append(x.Names, lists.Name{Text: strings.Join(strings.Fields(e.F+" "+e.S+" "+e.T+" "+e.X), " ")})
		if e.O != "" {
			x.Names = append(x.Names, lists.Name{Text: e.O, Quality: lists.Strong})
		}
		for _, a := range e.A {
			if a.N != "" {
				q := lists.Strong
				if a.Q == "Low" {
					q = lists.Weak
				}
				x.Names = append(x.Names, lists.Name{Text: a.N, Quality: q})
			}
		}
		l.Entries = append(l.Entries, x)
	}
	for _, e := range u.E {
		x := lists.Entry{ID: strings.TrimSpace(e.R), Kind: lists.Organisation}
		x.Names = append(x.Names, lists.Name{Text: e.F})
		if e.O != "" {
			x.Names = append(x.Names, lists.Name{Text: e.O, Quality: lists.Strong})
		}
		for _, a := range e.A {
			if a.N != "" {
				x.Names = append(x.Names, lists.Name{Text: a.N, Quality: lists.Strong})
			}
		}
		l.Entries = append(l.Entries, x)
	}
	return l
}

func std() *Index {
	t := time.Now()
	a := loadOFAC(lists.OFAC, sh+"lists/ofac/2025-05-reconstructed/sdn.csv", sh+"lists/ofac/2025-05-reconstructed/alt.csv")
	b := loadOFAC(lists.OFACNonSDN, sh+"lists/ofac/consolidated-nonsdn/cons_prim.csv", sh+"lists/ofac/consolidated-nonsdn/cons_alt.csv")
	c := loadUN(sh + "lists/un/consolidated-2026-02-27.xml.gz")
	t1 := time.Now()
	ix := NewIndex(a, b, c)
	t2 := time.Now()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("load %v index %v heap %d MB names %d terms %d near %d\n", t1.Sub(t), t2.Sub(t1), m.HeapAlloc>>20, len(ix.names), len(ix.terms), len(ix.near.hashes))
	return ix
}

func kindOf(t string) lists.Kind {
	if t == "individual" {
		return lists.Person
	}
	return lists.Organisation
}

func TestScratchBench(t *testing.T) {
	ix := std()
	dir := os.Getenv("SET")
	if dir == "" {
		dir = sh + "screening-dev"
	}
	in, _ := os.Open(dir + "/queries.jsonl")
	out, _ := os.Create("/tmp/matcher-scratch/results.jsonl")
	w := bufio.NewWriter(out)
	type query struct{ ID, Name, Type string }
	var qs []query
	d := json.NewDecoder(in)
	for {
		var q query
		if d.Decode(&q) != nil {
			break
		}
		qs = append(qs, q)
	}
	for _, q := range qs[:100] {
		ix.Match(Query{Name: q.Name, Kind: kindOf(q.Type)}, 0, 5)
	}
	for _, q := range qs {
		t0 := time.Now()
		ms := ix.Match(Query{Name: q.Name, Kind: kindOf(q.Type)}, 0, 5)
		el := time.Since(t0)
		o := map[string]any{"id": q.ID, "ms": float64(el.Nanoseconds()) / 1e6}
		ids, sc := []string{}, []float64{}
		for _, m := range ms {
			ids = append(ids, m.EntryID)
			sc = append(sc, m.Score)
		}
		if len(ms) > 0 {
			o["score"], o["best_id"], o["best_name"] = ms[0].Score, ms[0].EntryID, ms[0].Name
			o["hit_ids"], o["hit_scores"] = ids, sc
		}
		x, _ := json.Marshal(o)
		w.Write(x)
		w.WriteByte('\n')
	}
	w.Flush()
}

func TestScratchExplain(t *testing.T) {
	ix := std()
	for _, q := range strings.Split(os.Getenv("Q"), "|") {
		k := lists.Person
		if strings.HasPrefix(q, "b:") {
			q, k = q[2:], lists.Organisation
		}
		fmt.Println("==", q, words(q, k))
		for _, m := range ix.Match(Query{Name: q, Kind: k}, 0, 3) {
			fmt.Printf("  %.3f %s %s exact=%v f=%v\n", m.Score, m.EntryID, m.Name, m.Exact, m.pair.features)
			for _, l := range m.pair.links {
				fmt.Printf("      q%b l%b like %.2f w %.2f kind %d\n", l.query, l.listed, l.like, l.weight, l.kind)
			}
		}
	}
}
