package screening

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName is how many characters of a name are compared; the rest is left away. No listed name is half as long.
const MaxName = 512

// Fold gives a name in one form, however it was written: without accents, case, punctuation, doubled spaces, and without the characters
// that nobody sees (zero-width, right-to-left marks). It keeps the script. Folding twice changes nothing.
func Fold(name string) string {
	if folded, ok := foldASCII(name); ok {
		return folded
	}
	var b strings.Builder
	b.Grow(len(name))
	space := false
	for _, r := range norm.NFKD.String(name) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if s, ok := standsFor[unicode.ToLower(r)]; ok && s == "" {
				continue // a letter that stands for nothing must not leave a space either
			}
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			writeFolded(&b, r)
		case silent(r):
		default:
			space = true
		}
	}
	if strings.ContainsFunc(b.String(), isJamo) {
		return norm.NFC.String(b.String()) // Hangul was taken apart like an accented letter; its syllables are its letters
	}
	return b.String()
}

func isJamo(r rune) bool { return r >= 0x1100 && r < 0x1200 }

func foldASCII(name string) (string, bool) {
	for i := 0; i < len(name); i++ {
		if name[i] >= utf8.RuneSelf {
			return "", false
		}
	}
	out := make([]byte, 0, len(name))
	space := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '\'' || c == '`':
			continue
		default:
			space = true
			continue
		}
		if space && len(out) > 0 {
			out = append(out, ' ')
		}
		space = false
		out = append(out, c)
	}
	return string(out), true
}

// silent says whether a character leaves nothing behind: accents, vowel points, apostrophes however they are typed, and what is invisible.
func silent(r rune) bool {
	switch r {
	case '\'', '’', '‘', '`', '´', 'ʼ', 'ʻ', 'ʿ', 'ʾ', '′', '＇', '\u0640', '\ufeff', '\u00ad', '\u034f', '\u115f', '\u1160', '\u3164':
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Cc) && r != '\t' && r != '\n' && r != '\r' || unicode.Is(unicode.Variation_Selector, r)
}

// standsFor are letters that Unicode does not take apart although people write them without their stroke.
var standsFor = map[rune]string{
	'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ß': "ss", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n", 'ĸ': "k",
	'ə': "a", 'ɓ': "b", 'ɗ': "d", 'ƙ': "k", 'ƴ': "y", 'ǝ': "e", 'ʹ': "", 'ʺ': "", 'ʽ': "", 'ˮ': "", 'ſ': "s", 'ƶ': "z", 'ŀ': "l",
	'ς': "σ", // at the end of a word
	'ё': "е",
	// Persian, Urdu and Pashto keyboards give other characters for the Arabic letters.
	'ی': "ي", 'ى': "ي", 'ے': "ي", 'ې': "ي", 'ۍ': "ي", 'ک': "ك", 'ڪ': "ك", 'ە': "ه", 'ہ': "ه", 'ھ': "ه", 'ۀ': "ه", 'ۃ': "ة", 'ٱ': "ا", 'ں': "ن", 'ٲ': "ا",
}

func writeFolded(b *strings.Builder, r rune) {
	r = unicode.ToLower(r)
	if s, ok := standsFor[r]; ok {
		b.WriteString(s)
		return
	}
	if r < utf8.RuneSelf {
		b.WriteRune(r)
		return
	}
	if unicode.IsDigit(r) {
		r = digit(r)
	}
	b.WriteRune(r)
}

// digit gives the European digit for one of any script: each script has its ten in a row.
func digit(r rune) rune {
	for zero := r; zero > r-10; zero-- {
		if !unicode.IsDigit(zero - 1) {
			return '0' + (r - zero)
		}
	}
	return '0' + (r-0x0660)%10
}
