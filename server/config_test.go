package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An error of the settings is read on terminals and in logs, and the file holds passwords.
func TestAnErrorOfTheSettingsSaysWhereAndQuotesNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ANTON_ENV=test\n!!\nDATABASE_URL=postgres://anton:hunter2@db/anton\n":    "line 2 ",
		"# ours\n\nANTON_ENV='a\nb'\n\nhunter2\n":                                 "line 6 ",
		"DATABASE_URL=\"postgres://anton:hunter2@db/anton\nANTON_ENV=test\nA=b\n": "line 1 ",
		"DATABASE_URL=hunter2\x00":                                                "NUL",
	} {
		path := filepath.Join(t.TempDir(), "anton.env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := readConfigFile([]string{"serve", "--config", path})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParseConfig: a file of settings is read or refused by its line; what is read can be set, and the lines before one neither hide nor
// change it.
func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{
		"ANTON_ENV=live\nDATABASE_URL=postgres://anton:hunter2@db/anton # ours\n", "export ANTON_ENV='test'", "A=\"b\nc\"\nD=${A}", "A: b", "A", "=", "\x00=\xff", "'", "#",
		"A=b\r\nC=d\r\n", "\xef\xbb\xbfA=b",
	} {
		f.Add(seed)
	}
	says := regexp.MustCompile(`^(line [0-9]+ is not of the form NAME=VALUE|a setting has no name, or NUL in its name or value)$`)
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseConfig([]byte(text))
		if err != nil {
			if !says.MatchString(err.Error()) {
				t.Errorf("%q is refused with %q", text, err)
			}
			return
		}
		for name, value := range values {
			if name == "" || strings.ContainsRune(name+value, 0) {
				t.Errorf("%q sets %q to %q", text, name, value)
			}
		}
		more, err := parseConfig([]byte(text + "\nANTON_LAST=\"line\"\n"))
		values["ANTON_LAST"] = "line"
		if err != nil || !maps.Equal(more, values) {
			t.Errorf("%q and a line after it are read as %q, %v", text, more, err)
		}
	})
}
