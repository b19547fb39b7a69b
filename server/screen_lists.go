package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/antonpayments/anton/server/screening/lists"
)

// loadLists reads the lists named AUTHORITY=PATH and says on warn which they are.
func loadLists(ctx context.Context, named []string, warn io.Writer, progress func(string)) ([]*lists.List, error) {
	var all []*lists.List
	for _, arg := range named {
		word, at, ok := strings.Cut(arg, "=")
		if !ok || at == "" {
			return nil, fmt.Errorf("--list %s: say it as AUTHORITY=PATH, for example ofac=sdn.xml", arg)
		}
		authority, err := lists.ParseAuthority(word)
		if err != nil {
			return nil, fmt.Errorf("--list %s: %w", arg, err)
		}
		progress("reading " + at)
		list, err := readSource(ctx, authority, at, warn)
		if err != nil {
			return nil, fmt.Errorf("--list %s: %w", arg, err)
		}
		all = append(all, list)
	}
	progress("")
	for _, l := range all {
		published := l.Published
		if published == "" {
			published = "on a day that the file does not say"
		}
		fmt.Fprintf(warn, "%s: %d entries, published %s, sha256 %.12s\n", l.Authority, len(l.Entries), published, l.Hash)
	}
	return all, nil
}

// readSource reads one list. A folder that holds it both as CSV and as XML is read as CSV, and says so: the two may be of different days.
func readSource(ctx context.Context, authority lists.Authority, at string, warn io.Writer) (*lists.List, error) {
	list, err := lists.Read(ctx, authority, at)
	if err == nil {
		return list, nil
	}
	folder, leftOut := onlyCSV(at)
	if len(leftOut) == 0 {
		return nil, err
	}
	list, errCSV := lists.ReadFS(ctx, authority, folder)
	if errCSV != nil {
		return nil, err // of the whole folder, which is what was asked for
	}
	fmt.Fprintf(warn, "%s: %s holds the list in several formats; the CSV files are used, not %s\n", authority, at, strings.Join(leftOut, ", "))
	return list, nil
}

// onlyCSV shows the CSV files of a folder alone, and names the others, if it has both.
func onlyCSV(at string) (folder fs.FS, leftOut []string) {
	all, err := os.ReadDir(at)
	if err != nil {
		return nil, nil
	}
	isCSV := func(e fs.DirEntry) bool {
		return path.Ext(strings.TrimSuffix(strings.ToLower(e.Name()), ".gz")) == ".csv"
	}
	for _, e := range all {
		if !isCSV(e) {
			leftOut = append(leftOut, e.Name())
		}
	}
	if len(leftOut) == len(all) {
		return nil, nil
	}
	return csvFolder{os.DirFS(at), leftOut}, leftOut
}

// A csvFolder is a folder that does not show some of its files.
type csvFolder struct {
	fs.FS
	hidden []string
}

// ReadDir is what fs.ReadDir asks.
func (f csvFolder) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return slices.Contains(f.hidden, e.Name()) }), err
}
