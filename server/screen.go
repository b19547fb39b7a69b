package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
)

type screenCommand struct {
	List      []string `help:"A list, as AUTHORITY=PATH, the authority one of ofac, ofac-nonsdn, eu, uk and un: a file in the authority's own format, plain, gzipped or a zip archive, or a folder of its files. May be repeated." required:"" sep:"none" placeholder:"AUTHORITY=PATH"`
	Threads   int      `help:"How many names are compared at once; 0 is one for each core." default:"0"`
	Threshold float64  `help:"Hits that score less are left away; the best score is written all the same. The default is where a person should look." default:"${possible_score}"`
	Limit     int      `help:"How many hits are written for a name, at most." default:"10"`
	Explain   bool     `help:"Write for every hit which words matched how, and what its score is made of."`
	File      string   `arg:"" optional:"" help:"File of names; standard input without it." type:"existingfile"`
}

// Help is shown under the flags' own.
func (c *screenCommand) Help() string {
	return `Screens names against sanctions lists, without a database. Reads a JSON object a line:

  {"id": "q1", "name": "Jane Roe", "type": "individual", "dob": "1970-01-31", "country": "GB"}

name is needed; type is individual, business or absent; dob is YYYY, YYYY-MM or YYYY-MM-DD; country is ISO 3166-1 alpha-2. Writes a JSON
object for each, in the same order:

  {"id": "q1", "score": 0.31, "best_id": "1234", "best_list": "ofac", "decision": "none", "hit_ids": [], "hit_scores": [], "ms": 0.12}

score is of the best candidate, 0 to 1, best_id the authority's own id of it, null where there is none. decision is certain, possible or
none (docs/screening.md says when). A line that cannot be read is answered with its number and what is wrong, {"line": 7, "error": "..."},
and the exit code is 1 at the end; the other lines are screened.

  anton screen --list ofac=sdn/ --list un=consolidated.xml.gz < names.jsonl > hits.jsonl`
}

// Run loads the lists and screens every line. Nothing is written for lines behind the one at which it is interrupted.
func (c *screenCommand) Run(ctx context.Context) error {
	if c.Threads < 0 || c.Limit < 1 || c.Threshold < 0 || c.Threshold > 1 {
		return errors.New("--threads must be 0 or more, --limit 1 or more, --threshold between 0 and 1")
	}
	progress := progressLine()
	loaded, err := loadLists(ctx, c.List, os.Stderr, progress)
	if err != nil {
		return err
	}
	progress("making the index")
	s := screener{
		index: screening.NewIndex(loaded...), threshold: c.Threshold, limit: c.Limit, explain: c.Explain, threads: c.Threads,
	}
	if s.threads == 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	in := os.Stdin
	if c.File != "" {
		if in, err = os.Open(c.File); err != nil {
			return fmt.Errorf("open the names: %w", err)
		}
		defer in.Close()
	}
	if info, err := in.Stat(); err == nil && info.Mode().IsRegular() {
		s.size = info.Size()
	}
	s.progress = progress
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	err = s.run(ctx, in, out)
	progress("")
	return errors.Join(err, out.Flush())
}

// A screener answers lines of JSON with lines of JSON.
type screener struct {
	index     *screening.Index
	threshold float64
	limit     int
	threads   int
	explain   bool
	size      int64 // of the input in bytes, 0 if unknown
	progress  func(string)
	bad       atomic.Int64
}

const (
	batchLines = 64
	maxLine    = 1 << 20 // bytes; a name is far shorter
)

// A batch is some lines on their way through; done is closed when they are answered.
type batch struct {
	first   int // the number of its first line
	lines   [][]byte
	read    int64 // bytes read up to its end
	answers []byte
	done    chan struct{}
}

// run reads, screens on all threads, and writes in the order of the input.
func (s *screener) run(ctx context.Context, in io.Reader, out io.Writer) error {
	work, order := make(chan *batch, s.threads), make(chan *batch, 4*s.threads)
	reading := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(work)
		defer close(order)
		reading <- readBatches(ctx, in, work, order)
	}()
	var workers sync.WaitGroup
	for range s.threads {
		workers.Go(func() {
			for b := range work {
				s.answer(b)
				close(b.done)
			}
		})
	}
	lines, err := s.write(ctx, order, out)
	if ctx.Err() != nil { // the reader may wait for a terminal, so nobody waits for it
		return fmt.Errorf("interrupted: the first %d lines are answered", lines)
	}
	if err != nil {
		return fmt.Errorf("write the answers: %w", err)
	}
	workers.Wait()
	if err := <-reading; err != nil {
		return fmt.Errorf("read the names: %w", err)
	}
	if n := s.bad.Load(); n > 0 {
		return fmt.Errorf("%d of %d lines could not be screened; the answers say why", n, lines)
	}
	return nil
}

func (s *screener) write(ctx context.Context, order <-chan *batch, out io.Writer) (lines int, err error) {
	last := time.Now()
	for {
		b, ok := s.next(ctx, order)
		if !ok {
			return lines, nil
		}
		if _, err := out.Write(b.answers); err != nil {
			return lines, err
		}
		lines = b.first - 1 + len(b.lines)
		if s.size > 0 && time.Since(last) > 200*time.Millisecond {
			last = time.Now()
			s.progress(bar(float64(b.read)/float64(s.size)) + fmt.Sprintf(" %d names", lines))
		}
	}
}

// next waits for the next batch in the order of the input, and until it is answered.
func (s *screener) next(ctx context.Context, order <-chan *batch) (*batch, bool) {
	select {
	case b, ok := <-order:
		if !ok {
			return nil, false
		}
		select {
		case <-b.done:
			return b, true
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return nil, false
}

// bar draws how much of the work is done.
func bar(share float64) string {
	const width = 30
	n := min(int(share*width), width)
	return "[" + strings.Repeat("=", n) + strings.Repeat(" ", width-n) + fmt.Sprintf("] %3.0f %%", 100*min(share, 1))
}

func readBatches(ctx context.Context, in io.Reader, work, order chan<- *batch) error {
	r := bufio.NewReaderSize(in, 1<<16)
	number, read := 0, int64(0)
	for {
		b := &batch{first: number + 1, done: make(chan struct{})}
		var err error
		for len(b.lines) < batchLines && err == nil {
			var line []byte
			line, err = readLine(r)
			read += int64(len(line))
			if len(line) > 0 || err == nil {
				b.lines = append(b.lines, line)
				number++
			}
		}
		b.read = read
		if len(b.lines) > 0 {
			for _, to := range []chan<- *batch{order, work} {
				select {
				case to <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads one line with its end. Of a longer one than maxLine the beginning is kept, which is then answered as too long.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= maxLine {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func (s *screener) answer(b *batch) {
	for i, line := range b.lines {
		if strings.TrimSpace(string(line)) == "" {
			continue
		}
		answer, err := s.screen(line)
		if err != nil {
			s.bad.Add(1)
			answer = badLine{Line: b.first + i, Error: err.Error()}
		}
		text, err := json.Marshal(answer)
		if err != nil {
			text, _ = json.Marshal(badLine{Line: b.first + i, Error: err.Error()})
		}
		b.answers = append(append(b.answers, text...), '\n')
	}
}

type badLine struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

type screenQuery struct {
	ID      json.RawMessage `json:"id"`
	Name    string          `json:"name"`
	Type    string          `json:"type"`
	DOB     string          `json:"dob"`
	Country string          `json:"country"`
}

type screenAnswer struct {
	ID        json.RawMessage `json:"id,omitempty"`
	Score     float64         `json:"score"`
	BestID    *string         `json:"best_id"`
	BestList  string          `json:"best_list,omitempty"`
	Decision  string          `json:"decision"`
	HitIDs    []string        `json:"hit_ids"`
	HitScores []float64       `json:"hit_scores"`
	Cut       bool            `json:"name_cut,omitempty"` // only the beginning of the name was compared
	Hits      []screenHit     `json:"hits,omitempty"`
	Millis    float64         `json:"ms"`
}

type screenHit struct {
	List     lists.Authority     `json:"list"`
	ID       string              `json:"id"`
	Name     string              `json:"name"`
	Score    float64             `json:"score"`
	Decision string              `json:"decision"`
	Words    []screening.Pairing `json:"words"`
	Parts    []screening.Part    `json:"parts"`
}

func (s *screener) screen(line []byte) (any, error) {
	if len(line) > maxLine {
		return nil, fmt.Errorf("the line is longer than %d bytes", maxLine)
	}
	var q screenQuery
	if err := json.Unmarshal(line, &q); err != nil {
		return nil, fmt.Errorf("no JSON object with a name: %w", err)
	}
	query, err := q.query()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	matches := s.index.Match(query, 0, s.limit)
	a := screenAnswer{
		ID: q.ID, Decision: screening.Decide(matches).String(), HitIDs: []string{}, HitScores: []float64{},
		Cut: screening.Cut(q.Name), Millis: float64(time.Since(began).Microseconds()) / 1000,
	}
	for i := range matches {
		m := &matches[i]
		if i == 0 {
			a.Score, a.BestID, a.BestList = m.Score, &m.EntryID, string(m.Authority)
		}
		if m.Score < s.threshold {
			break
		}
		a.HitIDs, a.HitScores = append(a.HitIDs, m.EntryID), append(a.HitScores, m.Score)
		if s.explain {
			a.Hits = append(a.Hits, screenHit{m.Authority, m.EntryID, m.Name, m.Score, m.Decision().String(), m.Words, m.Parts})
		}
	}
	return a, nil
}

func (q *screenQuery) query() (screening.Query, error) {
	query := screening.Query{Name: q.Name}
	if strings.TrimSpace(q.Name) == "" {
		return query, errors.New("name is missing or empty")
	}
	switch q.Type {
	case "individual", "person":
		query.Kind = lists.Person
	case "business", "company", "entity":
		query.Kind = lists.Organisation
	case "vessel":
		query.Kind = lists.Vessel
	case "aircraft":
		query.Kind = lists.Aircraft
	case "":
	default:
		return query, fmt.Errorf("type %.40q is none of individual, business, vessel and aircraft", q.Type)
	}
	if q.DOB != "" {
		if !isDate(q.DOB) {
			return query, fmt.Errorf("dob %.40q is no date as YYYY, YYYY-MM or YYYY-MM-DD", q.DOB)
		}
		query.Births = []lists.Birth{{From: q.DOB}}
	}
	if q.Country != "" {
		if len(q.Country) != 2 {
			return query, fmt.Errorf("country %.40q is no ISO 3166-1 code of two letters", q.Country)
		}
		query.Countries = []string{strings.ToUpper(q.Country)}
	}
	return query, nil
}

func isDate(text string) bool {
	for _, layout := range []string{"2006", "2006-01", time.DateOnly} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}
