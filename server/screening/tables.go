package screening

import (
	_ "embed"
	"strings"
)

// The tables are general knowledge of names, each with its source at its top. None was made from a list.
var (
	//go:embed tables/honorifics.txt
	honorificsText string
	//go:embed tables/particles.txt
	particlesText string
	//go:embed tables/legal_forms.txt
	legalFormsText string
	//go:embed tables/abbreviations.txt
	abbreviationsText string
	//go:embed tables/same_names.txt
	sameNamesText string
	//go:embed tables/nicknames.txt
	nicknamesText string
)

var tables = loadTables()

type tableSet struct {
	honorifics    map[string]string // as written: its one spelling
	particles     map[string]bool
	connectives   map[string]bool
	abbreviations map[string][]string // word: its abbreviations, and abbreviation: its words
	legal         map[string]string   // words with spaces between: the one spelling
	legalWords    []string            // legal forms of one word of four letters and more
	legalFirst    map[string]int      // first word: how many words the longest form that begins so has
	same          map[string]int32    // spelling of a name: the class of its spellings, from 1
	classes       [][]string          // spellings of each class; class 0 is empty
	nicknames     map[string][]string // name: nicknames, and nickname: names
}

func loadTables() *tableSet {
	t := &tableSet{
		honorifics: map[string]string{}, particles: map[string]bool{}, connectives: map[string]bool{}, abbreviations: map[string][]string{},
		legal: map[string]string{}, legalFirst: map[string]int{}, same: map[string]int32{}, classes: [][]string{nil}, nicknames: map[string][]string{},
	}
	for head, rest := range tableLines(honorificsText) {
		t.honorifics[head] = head
		for _, w := range rest {
			t.honorifics[w] = head
		}
	}
	for head, rest := range tableLines(particlesText) {
		into := t.particles
		if head == "connectives" {
			into = t.connectives
		}
		for _, w := range rest {
			into[w] = true
		}
	}
	for head, rest := range tableLines(abbreviationsText) {
		for _, w := range rest {
			t.abbreviations[w] = append(t.abbreviations[w], head)
			t.abbreviations[head] = append(t.abbreviations[head], w)
		}
	}
	for head, rest := range tableLines(legalFormsText) {
		for _, form := range append(rest, head) {
			t.legal[form] = head
			first, more, _ := strings.Cut(form, " ")
			if more == "" && len(form) > 3 {
				t.legalWords = append(t.legalWords, form)
			}
			t.legalFirst[first] = max(t.legalFirst[first], strings.Count(form, " ")+1)
		}
	}
	for head, rest := range tableLines(sameNamesText) {
		class := int32(len(t.classes)) //nolint:gosec // a few hundred
		spellings := append([]string{head}, rest...)
		t.classes = append(t.classes, nil)
		for _, w := range spellings {
			for _, spelt := range spellOut(Fold(w), 0) {
				w = spelt.text
			}
			t.same[w] = class
			t.classes[class] = append(t.classes[class], w)
		}
	}
	for head, rest := range tableLines(nicknamesText) {
		for _, w := range rest {
			w = spellOut(Fold(w), 0)[0].text
			t.nicknames[head] = append(t.nicknames[head], w)
			t.nicknames[w] = append(t.nicknames[w], head)
		}
	}
	return t
}

// tableLines gives each line "head: a, b, c" of a table; lines that begin with # are comments.
func tableLines(text string) func(yield func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		for line := range strings.Lines(text) {
			head, list, ok := strings.Cut(strings.TrimSpace(line), ":")
			if !ok || strings.HasPrefix(head, "#") {
				continue
			}
			var rest []string
			for item := range strings.SplitSeq(list, ",") {
				if item = strings.TrimSpace(item); item != "" {
					rest = append(rest, item)
				}
			}
			if !yield(head, rest) {
				return
			}
		}
	}
}

// legalForm finds the longest legal form that the words begin with, and how many words it takes.
func (t *tableSet) legalForm(words []word) (canonical string, n int) {
	longest := min(t.legalFirst[words[0].text], len(words))
	for n = longest; n > 0; n-- {
		texts := make([]string, n)
		for i, w := range words[:n] {
			texts[i] = w.text
		}
		form := strings.Join(texts, " ")
		if canonical, ok := t.legal[form]; ok {
			return canonical, n
		}
	}
	return "", 0
}

// related gives other spellings of a name (same) and names it is a pet name of, or pet names it has (nicknames).
func (t *tableSet) related(text string) (same, nicknames []string) {
	if class := t.same[text]; class > 0 {
		same = t.classes[class]
	}
	heads := []string{text}
	heads = append(heads, same...)
	for _, head := range heads {
		for _, nick := range t.nicknames[head] {
			nicknames = append(nicknames, nick)
			if class := t.same[nick]; class > 0 {
				nicknames = append(nicknames, t.classes[class]...)
			}
		}
	}
	return same, nicknames
}
