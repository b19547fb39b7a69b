package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// kindsWithBar are kinds of variation that a matcher has to find however little it may hold: each with the least share at one false
// alarm in 100.
var kindsWithBar = []struct {
	says  string
	kinds []string
	least float64
}{
	{"exact and reordered", []string{"exact_native", "first_last", "reorder", "case_punct", "word_order"}, 1},
	{"original script", []string{"native_script"}, 0.75},
	{"honorific", []string{"honorific"}, 0.95},
	{"suffix", []string{"suffix_change", "suffix_drop"}, 0.95},
	{"diacritics", []string{"diacritics"}, 0.95},
	{"hyphen", []string{"hyphen_space"}, 0.95},
	{"join", []string{"concat"}, 0.95},
	{"split", []string{"split"}, 0.95},
}

// Print writes the report for people.
func (r *ScreeningReport) Print(w io.Writer) {
	fmt.Fprintf(w, "Names alone, against %d listed parties: %d variants of listed names, %d names of others.\n\n", r.Listed, r.True, r.False)
	fmt.Fprintf(w, "%-36s %10s %10s\n", "", "measured", "bar")
	row := func(what, measured, bar string) { fmt.Fprintf(w, "%-36s %10s %10s\n", what, measured, bar) }
	for _, at := range r.Recall {
		bar := map[float64]string{0.01: "≥ 93 %", 0.001: "≥ 78 %"}[at.Target]
		row(fmt.Sprintf("recall at %g %% false positives", 100*at.Target), percent(at.Recall), bar)
		row("  of which the right entity", percent(at.Right), "")
		row("  threshold", fmt.Sprintf("%.3f", at.Threshold), "")
	}
	for _, k := range kindsWithBar {
		row(k.says, percent(r.recallOf(k.kinds)), fmt.Sprintf("≥ %.0f %%", 100*k.least))
	}
	row("one thread: p50", fmt.Sprintf("%.3f ms", r.P50), "0.5 ms")
	row("one thread: p99", fmt.Sprintf("%.3f ms", r.P99), "5 ms")
	row("searches a second, two threads", fmt.Sprintf("%.0f", r.PerSecond), "≥ 2000")
	row("processor time of a search", fmt.Sprintf("%.3f ms", r.CPU), "")
	row("all lists: load and index", fmt.Sprintf("%.2f s", r.LoadSeconds["load"]+r.LoadSeconds["index"]), "≤ 3 s")
	row("all lists: live heap", fmt.Sprintf("%.0f MB", r.HeapMB), "≤ 120 MB")
	row("process, resident", fmt.Sprintf("%.0f MB", r.RSSMB), "")
	fmt.Fprintf(w, "\nAll lists: %s.\n", strings.Join(r.AllLists, ", "))
	for _, d := range []string{"certain", "possible", "none"} {
		fmt.Fprintf(w, "Decided %-9s %4d of the listed, %4d of the others.\n", d+":", r.Decisions[d][0], r.Decisions[d][1])
	}
	printGroups(w, "Recall by kind", r.Kinds)
	printGroups(w, "False alarms by group of names", r.Groups)
}

func printGroups(w io.Writer, title string, all []ScreeningGroup) {
	fmt.Fprintf(w, "\n%-36s %6s %10s %10s\n", title, "names", "at 1 %", "at 0.1 %")
	for _, g := range all {
		fmt.Fprintf(w, "%-36s %6d %10s %10s\n", g.Name, g.Names, percent(g.AtOne), percent(g.AtATenth))
	}
}

// recallOf is the share found of several kinds together, at one false alarm in 100.
func (r *ScreeningReport) recallOf(kinds []string) float64 {
	found, names := 0.0, 0
	for _, g := range r.Kinds {
		if _, kind, _ := strings.Cut(g.Name, "/"); slices.Contains(kinds, kind) {
			found += g.AtOne * float64(g.Names)
			names += g.Names
		}
	}
	if names == 0 {
		return 0
	}
	return found / float64(names)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
