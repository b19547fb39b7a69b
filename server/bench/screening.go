package bench

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
)

// A ScreeningConfig says what the screening of names is measured on.
type ScreeningConfig struct {
	Set      string // folder with true.tsv, false.tsv and key.tsv, labelled names
	Lists    string // folder with the authorities' lists
	Read     func(ctx context.Context, authority lists.Authority, path string) (*lists.List, error)
	Progress func(string)
}

// A ScreeningReport is what was measured: how many listed parties are found, how many others are held, and how fast.
type ScreeningReport struct {
	Listed      int                `json:"listed"` // entries on the lists that the names were compared with
	True        int                `json:"true_names"`
	False       int                `json:"false_names"`
	Recall      []RecallAt         `json:"recall"`
	Kinds       []ScreeningGroup   `json:"recall_by_kind"`
	Groups      []ScreeningGroup   `json:"false_alarms_by_group"`
	Decisions   map[string][2]int  `json:"decisions"` // decision: TRUE names, FALSE names
	P50         float64            `json:"p50_ms"`
	P99         float64            `json:"p99_ms"`
	PerSecond   float64            `json:"searches_per_second_on_two_threads"`
	CPU         float64            `json:"cpu_ms_per_search"` // of this process, so that a busy machine does not matter
	AllLists    []string           `json:"all_lists"`
	LoadSeconds map[string]float64 `json:"load_seconds"`
	HeapMB      float64            `json:"heap_mb"` // live, of all lists and their index
	RSSMB       float64            `json:"rss_mb"`  // of the whole process afterwards; 0 where the system does not say
}

// RecallAt is the share of TRUE names found at the lowest threshold at which no more than Target of the FALSE names are held.
type RecallAt struct {
	Target    float64 `json:"false_positive_rate"`
	Threshold float64 `json:"threshold"`
	Recall    float64 `json:"recall"`
	Right     float64 `json:"right_entity"` // the name's own entry is among the hits
}

// A ScreeningGroup is names of one kind: what share scores at or above the thresholds for one false alarm in 100 and in 1,000.
type ScreeningGroup struct {
	Name     string  `json:"name"`
	Names    int     `json:"names"`
	AtOne    float64 `json:"at_1_percent"`
	AtATenth float64 `json:"at_0.1_percent"`
}

// a labelled name and what came of it.
type labelled struct {
	group, name, entry string
	kind               lists.Kind
	listed             bool
	score, right       float64 // of the best hit, and of the hit on its own entry
}

// Screening measures the matcher.
func Screening(ctx context.Context, c ScreeningConfig) (*ScreeningReport, error) {
	names, err := readLabelled(c.Set)
	if err != nil {
		return nil, err
	}
	c.Progress("reading the lists of the comparison")
	compared, err := c.read(ctx, map[lists.Authority]string{
		lists.OFAC: "ofac/2025-05-reconstructed", lists.OFACNonSDN: "ofac/consolidated-nonsdn", lists.UN: "un/consolidated-2026-02-27.xml.gz",
	})
	if err != nil {
		return nil, err
	}
	index := screening.NewIndex(compared...)
	r := &ScreeningReport{Decisions: map[string][2]int{}}
	for _, l := range compared {
		r.Listed += len(l.Entries)
	}
	c.Progress("screening the labelled names")
	if err := r.search(ctx, index, names); err != nil {
		return nil, err
	}
	r.judge(names)
	c.Progress("searching on two threads")
	before := usedCPU()
	searches, took := searchFor(ctx, index, names, 2)
	r.PerSecond, r.CPU = float64(searches)/took.Seconds(), float64((usedCPU()-before).Nanoseconds())/1e6/float64(searches)
	c.Progress("loading all lists")
	return r, c.loadAll(ctx, r)
}

func (c ScreeningConfig) read(ctx context.Context, paths map[lists.Authority]string) ([]*lists.List, error) {
	var all []*lists.List
	for _, authority := range lists.Authorities {
		if path, ok := paths[authority]; ok {
			list, err := c.Read(ctx, authority, filepath.Join(c.Lists, path))
			if err != nil {
				return nil, err
			}
			all = append(all, list)
		}
	}
	return all, nil
}

// search looks every name up on one thread, twice, and takes the times of the second round.
func (r *ScreeningReport) search(ctx context.Context, index *screening.Index, names []labelled) error {
	times := make([]float64, 0, len(names))
	for round := range 2 {
		for i := range names {
			n := &names[i]
			if err := ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			matches := index.Match(screening.Query{Name: n.name, Kind: n.kind}, 0, 10)
			if round == 1 {
				times = append(times, float64(time.Since(began).Nanoseconds())/1e6)
				continue
			}
			for j := range matches {
				n.score = max(n.score, matches[j].Score)
				if matches[j].EntryID == n.entry {
					n.right = matches[j].Score
				}
			}
			of := r.Decisions[screening.Decide(matches).String()]
			if n.listed {
				of[0]++
			} else {
				of[1]++
			}
			r.Decisions[screening.Decide(matches).String()] = of
		}
	}
	slices.Sort(times)
	r.P50, r.P99 = times[len(times)/2], times[len(times)*99/100]
	return nil
}

func (r *ScreeningReport) judge(names []labelled) {
	for i := range names {
		if names[i].listed {
			r.True++
		} else {
			r.False++
		}
	}
	for _, target := range []float64{0.001, 0.005, 0.01, 0.02, 0.05} {
		at := RecallAt{Target: target, Threshold: thresholdAt(names, target)}
		for i := range names {
			if n := &names[i]; n.listed {
				at.Recall += share(n.score >= at.Threshold, r.True)
				at.Right += share(n.right >= at.Threshold, r.True)
			}
		}
		r.Recall = append(r.Recall, at)
	}
	tenth, one := r.Recall[0].Threshold, r.Recall[2].Threshold
	r.Kinds, r.Groups = groups(names, true, one, tenth), groups(names, false, one, tenth)
}

func share(yes bool, of int) float64 {
	if yes {
		return 1 / float64(of)
	}
	return 0
}

// thresholdAt is the lowest score of any name that is above all but the allowed share of FALSE scores.
func thresholdAt(names []labelled, target float64) float64 {
	var others []float64
	for i := range names {
		if !names[i].listed {
			others = append(others, names[i].score)
		}
	}
	slices.Sort(others)
	slices.Reverse(others)
	limit := others[min(int(target*float64(len(others))), len(others)-1)]
	lowest := 2.0
	for i := range names {
		if s := names[i].score; s > limit {
			lowest = min(lowest, s)
		}
	}
	return lowest
}

func groups(names []labelled, listed bool, one, tenth float64) []ScreeningGroup {
	at := map[string]int{}
	var out []ScreeningGroup
	for i := range names {
		n := &names[i]
		if n.listed != listed {
			continue
		}
		if _, ok := at[n.group]; !ok {
			at[n.group] = len(out)
			out = append(out, ScreeningGroup{Name: n.group})
		}
		g := &out[at[n.group]]
		g.Names++
		g.AtOne += share(n.score >= one, 1)
		g.AtATenth += share(n.score >= tenth, 1)
	}
	for i := range out {
		out[i].AtOne /= float64(out[i].Names)
		out[i].AtATenth /= float64(out[i].Names)
	}
	return out
}

// searchFor searches for three seconds.
func searchFor(ctx context.Context, index *screening.Index, names []labelled, threads int) (searches int64, took time.Duration) {
	var done, next atomic.Int64
	var wait sync.WaitGroup
	began := time.Now()
	for range threads {
		wait.Go(func() {
			for time.Since(began) < 3*time.Second && ctx.Err() == nil {
				n := &names[int(next.Add(1))%len(names)]
				index.Match(screening.Query{Name: n.name, Kind: n.kind}, screening.PossibleScore, 10)
				done.Add(1)
			}
		})
	}
	wait.Wait()
	return max(done.Load(), 1), time.Since(began)
}

// usedCPU is the processor time of this process so far.
func usedCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// loadAll loads the lists of all authorities as a server would hold them, and says how long that takes and what it keeps.
func (c ScreeningConfig) loadAll(ctx context.Context, r *ScreeningReport) error {
	before := liveHeap()
	began := time.Now()
	all, err := c.read(ctx, map[lists.Authority]string{
		lists.OFAC: "ofac/2025-05-reconstructed", lists.OFACNonSDN: "ofac/consolidated-nonsdn", lists.UN: "un/consolidated-2026-02-27.xml.gz",
		lists.UK: "uk/ConList-2025-04-14.csv.gz",
	})
	if err != nil {
		return err
	}
	eu, err := readNamesExtract(filepath.Join(c.Lists, "eu", "eu-names-2025-05.csv"))
	if err != nil {
		return err
	}
	all = append(all, eu)
	loaded := time.Now()
	index := screening.NewIndex(all...)
	r.LoadSeconds = map[string]float64{"load": loaded.Sub(began).Seconds(), "index": time.Since(loaded).Seconds()}
	r.HeapMB = float64(liveHeap()-before) / (1 << 20)
	r.RSSMB = residentMB()
	for _, l := range all {
		r.AllLists = append(r.AllLists, fmt.Sprintf("%s %d", l.Authority, len(l.Entries)))
	}
	runtime.KeepAlive(index)
	return nil
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held is gone the second time
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

// residentMB is what the process has in memory, on Linux.
func residentMB() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}

// readNamesExtract reads the EU list's names from a research extract, where the Commission's own file is not at hand: names alone, for
// size and time. It is no format that payments may be screened with.
func readNamesExtract(path string) (*lists.List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the EU's names: %w", err)
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.FieldsPerRecord = -1
	all, err := rows.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the EU's names: %w", err)
	}
	list := &lists.List{Authority: lists.EU}
	for i, row := range all[1:] {
		e := lists.Entry{ID: fmt.Sprint(i), Kind: lists.Person}
		if strings.Contains(strings.Join(row, " "), "nterprise") {
			e.Kind = lists.Organisation
		}
		for name := range strings.SplitSeq(row[0], ", ") {
			if name != "" {
				e.Names = append(e.Names, lists.Name{Text: name})
			}
		}
		if len(e.Names) > 0 {
			list.Entries = append(list.Entries, e)
		}
	}
	return list, nil
}

func readLabelled(set string) ([]labelled, error) {
	var out []labelled
	for _, file := range []string{"true.tsv", "false.tsv"} {
		text, err := os.ReadFile(filepath.Join(set, file))
		if err != nil {
			return nil, fmt.Errorf("read the labelled names: %w", err)
		}
		var column map[string]int
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
			if column == nil {
				column = map[string]int{}
				for i, name := range cells {
					column[name] = i
				}
				continue
			}
			n := labelled{group: cells[column["type"]] + "/" + cells[column["kind"]], name: cells[column["name"]], kind: lists.Organisation, listed: file == "true.tsv"}
			if cells[column["type"]] == "individual" {
				n.kind = lists.Person
			}
			if n.listed {
				n.entry = cells[column["ofac_ent_num"]]
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// JSON gives the report for tools.
func (r *ScreeningReport) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }
