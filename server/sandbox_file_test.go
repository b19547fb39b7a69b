package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// FuzzSandboxFile: a sandbox.env that people have edited is read or refused, and what we write is what we read.
func FuzzSandboxFile(f *testing.F) {
	f.Add("ANTON_URL=http://127.0.0.1:8080\nANTON_API_KEY=ak_test_A\nANTON_OPS_KEY=ak_ops_B\n")
	f.Add("export ANTON_URL='http://[::1]:8080' # mine\n\nANTON_API_KEY = \"ak_test_A\"")
	f.Add("ANTON_URL")
	f.Add("\x00=\xff")
	ours := regexp.MustCompile(`^[A-Za-z0-9_:/.\[\]-]*$`)
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "sandbox.env"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := readSandboxFile(dir)
		if err != nil || !ours.MatchString(file.URL+file.APIKey+file.OpsKey) {
			return
		}
		if err := file.write(); err != nil {
			t.Fatal(err)
		}
		again, err := readSandboxFile(dir)
		if err != nil || *again != *file {
			t.Errorf("%+v came back as %+v, %v", file, again, err)
		}
	})
}
