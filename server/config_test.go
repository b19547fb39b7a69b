package main

import (
	"maps"
	"net"
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

// Commands beside the server find the database that is there, and make none.
func TestCommandsMakeNoDatabase(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"ledger", "check"},
		{"audit", "verify"},
		{"audit", "export"},
		{"keys", "list"},
		{"keys", "create", "--name", "x"},
		{"keys", "revoke", "key_x"},
		{"keyset", "status"},
		{"fx", "status"},
		{"lists", "status"},
		{"engine", "replay", "--payout", "pay_x"},
	} {
		data := t.TempDir()
		_, told, err := anton(t, []string{"DATABASE_URL=", "ANTON_MIGRATE_URL=", "ANTON_DATA=" + data}, args...)
		left, readErr := os.ReadDir(data)
		if err == nil || !strings.Contains(told, data+" has no database") || readErr != nil || len(left) > 0 {
			t.Errorf("%v: %v, %q; it left %v, %v", args, err, told, left, readErr)
		}
	}
}

// What is wrong with a setting is said by its name, before anything is started, and without the whole help around it.
func TestSettingsThatAreWrongAreNamed(t *testing.T) {
	t.Parallel()
	port, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	taken := port.Addr().String()
	for _, tt := range []struct{ flag, want string }{
		{"--database-url=nonsense", "--database-url (DATABASE_URL)"},
		{"--database-url=postgres://anton:hunter2@localhost:bad/x", "--database-url (DATABASE_URL)"},
		{"--migrate-url=host=localhost password=hunter2 dbname", "--migrate-url (ANTON_MIGRATE_URL)"},
		{"--keyset=/nowhere/keyset.json", "--keyset (ANTON_KEYSET)"},
		{"--clamd-addr=clamd", "--clamd-addr (ANTON_CLAMD_ADDR)"},
		{"--clamd-addr=unix:relative", "--clamd-addr (ANTON_CLAMD_ADDR)"},
		{"--drain-delay=-1s", "--drain-delay (ANTON_DRAIN_DELAY)"},
		{"--review-within=soon", "--review-within"},
		{"--env=prod", "--env"},
		{"--nope", "unknown flag --nope"},
	} {
		data := t.TempDir()
		// Taken ports: whatever is not refused by itself ends here.
		env := []string{"ANTON_DATA=" + data, "ANTON_HTTP_ADDR=" + taken, "ANTON_GRPC_ADDR=" + taken, "ANTON_ADMIN_ADDR=" + taken}
		_, told, err := anton(t, env, "serve", tt.flag)
		left, readErr := os.ReadDir(data)
		if err == nil || !strings.Contains(told, tt.want) || strings.Contains(told, "hunter2") || strings.Count(told, "\n") > 10 || readErr != nil || len(left) > 0 {
			t.Errorf("%s: %v, %q; it left %v, %v", tt.flag, err, told, left, readErr)
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
