package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// listsCommand is for whoever looks after the sanctions lists. It works beside running servers, which take up another version within
// seconds.
type listsCommand struct {
	Refresh listsRefreshCommand `cmd:"" help:"Get the lists from their authorities, or from where --source says, and put them in force."`
	Status  listsStatusCommand  `cmd:"" help:"Say which versions are in force, how old they are and what the last refreshes brought. Ends with 1 when payouts must wait."`
	Diff    listsDiffCommand    `cmd:"" help:"Say what changed between two versions: two files, or two versions in the database with --between."`
	Check   listsCheckCommand   `cmd:"" help:"Read a file or a folder, say what it holds, and look every name up in it: each must find itself. Needs no database."`
}

type listsRefreshCommand struct {
	database
	Source       []string `sep:"none" help:"AUTHORITY=PATH or AUTHORITY=URL, instead of where the authority publishes; the URLs of several files have commas between them. May be repeated. With it only the named lists are refreshed." placeholder:"SOURCE"`
	Lists        string   `help:"Which lists, such as ofac,un; all when absent." default:"" env:"ANTON_SCREENING_LISTS" placeholder:"LIST"`
	By           string   `help:"Who you are, as the record of the version will say." default:"command_line" placeholder:"NAME"`
	AcceptShrink bool     `help:"Take a list that lost over a tenth of its entries. Needs --by and --reason, which are kept with the version."`
	Reason       string   `help:"Why, with --accept-shrink." placeholder:"TEXT"`
}

// Run refreshes one list after the other. One that fails does not keep the others from being refreshed.
func (c *listsRefreshCommand) Run(ctx context.Context) error {
	waiver, err := c.waiver()
	if err != nil {
		return err
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	return c.on(ctx, func(runner *unit.Runner) error {
		bar := newProgress(os.Stderr)
		refresher := &sanctions.Refresher{
			Store: &sanctions.Store{Runner: runner}, Fetcher: sanctions.Fetcher{Progress: bar.downloading}, Reading: bar.reading,
		}
		var failed []string
		for _, source := range sources {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			bar.begin(string(source.Authority))
			taken, err := refresher.Refresh(ctx, source, c.By, waiver)
			bar.end()
			switch {
			case err != nil:
				failed = append(failed, string(source.Authority))
				fmt.Fprintln(os.Stderr, err)
			case !taken.New:
				fmt.Printf("%-12s %s is still the newest.\n", source.Authority, taken.Version)
			default:
				fmt.Printf("%-12s %s is in force: %d entries%s.\n", source.Authority, taken.Version, taken.Entries, after(taken.Before))
			}
		}
		if len(failed) > 0 {
			return fmt.Errorf("%s stayed as they were", strings.Join(failed, ", "))
		}
		return nil
	})
}

func after(before int) string {
	if before == 0 {
		return ""
	}
	return fmt.Sprintf(", %d before", before)
}

func (c *listsRefreshCommand) waiver() (sanctions.Waiver, error) {
	if n := len([]rune(c.By)); n < 1 || n > 100 {
		return sanctions.Waiver{}, errors.New("--by must have 1 to 100 characters")
	}
	switch {
	case !c.AcceptShrink && c.Reason != "":
		return sanctions.Waiver{}, errors.New("--reason belongs to --accept-shrink")
	case !c.AcceptShrink:
		return sanctions.Waiver{}, nil
	case c.By == "command_line" || strings.TrimSpace(c.Reason) == "" || len([]rune(c.Reason)) > 500:
		return sanctions.Waiver{}, errors.New("--accept-shrink needs --by with your name and --reason with 1 to 500 characters")
	case len(c.Source) != 1 && !single(c.Lists):
		return sanctions.Waiver{}, errors.New("--accept-shrink is for one list at a time: name it with --source or --lists")
	}
	return sanctions.Waiver{By: c.By, Reason: c.Reason}, nil
}

func single(words string) bool { return words != "" && !strings.Contains(words, ",") }

func (c *listsRefreshCommand) sources() ([]sanctions.Source, error) {
	var sources []sanctions.Source
	for _, text := range c.Source {
		source, err := sanctions.ParseSource(text)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	if len(sources) > 0 {
		return sources, nil
	}
	wanted, err := lists.ParseAuthorities(c.Lists)
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		wanted = lists.Authorities
	}
	for _, authority := range wanted {
		sources = append(sources, sanctions.DefaultSource(authority))
	}
	return sources, nil
}

type listsStatusCommand struct {
	database
	Lists  string        `help:"Which lists are required; ofac,ofac-nonsdn,eu,uk,un when absent." default:"" env:"ANTON_SCREENING_LISTS" placeholder:"LIST"`
	MaxAge time.Duration `help:"How long after its last refresh a list may be screened with." default:"168h" env:"ANTON_SCREENING_MAX_AGE" placeholder:"DURATION"`
	JSON   bool          `name:"json" help:"Print the result as JSON."`
}

// listStatus is one line of the status.
type listStatus struct {
	Authority   string `json:"authority"`
	State       string `json:"freshness"`
	Version     string `json:"version"`
	Entries     int32  `json:"entries"`
	RefreshedAt string `json:"refreshed_at"`
	LastOutcome string `json:"last_outcome"`
	LastDetail  string `json:"last_detail"`
}

// Run says what is in force.
func (c *listsStatusCommand) Run(ctx context.Context) error {
	required, err := lists.ParseAuthorities(c.Lists)
	if err != nil {
		return err
	}
	if len(required) == 0 {
		required = lists.Authorities
	}
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return err
	}
	defer done()
	rows, err := c.read(ctx, db.New(pool), required)
	if err != nil {
		return err
	}
	waiting := slices.ContainsFunc(rows, func(r listStatus) bool { return r.State != sanctions.Current })
	if c.JSON {
		err = printJSON(os.Stdout, map[string]any{"screens": !waiting, "lists": rows})
	} else {
		err = printStatus(os.Stdout, rows)
	}
	if err == nil && waiting {
		err = errors.New("payouts of a live server wait until every list is current")
	}
	return err
}

func (c *listsStatusCommand) read(ctx context.Context, q *db.Queries, required []lists.Authority) ([]listStatus, error) {
	inForce, err := q.SanctionsInForce(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which lists are in force: %w", err)
	}
	last, err := q.SanctionsLastRefreshes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the last refreshes: %w", err)
	}
	var rows []listStatus
	for _, authority := range required {
		row := listStatus{Authority: string(authority), State: sanctions.Missing}
		for _, f := range inForce {
			if f.Authority == row.Authority {
				row.State, row.Version, row.Entries, row.RefreshedAt = sanctions.Current, f.ListID, f.Entries, f.RefreshedAt.UTC().Format(time.RFC3339)
				if time.Since(f.RefreshedAt) > c.MaxAge {
					row.State = sanctions.Outdated
				}
			}
		}
		for _, l := range last {
			if l.Authority == row.Authority {
				row.LastOutcome, row.LastDetail = l.Outcome, l.Detail
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func printStatus(out io.Writer, rows []listStatus) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "AUTHORITY\tSTATE\tVERSION\tENTRIES\tREFRESHED\tLAST ATTEMPT")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", r.Authority, r.State, cmp.Or(r.Version, "-"), r.Entries, cmp.Or(r.RefreshedAt, "-"), cmp.Or(r.LastOutcome, "-"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.LastDetail != "" {
			fmt.Fprintf(out, "\n%s: %s\n", r.Authority, r.LastDetail)
		}
	}
	return nil
}

type listsCheckCommand struct {
	Authority string `help:"Whose list it is; found out from the file when absent." default:"" placeholder:"AUTHORITY"`
	Path      string `arg:"" help:"A file, plain, gzipped or a zip archive, or a folder."`
	JSON      bool   `name:"json" help:"Print the result as JSON."`
}

// Run reads the list and says what it holds, and whether it could be put in force and searched.
func (c *listsCheckCommand) Run(ctx context.Context) error {
	list, err := readList(ctx, c.Authority, c.Path)
	if err != nil {
		return err
	}
	names, kinds, births := 0, map[string]int{}, 0
	qualities := map[string]int{}
	for _, e := range list.Entries {
		names += len(e.Names)
		kinds[e.Kind.String()]++
		if len(e.Births) > 0 {
			births++
		}
		for _, n := range e.Names {
			qualities[n.Quality.String()]++
		}
	}
	problem := lists.Check(list, time.Now())
	lost, err := testList(ctx, list)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(os.Stdout, map[string]any{
			"authority": list.Authority, "published": list.Published, "hash": list.Hash, "entries": len(list.Entries), "names": names,
			"aliases_in_file": list.Read.Aliases, "addresses_in_file": list.Read.Addresses, "entries_without_name": list.Read.Nameless,
			"kinds": kinds, "qualities": qualities, "with_birth_date": births, "plausible": problem == nil, "lost": append([]screening.Lost{}, lost...),
		})
	} else {
		fmt.Printf("Authority   %s\nPublished   %s\nSHA-256     %s\n", list.Authority, cmp.Or(list.Published, "the file does not say"), list.Hash)
		fmt.Printf("Entries     %d (%d persons, %d organisations, %d vessels, %d aircraft, %d unknown), %d with a birth date\n", len(list.Entries),
			kinds["person"], kinds["organisation"], kinds["vessel"], kinds["aircraft"], kinds["unknown"], births)
		fmt.Printf("Names       %d (%d primary, %d strong, %d weak)\n", names, qualities["primary"], qualities["strong"], qualities["weak"])
		fmt.Printf("In the file %d aliases and spellings, %d addresses, %d entries without a name\n", list.Read.Aliases, list.Read.Addresses, list.Read.Nameless)
		fmt.Printf("Looked up   %d names, %d of which do not find themselves\n", names, len(lost))
		for _, l := range lost[:min(len(lost), 20)] {
			fmt.Printf("            %s %q\n", l.EntryID, l.Name)
		}
	}
	switch {
	case err == nil && problem != nil:
		err = fmt.Errorf("it reads well, but could not be put in force: %w", problem)
	case err == nil && len(lost) > 0:
		err = fmt.Errorf("it reads well, but %d of its names do not find themselves", len(lost))
	}
	return err
}

// testList gives the names that do not find themselves in a search of the list.
func testList(ctx context.Context, list *lists.List) ([]screening.Lost, error) {
	bar := newProgress(os.Stderr)
	bar.begin(string(list.Authority))
	defer bar.end()
	index := screening.NewIndex(list)
	return index.Lost(ctx, 1, func(tested int) { bar.testing(tested, index.Names()) })
}

func readList(ctx context.Context, word, path string) (*lists.List, error) {
	var authority lists.Authority
	var err error
	if word == "" {
		authority, err = lists.AuthorityAt(path)
	} else {
		authority, err = lists.ParseAuthority(word)
	}
	if err != nil {
		return nil, err
	}
	bar := newProgress(os.Stderr)
	bar.begin(string(authority))
	defer bar.end()
	return lists.ReadWithProgress(ctx, authority, path, func(read int) { bar.reading(authority, read) })
}

type listsDiffCommand struct {
	database
	Authority string   `help:"Whose lists the files are; found out from them when absent." default:"" placeholder:"AUTHORITY"`
	Paths     []string `arg:"" optional:"" name:"paths" help:"The older and the newer file or folder."`
	Between   []string `sep:"none" help:"The older and the newer version in the database, instead of files: --between A --between B, or --between A,B." placeholder:"VERSION"`
	JSON      bool     `name:"json" help:"Print the result as JSON."`
	Summary   bool     `help:"Print the counts alone."`
}

// Run compares.
func (c *listsDiffCommand) Run(ctx context.Context) error {
	versions := strings.Split(strings.Join(c.Between, ","), ",")
	var before, later *lists.List
	var err error
	switch {
	case len(c.Between) > 0 && len(versions) == 2 && len(c.Paths) == 0:
		before, later, err = c.stored(ctx, versions)
	case len(c.Between) == 0 && len(c.Paths) == 2:
		if before, err = readList(ctx, c.Authority, c.Paths[0]); err == nil {
			later, err = readList(ctx, c.Authority, c.Paths[1])
		}
	default:
		return errors.New("name two files, or two versions with --between")
	}
	if err != nil {
		return err
	}
	if before.Authority != later.Authority {
		return fmt.Errorf("the first is a list of %s, the second of %s", before.Authority, later.Authority)
	}
	difference := lists.Diff(before, later)
	if c.JSON {
		return printJSON(os.Stdout, diffJSON(difference))
	}
	printDiff(os.Stdout, difference, c.Summary)
	return nil
}

func (c *listsDiffCommand) stored(ctx context.Context, versions []string) (before, later *lists.List, err error) {
	pool, done, err := openToInspect(ctx, c.database)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	q := db.New(pool)
	if before, err = sanctions.Load(ctx, q, strings.TrimSpace(versions[0])); err != nil {
		return nil, nil, err
	}
	later, err = sanctions.Load(ctx, q, strings.TrimSpace(versions[1]))
	return before, later, err
}

func diffJSON(d lists.Difference) map[string]any {
	changed := []map[string]any{}
	for _, c := range d.Changed {
		fields := map[string]any{}
		for _, f := range c.Fields() {
			fields[f.Field] = map[string][]string{"removed": append([]string{}, f.Removed...), "added": append([]string{}, f.Added...)}
		}
		changed = append(changed, map[string]any{"id": c.New.ID, "name": c.New.Names[0].Text, "fields": fields})
	}
	return map[string]any{"added": append([]lists.Entry{}, d.Added...), "removed": append([]lists.Entry{}, d.Removed...), "changed": changed}
}

func printDiff(out io.Writer, d lists.Difference, summary bool) {
	fmt.Fprintf(out, "%d added, %d removed, %d changed\n", len(d.Added), len(d.Removed), len(d.Changed))
	if summary {
		return
	}
	for _, e := range d.Added {
		fmt.Fprintf(out, "+ %s  %s (%s)\n", e.ID, e.Names[0].Text, e.Kind)
	}
	for _, e := range d.Removed {
		fmt.Fprintf(out, "- %s  %s (%s)\n", e.ID, e.Names[0].Text, e.Kind)
	}
	for _, c := range d.Changed {
		fmt.Fprintf(out, "~ %s  %s\n", c.New.ID, c.New.Names[0].Text)
		for _, f := range c.Fields() {
			for _, text := range f.Removed {
				fmt.Fprintf(out, "    %s - %s\n", f.Field, text)
			}
			for _, text := range f.Added {
				fmt.Fprintf(out, "    %s + %s\n", f.Field, text)
			}
		}
	}
}
