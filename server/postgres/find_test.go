package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// fakePrograms makes a directory with a postgres that only knows its version.
func fakePrograms(t *testing.T, dir, version string) {
	t.Helper()
	write(t, filepath.Join(dir, "postgres"), fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s (Debian %[1]s-0+deb12u1)'\n", version))
	write(t, filepath.Join(dir, "initdb"), "#!/bin/sh\nexit 1\n")
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// These tests change the environment and write programs that they run, so they
// are not parallel.
func TestFindTakesTheNewestThatFits(t *testing.T) {
	base := t.TempDir()
	for _, version := range []string{"9.6.24", "14.2", "15.18", "16.9", "18beta1"} {
		fakePrograms(t, filepath.Join(base, version, "bin"), version)
	}
	fakePrograms(t, filepath.Join(base, "path", "16.1"), "16.1")
	fakePrograms(t, filepath.Join(base, "broken", "99", "bin"), "99.1")
	if err := os.Remove(filepath.Join(base, "broken", "99", "bin", "initdb")); err != nil {
		t.Fatal(err)
	}
	onPath := filepath.Join(base, "links")
	if err := os.Mkdir(onPath, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(base, "path", "16.1", "postgres"), filepath.Join(onPath, "postgres")); err != nil {
		t.Fatal(err)
	}
	all := []string{filepath.Join(base, "*", "bin"), filepath.Join(base, "broken", "*", "bin")}
	for name, c := range map[string]struct {
		bin, path string
		places    []string
		want      int
		dir, says string
	}{
		"the newest":                      {places: all, dir: "18beta1/bin"},
		"the data's major":                {places: all, want: 15, dir: "15.18/bin"},
		"the PATH's first, if equal":      {path: onPath, places: all, want: 16, dir: "path/16.1"},
		"a newer one than the PATH's":     {path: onPath, places: all, dir: "18beta1/bin"},
		"the PATH's alone":                {path: onPath, dir: "path/16.1"},
		"what ANTON_PG_BIN says":          {bin: "15.18/bin", path: onPath, places: all, dir: "15.18/bin"},
		"nothing":                         {says: "PostgreSQL 15 or newer was not found"},
		"nothing for the data":            {want: 16, says: "PostgreSQL 16, which made the database, was not found"},
		"only older ones":                 {places: []string{filepath.Join(base, "[19][4.]*", "bin")}, says: "PostgreSQL 15 or newer was not found (this machine has PostgreSQL 9 and 14)"},
		"only other majors":               {places: all, want: 17, says: "made by PostgreSQL 17 and this machine has PostgreSQL 9 and 14 and 15 and 16 and 18: install postgresql-17, or convert"},
		"ANTON_PG_BIN of another major":   {bin: "15.18/bin", places: all, want: 16, says: "15.18/bin is PostgreSQL 15, and the database was made by PostgreSQL 16"},
		"ANTON_PG_BIN that is too old":    {bin: "14.2/bin", places: all, says: "is PostgreSQL 14, and Anton needs 15 or newer"},
		"ANTON_PG_BIN without PostgreSQL": {bin: "links", places: all, says: "links: look for initdb: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			t.Setenv("ANTON_PG_BIN", "")
			if c.bin != "" {
				t.Setenv("ANTON_PG_BIN", filepath.Join(base, c.bin))
			}
			b, err := find(t.Context(), c.want, nil, c.places)
			if c.says != "" {
				if err == nil {
					t.Fatalf("found %s", b.dir)
				}
				mustSay(t, err.Error(), c.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.dir != filepath.Join(base, c.dir) {
				t.Errorf("found %s, want %s", b.dir, c.dir)
			}
		})
	}
	t.Run("only what can be installed is errNotFound", func(t *testing.T) {
		t.Setenv("PATH", "")
		if _, err := find(t.Context(), 17, nil, all); errors.Is(err, errNotFound) {
			t.Error("another major is a choice for the operator, not a missing installation")
		}
		if _, err := find(t.Context(), 17, nil, nil); !errors.Is(err, errNotFound) {
			t.Error("an empty machine may be installed on")
		}
	})
}

func FuzzParseMajor(f *testing.F) {
	for _, text := range []string{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "postgres (PostgreSQL) 18beta1", "postgres (PostgreSQL) 19devel",
		"postgres (PostgreSQL) ", "psql 15", "postgres (PostgreSQL) 99999999999999999999.1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if major, ok := parseMajor(text); ok != (major > 0) {
			t.Errorf("%q: major %d, ok %v", text, major, ok)
		}
	})
}

func TestParseMajor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 9.6.24":                           9,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres (PostgreSQL) 19devel":                          19,
		"postgres (EnterpriseDB) 15.1":                           0,
		"postgres (PostgreSQL) x":                                0,
	} {
		if got, _ := parseMajor(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
