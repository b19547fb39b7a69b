package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckingAListLooksItsNamesUp checks a file whose names all find themselves, and one with more parties of one name than are ever compared.
func TestCheckingAListLooksItsNamesUp(t *testing.T) {
	t.Parallel()
	different := func(i int) string { return fmt.Sprintf("Filler Nobody%c%c", 'a'+i%26, 'a'+i/26) }
	for _, tt := range []struct {
		name string
		of   func(i int) string
		fine bool
		says []string
	}{
		{
			"different", different, true,
			[]string{"Looked up   500 names, 0 of which do not find themselves", `"lost": []`},
		},
		{
			"the same", func(i int) string { return different(max(i, 80)) }, false, // the first are namesakes
			[]string{"names, ", `X.0`, `"Filler Nobodycd"`, `"entry_id": "X.0`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			b.WriteString(`<CONSOLIDATED_LIST dateGenerated="2026-02-10T00:00:00Z"><INDIVIDUALS>`)
			for i := range 500 {
				fmt.Fprintf(&b, "<INDIVIDUAL><FIRST_NAME>%s</FIRST_NAME><REFERENCE_NUMBER>X.%03d</REFERENCE_NUMBER></INDIVIDUAL>", tt.of(i), i)
			}
			path := filepath.Join(t.TempDir(), "un.xml")
			if err := os.WriteFile(path, []byte(b.String()+"</INDIVIDUALS></CONSOLIDATED_LIST>"), 0o600); err != nil {
				t.Fatal(err)
			}
			text, toldText, err := anton(t, nil, "lists", "check", path)
			object, _, errJSON := anton(t, nil, "lists", "check", "--json", path)
			if (err == nil) != tt.fine || (errJSON == nil) != tt.fine {
				t.Errorf("it ended with %v and %v: %s", err, errJSON, toldText)
			}
			if !tt.fine && !strings.Contains(toldText, "of its names do not find themselves") {
				t.Errorf("it says %s", toldText)
			}
			for _, says := range tt.says {
				if !strings.Contains(text+object, says) {
					t.Errorf("it does not say %q: %s %s", says, text, object)
				}
			}
		})
	}
}
