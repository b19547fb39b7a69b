package main

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/compiler/protogen"
)

// guide is the introduction of both documents, Markdown with template actions.
//
//go:embed guide.md
var guide string

// introduction fills the guide for one audience.
func introduction(a audience, codes []*errorCode, roles []role) (string, error) {
	parsed, err := template.New("guide.md").Parse(guide)
	if err != nil {
		return "", fmt.Errorf("guide.md: %w", err)
	}
	var text strings.Builder
	err = parsed.Execute(&text, map[string]any{"Operators": a.operators(), "Errors": codes, "Roles": roles})
	if err != nil {
		return "", fmt.Errorf("guide.md: %w", err)
	}
	return strings.TrimSpace(text.String()), nil
}

// markdown turns a leading comment into Markdown: the lines of a paragraph or of a list item are joined, so that where the source
// breaks its lines does not show.
func markdown(comment protogen.Comments) string {
	var out strings.Builder
	open := false // whether the line before belongs to the same paragraph
	for line := range strings.Lines(string(comment)) {
		line = strings.TrimSpace(line)
		item := strings.HasPrefix(line, "- ")
		switch {
		case line == "":
			if out.Len() > 0 && open {
				out.WriteString("\n\n")
			}
			open = false
			continue
		case open && item:
			out.WriteByte('\n')
		case open:
			out.WriteByte(' ')
		}
		out.WriteString(line)
		open = true
	}
	return strings.TrimSpace(out.String())
}

// firstSentence splits a text after its first sentence. A sentence ends with a full stop before white space and something that can
// begin another one; full stops in code (`…`) end nothing.
func firstSentence(text string) (first, rest string) {
	code := false
	for i, r := range text {
		switch {
		case r == '`':
			code = !code
		case r == '\n' && strings.HasPrefix(text[i:], "\n\n"):
			return text[:i], strings.TrimSpace(text[i:])
		case r == '.' && !code:
			after := strings.TrimLeftFunc(text[i+1:], unicode.IsSpace)
			next, _ := utf8.DecodeRuneInString(after)
			if len(after) == len(text[i+1:]) && after != "" || unicode.IsLower(next) {
				continue
			}
			return text[:i+1], after
		}
	}
	return text, ""
}

// plain makes a sentence a headline: OpenAPI's summaries are not Markdown, and carry no full stop.
func plain(sentence string) string {
	return strings.ReplaceAll(strings.TrimSuffix(sentence, "."), "`", "")
}

// join puts sentences and paragraphs together, leaving out empty ones.
func join(separator string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}

// words of services' names that are not written as plain words.
var spelling = map[string]string{"Api": "API", "Fx": "FX", "Rfis": "RFIs"}

// tagName is what people call a service: `ApiKeysService` is "API keys".
func tagName(service string) string {
	service = strings.TrimSuffix(service, "Service")
	var words []string
	start := 0
	for i, r := range service {
		if i > start && unicode.IsUpper(r) {
			words = append(words, service[start:i])
			start = i
		}
	}
	words = append(words, service[start:])
	for i, w := range words {
		if s, ok := spelling[w]; ok {
			words[i] = s
		} else if i > 0 {
			words[i] = strings.ToLower(w)
		}
	}
	return strings.Join(words, " ")
}
