package page

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
)

// A Feed is one request's place in a list whose rows are numbered from 1 in the order in which they became visible. A row that commits
// late gets a number above all that were ever shown, so nobody who reads downwards, or who comes back for what is new, passes it by.
type Feed struct {
	// Below is the number below which the page begins.
	Below int64
	limit int32
	bind  []byte
}

// FeedOf reads the request's limit and cursor. A cursor that is not of this query is a validation_error.
func FeedOf(scope string, req Request) (Feed, error) {
	f := Feed{Below: math.MaxInt64, limit: Usual, bind: filters(scope, req)}
	if n := req.GetLimit(); n != 0 {
		f.limit = n
	}
	if req.GetCursor() == "" {
		return f, nil
	}
	place, ok := opened(req.GetCursor(), f.bind)
	if !ok || len(place) != 8 {
		return Feed{}, foreign()
	}
	if f.Below = int64(binary.BigEndian.Uint64(place)); f.Below < 1 || f.Below == math.MaxInt64 {
		return Feed{}, foreign() // no row has such a number
	}
	return f, nil
}

// Fetch is how many rows to ask the database for: one more than the page has, to know whether there are more.
func (f Feed) Fetch() int32 { return f.limit + 1 }

// CutFeed gives the rows of the page, whether there are more, and the cursor that continues after the last one.
func CutFeed[Row any](f Feed, rows []Row, number func(Row) int64) (page []Row, more bool, next *string) {
	if len(rows) <= int(f.limit) {
		return rows, false, nil
	}
	rows = rows[:f.limit]
	raw := binary.BigEndian.AppendUint64(bytes.Clone(f.bind), uint64(number(rows[len(rows)-1])))
	cursor := base64.RawURLEncoding.EncodeToString(raw)
	return rows, true, &cursor
}
