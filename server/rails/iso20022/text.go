package iso20022

import (
	"strings"

	"github.com/mozillazg/go-unidecode"
)

// What texts have room for in credit transfers: the types Max35Text and Max140Text, and names, which the SEPA guidelines cut at 70
// (EPC132-08, Customer-to-PSP Implementation Guidelines).
const (
	RoomReference = 35
	RoomName      = 70
	RoomMessage   = 140
)

// signs are those that every bank takes besides letters, digits and space (EPC217-08, SEPA Requirements for an Extended Character Set:
// the basic Latin set).
const signs = "/-?:().,'+"

// Latin writes a text in the characters that every bank takes, in so many at most. Other alphabets are written as they sound; what has no
// such form is left out. It is empty where no letter and no digit is left.
func Latin(text string, room int) string {
	var b strings.Builder
	for _, r := range unidecode.Unidecode(strings.NewReplacer("&", "+", "_", "-").Replace(text)) {
		if letterOrDigit(r) || strings.ContainsRune(signs, r) {
			b.WriteRune(r)
			continue
		}
		b.WriteRune(' ')
	}
	words := strings.Join(strings.Fields(b.String()), " ")
	if !strings.ContainsFunc(words, letterOrDigit) {
		return ""
	}
	return strings.TrimSpace(words[:min(len(words), room)])
}

func letterOrDigit(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}

// Reference writes an id of ours as a reference of a payment: references begin and end with no slash, have no two of them together
// (EPC132-08, on the character set), and no underscore.
func Reference(id string) string { return strings.ReplaceAll(id, "_", "-") }
