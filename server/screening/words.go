package screening

import (
	"strings"
	"unicode/utf8"

	"github.com/antonpayments/anton/server/screening/lists"
)

// maxWords is how many words of a name are compared. Listed names have up to thirty.
const maxWords = 32

// A role is what a word does in a name.
type role uint8

const (
	plain     role = iota
	particle       // al, de, bin: people leave them away and join them
	legal          // Ltd, OOO, S.A.
	honorific      // Sheikh, Dr
	initial        // one letter that stands for a name
	servantOf      // abd: Rahman is not Abd al-Rahman, but people drop it
)

// A word is one word of a name in lower-case Latin letters and digits.
type word struct {
	text  string
	role  role
	abjad bool   // from a script that does not write its short vowels
	mark  byte   // family or given, where the list tells them apart
	wrote string // how it was written, if a table gave text
}

// raw is the word as it was written, which is how it looks when it is joined with its neighbour.
func (w *word) raw() string {
	if w.wrote != "" {
		return w.wrote
	}
	return w.text
}

const (
	unmarked byte = iota
	givenName
	familyName
)

// words takes a name apart. A person's "FAMILY, Given" is put in the natural order; a business's single letters in a row are one word
// ("S.A." is sa), and its legal form and usual abbreviations get one spelling.
func words(name string, kind lists.Kind) []word {
	name = truncate(name)
	if kind == lists.Person {
		name = natural(name)
	}
	out := spellOut(Fold(name), kind)
	if kind == lists.Person {
		return personWords(out)
	}
	return businessWords(out)
}

// Cut says whether a name is so long that only its beginning is compared.
func Cut(name string) bool { return len(truncate(name)) < len(name) }

// truncate bounds the work that one name can cause.
func truncate(name string) string {
	if len(name) <= MaxName {
		return name
	}
	n := 0
	for i := range name {
		if n++; n > MaxName {
			return name[:i]
		}
	}
	return name
}

// natural turns "FAMILY, Given" around, unless what follows the comma is a title.
func natural(name string) string {
	family, given, found := strings.Cut(name, ",")
	if !found || strings.Contains(given, ",") {
		return name
	}
	for w := range strings.FieldsSeq(Fold(given)) {
		if tables.honorifics[w] == "" {
			return given + " " + family
		}
	}
	return name
}

// spellOut gives the words of a folded name in Latin letters.
func spellOut(folded string, kind lists.Kind) []word {
	var out []word
	for field := range strings.FieldsSeq(folded) {
		if len(out) >= maxWords {
			break
		}
		if isASCII(field) {
			out = append(out, word{text: field})
			continue
		}
		runes := []rune(field)
		s := oneScript(runes)
		spelt := romanise(runes, s)
		if s == han && kind == lists.Person && len(spelt) > 2 {
			spelt = []string{spelt[0], strings.Join(spelt[1:], "")} // family name first, the given name as one word
		}
		for _, text := range spelt {
			if text != "" && len(out) < maxWords {
				out = append(out, word{text: text, abjad: s == arabic || s == hebrew})
			}
		}
	}
	return out
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func personWords(in []word) []word {
	out := in[:0:0]
	for _, w := range in {
		if rest, ok := servant(w.text); ok && !w.abjad {
			out = append(out, word{text: "abd", role: servantOf, wrote: strings.TrimSuffix(w.text, rest)})
			if rest == "" {
				continue
			}
			w.text = rest
		}
		switch {
		case len(w.text) == 1 && !isDigit(w.text[0]):
			w.role = initial
		case tables.honorifics[w.text] != "":
			w.text, w.role = tables.honorifics[w.text], honorific
		case w.text == "abd":
			w.role = servantOf
		case tables.particles[w.text]:
			w.role = particle
		}
		out = append(out, w)
	}
	return keepOne(out)
}

// servant parts the Arabic names that say "servant of": Abdulrahman and Abd al-Rahman are the same two words.
func servant(text string) (rest string, ok bool) {
	switch text {
	case "abdul", "abdel", "abdal", "abdol", "abdur", "abdus", "abdoul", "abdoel", "abdil", "abdu", "abde", "abd", "abed", "ebad":
		return "", true
	}
	if text == "abdullah" || text == "abdallah" || text == "abdellah" || text == "abdulla" || text == "abdalla" || text == "abdulah" {
		return "", false
	}
	for _, prefix := range []string{"abdoul", "abdul", "abdel", "abdal", "abdol", "abdur", "abdus", "abdil"} {
		if rest, ok = strings.CutPrefix(text, prefix); ok && len(rest) >= 4 {
			return rest, true
		}
	}
	return "", false
}

// keepOne makes sure that a name of nothing but particles and titles is still compared by them.
func keepOne(words []word) []word {
	for _, w := range words {
		if w.role == plain {
			return words
		}
	}
	for i := range words {
		if words[i].role != initial || len(words) == 1 {
			words[i].role = plain
		}
	}
	return words
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func businessWords(in []word) []word {
	in = joinLetters(in)
	out := in[:0:0]
	for i := 0; i < len(in); {
		if canonical, n := tables.legalForm(in[i:]); n > 0 {
			if n > 1 || i > 0 || len(in) > 1 {
				out = append(out, word{text: canonical, role: legal, wrote: written(in[i : i+n])})
				i += n
				continue
			}
		}
		w := in[i]
		if tables.particles[w.text] || tables.connectives[w.text] {
			w.role = particle
		}
		out = append(out, w)
		i++
	}
	return keepOne(out)
}

// joinLetters makes one word of single letters in a row, however they were parted: S.A., S. A., S A.
func joinLetters(in []word) []word {
	out := in[:0:0]
	for i := 0; i < len(in); i++ {
		j := i
		for j < len(in) && len(in[j].text) == 1 && !isDigit(in[j].text[0]) {
			j++
		}
		if j-i < 2 {
			out = append(out, in[i])
			continue
		}
		out = append(out, word{text: written(in[i:j])})
		i = j - 1
	}
	return out
}

func written(words []word) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w.text)
	}
	return b.String()
}

// almostServant says whether a word is "abdul" with a slip in it.
func almostServant(text string) bool {
	return len(text) > 3 && len(text) < 8 && (distance(text, "abdul", edit) <= edit || distance(text, "abdel", edit) <= edit)
}

// almostLegal says whether the last word of a business is a legal form with a slip in it.
func almostLegal(text string) string {
	if len(text) < 3 {
		return ""
	}
	best, form := edit+1, ""
	for _, w := range tables.legalWords {
		if d := distance(text, w, edit); d < best || d == best && w < form {
			best, form = d, w
		}
	}
	return tables.legal[form]
}
