package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	{"batches"},
	{"payouts", "rescreen"},
	{"pricing"},
	{"accounts", "balances", "beneficiaries", "documents", "fx", "merchants", "engine", "reference", "rfis", "webhooks"},
	{"rails/interbank"},
	{"rails/sandbox", "rails/ach", "rails/sepa"},
	{"rails/files", "rails/iso20022"},
	{"ledger", "screening", "sanctions", "velocity", "risk", "rails", "keysets"},
	{"events", "audit"},
	{"page", "call", "corridors", "patch"},
	{"unit", "contract", "bankdetails", "invariants"},
	{"rules"},
	{"apierr", "bankdays", "crypto", "fx/ecb", "ids", "money", "postgres", "screening/lists", "webhooks/verify"},
	{"observe", "testserver/raced", "testserver/xsd"},
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

// An error must reach the log as an error: as a text, the log could no longer take out of it what it quotes of a customer's data.
func TestErrorsAreLoggedAsErrors(t *testing.T) {
	t.Parallel()
	flattened := regexp.MustCompile(`(slog\.String\("[a-z_]+", *[a-zA-Z.]+\.Error\(\)\))|([lL]og\.(Debug|Info|Warn|Error)[A-Za-z]*\(.*\.Error\(\))`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte(".Error())")) && flattened.Match(line) {
				t.Errorf(`%s logs %s: hand over the error itself, as slog.Any("cause", err)`, path, line)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
