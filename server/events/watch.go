package events

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

const (
	// heartbeatEvery is how long a stream is silent at most.
	heartbeatEvery = 15 * time.Second
	// lookEvery is how long an event waits at most when another server placed it.
	lookEvery = 500 * time.Millisecond
	// watchPage is how many events are read at once. The next ones are read when these were taken, so a slow reader holds no more.
	watchPage = 100
)

// WatchEvents streams the caller's events in the order of their feed, until the caller goes, the key ends or the server stops.
func (s *Service) WatchEvents(req *antonv1.WatchEventsRequest, stream grpc.ServerStreamingServer[antonv1.WatchEventsResponse]) error {
	ctx := stream.Context()
	merchant := call.Merchant(ctx)
	if err := checkTypes(req.GetTypes()); err != nil {
		return err
	}
	at, err := begin(ctx, merchant, req)
	if err != nil {
		return err
	}
	w := watcher{hub: s.Hub, merchant: merchant, types: req.GetTypes(), at: at, send: stream.Send}
	return w.run(ctx)
}

func checkTypes(types []string) error {
	var wrong []apierr.Field
	for i, t := range types {
		if !KnownPattern(t) {
			wrong = append(wrong, apierr.Field{Path: fmt.Sprintf("types[%d]", i), Message: UnknownType})
		}
	}
	if len(wrong) > 0 {
		return apierr.Invalid(wrong...)
	}
	return nil
}

// begin is the position after which the stream begins.
func begin(ctx context.Context, merchant string, req *antonv1.WatchEventsRequest) (int64, error) {
	if req.GetFromNow() == (req.GetCursor() != "") {
		return 0, apierr.InvalidField("from_now", "or cursor must be given, and not both: where to begin is yours to say")
	}
	feed, err := call.Reads(ctx).EventFeedGet(ctx, merchant)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read the feed: %w", err)
	}
	if req.GetFromNow() {
		return feed.LastPosition, nil
	}
	at, ok := position(merchant, req.GetCursor())
	switch {
	case !ok || at > feed.LastPosition:
		return 0, apierr.InvalidField("cursor", "is none of your stream's; send the cursor of the last message you had")
	case at < feed.PrunedPosition:
		return 0, apierr.InvalidField("cursor", "is older than 90 days, and events after it are gone; read what you need by its object, then begin with from_now")
	}
	return at, nil
}

// A watcher is one stream: at is the position of the last event that was sent or passed over.
type watcher struct {
	hub      *Hub
	merchant string
	types    []string
	at       int64
	send     func(*antonv1.WatchEventsResponse) error
}

func (w *watcher) run(ctx context.Context) error {
	if err := w.heartbeat(); err != nil {
		return err
	}
	beat, look := time.NewTicker(heartbeatEvery), time.NewTicker(lookEvery)
	defer beat.Stop()
	defer look.Stop()
	for {
		grown := w.hub.wait(w.merchant) // before reading: what comes after the read is not missed
		sent, err := w.readOn(ctx)
		if err != nil {
			return err
		}
		if sent {
			beat.Reset(heartbeatEvery)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.hub.gone:
			e := apierr.New(antonv1.ErrorCode_unavailable, "The server stops. Come back with your cursor.")
			e.RetryAfter = time.Second
			return e
		case <-beat.C:
			if err := w.heartbeat(); err != nil {
				return err
			}
		case <-grown:
		case <-look.C:
		}
	}
}

// readOn sends what the feed has after the last position.
func (w *watcher) readOn(ctx context.Context) (sent bool, err error) {
	for ctx.Err() == nil {
		rows, err := call.Reads(ctx).EventFeedPage(ctx, db.EventFeedPageParams{MerchantID: w.merchant, AfterPosition: w.at, RowLimit: watchPage})
		if err != nil {
			return sent, fmt.Errorf("read the feed: %w", err)
		}
		for _, row := range rows {
			w.at = row.Position
			if len(w.types) > 0 && !Matches(w.types, row.Event.Type) {
				continue
			}
			event, err := toProto(row.Event)
			if err != nil {
				return sent, err
			}
			if err := w.send(&antonv1.WatchEventsResponse{Cursor: cursor(w.merchant, w.at), Data: event}); err != nil {
				return sent, err
			}
			sent = true
		}
		if len(rows) < watchPage {
			return sent, nil
		}
		select {
		case <-w.hub.gone: // a long way to catch up must not keep the server from stopping
			return sent, nil
		default:
		}
	}
	return sent, nil
}

func (w *watcher) heartbeat() error {
	return w.send(&antonv1.WatchEventsResponse{Cursor: cursor(w.merchant, w.at)})
}

// A cursor is a position, bound to its merchant so that no other's is taken for it.
func cursor(merchant string, at int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(cursorBind(merchant), uint64(at)))
}

func cursorBind(merchant string) []byte {
	sum := sha256.Sum256([]byte("feed\x00" + merchant))
	return sum[:8]
}

func position(merchant, text string) (int64, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != 16 || !bytes.Equal(raw[:8], cursorBind(merchant)) {
		return 0, false
	}
	at := int64(binary.BigEndian.Uint64(raw[8:]))
	return at, at >= 0
}
