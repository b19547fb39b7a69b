// Package screening compares names with sanctions lists. It is pure: a list and the parties of a payment in, a result out. What it
// decides on (the list's version, the entry, the name that matched) is part of the result, so that it can be defended later.
//
// A list that is missing or empty never clears anyone: the caller must wait instead.
package screening

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"
)

// A List is one version of one authority's list.
type List struct {
	Authority string
	Version   string
	byName    map[string][]Entry
}

// An Entry is one listed party.
type Entry struct {
	ID   string
	Name string
}

// A Party is someone a payment concerns. Role says as what: beneficiary, merchant, sender.
type Party struct {
	Role, Name string
}

// A Hit is a party that a list names.
type Hit struct {
	Role      string `json:"role"`
	Authority string `json:"authority"`
	EntryID   string `json:"entry_id"`
	EntryName string `json:"entry_name"`
}

// A Result is what screening found, and with which lists. Certain says that a hit leaves no doubt.
type Result struct {
	Certain bool     `json:"certain"`
	Hits    []Hit    `json:"hits,omitempty"`
	Lists   []string `json:"lists"`
}

//go:embed sandbox_list.csv
var sandboxList string

// Sandbox is a small list of invented parties, for the test environment. It is no authority's and must never clear a real payment.
func Sandbox() (*List, error) {
	rows, err := csv.NewReader(strings.NewReader(sandboxList)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the sandbox's list: %w", err)
	}
	list := &List{Authority: "sandbox", Version: "2026-01", byName: map[string][]Entry{}}
	for _, row := range rows[1:] {
		for name := range strings.SplitSeq(row[1], ";") {
			folded := Fold(name)
			list.byName[folded] = append(list.byName[folded], Entry{ID: row[0], Name: strings.TrimSpace(name)})
		}
	}
	return list, nil
}

// Screen looks every party up on every list. It fails without lists: nobody is cleared by nothing.
func Screen(lists []*List, parties []Party) (Result, error) {
	if len(lists) == 0 {
		return Result{}, fmt.Errorf("no sanctions list is loaded")
	}
	var r Result
	for _, list := range lists {
		if len(list.byName) == 0 {
			return Result{}, fmt.Errorf("the list of %s is empty", list.Authority)
		}
		r.Lists = append(r.Lists, list.Authority+" "+list.Version)
		for _, party := range parties {
			for _, entry := range list.byName[Fold(party.Name)] {
				r.Hits = append(r.Hits, Hit{Role: party.Role, Authority: list.Authority, EntryID: entry.ID, EntryName: entry.Name})
			}
		}
	}
	r.Certain = len(r.Hits) > 0
	return r, nil
}
