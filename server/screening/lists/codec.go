package lists

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxContent bounds a stored list, unpacked; the largest is about 20 MB.
const maxContent = 256 << 20

// Encode gives a list's entries as they are stored: a line of JSON for each, gzipped. It is the same for the same entries.
func Encode(list *List) ([]byte, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("pack the list of %s: %w", list.Authority, err)
	}
	for _, e := range list.Entries {
		if _, err := zip.Write(append(e.stored(), '\n')); err != nil {
			return nil, fmt.Errorf("pack the list of %s: %w", list.Authority, err)
		}
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("pack the list of %s: %w", list.Authority, err)
	}
	return packed.Bytes(), nil
}

// Decode gives the entries of what Encode gave. Values that occur often are kept once. Another number of entries than expected is an
// error: what was stored is not what is read.
func Decode(packed []byte, expected int) ([]Entry, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack the list: %w", err)
	}
	if expected < 0 || expected > maxEntries {
		return nil, fmt.Errorf("unpack the list: %d entries", expected)
	}
	b := newBook()
	entries := make([]Entry, 0, expected)
	lines := json.NewDecoder(bufio.NewReader(io.LimitReader(zip, maxContent)))
	for {
		var e Entry
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unpack the list after %d entries: %w", len(entries), err)
		}
		if len(e.Names) == 0 || len(entries) == expected {
			return nil, fmt.Errorf("unpack the list: the entry %s does not belong there", e.ID)
		}
		b.share(&e)
		entries = append(entries, e)
	}
	if len(entries) != expected {
		return nil, fmt.Errorf("unpack the list: %d entries instead of %d", len(entries), expected)
	}
	return entries, nil
}

// share keeps an entry's frequent values once.
func (b *book) share(e *Entry) {
	for i := range e.Countries {
		e.Countries[i] = b.word(e.Countries[i])
	}
	for i := range e.Programs {
		e.Programs[i] = b.word(e.Programs[i])
	}
	for i := range e.Identifiers {
		e.Identifiers[i].Type, e.Identifiers[i].Country = b.word(e.Identifiers[i].Type), b.word(e.Identifiers[i].Country)
	}
	for i := range e.Addresses {
		e.Addresses[i].City, e.Addresses[i].Country = b.word(e.Addresses[i].City), b.word(e.Addresses[i].Country)
	}
}
