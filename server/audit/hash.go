package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// What is hashed, and how, is written down in docs/audit, with a verifier that shares nothing with this file. Neither may change for
// seals that exist: another way to hash needs another tag.
const (
	rowTag  = "anton audit row 1\n"
	sealTag = "anton audit seal 1\n"
)

// timeForm is how times are hashed and exported: RFC 3339 with microseconds, in UTC.
const timeForm = "2006-01-02T15:04:05.000000Z"

// nothing is the hash before the first seal.
var nothing = make([]byte, sha256.Size)

// A record is an audit row as it is hashed: texts only, as the database gives them.
type record struct {
	merchant, id, at, actor, action, object, request string
	detail                                           string // JSON as the database keeps it
}

// hash is the row's hash at its position. A detail that is no object of texts cannot have been written by us and is an error.
func (r record) hash(position int64) ([]byte, error) {
	detail, err := canonical(r.detail)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	_, _ = io.WriteString(h, rowTag) // writing to a hash cannot fail
	for _, text := range []string{
		r.merchant, strconv.FormatInt(position, 10), r.id, r.at, r.actor, r.action, r.object, r.request, string(detail),
	} {
		writeField(h, text)
	}
	return h.Sum(nil), nil
}

// A seal is what stands above its rows in the hash.
type seal struct {
	merchant         string
	number, from, to int64
	sealedAt         string
	previous         []byte
}

// hash is the seal's hash over the hashes of its rows, in their order.
func (s seal) hash(rows [][]byte) []byte {
	h := sha256.New()
	_, _ = io.WriteString(h, sealTag)
	_, _ = h.Write(s.previous)
	writeField(h, s.merchant)
	for _, n := range []int64{s.number, s.from, s.to} {
		writeField(h, strconv.FormatInt(n, 10))
	}
	writeField(h, s.sealedAt)
	for _, row := range rows {
		_, _ = h.Write(row)
	}
	return h.Sum(nil)
}

// writeField writes the text's length in bytes, as four bytes with the highest first, and the text: no two rows have one encoding.
func writeField(h hash.Hash, text string) {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(text)))
	_, _ = h.Write(length[:])
	_, _ = io.WriteString(h, text)
}

// canonical writes an object of texts in the one way that is hashed: keys in the order of their bytes, no white space, and in texts
// only those characters escaped that RFC 8785 section 3.2.2.2 escapes.
func canonical(text string) ([]byte, error) {
	var members map[string]*string
	if err := json.Unmarshal([]byte(text), &members); err != nil || members == nil {
		return nil, errors.New("the detail is no object of texts")
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if members[key] == nil {
			return nil, errors.New("the detail has a null")
		}
		if i > 0 {
			out.WriteByte(',')
		}
		writeText(&out, key)
		out.WriteByte(':')
		writeText(&out, *members[key])
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// short are the control characters that have an escape of two characters.
var short = map[byte]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r', '"': '"', '\\': '\\'}

// writeText writes a JSON text. encoding/json is not used for it: it escapes more than RFC 8785 does.
func writeText(out *bytes.Buffer, text string) {
	out.WriteByte('"')
	for i := range len(text) {
		switch b := text[i]; {
		case short[b] != 0:
			out.Write([]byte{'\\', short[b]})
		case b < ' ':
			out.WriteString(`\u00`)
			out.WriteByte("0123456789abcdef"[b>>4])
			out.WriteByte("0123456789abcdef"[b&15])
		default:
			out.WriteByte(b)
		}
	}
	out.WriteByte('"')
}

// sealTime writes a moment as seals have it.
func sealTime(t time.Time) string { return t.UTC().Format(timeForm) }
