package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/antonpayments/anton/gen/db"
)

// Body is the event as webhooks are sent it: the JSON of the Event message, made from the stored row alone, so that every attempt, by
// whatever server, sends the same bytes.
func Body(row db.Event) ([]byte, error) {
	var b bytes.Buffer
	field := func(name string, value any) {
		text, _ := json.Marshal(value) // a string or a number always has its JSON
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, text)
	}
	b.WriteByte('{')
	field("id", row.ID)
	field("type", row.Type)
	field("created_at", timeText(row.CreatedAt))
	field("sequence", row.Sequence)
	field("object_type", row.ObjectType)
	field("object_id", row.ObjectID)
	b.WriteString(`,"data":`)
	if err := json.Compact(&b, row.Data); err != nil {
		return nil, fmt.Errorf("write the event %s: %w", row.ID, err)
	}
	if row.PreviousStatus != nil {
		field("previous_status", *row.PreviousStatus)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// timeText is a time as protobuf's JSON has it: no fraction, or 3 or 6 digits of it.
func timeText(at time.Time) string {
	text := at.UTC().Format("2006-01-02T15:04:05.000000")
	text = strings.TrimSuffix(text, "000")
	return strings.TrimSuffix(text, ".000") + "Z"
}
