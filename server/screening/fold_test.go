package screening

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/screening/lists"
)

func TestFoldGivesOneFormHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"José  MÁRQUEZ":             "jose marquez",
		"O'Brien-Smith":             "obrien smith",
		"Łukasz Żółć":               "lukasz zolc",
		"Straße":                    "strasse",
		"ＡＢＣ":                       "abc", // full width
		"Vla\u200bdi\u200emir":      "vladimir",
		"\u202eAli\u202c Reza":      "ali reza",
		"Владимир":                  "владимир",
		"Ёлкин":                     "елкин",
		"مُحَمَّد":                  "محمد", // vowel points
		"علی":                       "علي",  // Persian ye
		"٢٠٢٤ 2024":                 "2024 2024",
		"김정은":                       "김정은",
		"... --- ...":               "",
		"":                          "",
		"Al\u00adQaida":             "alqaida", // soft hyphen
		"Ａhmed\tKhan\r\n the Third": "ahmed khan the third",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, not %q", in, got, want)
		}
	}
}

// The expected spellings are those of the standard named; for Arabic and Hebrew the consonants and long vowels that the script has.
func TestNamesOfEveryScriptAreWrittenInLatinLetters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, in, want string }{
		{"BGN/PCGN Russian", "Михаил Хрущёв", "mikhail khrushchev"},
		{"BGN/PCGN Russian", "Жанна Щукина", "zhanna shchukina"},
		{"BGN/PCGN Ukrainian", "Юлія Ґонта", "yuliya gonta"},
		{"ELOT 743", "Γεώργιος Παπανδρέου", "georgios papandreu"},
		{"ALA-LC Arabic, consonants", "خالد", "khald"},
		{"ALA-LC Arabic, article", "الزرقاوي", "al zrqawy"},
		{"ALA-LC Persian", "پژمان چراغی", "pzhman chraghy"},
		{"ISO 259, consonants", "משה", "mshh"},
		{"McCune-Reischauer by syllable", "김정은", "kim chong un"},
		{"Hanyu Pinyin", "习近平", "xi jinping"},
		{"no script but Latin", "Đặng Thị", "dang thi"},
		{"UTS 39 confusables: a Cyrillic а and о in a Latin word", "Vlаdimir Ivаnоv", "vladimir ivanov"},
		{"UTS 39 confusables: a Latin a in a Cyrillic word", "Влaдимир", "vladimir"},
	} {
		var got []string
		for _, w := range words(c.in, lists.Person) {
			got = append(got, w.text)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q gives %q, not %q", c.source, c.in, text, c.want)
		}
	}
}

func TestWordsKnowTheirRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		kind lists.Kind
		want string
	}{
		{"ROE, Jane", lists.Person, "jane roe"},
		{"Jane Roe, PhD", lists.Person, "jane roe (phd)"},
		{"Dr. J. Roe", lists.Person, "(dr) j. roe"},
		{"Abdulrahman al-Masri", lists.Person, "[abd] rahman [al] masri"},
		{"Abd al-Rahman", lists.Person, "[abd] [al] rahman"},
		{"Acme Trading S.A. de C.V.", lists.Organisation, "acme trading <sa de cv>"},
		{"Acme Sociedad Anónima", lists.Organisation, "acme <sa>"},
		{"OOO Romashka", lists.Organisation, "<llc> romashka"},
		{"Limited", lists.Organisation, "limited"},
	} {
		var got []string
		for _, w := range words(c.in, c.kind) {
			got = append(got, map[role]string{
				plain: w.text, particle: "[" + w.text + "]", servantOf: "[" + w.text + "]", honorific: "(" + w.text + ")", legal: "<" + w.text + ">", initial: w.text + ".",
			}[w.role])
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%q gives %s, not %s", c.in, text, c.want)
		}
	}
}

func TestFoldIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		folded := Fold(rapid.String().Draw(t, "name"))
		if again := Fold(folded); again != folded {
			t.Errorf("%q folds again to %q", folded, again)
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "José", "김정은", "Vlаdimir", "\xff\xfe", "ﷺ", "𝓐𝓵𝓲", strings.Repeat("a\u0301", 300), "İ", "ΐ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := Fold(name)
		if again := Fold(folded); again != folded {
			t.Errorf("%q folds to %q and that to %q", name, folded, again)
		}
		if utf8.ValidString(name) && !utf8.ValidString(folded) {
			t.Errorf("%q folds to broken %q", name, folded)
		}
		for _, w := range words(name, lists.Unknown) {
			if !isASCII(w.text) || w.text == "" {
				t.Errorf("%q gives the word %q", name, w.text)
			}
		}
	})
}
