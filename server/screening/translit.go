package screening

import (
	"strings"

	"github.com/mozillazg/go-unidecode"
)

// romanise writes one folded word in Latin letters. Arabic and Hebrew give consonants and long vowels only; the comparison knows that.
// Han and Hangul give several words, a syllable each, because lists space them as they please.
func romanise(word []rune, s script) []string {
	switch s {
	case latin:
		return []string{latinOnly(word)}
	case cyrillic:
		return []string{spell(word, cyrillicLetters)}
	case greek:
		return []string{greekWord(word)}
	case arabic:
		return arabicWords(word)
	case hebrew:
		return []string{spell(word, hebrewLetters)}
	case hangul:
		return hangulSyllables(word)
	}
	return strings.Fields(asciiLower(unidecode.Unidecode(string(word))))
}

func spell(word []rune, letters map[rune]string) string {
	var b strings.Builder
	for _, r := range word {
		s, known := letters[r]
		switch {
		case known:
			b.WriteString(s)
		case r < 0x80:
			b.WriteRune(r)
		default:
			b.WriteString(asciiLower(unidecode.Unidecode(string(r))))
		}
	}
	return strings.ReplaceAll(b.String(), " ", "")
}

func latinOnly(word []rune) string {
	for _, r := range word {
		if r >= 0x80 {
			return strings.ReplaceAll(asciiLower(unidecode.Unidecode(string(word))), " ", "")
		}
	}
	return string(word)
}

// asciiLower keeps letters, digits and spaces.
func asciiLower(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == ' ' {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cyrillicLetters is BGN/PCGN romanisation without its diacritics, for Russian with the letters of its neighbours. Folding has made й an и
// and ї an і already; the comparison of words takes i for y cheaply.
var cyrillicLetters = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'й': "y", 'к': "k", 'л': "l", 'м': "m",
	'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch",
	'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "yu", 'я': "ya",
	'і': "i", 'ї': "yi", 'є': "ye", 'ґ': "g", 'ў': "u", 'ј': "j", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'ђ': "dj", 'џ': "dz", 'ѓ': "gj", 'ќ': "kj", 'ѕ': "dz",
	'қ': "q", 'ғ': "gh", 'ң': "ng", 'ө': "o", 'ү': "u", 'ұ': "u", 'һ': "h", 'ә': "a", 'ӣ': "i", 'ӯ': "u", 'ҳ': "h", 'ҷ': "j", 'ӏ': "",
}

// greekLetters is ELOT 743.
var greekLetters = map[rune]string{
	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m", 'ν': "n", 'ξ': "x",
	'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'τ': "t", 'υ': "y", 'φ': "f", 'χ': "ch", 'ψ': "ps", 'ω': "o",
}

var greekPairs = strings.NewReplacer("ου", "u", "μπ", "b", "ντ", "nt", "γγ", "ng", "γκ", "gk", "αυ", "av", "ευ", "ev", "τζ", "tz", "γχ", "nch")

func greekWord(word []rune) string {
	return spell([]rune(greekPairs.Replace(string(word))), greekLetters)
}

// hebrewLetters gives consonants; vav and yod stay as letters because names use them for long vowels.
var hebrewLetters = map[rune]string{
	'א': "a", 'ב': "b", 'ג': "g", 'ד': "d", 'ה': "h", 'ו': "v", 'ז': "z", 'ח': "h", 'ט': "t", 'י': "y", 'כ': "k", 'ך': "k", 'ל': "l", 'מ': "m", 'ם': "m",
	'נ': "n", 'ן': "n", 'ס': "s", 'ע': "a", 'פ': "f", 'ף': "f", 'צ': "ts", 'ץ': "ts", 'ק': "k", 'ר': "r", 'ש': "sh", 'ת': "t",
}

// arabicLetters gives Arabic, Persian, Urdu and Pashto letters by ALA-LC without diacritics; short vowels are not written.
var arabicLetters = map[rune]string{
	'ا': "a", 'أ': "a", 'إ': "i", 'آ': "a", 'ب': "b", 'پ': "p", 'ت': "t", 'ٹ': "t", 'ټ': "t", 'ث': "th", 'ج': "j", 'چ': "ch", 'ح': "h", 'خ': "kh",
	'څ': "ts", 'ځ': "dz", 'د': "d", 'ڈ': "d", 'ډ': "d", 'ذ': "dh", 'ر': "r", 'ڑ': "r", 'ړ': "r", 'ز': "z", 'ژ': "zh", 'ږ': "zh", 'س': "s", 'ش': "sh",
	'ښ': "sh", 'ص': "s", 'ض': "d", 'ط': "t", 'ظ': "z", 'ع': "a", 'غ': "gh", 'ف': "f", 'ڤ': "v", 'ق': "q", 'ك': "k", 'ڭ': "ng", 'گ': "g", 'ګ': "g",
	'ل': "l", 'م': "m", 'ن': "n", 'ڼ': "n", 'ه': "h", 'ة': "a", 'و': "w", 'ؤ': "w", 'ۇ': "u", 'ۆ': "o", 'ي': "y", 'ئ': "y", 'ء': "",
}

// arabicWords parts the article from its noun and the servant names into their two words, as the Latin spelling is parted too.
func arabicWords(word []rune) []string {
	text := string(word)
	var out []string
	switch {
	case strings.HasPrefix(text, "عبدال") && len(word) > 6:
		out, text = append(out, "abd"), strings.TrimPrefix(text, "عبدال")
	case text == "عبد":
		return []string{"abd"}
	case (strings.HasPrefix(text, "ال") || strings.HasPrefix(text, "ٱل")) && len(word) > 4 && text != "الله" && text != "الياس":
		out, text = append(out, "al"), strings.TrimPrefix(text, "ال")
	}
	if whole, ok := arabicWholes[text]; ok {
		return append(out, whole)
	}
	return append(out, spell([]rune(text), arabicLetters))
}

// arabicWholes are words whose vowels everyone writes the same way.
var arabicWholes = map[string]string{"بن": "bin", "ابن": "ibn", "ابو": "abu", "ابي": "abi", "بنت": "bint", "ام": "umm", "الله": "allah", "عبدالله": "abdullah"}

// Hangul syllables are computed from their number (Unicode, section 3.12). The letters are those of the spellings that names have on
// lists, which is mostly North Korean: McCune-Reischauer without its signs.
var (
	hangulInitials = []string{"k", "kk", "n", "t", "tt", "r", "m", "p", "pp", "s", "ss", "", "ch", "tch", "ch", "k", "t", "p", "h"}
	hangulVowels   = []string{"a", "ae", "ya", "yae", "o", "e", "yo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "u", "ui", "i"}
	hangulFinals   = []string{"", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "p", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t", "t", "k", "t", "p", "t"}
)

func hangulSyllables(word []rune) []string {
	var out []string
	for _, r := range word {
		if r < 0xac00 || r > 0xd7a3 {
			continue
		}
		n := int(r - 0xac00)
		out = append(out, hangulInitials[n/588]+hangulVowels[n%588/28]+hangulFinals[n%28])
	}
	return out
}
