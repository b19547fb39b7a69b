package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// TestHashesAreTheDocumented computes the example of docs/audit. Seals that exist depend on it: it may never change.
func TestHashesAreTheDocumented(t *testing.T) {
	t.Parallel()
	detail := `{"to": "created", "from": "a\"<\u00e9\n"}`
	r := record{"mer_1", "aud_1", "2026-02-14T10:00:00.000000Z", "key_1", "payout.create", "pay_1", "req_1", detail}
	row, err := r.hash(1)
	if err != nil {
		t.Fatal(err)
	}
	sealed := seal{"mer_1", 1, 1, 1, "2026-02-14T10:00:01.000000Z", nothing}.hash([][]byte{row})
	text, err := os.ReadFile("../../docs/audit/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, hash := range map[string][]byte{"row": row, "seal": sealed} {
		if !bytes.Contains(text, []byte("\n    "+hex.EncodeToString(hash)+"\n")) {
			t.Errorf("the example's %s hashes to %x; docs/audit says something else", name, hash)
		}
	}
}

func TestDetailsHaveOneForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                        `{}`,
		"{ \"b\" : \"2\", \n \"a\" : \"1\" }":       `{"a":"1","b":"2"}`,
		`{"a":"\u0000\u001f\b\t\n\f\r\"\\\/"}`:      `{"a":"\u0000\u001f\b\t\n\f\r\"\\/"}`,
		`{"a":"<&>\u2028\u00e9\ud83d\ude00\u007f"}`: "{\"a\":\"<&>\u2028é😀\u007f\"}",
	} {
		if got, err := canonical(in); err != nil || string(got) != want {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{``, `null`, `[]`, `"a"`, `{"a":1}`, `{"a":null}`, `{"a":["b"]}`, `{"a":{"b":"c"}}`, `{"a":"b"`} {
		if got, err := canonical(in); err == nil {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add(`{"b":"\u2028","a":"\u001f\\"}`)
	f.Add(`{"":"","\ud800":"x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		once, err := canonical(text)
		if err != nil {
			return
		}
		again, err := canonical(string(once))
		if err != nil || !bytes.Equal(once, again) {
			t.Fatalf("%q became %q, then %q, %v", text, once, again, err)
		}
		var before, after map[string]string
		if json.Unmarshal([]byte(text), &before) != nil || json.Unmarshal(once, &after) != nil || len(before) != len(after) {
			t.Fatalf("%q lost members in %q", text, once)
		}
		for key, value := range before {
			if after[key] != value {
				t.Fatalf("%q says %q, %q says %q", text, value, once, after[key])
			}
		}
	})
}
