package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
)

func smallScreener() *screener {
	list := &lists.List{Authority: lists.Sandbox, Entries: []lists.Entry{
		{ID: "S-1", Kind: lists.Person, Names: []lists.Name{{Text: "Viktor Blackmarsh"}}, Births: []lists.Birth{{From: "1961-05-04"}}},
		{ID: "S-2", Kind: lists.Organisation, Names: []lists.Name{{Text: "Blackmarsh Holdings Ltd"}}},
	}}
	return &screener{index: screening.NewIndex(list), threshold: screening.PossibleScore, limit: 10, threads: 4, progress: func(string) {}}
}

func answerLines(t *testing.T, out []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range bytes.Lines(out) {
		var a map[string]any
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, a)
	}
	return all
}

func TestScreenAnswersInTheOrderOfItsInput(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for i := range 1000 {
		name := []string{"Viktor Blackmarsh", "Jane Roe", "Blackmarsh Holding Limited"}[i%3]
		fmt.Fprintf(&in, `{"id": %d, "name": %q}`+"\n", i, name)
	}
	var out bytes.Buffer
	if err := smallScreener().run(t.Context(), strings.NewReader(in.String()), &out); err != nil {
		t.Fatal(err)
	}
	all := answerLines(t, out.Bytes())
	if len(all) != 1000 {
		t.Fatalf("%d answers", len(all))
	}
	for i, a := range all {
		if a["id"] != float64(i) {
			t.Fatalf("answer %d is of %v", i, a["id"])
		}
		want := []any{"S-1", nil, "S-2"}[i%3]
		if want != nil && (a["best_id"] != want || a["decision"] == "none") {
			t.Fatalf("answer %d is %v", i, a)
		}
		if want == nil && (a["decision"] != "none" || len(a["hit_ids"].([]any)) > 0) {
			t.Fatalf("answer %d is %v", i, a)
		}
	}
}

func TestScreenNamesTheLinesThatItCannotRead(t *testing.T) {
	t.Parallel()
	in := strings.Join([]string{
		`{"id": "a", "name": "Viktor Blackmarsh", "type": "individual", "dob": "1961-05-04"}`, `nonsense`, ``, `{"id": "b"}`,
		`{"name": "Jane", "type": "cat"}`, `{"name": "Jane", "dob": "1961-13"}`, `{"name": "Jane", "country": "GBR"}`,
		`{"name": "` + strings.Repeat("x", maxLine) + `"}`, `{"id": "c", "name": "` + strings.Repeat("Jane ", 2000) + `"}`,
	}, "\n") // without an end of the last line
	var out bytes.Buffer
	err := smallScreener().run(t.Context(), strings.NewReader(in), &out)
	if err == nil || !strings.Contains(err.Error(), "6 of 9 lines") {
		t.Errorf("run says %v", err)
	}
	all := answerLines(t, out.Bytes())
	if len(all) != 8 {
		t.Fatalf("%d answers: %s", len(all), out.String())
	}
	if all[0]["decision"] != "certain" || all[7]["id"] != "c" || all[7]["name_cut"] != true {
		t.Errorf("good lines are answered %v and %v", all[0], all[7])
	}
	for i, line := range []float64{2, 4, 5, 6, 7, 8} {
		if a := all[i+1]; a["line"] != line || a["error"] == "" {
			t.Errorf("line %v is answered %v", line, a)
		}
	}
}

func TestScreenExplainsItsHits(t *testing.T) {
	t.Parallel()
	s := smallScreener()
	s.explain = true
	var out bytes.Buffer
	if err := s.run(t.Context(), strings.NewReader(`{"name": "Victor Blackmarsh"}`), &out); err != nil {
		t.Fatal(err)
	}
	var a screenAnswer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Hits) != 1 || a.Hits[0].ID != "S-1" || len(a.Hits[0].Words) != 2 || len(a.Hits[0].Parts) < 3 {
		t.Errorf("explained as %s", out.String())
	}
}

func TestScreenStopsWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	in, feed := io.Pipe() // which stays open, as a terminal does
	go func() {
		for range 2 * batchLines {
			fmt.Fprintln(feed, `{"name": "Jane Roe"}`)
		}
		stop()
	}()
	err := smallScreener().run(ctx, in, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("run says %v", err)
	}
}

func TestListsAreNamedByTheirAuthority(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"sdn.xml", "ofac=", "nsa=sdn.xml", "ofac=" + t.TempDir() + "/nothing.xml"} {
		if _, err := loadLists(t.Context(), []string{wrong}, io.Discard, func(string) {}); err == nil {
			t.Errorf("--list %s is taken", wrong)
		}
	}
	const folder = "../../shared/lists/ofac/consolidated-nonsdn"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no real lists in ../shared/lists")
	}
	var said bytes.Buffer
	got, err := loadLists(t.Context(), []string{"ofac-nonsdn=" + folder}, &said, func(string) {})
	if err != nil || len(got[0].Entries) != 442 {
		t.Errorf("a folder in two formats: %v", err)
	}
	if !strings.Contains(said.String(), "the CSV files are used") {
		t.Errorf("which of two formats was read is not said: %s", said.String())
	}
}

// FuzzScreenLines: whatever the lines are, each that is not blank has one answer, in the order of the lines: a screening with the id that it
// had, or an error with its number. The exit code says whether there was one.
func FuzzScreenLines(f *testing.F) {
	for _, seed := range []string{
		`{"id": "a", "name": "Viktor Blackmarsh", "type": "individual", "dob": "1961-05-04", "country": "GB"}`, "nonsense\n\n{}", `{"id": {"a": [1e400]}, "name": "x"}`,
		`{"id": "\ud800", "name": "\u0000"}` + "\r\n" + `{"name": "Jane", "type": "cat"}`, "[]\n\"a\"\nnull\n{\"name\":1}", "\xff", " \t\n", `{"name":"a"}{"name":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	s := smallScreener()
	s.explain = true
	f.Fuzz(func(t *testing.T, in []byte) {
		s.bad.Store(0)
		var out bytes.Buffer
		err := s.run(t.Context(), bytes.NewReader(in), &out)
		answers, bad := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n")), 0
		for i, line := range bytes.Split(in, []byte("\n")) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			if len(answers) == 0 {
				t.Fatalf("line %d of %q has no answer", i+1, in)
			}
			if !answersLine(t, i+1, line, answers[0]) {
				bad++
			}
			answers = answers[1:]
		}
		if len(bytes.Join(answers, nil)) > 0 || (err != nil) != (bad > 0) {
			t.Errorf("%q: answers too many %q, %d errors, %v", in, answers, bad, err)
		}
	})
}

// answersLine holds the answer to the line that it is of, and says whether the line was screened.
func answersLine(t *testing.T, number int, line, answer []byte) bool {
	t.Helper()
	var a struct {
		screenAnswer
		badLine
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatalf("line %d, %q, is answered %q: %v", number, line, answer, err)
	}
	if a.Error != "" {
		if a.Line != number || a.Decision != "" {
			t.Errorf("line %d, %q, is answered %s", number, line, answer)
		}
		return false
	}
	var asked struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		t.Fatalf("line %d, %q, is no JSON object and is answered %s", number, line, answer)
	}
	if id, err := json.Marshal(asked); err == nil && asked.ID != nil && string(id) != `{"id":`+string(a.ID)+"}" {
		t.Errorf("line %d, %q, has another id in %s", number, line, answer)
	}
	if a.Line != 0 || a.Score < 0 || a.Score >= 1 || (a.BestID == nil) != (a.Score == 0) || len(a.HitIDs) != len(a.HitScores) || len(a.Hits) != len(a.HitIDs) {
		t.Errorf("line %d, %q, is answered %s", number, line, answer)
	}
	return true
}
