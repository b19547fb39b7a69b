package screening

import (
	"cmp"
	"slices"
	"sync"

	"github.com/antonpayments/anton/server/screening/lists"
)

// Model is the version of how names are compared: another one may decide otherwise.
const Model = "names-1"

// A Query is a party to look for. Only Name is needed.
type Query struct {
	Name        string
	Aliases     []string
	Kind        lists.Kind
	Births      []lists.Birth
	Countries   []string // ISO 3166-1 alpha-2: nationality, residence, registration
	Identifiers []lists.Identifier
	Addresses   []lists.Address
}

// A Match is a listed party that the query may be, and why.
type Match struct {
	Authority lists.Authority
	EntryID   string
	Name      string // the listed name that matched best, as listed
	Quality   lists.Quality
	Score     float64 // 0 to 1, of names and evidence together
	NameScore float64 // of names alone
	Exact     bool    // the names are the same, but for order, case, accents, punctuation and titles
	OtherKind bool    // one is a person and the other is not
	Words     []Pairing
	Evidence  []Part // what is known besides the names
	Parts     []Part // everything that the score is made of
	entry     *lists.Entry
	rareWords int
}

// EntryHash is the listed party's content hash: it changes with anything that the list says of it.
func (m *Match) EntryHash() string { return m.entry.ContentHash() }

// maxAliases is how many of a query's names are compared.
const maxAliases = 20

// candidates is how many names are compared word by word; the index finds the most promising.
const candidates = 64

// Match gives the listed parties that score at least floor, best first, at most limit; no limit is 10. A name of more than MaxName
// characters or 32 words is compared by its beginning.
func (ix *Index) Match(q Query, floor float64, limit int) []Match {
	if limit <= 0 {
		limit = 10
	}
	s := ix.scratch.get()
	defer ix.scratch.put(s)
	s.hits = s.hits[:0]
	ix.matchName(s, q.Name, q.Kind)
	for _, name := range q.Aliases[:min(len(q.Aliases), maxAliases)] {
		ix.matchName(s, name, q.Kind)
	}
	for i := range s.hits {
		h := &s.hits[i]
		h.evidence = evidence(&q, ix.entries[h.entry].entry)
		h.score = weigh(h.names, h.evidence)
	}
	slices.SortFunc(s.hits, func(a, b hit) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.entry, b.entry)) })
	var out []Match
	for i := range s.hits {
		if s.hits[i].score < floor || i >= limit {
			break
		}
		out = append(out, ix.match(&s.hits[i], q.Kind))
	}
	return out
}

// A hit is an entry on its way to be a match.
type hit struct {
	entry    uint32
	score    float64
	names    float64 // the score of names alone
	evidence []Part
	pair     pair
}

// matchName adds the hits of one name, one for each entry: that of its name that fits best.
func (ix *Index) matchName(s *scratch, name string, kind lists.Kind) {
	parts := words(name, kind)
	if len(parts) == 0 {
		return
	}
	ix.forgive(parts, kind)
	s.begin(parts)
	ix.expand(s)
	ix.collect(s)
	for _, c := range ix.promising(s) {
		n := &ix.names[c.name]
		p := ix.align(s, int(c.name))
		score := p.total(kind, n.kind)
		at := slices.IndexFunc(s.hits, func(h hit) bool { return h.entry == n.entry })
		switch {
		case at < 0:
			s.hits = append(s.hits, hit{entry: n.entry, names: score, pair: p})
		case s.hits[at].names < score:
			s.hits[at] = hit{entry: n.entry, names: score, pair: p}
		}
	}
}

// match makes a match of a hit, with its explanation.
func (ix *Index) match(h *hit, kind lists.Kind) Match {
	n := &ix.names[h.pair.name]
	e := ix.entries[h.entry]
	m := Match{
		Authority: e.list.Authority, EntryID: e.entry.ID, Name: e.entry.Names[n.name].Text, Quality: n.quality,
		Score: h.score, NameScore: h.names, Exact: h.pair.exact, OtherKind: contradicts(kind, n.kind), Evidence: h.evidence,
		entry: e.entry, rareWords: h.pair.rare,
	}
	ix.explain(&m, &h.pair, asPerson(kind, n.kind))
	return m
}

// forgive takes words that no listed name has for the small words that they misspell: the legal form of a business, a person's Abdul.
func (ix *Index) forgive(parts []word, kind lists.Kind) {
	for i := range parts {
		w := &parts[i]
		if id, ok := ix.termOf[w.text]; w.role != plain || len(parts) < 2 || ok && ix.terms[id].word {
			continue
		}
		switch {
		case kind == lists.Person && almostServant(w.text):
			w.text, w.role, w.wrote = "abd", servantOf, w.text
		case kind != lists.Person && i > 0:
			if form := almostLegal(w.text); form != "" {
				w.text, w.role, w.wrote = form, legal, w.text
			}
		}
	}
}

// A scratch is the memory that one search works in.
type scratch struct {
	words  []word
	units  []unit
	edges  []edge
	head   []int32  // by term: its first edge
	round  []uint32 // by term: the round in which head was set
	now    uint32
	tally  []tally // by name
	found  []uint32
	best   []candidate
	links  []link
	hits   []hit
	hitRnd []uint32 // by term: the unit it was compared with last
	hitNow uint32
}

// A unit is what is looked up as one word: a word, two neighbours joined, or all joined.
type unit struct {
	text  string
	mask  uint32 // of the words in it
	abjad bool
	known bool  // it is a word of two listed parties or more
	first int32 // its edges in scratch.edges
	last  int32
}

// An edge says that a unit is like a term.
type edge struct {
	term  uint32
	unit  int32
	next  int32 // of the same term, or -1
	like  float32
	worth float32 // 0 to 1: how much it tells
	kind  likeness
}

// A likeness is why two words are taken for one.
type likeness uint8

const (
	same      likeness = iota // letter for letter
	spelling                  // known as spellings of one name
	petName                   // one is short for the other
	typed                     // alike but for spelling or typing
	vowelless                 // alike in consonants, across scripts
	initialOf                 // the first letter
)

type tally struct {
	round uint32
	unit  int32
	sum   float32
	last  float32
}

type candidate struct {
	name uint32
	hope float32
}

type pool struct {
	make func() *scratch
	free sync.Pool
}

func (p *pool) get() *scratch {
	if s, ok := p.free.Get().(*scratch); ok {
		return s
	}
	return p.make()
}

func (p *pool) put(s *scratch) { p.free.Put(s) }

func (ix *Index) newScratch() *scratch {
	return &scratch{
		head: make([]int32, len(ix.terms)), round: make([]uint32, len(ix.terms)), tally: make([]tally, len(ix.names)), hitRnd: make([]uint32, len(ix.terms)),
	}
}

func (s *scratch) begin(words []word) {
	s.words, s.units, s.edges, s.found, s.best = words, s.units[:0], s.edges[:0], s.found[:0], s.best[:0]
	s.now++
	whole, abjad := "", false
	for i, w := range words {
		s.units = append(s.units, unit{text: w.text, mask: 1 << i, abjad: w.abjad})
		whole += w.raw()
		abjad = abjad || w.abjad
	}
	for i := range words {
		if i+1 < len(words) {
			s.units = append(s.units, unit{text: words[i].raw() + words[i+1].raw(), mask: 3 << i, abjad: words[i].abjad && words[i+1].abjad})
		}
	}
	if len(words) > 2 && len(whole) <= 2*maxLetters && !abjad {
		s.units = append(s.units, unit{text: whole, mask: 1<<len(words) - 1})
	}
}

// expand finds the terms that each unit is like.
func (ix *Index) expand(s *scratch) {
	for u := range s.units {
		s.units[u].first = int32(len(s.edges)) //nolint:gosec // bounded
		s.hitNow++
		ix.expandUnit(s, int32(u))            //nolint:gosec // bounded
		s.units[u].last = int32(len(s.edges)) //nolint:gosec // bounded
		ix.appraise(s.edges[s.units[u].first:])
	}
}

// appraise gives the edges of one unit their worth: how rare it is that a listed name has a word at least so alike. A word that is like
// many others tells little by being like one of them.
func (ix *Index) appraise(edges []edge) {
	const steps = 50
	var names [steps + 1]uint32
	for _, e := range edges {
		names[int(e.like*steps)] += max(ix.terms[e.term].entries, 1)
	}
	for i := steps - 1; i >= 0; i-- {
		names[i] += names[i+1]
	}
	for i := range edges {
		e := &edges[i]
		e.worth = ix.terms[e.term].weight
		if e.kind == typed || e.kind == vowelless || e.kind == petName {
			e.worth = min(e.worth, ix.rarity(names[int(e.like*steps)]))
		}
	}
}

func (ix *Index) expandUnit(s *scratch, u int32) {
	unit := &s.units[u]
	if id, ok := ix.termOf[unit.text]; ok {
		s.link(id, u, 1, same)
		unit.known = ix.terms[id].entries > 1
	}
	single := unit.mask&(unit.mask-1) == 0
	if len(unit.text) < 2 {
		return
	}
	if single {
		ix.expandRelated(s, u)
	}
	if single && s.words[u].role != plain && len(s.words) > 1 && s.words[u].role != particle {
		return // a title or a legal form is what it is
	}
	var buf [2 * maxLetters]byte
	if !unit.abjad {
		key := spoken(buf[:], unit.text)
		depth := deletionsOf(key, single)
		if unit.known {
			depth = min(depth, 1) // two slips in a word that happen to give another listed word are too rare to look for
		}
		deletions(key, depth, func(h uint32) { ix.compare(s, u, h) })
		if len(unit.text) <= maxLetters {
			deletions(append(buf[:0], unit.text...), 1, func(h uint32) { ix.compare(s, u, h^writtenSalt) })
		}
	}
	if single || unit.abjad {
		key := skeleton(buf[:], unit.text)
		if !unit.abjad && len(key) < 3 {
			return // too many words have the same two consonants
		}
		depth := 0
		if unit.abjad && len(key) > 3 {
			depth = 1
		}
		deletions(key, depth, func(h uint32) { ix.compare(s, u, h^skeletonSalt) })
	}
}

func (ix *Index) expandRelated(s *scratch, u int32) {
	text := s.units[u].text
	if class := tables.same[text]; class > 0 {
		for _, id := range ix.classes[class] {
			s.link(id, u, 0.97, spelling)
		}
	}
	_, nicknames := tables.related(text)
	for _, nick := range nicknames {
		if id, ok := ix.termOf[nick]; ok {
			s.link(id, u, 0.85, petName)
		}
	}
	if id, ok := ix.termOf["abd"]; ok && s.words[u].role == plain && almostServant(text) {
		s.link(id, u, 0.9, typed)
	}
	for _, other := range tables.abbreviations[text] {
		if id, ok := ix.termOf[other]; ok {
			s.link(id, u, 0.95, spelling)
		}
	}
}

// anotherName is taken off the likeness of two usual names: Qasim is hardly ever a slip for Karim.
const anotherName = 0.25

// compare looks at the terms with a hash and keeps those that are alike.
func (ix *Index) compare(s *scratch, u int32, h uint32) {
	unit := &s.units[u]
	class := tables.same[unit.text]
	for _, id := range ix.near.of(h) {
		if s.hitRnd[id] == s.hitNow {
			continue
		}
		s.hitRnd[id] = s.hitNow
		t := &ix.terms[id]
		if unit.abjad || t.abjad {
			if like := alikeAbjad(unit.text, t.text); like > 0 {
				s.add(id, u, like, vowelless)
			}
			continue
		}
		like := alike(unit.text, t.text)
		if class > 0 && t.class > 0 && class != t.class {
			like -= anotherName
		}
		if like >= 0.5 {
			s.add(id, u, like, typed)
		}
	}
}

// link adds an edge unless the two are linked already.
func (s *scratch) link(term uint32, u int32, like float32, kind likeness) {
	if s.hitRnd[term] != s.hitNow {
		s.hitRnd[term] = s.hitNow
		s.add(term, u, like, kind)
	}
}

func (s *scratch) add(term uint32, u int32, like float32, kind likeness) {
	next := int32(-1)
	if s.round[term] == s.now {
		next = s.head[term]
	}
	s.round[term] = s.now
	s.head[term] = int32(len(s.edges)) //nolint:gosec // bounded
	s.edges = append(s.edges, edge{term: term, unit: u, next: next, like: like, kind: kind})
}

// collect adds up, for every name that shares something with the query, how much that is.
func (ix *Index) collect(s *scratch) {
	for u := range s.units {
		unit := &s.units[u]
		single := unit.mask&(unit.mask-1) == 0
		if single && s.words[u].role != plain && len(s.words) > 1 {
			continue
		}
		for _, e := range s.edges[unit.first:unit.last] {
			worth := e.worth * e.like * e.like
			if !single {
				worth *= 2
			}
			for _, n := range ix.postings.of(e.term) {
				s.count(n, int32(u), worth) //nolint:gosec // bounded
			}
			if single || len(s.words) == 1 || unit.mask == 1<<len(s.words)-1 {
				for _, n := range ix.joined.of(e.term) {
					s.count(n, int32(u), 0.9*e.like*e.like) //nolint:gosec // bounded
				}
			}
		}
	}
}

func (s *scratch) count(n uint32, u int32, worth float32) {
	t := &s.tally[n]
	if t.round != s.now {
		*t = tally{round: s.now, unit: u, sum: worth, last: worth}
		s.found = append(s.found, n)
		return
	}
	if t.unit != u {
		t.unit, t.last = u, 0
	}
	if worth > t.last {
		t.sum += worth - t.last
		t.last = worth
	}
}

// promising gives the names that have most in common with the query, for what they and the query have.
func (ix *Index) promising(s *scratch) []candidate {
	for _, n := range s.found {
		sum := s.tally[n].sum
		hope := sum - 0.2*max(0, ix.names[n].weight-sum)
		if len(s.best) == candidates && hope <= s.best[len(s.best)-1].hope {
			continue
		}
		at, _ := slices.BinarySearchFunc(s.best, hope, func(c candidate, h float32) int { return cmp.Compare(h, c.hope) })
		if len(s.best) < candidates {
			s.best = append(s.best, candidate{})
		}
		copy(s.best[at+1:], s.best[at:])
		s.best[at] = candidate{n, hope}
	}
	return s.best
}
