// Package webhooks sends merchants their events. It owns the addresses they subscribe and the queue of deliveries, which the sequencer of
// server/events fills: at least once, in order for each object and webhook, and no webhook in the way of another.
//
// It never calls an address inside a network of ours, and never tells one webhook's answers to anyone but its merchant.
package webhooks

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/patch"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/webhooks/verify"
)

const (
	// maxWebhooks is how many webhooks a merchant may have.
	maxWebhooks = 50
	// secretOverlap is how long a rotated secret signs beside the new one.
	secretOverlap = 24 * time.Hour
	// replayLimit is how many events one call sends again.
	replayLimit = 10_000
)

// Service is anton.v1.WebhooksService.
type Service struct {
	keys  *crypto.Keys
	guard *guard
	told  func(...events.WebhookKey)
}

// NewService makes the service of an environment, "test" or "live". told hears which webhooks have something due.
func NewService(keys *crypto.Keys, environment string, told func(...events.WebhookKey)) *Service {
	return &Service{keys: keys, guard: newGuard(environment == "test"), told: told}
}

// CreateWebhook makes a webhook. Its secret is in this answer and nowhere else.
func (s *Service) CreateWebhook(ctx context.Context, req *antonv1.CreateWebhookRequest) (*antonv1.CreateWebhookResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	if err := s.check(req.GetUrl(), req.GetEvents()); err != nil {
		return nil, err
	}
	if err := tx.Ahead(nil).WebhooksLimitLock(ctx, merchant); err != nil {
		return nil, err
	}
	count, err := tx.Read().WebhookCount(ctx, merchant)
	if err != nil {
		return nil, fmt.Errorf("count the webhooks: %w", err)
	}
	if count >= maxWebhooks {
		return nil, apierr.Conflict("You have %d webhooks, which is the most. Delete one first.", count)
	}
	row := db.WebhookInsertParams{
		MerchantID: merchant, ID: ids.New(ids.Webhook, tx.Now), Url: req.GetUrl(), Events: req.GetEvents(), Description: req.GetDescription(),
		CreatedAt: tx.Now,
	}
	var secret string
	if secret, row.Secret, err = s.newSecret(merchant, row.ID); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.CreateWebhookResponse{Data: &antonv1.IssuedWebhook{
		Id: row.ID, Url: row.Url, Events: row.Events, Description: row.Description, Status: antonv1.WebhookStatus_active, Secret: secret,
		CreatedAt: timestamppb.New(tx.Now),
	}}, tx.Queue(unit.Rows).WebhookInsert(ctx, row)
}

// check refuses addresses that can never be called and names of events that there are not, each by its place in the list.
func (s *Service) check(url string, patterns []string) error {
	var wrong []apierr.Field
	if err := s.guard.check(url); err != nil {
		wrong = append(wrong, apierr.From(err).Fields...)
	}
	for i, pattern := range patterns {
		if !events.KnownPattern(pattern) {
			wrong = append(wrong, apierr.Field{Path: fmt.Sprintf("events[%d]", i), Message: events.UnknownType})
		}
	}
	if len(wrong) > 0 {
		return apierr.Invalid(wrong...)
	}
	return nil
}

// newSecret makes a signing secret, as it is shown and as it is stored.
func (s *Service) newSecret(merchant, webhook string) (text string, sealed []byte, err error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails: see crypto/rand
	text = verify.Prefix + base64.StdEncoding.EncodeToString(key)
	sealed, err = s.keys.Seal(secretPlace(merchant, webhook), []byte(text))
	return text, sealed, err
}

func secretPlace(merchant, webhook string) crypto.Place {
	return crypto.Place{Merchant: merchant, Object: webhook, Field: "webhooks.secret"}
}

// ListWebhooks lists the caller's webhooks, newest first.
func (*Service) ListWebhooks(ctx context.Context, _ *antonv1.ListWebhooksRequest) (*antonv1.ListWebhooksResponse, error) {
	rows, err := call.Reads(ctx).WebhookList(ctx, call.Merchant(ctx))
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	resp := &antonv1.ListWebhooksResponse{}
	for _, row := range rows {
		resp.Data = append(resp.Data, toProto(row))
	}
	return resp, nil
}

// GetWebhook shows one of the caller's webhooks.
func (*Service) GetWebhook(ctx context.Context, req *antonv1.GetWebhookRequest) (*antonv1.GetWebhookResponse, error) {
	row, err := call.Reads(ctx).WebhookGet(ctx, call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	return &antonv1.GetWebhookResponse{Data: toProto(row)}, nil
}

// UpdateWebhook changes what the request names. Deliveries that wait for a webhook that is disabled now are given up by the Deliverer.
func (s *Service) UpdateWebhook(ctx context.Context, req *antonv1.UpdateWebhookRequest) (*antonv1.UpdateWebhookResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	changes, err := patch.Of(req)
	if err != nil {
		return nil, err
	}
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	if len(changes) == 0 {
		return &antonv1.UpdateWebhookResponse{Data: toProto(row)}, nil
	}
	switch {
	case changes["status"] && req.GetStatus() == antonv1.WebhookStatus_unspecified:
		return nil, apierr.InvalidField("status", "cannot be cleared: it is active or disabled")
	case changes["events"] && len(req.GetEvents()) == 0:
		return nil, apierr.InvalidField("events", "must name at least one type")
	}
	patch.Set(changes, "url", &row.Url, req.GetUrl())
	patch.Set(changes, "events", &row.Events, req.GetEvents())
	patch.Set(changes, "description", &row.Description, req.GetDescription())
	if err := s.check(row.Url, row.Events); err != nil {
		return nil, err
	}
	if err := s.setStatus(ctx, tx, &row, changes["status"], req.GetStatus()); err != nil {
		return nil, err
	}
	row.UpdatedAt = tx.Now
	return &antonv1.UpdateWebhookResponse{Data: toProto(row)}, update(ctx, tx, row)
}

// setStatus disables the webhook or enables it. One that is enabled begins without a past of failures.
func (s *Service) setStatus(ctx context.Context, tx *unit.Unit, row *db.Webhook, asked bool, to antonv1.WebhookStatus_Value) error {
	switch {
	case !asked || string(row.Status) == to.String():
		return nil
	case to == antonv1.WebhookStatus_disabled:
		off(row, db.WebhookDisabledReasonMerchant, tx.Now)
		return nil
	}
	row.Status, row.DisabledReason, row.DisabledAt, row.FailingSince = db.WebhookStatusActive, nil, nil, nil
	key := events.WebhookKey{Merchant: row.MerchantID, ID: row.ID}
	tx.AfterCommit(func() { s.told(key) })
	return tx.Queue(unit.Work).DeliveriesAwaken(ctx, db.DeliveriesAwakenParams{Now: &tx.Now, MerchantID: row.MerchantID, WebhookID: row.ID})
}

func off(row *db.Webhook, why db.WebhookDisabledReason, at time.Time) {
	row.Status, row.DisabledReason, row.DisabledAt, row.UpdatedAt = db.WebhookStatusDisabled, &why, &at, at
}

// DeleteWebhook hides a webhook for good. The row stays for the deliveries that point at it.
func (*Service) DeleteWebhook(ctx context.Context, req *antonv1.DeleteWebhookRequest) (*antonv1.DeleteWebhookResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	if row.Status == db.WebhookStatusActive {
		off(&row, db.WebhookDisabledReasonMerchant, tx.Now)
	}
	row.DeletedAt = &tx.Now
	tx.About(merchant, row.ID)
	return &antonv1.DeleteWebhookResponse{Data: &antonv1.Deletion{Id: row.ID, DeletedAt: timestamppb.New(tx.Now)}}, update(ctx, tx, row)
}

// RotateWebhookSecret gives the webhook a new secret; the present one signs on for a day beside it.
func (s *Service) RotateWebhookSecret(ctx context.Context, req *antonv1.RotateWebhookSecretRequest) (*antonv1.RotateWebhookSecretResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	text, sealed, err := s.newSecret(merchant, row.ID)
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	until := tx.Now.Add(secretOverlap)
	err = tx.Queue(unit.Rows).WebhookRotate(ctx, db.WebhookRotateParams{
		Until: until, Secret: sealed, UpdatedAt: tx.Now, MerchantID: merchant, ID: row.ID,
	})
	data := &antonv1.RotatedSecret{Id: row.ID, Secret: text, PreviousSecretWorksUntil: timestamppb.New(until)}
	return &antonv1.RotateWebhookSecretResponse{Data: data}, err
}

// TestWebhook tells the webhook, and no other, that it is tried.
func (*Service) TestWebhook(ctx context.Context, req *antonv1.TestWebhookRequest) (*antonv1.TestWebhookResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	if row.Status != db.WebhookStatusActive {
		return nil, apierr.Conflict("Webhook %s is disabled. Enable it first.", row.ID)
	}
	row.EventSequence++
	event := events.Event{
		ID: ids.New(ids.Event, tx.Now), Merchant: merchant, Type: events.TestType, ObjectType: "webhook", ObjectID: row.ID,
		Sequence: row.EventSequence, Object: toProto(row),
	}
	if err := events.Emit(ctx, tx, event); err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	data, err := event.Proto(tx.Now)
	if err != nil {
		return nil, err
	}
	return &antonv1.TestWebhookResponse{Data: data}, update(ctx, tx, row)
}

// ReplayWebhook sends the events of a period to the webhook again.
func (s *Service) ReplayWebhook(ctx context.Context, req *antonv1.ReplayWebhookRequest) (*antonv1.ReplayWebhookResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	from, to := req.GetFrom().AsTime(), tx.Now
	if req.GetTo() != nil {
		to = req.GetTo().AsTime()
	}
	if !from.Before(to) {
		return nil, apierr.InvalidField("to", "must be after from")
	}
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	if row.Status != db.WebhookStatusActive {
		return nil, apierr.Conflict("Webhook %s is disabled. Enable it first.", row.ID)
	}
	found, err := tx.Read().ReplayPage(ctx, db.ReplayPageParams{
		WebhookID: row.ID, MerchantID: merchant, FromAt: from, ToAt: to, OnlyFailed: req.GetOnlyFailed(), Patterns: row.Events, RowLimit: replayLimit + 1,
	})
	if err != nil {
		return nil, fmt.Errorf("read the events to send again: %w", err)
	}
	data := &antonv1.Replay{Id: row.ID, More: len(found) > replayLimit}
	if data.GetMore() {
		data.NextFrom = timestamppb.New(found[replayLimit].CreatedAt)
		found = found[:replayLimit]
	}
	data.Events = int32(len(found))
	tx.About(merchant, row.ID)
	// The period is cut by time. The order is the feed's, which keeps that of each object: the clocks of two servers may not.
	slices.SortFunc(found, func(a, b db.ReplayPageRow) int { return cmp.Compare(a.Position, b.Position) })
	again := events.Again{}
	for _, e := range found {
		again.Add(tx.Now, row.ID, e.ID, e.ObjectID, e.Sequence)
	}
	return &antonv1.ReplayWebhookResponse{Data: data}, again.Queue(ctx, tx, merchant, s.told)
}

func lock(ctx context.Context, tx *unit.Unit, merchant, id string) (db.Webhook, error) {
	row, err := tx.Read().WebhookLock(ctx, merchant, id)
	if err != nil {
		return row, notFound(err, id)
	}
	return row, nil
}

func notFound(err error, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("webhook", id)
	}
	return fmt.Errorf("read the webhook: %w", err)
}

func update(ctx context.Context, tx *unit.Unit, row db.Webhook) error {
	return tx.Queue(unit.Rows).WebhookUpdate(ctx, db.WebhookUpdateParams{
		Url: row.Url, Events: row.Events, Description: row.Description, Status: row.Status, DisabledReason: row.DisabledReason,
		DisabledAt: row.DisabledAt, FailingSince: row.FailingSince, EventSequence: row.EventSequence, UpdatedAt: row.UpdatedAt,
		DeletedAt: row.DeletedAt, MerchantID: row.MerchantID, ID: row.ID,
	})
}

func toProto(row db.Webhook) *antonv1.Webhook {
	w := &antonv1.Webhook{
		Id: row.ID, Url: row.Url, Events: row.Events, Description: row.Description,
		Status:     antonv1.WebhookStatus_Value(antonv1.WebhookStatus_Value_value[string(row.Status)]),
		DisabledAt: moment(row.DisabledAt), FailingSince: moment(row.FailingSince), PreviousSecretWorksUntil: moment(row.PreviousSecretUntil),
		CreatedAt: timestamppb.New(row.CreatedAt), UpdatedAt: timestamppb.New(row.UpdatedAt),
	}
	if row.DisabledReason != nil {
		why := antonv1.WebhookDisabledReason_Value(antonv1.WebhookDisabledReason_Value_value[string(*row.DisabledReason)])
		w.DisabledReason = &why
	}
	return w
}

func moment(at *time.Time) *timestamppb.Timestamp {
	if at == nil {
		return nil
	}
	return timestamppb.New(*at)
}
