package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// attemptsShown is how many attempts of a delivery are shown: more than a schedule of retries has.
const attemptsShown = 25

// ListEventDeliveries shows where an event was sent and what came of it.
func (*Service) ListEventDeliveries(
	ctx context.Context, req *antonv1.ListEventDeliveriesRequest,
) (*antonv1.ListEventDeliveriesResponse, error) {
	q, merchant := call.Reads(ctx), call.Merchant(ctx)
	if _, err := find(ctx, q, merchant, req.GetId()); err != nil {
		return nil, err
	}
	rows, err := q.DeliveryListByEvent(ctx, merchant, req.GetId())
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	resp := &antonv1.ListEventDeliveriesResponse{}
	byID := map[string]*antonv1.Delivery{}
	ask := db.AttemptListParams{MerchantID: merchant, RowLimit: attemptsShown}
	for _, row := range rows {
		byID[row.ID] = deliveryToProto(row)
		resp.Data = append(resp.Data, byID[row.ID])
		ask.Deliveries = append(ask.Deliveries, row.ID)
	}
	attempts, err := q.AttemptList(ctx, ask)
	if err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}
	for _, a := range attempts {
		byID[a.DeliveryID].Attempts = append(byID[a.DeliveryID].Attempts, &antonv1.DeliveryAttempt{
			Number: a.Number, At: timestamppb.New(a.At), DurationMs: a.DurationMs, ResponseStatus: a.ResponseStatus,
			ResponseBody: a.ResponseBody, Error: a.Error,
		})
	}
	return resp, nil
}

func deliveryToProto(row db.WebhookDelivery) *antonv1.Delivery {
	d := &antonv1.Delivery{
		Id: row.ID, WebhookId: row.WebhookID, EventId: row.EventID,
		Status:       antonv1.DeliveryStatus_Value(antonv1.DeliveryStatus_Value_value[string(row.Status)]),
		AttemptsMade: row.Attempts, ResponseStatus: row.ResponseStatus, Error: row.Error, CreatedAt: timestamppb.New(row.CreatedAt),
	}
	if row.DueAt != nil {
		d.NextAttemptAt = timestamppb.New(*row.DueAt)
	}
	if row.FinishedAt != nil {
		d.FinishedAt = timestamppb.New(*row.FinishedAt)
	}
	return d
}

// RedeliverEvent sends an event again, to every active webhook that was told of it or to the one given.
func (s *Service) RedeliverEvent(ctx context.Context, req *antonv1.RedeliverEventRequest) (*antonv1.RedeliverEventResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	event, err := find(ctx, tx.Read(), merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, tx, event, req.GetWebhookId())
	if err != nil {
		return nil, err
	}
	again := Again{}
	for _, webhook := range targets {
		again.Add(tx.Now, webhook, event.ID, event.ObjectID, event.Sequence)
	}
	tx.About(merchant, event.ID)
	return &antonv1.RedeliverEventResponse{Data: &antonv1.Redelivery{Id: event.ID, WebhookIds: targets}}, again.Queue(ctx, tx, merchant, s.Told)
}

func (s *Service) targets(ctx context.Context, tx *unit.Unit, event db.Event, one string) ([]string, error) {
	if one != "" {
		row, err := tx.Read().WebhookLock(ctx, event.MerchantID, one)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, apierr.NotFound("webhook", one)
		case err != nil:
			return nil, fmt.Errorf("read the webhook: %w", err)
		case row.Status != db.WebhookStatusActive:
			return nil, apierr.Conflict("Webhook %s is disabled. Enable it first.", one)
		case event.Type == TestType && event.ObjectID != one:
			return nil, apierr.Conflict("A webhook's test goes to that webhook alone.")
		}
		return []string{one}, nil
	}
	targets, err := tx.Read().DeliveryTargets(ctx, event.MerchantID, event.ID)
	if err != nil {
		return nil, fmt.Errorf("read who was told: %w", err)
	}
	if len(targets) == 0 {
		return nil, apierr.Conflict("No active webhook was told of event %s. Name the one to send it to.", event.ID)
	}
	return targets, nil
}

func find(ctx context.Context, q *db.Queries, merchant, id string) (db.Event, error) {
	row, err := q.EventGet(ctx, merchant, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("event", id)
	}
	if err != nil {
		return row, fmt.Errorf("read event: %w", err)
	}
	return row, nil
}

// Again is what is to be sent again.
type Again struct {
	rows  db.DeliveryAskAgainParams
	begun map[[2]string]bool
}

// Add adds an event for a webhook. Events of one object must be added in their order.
func (a *Again) Add(now time.Time, webhook, event, object string, sequence int32) {
	if a.begun == nil {
		a.begun = map[[2]string]bool{}
	}
	line := [2]string{webhook, object}
	a.rows.Ids, a.rows.Webhooks = append(a.rows.Ids, ids.New(ids.Delivery, now)), append(a.rows.Webhooks, webhook)
	a.rows.Events, a.rows.Objects = append(a.rows.Events, event), append(a.rows.Objects, object)
	a.rows.Sequences, a.rows.Firsts = append(a.rows.Sequences, sequence), append(a.rows.Firsts, !a.begun[line])
	a.begun[line] = true
}

// Queue queues it all; told hears of the webhooks after the commit.
func (a *Again) Queue(ctx context.Context, u *unit.Unit, merchant string, told func(...WebhookKey)) error {
	if len(a.rows.Ids) == 0 {
		return nil
	}
	var keys []WebhookKey
	for line := range a.begun {
		keys = append(keys, WebhookKey{merchant, line[0]})
	}
	a.rows.MerchantID, a.rows.Now = merchant, u.Now
	u.AfterCommit(func() { told(keys...) })
	return u.Queue(unit.Work).DeliveryAskAgain(ctx, a.rows)
}
