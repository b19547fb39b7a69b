// Package page cuts lists into pages, newest first. A cursor is a position (time and id), bound by a hash to the filters it was made
// with: a cursor of another query is refused instead of giving a page that makes no sense.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/antonpayments/anton/server/apierr"
)

// Usual is how many rows a page has when the caller does not say.
const Usual = 20

// A Request is what every list request has; the proto messages of the lists fulfil it.
type Request interface {
	proto.Message
	GetLimit() int32
	GetCursor() string
}

// A Position is the last row of the page before. The zero value is before the first page.
type Position struct {
	At *time.Time
	ID string
}

// A Page is one request's place in its list. Scope is what belongs to the filters but is not in the request: the merchant.
type Page struct {
	Position
	limit int32
	bind  []byte
}

// bindSize is how many bytes of the filters' hash a cursor carries: enough that no other query's fits by chance.
const bindSize = 8

// maxID is the most characters that an id has.
const maxID = 64

// Of reads the request's limit and cursor. A cursor that is not of this query is a validation_error.
func Of(scope string, req Request) (Page, error) {
	p := Page{limit: Usual, bind: filters(scope, req)}
	if n := req.GetLimit(); n != 0 {
		p.limit = n
	}
	if req.GetCursor() == "" {
		return p, nil
	}
	place, ok := opened(req.GetCursor(), p.bind)
	if !ok || len(place) < 8+1 {
		return Page{}, foreign()
	}
	at, id := time.UnixMicro(int64(binary.BigEndian.Uint64(place))).UTC(), string(place[8:])
	// Whoever reads this source can forge the binding, so what follows it is held to what the database can compare with.
	if timestamppb.New(at).CheckValid() != nil || len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Page{}, foreign()
	}
	p.At, p.ID = &at, id
	return p, nil
}

// opened reads a cursor's place, if the cursor was made with these filters.
func opened(cursor string, bind []byte) (place []byte, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) < bindSize || !bytes.Equal(raw[:bindSize], bind) {
		return nil, false
	}
	return raw[bindSize:], true
}

func foreign() error {
	return apierr.InvalidField("cursor", "is not a cursor of this list; send the next_cursor of the page before, with the same filters")
}

// Fetch is how many rows to ask the database for: one more than the page has, to know whether there are more.
func (p Page) Fetch() int32 { return p.limit + 1 }

// Cut gives the rows of the page, whether there are more, and the cursor that continues after the last one. The key function gives
// a row's time and id, the columns that the list is ordered by.
func Cut[Row any](p Page, rows []Row, key func(Row) (time.Time, string)) (page []Row, more bool, next *string) {
	if len(rows) <= int(p.limit) {
		return rows, false, nil
	}
	rows = rows[:p.limit]
	at, id := key(rows[len(rows)-1])
	raw := append(bytes.Clone(p.bind), binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro()))...)
	cursor := base64.RawURLEncoding.EncodeToString(append(raw, id...))
	return rows, true, &cursor
}

// filters hashes the request without its place: what remains is what the list is filtered by.
func filters(scope string, req Request) []byte {
	bare := proto.Clone(req).ProtoReflect()
	for _, name := range []protoreflect.Name{"limit", "cursor"} {
		bare.Clear(bare.Descriptor().Fields().ByName(name))
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(bare.Interface())
	if err != nil {
		panic(err) // a message that was just unmarshalled
	}
	sum := sha256.Sum256(append([]byte(scope+"\x00"+string(bare.Descriptor().FullName())+"\x00"), text...))
	return sum[:bindSize]
}
