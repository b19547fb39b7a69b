package events

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
)

// Service is anton.v1.EventsService.
type Service struct {
	// Told hears which webhooks have something due.
	Told func(...WebhookKey)
	// Hub tells streams that their feed has grown.
	Hub *Hub
	// Sequencer places what was committed before it is listed.
	Sequencer *Sequencer
}

// ListEvents lists the caller's events in the order of their feed, newest first. What has no place yet is given one first, so that
// whoever changed something finds its event; a list by time would pass by what commits late.
func (s *Service) ListEvents(ctx context.Context, req *antonv1.ListEventsRequest) (*antonv1.ListEventsResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.FeedOf(merchant, req)
	if err != nil {
		return nil, err
	}
	if req.GetType() != "" && !KnownPattern(req.GetType()) {
		return nil, apierr.InvalidField("type", UnknownType)
	}
	if err := s.Sequencer.Settle(ctx); err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).EventList(ctx, db.EventListParams{
		MerchantID:    merchant,
		Types:         named(req.GetType()),
		ObjectID:      page.Text(req.GetObjectId()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		Below:         p.Below,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	resp := &antonv1.ListEventsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.CutFeed(p, rows, func(row db.EventListRow) int64 { return row.Position })
	for _, row := range rows {
		event, err := toProto(row.Event)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, event)
	}
	return resp, nil
}

// GetEvent shows one of the caller's events.
func (*Service) GetEvent(ctx context.Context, req *antonv1.GetEventRequest) (*antonv1.GetEventResponse, error) {
	row, err := find(ctx, call.Reads(ctx), call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	event, err := toProto(row)
	if err != nil {
		return nil, err
	}
	return &antonv1.GetEventResponse{Data: event}, nil
}

func toProto(row db.Event) (*antonv1.Event, error) {
	data := &structpb.Struct{}
	if err := protojson.Unmarshal(row.Data, data); err != nil {
		return nil, fmt.Errorf("read event %s: %w", row.ID, err)
	}
	return &antonv1.Event{
		Id:             row.ID,
		Type:           row.Type,
		CreatedAt:      timestamppb.New(row.CreatedAt),
		Sequence:       row.Sequence,
		ObjectType:     row.ObjectType,
		ObjectId:       row.ObjectID,
		Data:           data,
		PreviousStatus: row.PreviousStatus,
	}, nil
}
