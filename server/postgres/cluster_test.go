package postgres

import "testing"

func TestParsePidFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pidFile{
		"42\n/data/pg\n1700000000\n5432\n/data/run\n\n  5432001 98\nready   \n": {42, "/data/pg", "/data/run"},
		"42\n/data/pg\n1700000000\n5432\n/data/ru":                              {pid: 42, data: "/data/pg"},
		"42": {pid: 42},
		"":   {},
		"-7\n/data/pg\n1700000000\n5432\n/data/run\n": {},
		"x": {},
	} {
		if got := parsePidFile(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

// kill(2) takes 0 and negative numbers for groups of processes.
func FuzzParsePidFile(f *testing.F) {
	f.Add("42\n/data/pg\n1700000000\n5432\n/data/run\n\n  5432001 98\nready   \n")
	f.Add("-1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if file := parsePidFile(text); file.pid < 0 || file.pid == 0 && file != (pidFile{}) {
			t.Errorf("%q: %+v", text, file)
		}
	})
}
