package main

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/compiler/protogen"
)

func TestFirstSentenceEndsWhereAPersonWouldEndIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, first, rest string }{
		{"", "", ""},
		{"Shows one payout", "Shows one payout", ""},
		{"Shows one payout.", "Shows one payout.", ""},
		{"Shows one. With details.", "Shows one.", "With details."},
		{"Amounts such as `2.5 USD. Or` count. `held` grows.", "Amounts such as `2.5 USD. Or` count.", "`held` grows."},
		{"Needs version 1.2 or newer. Really.", "Needs version 1.2 or newer.", "Really."},
		{"Codes, e.g. one. Two.", "Codes, e.g. one.", "Two."},
		{"A headline\n\nand the rest. Of it.", "A headline", "and the rest. Of it."},
	} {
		first, rest := firstSentence(test.text)
		if first != test.first || rest != test.rest {
			t.Errorf("firstSentence(%q) = %q, %q, want %q, %q", test.text, first, rest, test.first, test.rest)
		}
	}
}

func FuzzFirstSentence(f *testing.F) {
	for _, text := range []string{"One. Two.", "`a.b` c.\n\nd", "é. É", "..", ". \xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, rest := firstSentence(text)
		if strings.Join(strings.Fields(first+" "+rest), "") != strings.Join(strings.Fields(text), "") {
			t.Errorf("firstSentence(%q) = %q, %q: something is lost or added", text, first, rest)
		}
	})
}

func TestMarkdownJoinsTheLinesOfParagraphsAndItems(t *testing.T) {
	t.Parallel()
	comment := " One line\n and its end.\n\n Another.\n - first\n   goes on\n - second\n\n\n Last.\n"
	want := "One line and its end.\n\nAnother.\n- first goes on\n- second\n\nLast."
	if got := markdown(protogen.Comments(comment)); got != want {
		t.Errorf("markdown = %q, want %q", got, want)
	}
}

func TestTagNamesAreSpelledAsPeopleSpellThem(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"PayoutsService": "Payouts", "ApiKeysService": "API keys", "RfisService": "RFIs", "FxService": "FX",
		"VelocityRulesService": "Velocity rules", "Health": "Health",
	} {
		if got := tagName(service); got != want {
			t.Errorf("tagName(%q) = %q, want %q", service, got, want)
		}
	}
}
