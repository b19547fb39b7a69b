package lists

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
)

// Parser is the version of the readers in this package. Raise it when a file would be read differently than before: what was read by
// an older one is another version of the list.
const Parser = "2"

const (
	// maxFile bounds one file, after it was unpacked; OFAC's largest is about 120 MB.
	maxFile = 512 << 20
	// maxFiles bounds how many files a folder or an archive may hold.
	maxFiles = 64
	// headSize is how much of a file is looked at to recognise its format.
	headSize = 8 << 10
)

// Read reads the list of an authority at a path: a file, plain, gzipped or a zip archive, or a folder of files where the authority
// publishes several. Formats are recognised by content, never by name. A list that does not read completely is an error that names the
// file and the line.
func Read(ctx context.Context, authority Authority, path string) (*List, error) {
	return ReadWithProgress(ctx, authority, path, nil)
}

// ReadWithProgress is Read, and calls progress with the number of bytes that it has read since the last call.
func ReadWithProgress(ctx context.Context, authority Authority, path string, progress func(read int)) (*List, error) {
	sources, done, err := sourcesAt(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return read(ctx, authority, sources, progress)
}

// ReadFS is Read for the files at the top of a file system.
func ReadFS(ctx context.Context, authority Authority, files fs.FS) (*List, error) {
	sources, err := sourcesIn(files)
	if err != nil {
		return nil, err
	}
	return read(ctx, authority, sources, nil)
}

// A part is one file of a list, opened and recognised.
type part struct {
	source
	format format
	stream *bufio.Reader
	close  func() error
}

func read(ctx context.Context, authority Authority, sources []source, progress func(int)) (*List, error) {
	if len(sources) > maxFiles {
		return nil, fmt.Errorf("%s: more than %d files", authority, maxFiles)
	}
	var parts []part
	defer func() {
		for _, p := range parts {
			_ = p.close() // it was only read
		}
	}()
	sum := sha256.New()
	for _, s := range sources {
		p, err := openPart(ctx, s, sum, progress)
		if err != nil {
			return nil, complain(authority, s.name, err)
		}
		parts = append(parts, p)
	}
	chosen, err := choose(authority, parts)
	if err != nil {
		return nil, err
	}
	list := &List{Authority: authority, Parser: Parser}
	b := newBook()
	for _, p := range chosen {
		if err := p.format.read(b, list, p.stream); err != nil {
			return nil, complain(authority, p.name, err)
		}
		// What lies behind the last row belongs to the file, and so to its hash.
		if _, err := io.Copy(io.Discard, p.stream); err != nil {
			return nil, complain(authority, p.name, err)
		}
	}
	list.Entries, list.Read = b.close(), b.counts
	if len(list.Entries) == 0 {
		return nil, complain(authority, chosen[0].name, errors.New("there is not one entry with a name"))
	}
	list.Hash = hex.EncodeToString(sum.Sum(nil))
	return list, nil
}

// openPart opens a file and recognises its format. Its bytes are hashed while they are read.
func openPart(ctx context.Context, s source, sum hash.Hash, progress func(int)) (part, error) {
	stream, closer, err := s.open()
	if err != nil {
		return part{}, err
	}
	counted := &counted{ctx: ctx, in: stream, left: maxFile, progress: progress}
	stirred := bufio.NewReaderSize(counted, headSize)
	head, err := stirred.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = closer()
		return part{}, err
	}
	// Peek has not consumed anything: the hash sees every byte once, in the order in which the parts are read.
	hashed := bufio.NewReaderSize(io.TeeReader(stirred, sum), 64<<10)
	return part{source: s, format: recognise(head), stream: hashed, close: closer}, nil
}

// A counted reader bounds a file, reports progress and stops when nobody waits for the result any more.
type counted struct {
	ctx      context.Context
	in       io.Reader
	left     int64
	progress func(int)
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	if c.left < 0 {
		return 0, fmt.Errorf("the file is larger than %d MB", maxFile>>20)
	}
	if c.progress != nil {
		c.progress(n)
	}
	return n, err
}

// choose picks the files that make up the authority's list, in the order in which they are read. A folder may hold other things; it may
// not hold two lists, or half of one.
func choose(authority Authority, parts []part) ([]part, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("%s: there is no file", authority)
	}
	var chosen []part
	for role := range roles {
		for _, p := range parts {
			if p.format.role != role || p.format.read == nil || !p.format.of(authority) {
				continue
			}
			if len(chosen) > 0 && chosen[len(chosen)-1].format.role == role {
				return nil, fmt.Errorf("%s: %s and %s are both %s: give one", authority, chosen[len(chosen)-1].name, p.name, p.format.name)
			}
			chosen = append(chosen, p)
		}
	}
	for _, p := range parts {
		if mustBeRead(p, len(parts)) && !holds(chosen, p) {
			return nil, complain(authority, p.name, errors.New(p.format.complaint(authority)))
		}
	}
	switch {
	case len(chosen) == 0:
		return nil, complain(authority, parts[0].name, errors.New(parts[0].format.complaint(authority)))
	case chosen[0].format.role == whole && len(chosen) > 1:
		return nil, fmt.Errorf("%s: %s is the whole list, and %s is a part of it: give one", authority, chosen[0].name, chosen[1].name)
	case chosen[0].format.role == whole:
		return chosen, nil
	}
	for role, what := range map[role]string{primaries: "sdn.csv or cons_prim.csv", aliases: "alt.csv or cons_alt.csv", addresses: "add.csv or cons_add.csv"} {
		if !holdsRole(chosen, role) {
			return nil, fmt.Errorf("%s: %s is one file of several: there is none like %s, without which the list is not whole", authority, chosen[0].name, what)
		}
	}
	return chosen, nil
}

// mustBeRead says that a file may not be passed over: it is the only one, or it carries the name of one of OFAC's files. What the
// authority's server says instead of a file, an error page perhaps, is stored under the file's name.
func mustBeRead(p part, files int) bool {
	name := strings.ToLower(strings.TrimSuffix(p.name, ".gz"))
	for _, own := range []string{"sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv", "cons_prim.csv", "cons_alt.csv", "cons_add.csv", "cons_comments.csv"} {
		if name == own && !p.format.empty {
			return true
		}
	}
	return files == 1
}

func holds(parts []part, p part) bool {
	for _, other := range parts {
		if other.name == p.name {
			return true
		}
	}
	return false
}

func holdsRole(parts []part, r role) bool {
	for _, p := range parts {
		if p.format.role == r {
			return true
		}
	}
	return false
}

// complain says which file of which list is wrong: "ofac sdn.csv line 12: …".
func complain(authority Authority, file string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file was cut off")
	}
	if strings.HasPrefix(err.Error(), "line ") {
		return fmt.Errorf("%s %s %w", authority, file, err)
	}
	return fmt.Errorf("%s %s: %w", authority, file, err)
}

// withoutBOM passes over the byte order mark that some authorities put before their text.
func withoutBOM(in *bufio.Reader) *bufio.Reader {
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // just peeked
	}
	return in
}

// AuthorityAt finds out whose list lies at a path. OFAC's two lists are written alike: which of them it is, its size tells.
func AuthorityAt(path string) (Authority, error) {
	sources, done, err := sourcesAt(path)
	if err != nil {
		return "", err
	}
	defer done()
	said := errors.New("there is no file")
	for _, s := range sources {
		p, err := openPart(context.Background(), s, sha256.New(), nil)
		if err != nil {
			said = err
			continue
		}
		closed := p.close()
		if p.format.read == nil || closed != nil {
			said = errors.New(p.format.name)
			continue
		}
		if !p.format.of(OFAC) {
			return p.format.authorities[0], nil
		}
		list, err := Read(context.Background(), OFAC, path)
		if err == nil && len(list.Entries) < plausible[OFACNonSDN].most {
			return OFACNonSDN, nil
		}
		return OFAC, nil
	}
	return "", fmt.Errorf("%s: %w", path, said)
}
