package screening

import "unicode"

// A script is a way of writing; it decides how a word is written in Latin letters.
type script uint8

const (
	latin script = iota
	cyrillic
	greek
	arabic
	hebrew
	hangul
	han
	kana
	otherScript
)

func scriptOf(r rune) script {
	switch {
	case r < 0x250:
		return latin
	case r < 0x370:
		return latin
	case r < 0x400:
		return greek
	case r < 0x530:
		return cyrillic
	case r >= 0x590 && r < 0x600:
		return hebrew
	case r >= 0x600 && r < 0x780, r >= 0xfb50 && r < 0xfe00, r >= 0xfe70 && r < 0xff00:
		return arabic
	case r >= 0x1100 && r < 0x1200, r >= 0x3130 && r < 0x3190, r >= 0xac00 && r < 0xd7b0:
		return hangul
	case r >= 0x3040 && r < 0x3100:
		return kana
	case unicode.Is(unicode.Han, r):
		return han
	case unicode.Is(unicode.Latin, r):
		return latin
	}
	return otherScript
}

// lookalikes are letters that look the same in another script, after Unicode's confusables (UTS 39), lower case.
var lookalikes = map[script]map[rune]rune{
	latin: {
		'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'к': 'k', 'м': 'm', 'т': 't', 'н': 'h', 'в': 'b', 'і': 'i', 'ј': 'j', 'ѕ': 's',
		'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'һ': 'h', 'ӏ': 'l', 'г': 'r', 'п': 'n', 'ь': 'b',
		'α': 'a', 'β': 'b', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'γ': 'y', 'ϲ': 'c', 'ϳ': 'j', 'μ': 'm', 'η': 'n', 'ζ': 'z',
	},
	cyrillic: {
		'a': 'а', 'e': 'е', 'o': 'о', 'p': 'р', 'c': 'с', 'y': 'у', 'x': 'х', 'k': 'к', 'm': 'м', 't': 'т', 'h': 'н', 'b': 'в', 'i': 'і', 'j': 'ј', 's': 'ѕ', 'r': 'г', 'n': 'п', 'u': 'и',
	},
	greek: {'a': 'α', 'b': 'β', 'e': 'ε', 'i': 'ι', 'k': 'κ', 'v': 'ν', 'o': 'ο', 'p': 'ρ', 't': 'τ', 'u': 'υ', 'x': 'χ', 'y': 'γ', 'n': 'η', 'z': 'ζ', 'm': 'μ', 'h': 'η'},
}

// oneScript writes a word that mixes scripts in the one that most of its letters are of, so that a letter smuggled in from another
// script counts as the one it looks like.
func oneScript(word []rune) script {
	var n [otherScript + 1]int
	scripts, most := 0, latin
	for _, r := range word {
		if r >= '0' && r <= '9' {
			continue
		}
		s := scriptOf(r)
		if n[s] == 0 {
			scripts++
		}
		n[s]++
	}
	for s := range n {
		if n[s] > n[most] {
			most = script(s)
		}
	}
	if scripts < 2 {
		return most
	}
	if n[latin] > 0 && n[latin] == n[most] {
		most = latin
	}
	table := lookalikes[most]
	for i, r := range word {
		if same, ok := table[r]; ok && scriptOf(r) != most {
			word[i] = same
		}
	}
	return most
}
