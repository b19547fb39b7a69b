package rfis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/unit"
)

// A namedDocument is a document that a response names, and the answer's field that names it, where one does.
type namedDocument struct{ id, field string }

// idsOf are the documents, each once, in the order in which they were named.
func idsOf(named []namedDocument) []string {
	all := []string{}
	for _, d := range named {
		if !slices.Contains(all, d.id) {
			all = append(all, d.id)
		}
	}
	return all
}

// checkAnswers holds a response to the questions, and gives the documents it names.
func checkAnswers(questions []*antonv1.RfiQuestion, req *antonv1.RespondToRfiRequest) (named []namedDocument, wrong []apierr.Field) {
	asked := map[string]*antonv1.RfiQuestion{}
	for _, q := range questions {
		asked[q.GetId()] = q
	}
	answered := map[string]bool{}
	for i, a := range req.GetAnswers() {
		at := fmt.Sprintf("answers[%d]", i)
		q := asked[a.GetQuestion()]
		switch {
		case q == nil:
			wrong = append(wrong, apierr.Field{Path: at + ".question", Message: "is no question of this request"})
		case answered[q.GetId()]:
			wrong = append(wrong, apierr.Field{Path: at + ".question", Message: "was answered before in this response"})
		default:
			answered[q.GetId()] = true
			if fault := checkValue(q, a.GetValue()); fault != "" {
				wrong = append(wrong, apierr.Field{Path: at + ".value", Message: fault})
			} else if q.GetType() == antonv1.RfiQuestionType_document {
				named = append(named, namedDocument{a.GetValue(), at + ".value"})
			}
		}
	}
	for _, q := range questions {
		if q.GetRequired() && !answered[q.GetId()] {
			wrong = append(wrong, apierr.Field{Path: "answers", Message: fmt.Sprintf("must answer the question %q", q.GetId())})
		}
	}
	for _, id := range req.GetDocumentIds() {
		named = append(named, namedDocument{id: id})
	}
	if strings.TrimSpace(req.GetResponse()) == "" && len(req.GetAnswers()) == 0 && len(wrong) == 0 {
		wrong = append(wrong, apierr.Field{Path: "response", Message: "is required where no question is answered"})
	}
	return named, wrong
}

// checkValue says what is wrong with the answer to a question; nothing when it fits.
func checkValue(q *antonv1.RfiQuestion, value string) string {
	switch q.GetType() {
	case antonv1.RfiQuestionType_text:
		if strings.TrimSpace(value) == "" {
			return "must not be blank"
		}
	case antonv1.RfiQuestionType_date:
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return "must be a date such as 2026-02-14"
		}
	case antonv1.RfiQuestionType_choice:
		if !slices.Contains(q.GetChoices(), value) {
			return "must be one of " + strings.Join(q.GetChoices(), ", ")
		}
	case antonv1.RfiQuestionType_document:
		if len(value) > 64 {
			return "must be the id of a document that you uploaded"
		}
	}
	return ""
}

// refuseForeign names the answers whose documents are not the merchant's own; a document that was merely listed is not found. The
// database refuses them too, by foreign key.
func refuseForeign(ctx context.Context, tx *unit.Unit, merchant string, named []namedDocument) (wrong []apierr.Field, err error) {
	if len(named) == 0 {
		return nil, nil
	}
	known, err := tx.Read().DocumentsKnown(ctx, merchant, idsOf(named))
	if err != nil {
		return nil, fmt.Errorf("look for the documents: %w", err)
	}
	for _, d := range named {
		switch {
		case slices.Contains(known, d.id):
		case d.field == "":
			return nil, apierr.NotFound("document", d.id)
		default:
			wrong = append(wrong, apierr.Field{Path: d.field, Message: "is no document of yours; upload it first"})
		}
	}
	return wrong, nil
}

// seal encrypts what the merchant wrote.
func (s *Service) seal(row db.Rfi, req *antonv1.RespondToRfiRequest) ([]byte, error) {
	text, err := proto.Marshal(&antonv1.RespondToRfiRequest{Response: req.GetResponse(), Answers: req.GetAnswers()})
	if err != nil {
		return nil, fmt.Errorf("write the response: %w", err)
	}
	return s.Keys.Seal(placeOf(row), text)
}
