package lists

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// readSandbox reads the sandbox's own list: an id and its names, the primary one first, with semicolons between. Its parties are
// invented, and may be called what nobody is.
func readSandbox(b *book, _ *List, in *bufio.Reader) error {
	t := newTable(in, ',', 2)
	if _, err := t.next(); err != nil { // the header, by which it was recognised
		return t.at(err)
	}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.at(err)
		}
		e, err := b.open(row[0])
		if err != nil {
			return t.at(err)
		}
		quality := Primary
		for name := range strings.SplitSeq(row[1], ";") {
			if quality != Primary {
				b.counts.Aliases++
			}
			if err := b.name(e, Name{Text: name, Quality: quality}); err != nil {
				return t.at(err)
			}
			quality = Strong
		}
	}
}
