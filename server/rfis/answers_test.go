package rfis

import (
	"slices"
	"strings"
	"testing"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// FuzzAnswers: a response that is taken answers what must be answered, each question once and as it asks; one that is refused says
// where and why.
func FuzzAnswers(f *testing.F) {
	for _, seed := range [][6]string{
		{"See below.", "when", "2026-02-14", "why", "rent", "doc_1"},
		{"", "when", "2026-02-30", "when", "2026-02-14", ""},
		{" ", "what", " ", "proof", "doc_2", "doc_2"},
		{"", "", "", "\xff", "\x00", ""},
		{"", "when", "10000-01-01", "proof", strings.Repeat("d", 65), ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	questions := []*antonv1.RfiQuestion{
		{Id: "when", Type: antonv1.RfiQuestionType_date, Required: true},
		{Id: "why", Type: antonv1.RfiQuestionType_choice, Choices: []string{"rent", "wages"}},
		{Id: "what", Type: antonv1.RfiQuestionType_text},
		{Id: "proof", Type: antonv1.RfiQuestionType_document},
	}
	f.Fuzz(func(t *testing.T, response, first, firstValue, second, secondValue, document string) {
		req := &antonv1.RespondToRfiRequest{Response: response, Answers: []*antonv1.RfiAnswer{{Question: first, Value: firstValue}, {Question: second, Value: secondValue}}}
		if document != "" {
			req.DocumentIds = []string{document}
		}
		named, wrong := checkAnswers(questions, req)
		for _, field := range wrong {
			if field.Path == "" || field.Message == "" {
				t.Errorf("%v is refused with %+v", req, field)
			}
		}
		if len(wrong) > 0 {
			return
		}
		values := map[string]string{first: firstValue, second: secondValue}
		if when, err := time.Parse(time.DateOnly, values["when"]); err != nil || when.Format(time.DateOnly) != values["when"] {
			t.Errorf("the day %q was taken", values["when"])
		}
		why, chosen := values["why"]
		what, told := values["what"]
		if first == second || chosen && why != "rent" && why != "wages" || told && strings.TrimSpace(what) == "" {
			t.Errorf("%v was taken", values)
		}
		if proof, given := values["proof"]; (given && !slices.Contains(idsOf(named), proof)) || (document != "" && !slices.Contains(idsOf(named), document)) {
			t.Errorf("of %v, %q only %v is looked for", values, document, named)
		}
	})
}
