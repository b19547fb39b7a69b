package rfis

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
)

// question is a question as it is stored.
type question struct {
	ID       string   `json:"id"`
	Prompt   string   `json:"prompt"`
	Type     string   `json:"type"`
	Required bool     `json:"required"`
	Choices  []string `json:"choices,omitempty"`
}

func writeQuestions(questions []*antonv1.RfiQuestion) ([]byte, error) {
	stored := []question{}
	for _, q := range questions {
		stored = append(stored, question{q.GetId(), q.GetPrompt(), q.GetType().String(), q.GetRequired(), q.GetChoices()})
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("write the questions: %w", err)
	}
	return text, nil
}

func readQuestions(row db.Rfi) ([]*antonv1.RfiQuestion, error) {
	var stored []question
	if err := json.Unmarshal(row.Questions, &stored); err != nil {
		return nil, fmt.Errorf("read the questions of %s: %w", row.ID, err)
	}
	var questions []*antonv1.RfiQuestion
	for _, q := range stored {
		questions = append(questions, &antonv1.RfiQuestion{
			Id: q.ID, Prompt: q.Prompt, Type: antonv1.RfiQuestionType_Value(antonv1.RfiQuestionType_Value_value[q.Type]),
			Required: q.Required, Choices: q.Choices,
		})
	}
	return questions, nil
}

// publicProto is the request without what the merchant wrote: people write about people, and events hold nothing personal.
func publicProto(row db.Rfi) (*antonv1.Rfi, error) {
	questions, err := readQuestions(row)
	if err != nil {
		return nil, err
	}
	out := &antonv1.Rfi{
		Id:          row.ID,
		Status:      antonv1.RfiStatus_Value(antonv1.RfiStatus_Value_value[string(row.Status)]),
		Category:    antonv1.RfiCategory_Value(antonv1.RfiCategory_Value_value[string(row.Category)]),
		Urgency:     antonv1.RfiUrgency_Value(antonv1.RfiUrgency_Value_value[string(row.Urgency)]),
		EntityType:  antonv1.RfiEntityType_Value(antonv1.RfiEntityType_Value_value[string(row.EntityType)]),
		EntityId:    row.EntityID,
		Subject:     row.Subject,
		Description: row.Description,
		Questions:   questions,
		DocumentIds: row.DocumentIds,
		DueAt:       timestamppb.New(row.DueAt),
		CreatedAt:   timestamppb.New(row.CreatedAt),
		UpdatedAt:   timestamppb.New(row.UpdatedAt),
		RespondedAt: moment(row.RespondedAt),
		ResolvedAt:  moment(row.ResolvedAt),
	}
	if row.Outcome != nil {
		outcome := antonv1.RfiOutcome_Value(antonv1.RfiOutcome_Value_value[string(*row.Outcome)])
		out.Outcome = &outcome
	}
	return out, nil
}

// ToProto is the request with what the merchant answered last.
func ToProto(keys *crypto.Keys, row db.Rfi) (*antonv1.Rfi, error) {
	out, err := publicProto(row)
	if err != nil || row.Response == nil {
		return out, err
	}
	text, err := keys.Open(placeOf(row), row.Response)
	if err != nil {
		return nil, err
	}
	said := &antonv1.RespondToRfiRequest{}
	if err := proto.Unmarshal(text, said); err != nil {
		return nil, fmt.Errorf("read the response to %s: %w", row.ID, err)
	}
	response := said.GetResponse()
	out.Response, out.Answers = &response, said.GetAnswers()
	return out, nil
}

func placeOf(row db.Rfi) crypto.Place {
	return crypto.Place{Merchant: row.MerchantID, Object: row.ID, Field: "rfis.response"}
}

func moment(at *time.Time) *timestamppb.Timestamp {
	if at == nil {
		return nil
	}
	return timestamppb.New(*at)
}
