package rfis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Operator is anton.ops.v1.RfisService.
type Operator struct {
	Keys  *crypto.Keys
	Clock func() time.Time
}

const (
	// answerWithin is the time a merchant has where the request names none.
	answerWithin = 72 * time.Hour
	// answerAtMost is the most that a request may name.
	answerAtMost = 366 * 24 * time.Hour
)

// CreateRfi opens a request. From its commit on, nothing that it is about is approved.
func (o *Operator) CreateRfi(ctx context.Context, req *opsv1.CreateRfiRequest) (*opsv1.CreateRfiResponse, error) {
	tx := call.Tx(ctx)
	if wrong := checkQuestions(req.GetQuestions()); len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	due, err := dueAt(tx.Now, req.GetDueAt())
	if err != nil {
		return nil, err
	}
	if err := lockEntity(ctx, tx, req); err != nil {
		return nil, err
	}
	row, err := newRfi(tx, req, due)
	if err != nil {
		return nil, err
	}
	eventID := ids.New(ids.Event, tx.Now)
	err = tx.Queue(unit.Rows).RfiOpen(ctx, db.RfiOpenParams{
		MerchantID: row.MerchantID, At: tx.Now, Actor: tx.Actor, ID: row.ID, EventID: eventID, Category: string(row.Category),
		Urgency: string(row.Urgency), EntityType: string(row.EntityType), EntityID: row.EntityID, Subject: row.Subject,
		Description: row.Description, Questions: row.Questions, DueAt: row.DueAt, Note: row.Note,
	})
	if err != nil {
		return nil, err
	}
	if err := tell(ctx, tx, row, eventID, "rfi.created", ""); err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	data, err := o.toCase(row, tx.Now)
	return &opsv1.CreateRfiResponse{Data: data}, err
}

// checkQuestions finds what a form could not be made of.
func checkQuestions(questions []*antonv1.RfiQuestion) (wrong []apierr.Field) {
	seen := map[string]bool{}
	for i, q := range questions {
		at := fmt.Sprintf("questions[%d].", i)
		if seen[q.GetId()] {
			wrong = append(wrong, apierr.Field{Path: at + "id", Message: "is another question's id already"})
		}
		seen[q.GetId()] = true
		switch choice := q.GetType() == antonv1.RfiQuestionType_choice; {
		case choice && len(q.GetChoices()) < 2:
			wrong = append(wrong, apierr.Field{Path: at + "choices", Message: "must have at least 2 items for a choice"})
		case !choice && len(q.GetChoices()) > 0:
			wrong = append(wrong, apierr.Field{Path: at + "choices", Message: "must be empty: only a choice has choices"})
		}
	}
	return wrong
}

func dueAt(now time.Time, asked *timestamppb.Timestamp) (time.Time, error) {
	if asked == nil {
		return now.Add(answerWithin), nil
	}
	due := asked.AsTime().Truncate(time.Microsecond)
	if !due.After(now) || due.After(now.Add(answerAtMost)) {
		return due, apierr.InvalidField("due_at", "must be in the future, and within a year")
	}
	return due, nil
}

// lockEntity finds what the request is about. A payout is held: whoever approves it holds it too, before both take the lock of the
// merchant's requests.
func lockEntity(ctx context.Context, tx *unit.Unit, req *opsv1.CreateRfiRequest) error {
	merchant, entity := req.GetMerchantId(), req.GetEntityId()
	if _, err := tx.Read().MerchantGet(ctx, merchant); err != nil {
		return missing(err, "merchant", merchant)
	}
	switch req.GetEntityType() {
	case antonv1.RfiEntityType_payout:
		rfis, err := tx.Read().RfiEntityLock(ctx, merchant, entity)
		if err != nil {
			return missing(err, "payout of this merchant", entity)
		}
		if len(rfis) == 100 {
			return apierr.Conflict("Payout %s has a hundred RFIs already. Reopen one of them.", entity)
		}
	case antonv1.RfiEntityType_beneficiary:
		if _, err := tx.Read().BeneficiaryGet(ctx, merchant, entity); err != nil {
			return missing(err, "beneficiary of this merchant", entity)
		}
	default:
		if entity != merchant {
			return apierr.InvalidField("entity_id", "must be the merchant's own id where the request is about the merchant")
		}
	}
	return nil
}

func missing(err error, what, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound(what, id)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

func newRfi(tx *unit.Unit, req *opsv1.CreateRfiRequest, due time.Time) (db.Rfi, error) {
	urgency := req.GetUrgency()
	if urgency == antonv1.RfiUrgency_unspecified {
		urgency = antonv1.RfiUrgency_medium
	}
	questions, err := writeQuestions(req.GetQuestions())
	return db.Rfi{
		MerchantID: req.GetMerchantId(), ID: ids.New(ids.RFI, tx.Now), Status: db.RfiStatusOpen, Seq: 1,
		Category: db.RfiCategory(req.GetCategory().String()), Urgency: db.RfiUrgency(urgency.String()),
		EntityType: db.RfiEntityType(req.GetEntityType().String()), EntityID: req.GetEntityId(), Subject: req.GetSubject(),
		Description: req.GetDescription(), Questions: questions, Note: req.GetNote(), OpenedBy: tx.Actor, DueAt: due,
		CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}, err
}

// GetRfi shows one request.
func (o *Operator) GetRfi(ctx context.Context, req *opsv1.GetRfiRequest) (*opsv1.GetRfiResponse, error) {
	row, err := call.Reads(ctx).RfiFind(ctx, req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	data, err := o.toCase(row, o.Clock())
	return &opsv1.GetRfiResponse{Data: data}, err
}

// ListRfis lists requests of all merchants, newest first.
func (o *Operator) ListRfis(ctx context.Context, req *opsv1.ListRfisRequest) (*opsv1.ListRfisResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	now := o.Clock()
	params := db.RfiListAllParams{
		MerchantID:    page.Text(req.GetMerchantId()),
		Status:        page.Word(req.GetStatus()),
		EntityID:      page.Text(req.GetEntityId()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	}
	if req.GetOverdue() {
		params.LateAt = &now
	}
	rows, err := call.Reads(ctx).RfiListAll(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list RFIs: %w", err)
	}
	resp := &opsv1.ListRfisResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, position)
	for _, row := range rows {
		data, err := o.toCase(row, now)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// ResolveRfi ends a request. What was escalated to compliance, compliance ends.
func (o *Operator) ResolveRfi(ctx context.Context, req *opsv1.ResolveRfiRequest) (*opsv1.ResolveRfiResponse, error) {
	data, err := o.change(ctx, req.GetId(), func(row db.Rfi) (step, error) {
		if row.Status == db.RfiStatusEscalated && call.CallerOf(ctx).Role < antonv1.OperatorRole_compliance {
			return step{}, apierr.New(antonv1.ErrorCode_insufficient_scope, "RFI %s was escalated; only compliance resolves it.", row.ID)
		}
		outcome := db.RfiOutcome(req.GetOutcome().String())
		return step{to: db.RfiStatusResolved, outcome: &outcome, note: req.GetNote()}, nil
	})
	return &opsv1.ResolveRfiResponse{Data: data}, err
}

// ReopenRfi asks again. From its commit on, nothing that the request is about is approved.
func (o *Operator) ReopenRfi(ctx context.Context, req *opsv1.ReopenRfiRequest) (*opsv1.ReopenRfiResponse, error) {
	due, err := dueAt(call.Tx(ctx).Now, req.GetDueAt())
	if err != nil {
		return nil, err
	}
	data, err := o.change(ctx, req.GetId(), func(db.Rfi) (step, error) {
		return step{to: db.RfiStatusOpen, note: req.GetNote(), due: &due}, nil
	})
	return &opsv1.ReopenRfiResponse{Data: data}, err
}

// EscalateRfi hands a request to compliance.
func (o *Operator) EscalateRfi(ctx context.Context, req *opsv1.EscalateRfiRequest) (*opsv1.EscalateRfiResponse, error) {
	data, err := o.change(ctx, req.GetId(), func(db.Rfi) (step, error) {
		return step{to: db.RfiStatusEscalated, note: req.GetNote()}, nil
	})
	return &opsv1.EscalateRfiResponse{Data: data}, err
}

// change locks the request and takes it along the step that is decided for it.
func (o *Operator) change(ctx context.Context, id string, decide func(db.Rfi) (step, error)) (*opsv1.RfiCase, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().RfiFindForUpdate(ctx, id)
	if err != nil {
		return nil, notFound(err, id)
	}
	s, err := decide(row)
	if err != nil {
		return nil, err
	}
	if err := move(ctx, tx, &row, s); err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	return o.toCase(row, tx.Now)
}

func (o *Operator) toCase(row db.Rfi, now time.Time) (*opsv1.RfiCase, error) {
	rfi, err := ToProto(o.Keys, row)
	if err != nil {
		return nil, err
	}
	waits := row.Status == db.RfiStatusOpen || row.Status == db.RfiStatusEscalated
	return &opsv1.RfiCase{
		MerchantId: row.MerchantID, Rfi: rfi, Overdue: waits && !row.DueAt.After(now), Note: row.Note, OpenedBy: row.OpenedBy,
		ResolvedBy: row.ResolvedBy,
	}, nil
}
