package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ranks are the packages of the server, highest first. Imports point down only: never up, never sideways. Two services that need each
// other talk by what they queue in the same transaction.
var ranks = [][]string{
	{""}, // the command
	{"testserver", "bench"},
	{"assembly"},
	{"gateway", "docs"},
	{"interceptors"},
	{"payouts"},
	{"accounts", "balances", "beneficiaries", "merchants", "engine", "reference"},
	{"rails/sandbox"},
	{"ledger", "screening", "sanctions", "velocity", "risk", "rails"},
	{"events", "audit"},
	{"page", "call", "patch"},
	{"unit", "contract", "bankdetails", "rules", "invariants"},
	{"apierr", "crypto", "ids", "money", "postgres", "screening/lists"},
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	const root = "github.com/antonpayments/anton/server"
	rank := map[string]int{}
	for i, packages := range ranks {
		for _, p := range packages {
			rank[p] = i
		}
	}
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var seen []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from := strings.TrimPrefix(strings.TrimPrefix(words[0], root), "/")
		seen = append(seen, from)
		if _, ok := rank[from]; !ok {
			t.Errorf("package %s has no rank: say where it stands", from)
		}
		for _, imported := range words[1:] {
			to, ours := strings.CutPrefix(imported, root+"/")
			if ours && rank[to] <= rank[from] {
				t.Errorf("%s imports %s, which does not stand below it", from, to)
			}
		}
	}
	for p := range rank {
		if !slices.Contains(seen, p) {
			t.Errorf("the rank table names %s, which is gone", p)
		}
	}
}
