package page

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// A Walk is one request's place in a list that is woven from several, each of which is numbered from 1 in the order in which its rows
// commit. Its cursor keeps a number for each: so nothing that existed when the walk began is skipped or comes twice, however many rows
// are added meanwhile and whatever time they carry.
type Walk struct {
	// Below has for each list the number below which the next page goes on; nil before the first page. Lists that it does not name
	// began after the walk and are no part of it.
	Below map[string]int64
	limit int32
	bind  []byte
}

// A cursor has an entry for each list, in the order of their names: the name, which is a currency, and the number.
const nameSize, entrySize = 3, 3 + 8

// WalkOf reads the request's limit and cursor. A cursor that is not of this query is a validation_error.
func WalkOf(scope string, req Request) (Walk, error) {
	w := Walk{limit: Usual, bind: filters(scope, req)}
	if n := req.GetLimit(); n != 0 {
		w.limit = n
	}
	if req.GetCursor() == "" {
		return w, nil
	}
	place, ok := opened(req.GetCursor(), w.bind)
	if !ok || len(place) == 0 || len(place)%entrySize != 0 {
		return Walk{}, foreign()
	}
	w.Below = map[string]int64{}
	last := ""
	for entry := range slices.Chunk(place, entrySize) {
		name, below := string(entry[:nameSize]), int64(binary.BigEndian.Uint64(entry[nameSize:]))
		if name <= last || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || below < 1 {
			return Walk{}, foreign()
		}
		w.Below[name], last = below, name
	}
	return w, nil
}

// Fetch is how many rows to ask the database for: one more than the page has, to know whether there are more.
func (w Walk) Fetch() int32 { return w.limit + 1 }

// CutWalk gives the rows of the page, whether there are more, and the cursor that continues after them. The key function gives the
// name of a row's list and the row's number there; of each list the rows must be the highest below the walk's place, highest first.
func CutWalk[Row any](w Walk, rows []Row, key func(Row) (string, int64)) (page []Row, more bool, next *string) {
	if len(rows) <= int(w.limit) {
		return rows, false, nil
	}
	rows = rows[:w.limit]
	below := maps.Clone(w.Below)
	for _, row := range rows {
		name, number := key(row)
		below[name] = number
	}
	raw := bytes.Clone(w.bind)
	for _, name := range slices.Sorted(maps.Keys(below)) {
		raw = binary.BigEndian.AppendUint64(append(raw, name...), uint64(below[name]))
	}
	cursor := base64.RawURLEncoding.EncodeToString(raw)
	return rows, true, &cursor
}
