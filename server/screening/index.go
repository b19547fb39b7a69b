// Package screening compares names with sanctions lists. It is pure: lists in, an index, a query, matches out. What it decides on (the
// entry, the name that matched, the score and its parts) is part of a match, so that it can be defended later.
package screening

import (
	"math"
	"math/bits"
	"slices"

	"github.com/antonpayments/anton/server/screening/lists"
)

// An Index holds lists in the form in which names are looked up. It is never changed, and any number of goroutines may use it.
type Index struct {
	lists    []*lists.List
	entries  []listed
	names    []listedName
	words    []nameWord // of all names, one after the other
	terms    []term
	termOf   map[string]uint32
	postings postings // by term: names in which it is a word
	joined   postings // by term: names in which two neighbouring words, or all, make it
	near     neighbours
	classes  [][]uint32 // by class of same names: the terms in it
	scratch  pool
}

// listed is an entry and where it stands.
type listed struct {
	list  *lists.List
	entry *lists.Entry
}

type listedName struct {
	entry   uint32
	name    uint16 // which of the entry's names
	n       uint8  // words
	quality lists.Quality
	kind    lists.Kind
	first   uint32  // its first word in Index.words
	whole   uint32  // the term that all its words make, or noTerm
	weight  float32 // of all its words
}

type nameWord struct {
	term uint32
	join uint32 // the term it makes with the next word, the last with the first, or noTerm
	role role
	mark byte
}

// A term is a word, or two words written as one, that stands in some listed name.
type term struct {
	text    string
	weight  float32 // 0 to 1: how much it tells that a name has it; rare words tell more
	entries uint32  // in how many entries it is a word
	abjad   bool
	word    bool
	class   int32
}

const noTerm = math.MaxUint32

// NewIndex makes an index of lists. The lists must not be changed afterwards.
func NewIndex(all ...*lists.List) *Index {
	b := builder{ix: &Index{lists: all, termOf: map[string]uint32{}}}
	for _, list := range all {
		for i := range list.Entries {
			b.addEntry(list, &list.Entries[i])
		}
	}
	return b.finish()
}

// Lists are the lists of the index, as they were given.
func (ix *Index) Lists() []*lists.List { return slices.Clone(ix.lists) }

// Names is how many names the index holds.
func (ix *Index) Names() int { return len(ix.names) }

type builder struct {
	ix       *Index
	entries  []uint32 // by term: in how many entries it is a word
	lastSeen []uint32 // by term: the entry counted last, plus one
	seen     map[string]bool
}

func (b *builder) addEntry(list *lists.List, entry *lists.Entry) {
	ix := b.ix
	id := uint32(len(ix.entries)) //nolint:gosec // lists have some ten thousand entries
	ix.entries = append(ix.entries, listed{list, entry})
	b.seen = map[string]bool{}
	for i := range min(len(entry.Names), math.MaxUint16) {
		n := &entry.Names[i]
		key := Fold(n.Text)
		if b.seen[key] || key == "" {
			continue
		}
		b.seen[key] = true
		b.addName(id, uint16(i), n, entry.Kind)
	}
}

func (b *builder) addName(entry uint32, which uint16, n *lists.Name, kind lists.Kind) {
	ix := b.ix
	parts := words(n.Text, kind)
	if len(parts) == 0 {
		return
	}
	markParts(parts, n)
	name := listedName{entry: entry, name: which, n: uint8(len(parts)), quality: n.Quality, kind: kind, first: uint32(len(ix.words)), whole: noTerm} //nolint:gosec // maxWords bounds it
	whole := ""
	for _, w := range parts {
		whole += w.raw() //nolint:modernize // a handful of words
	}
	for i, w := range parts {
		id := b.term(w.text, w.abjad)
		ix.terms[id].word = true
		ix.terms[id].abjad = ix.terms[id].abjad && w.abjad
		if b.lastSeen[id] != entry+1 {
			b.lastSeen[id] = entry + 1
			b.entries[id]++
		}
		join := uint32(noTerm)
		if next := parts[(i+1)%len(parts)]; len(parts) > 1 && (len(parts) > 2 || i == 0 || kind == lists.Person) && !w.abjad && !next.abjad {
			join = b.term(w.raw()+next.raw(), false)
		}
		ix.words = append(ix.words, nameWord{term: id, join: join, role: w.role, mark: w.mark})
	}
	if len(parts) > 2 && len(whole) <= 2*maxLetters {
		name.whole = b.term(whole, false)
	}
	ix.names = append(ix.names, name)
}

// markParts says which words are family and which given names.
func markParts(parts []word, n *lists.Name) {
	if n.Family == "" || n.Given == "" {
		return
	}
	given := map[string]bool{}
	for _, w := range words(n.Given, lists.Person) {
		given[w.text] = true
	}
	first := true
	for i := range parts {
		switch {
		case parts[i].role != plain:
		case !given[parts[i].text]:
			parts[i].mark = familyName
		case first:
			parts[i].mark, first = givenName, false
		}
	}
}

func (b *builder) term(text string, abjad bool) uint32 {
	ix := b.ix
	if id, ok := ix.termOf[text]; ok {
		return id
	}
	id := uint32(len(ix.terms)) //nolint:gosec // some hundred thousand
	ix.termOf[text] = id
	ix.terms = append(ix.terms, term{text: text, abjad: abjad, class: tables.same[text]})
	b.entries = append(b.entries, 0)
	b.lastSeen = append(b.lastSeen, 0)
	return id
}

func (b *builder) finish() *Index {
	ix := b.ix
	ix.terms = slices.Clip(ix.terms)
	ix.names = slices.Clip(ix.names)
	ix.words = slices.Clip(ix.words)
	b.weigh()
	ix.postings = makePostings(len(ix.terms), len(ix.names), func(n int, put func(uint32)) {
		for _, w := range ix.wordsOf(n) {
			put(w.term)
		}
	})
	ix.joined = makePostings(len(ix.terms), len(ix.names), func(n int, put func(uint32)) {
		for _, w := range ix.wordsOf(n) {
			if w.join != noTerm {
				put(w.join)
			}
		}
		if ix.names[n].whole != noTerm {
			put(ix.names[n].whole)
		}
	})
	ix.near = makeNeighbours(ix.terms)
	ix.scratch.make = ix.newScratch
	return ix
}

func (ix *Index) wordsOf(n int) []nameWord {
	name := &ix.names[n]
	return ix.words[name.first : name.first+uint32(name.n)]
}

// weigh gives every term the weight that its rarity earns. Spellings of one name count together: Mohamed is not rare because
// Muhammad is the usual spelling.
func (b *builder) weigh() {
	ix := b.ix
	ix.classes = make([][]uint32, len(tables.classes))
	together := make([]uint32, len(tables.classes))
	for id := range ix.terms {
		if class := ix.terms[id].class; class > 0 {
			together[class] += b.entries[id]
			ix.classes[class] = append(ix.classes[class], uint32(id)) //nolint:gosec // as above
		}
	}
	for id := range ix.terms {
		n := b.entries[id]
		if class := ix.terms[id].class; class > 0 {
			n = together[class]
		}
		w := ix.rarity(n)
		if len(ix.terms[id].text) < 3 {
			w *= 0.7
		}
		ix.terms[id].weight = w
		ix.terms[id].entries = b.entries[id]
	}
	for n := range ix.names {
		for _, w := range ix.wordsOf(n) {
			ix.names[n].weight += ix.terms[w.term].weight * roleWeight[w.role]
		}
	}
}

// rarity is 1 for what one entry has, falling with the logarithm of how many have it.
func (ix *Index) rarity(entries uint32) float32 {
	all := math.Log(float64(max(len(ix.entries), 1000)))
	return float32(max(1-math.Log(float64(max(entries, 1)))/all, 0.12))
}

// roleWeight is how much a word counts by what it does.
var roleWeight = [...]float32{plain: 1, particle: 0.15, legal: 0.10, honorific: 0.05, initial: 0.3, servantOf: 0.6}

// postings are lists of names by term, packed.
type postings struct {
	start []uint32
	names []uint32
}

func (p *postings) of(term uint32) []uint32 { return p.names[p.start[term]:p.start[term+1]] }

func makePostings(terms, names int, each func(n int, put func(uint32))) postings {
	p := postings{start: make([]uint32, terms+2)}
	for n := range names {
		each(n, func(t uint32) { p.start[t+2]++ })
	}
	for t := 2; t < len(p.start); t++ {
		p.start[t] += p.start[t-1]
	}
	p.names = make([]uint32, p.start[len(p.start)-1])
	for n := range names {
		each(n, func(t uint32) {
			p.names[p.start[t+1]] = uint32(n) //nolint:gosec // as above
			p.start[t+1]++
		})
	}
	return p
}

// neighbours finds terms that may be alike: by what is left of their spoken form when one or two letters are left out (Garbe's symmetric
// deletion), and by their consonants.
type neighbours struct {
	shift  uint     // what the first bits of a hash are shifted by to be an index of start
	start  []uint32 // by the first bits of the hash
	hashes []uint32 // sorted, each with its term
	terms  []uint32
}

// neighbourBits bounds how many bits of a hash choose its bucket, and so the starts to 4 MiB.
const neighbourBits = 20

func makeNeighbours(terms []term) neighbours {
	pairs := make([]uint64, 0, 24*len(terms))
	var buf [2 * maxLetters]byte
	for id := range terms {
		t := &terms[id]
		n := len(pairs)
		if !t.abjad {
			key := spoken(buf[:], t.text)
			deletions(key, deletionsOf(key, t.word), func(h uint32) {
				pairs = append(pairs, uint64(h)<<32|uint64(id)) //nolint:gosec // not negative
			})
			if len(t.text) <= maxLetters {
				deletions([]byte(t.text), 1, func(h uint32) {
					pairs = append(pairs, uint64(h^writtenSalt)<<32|uint64(id)) //nolint:gosec // not negative
				})
			}
		}
		if t.word {
			key := skeleton(buf[:], t.text)
			depth := 0
			if len(key) > 3 {
				depth = 1
			}
			deletions(key, depth, func(h uint32) {
				pairs = append(pairs, uint64(h^skeletonSalt)<<32|uint64(id)) //nolint:gosec // not negative
			})
		}
		slices.Sort(pairs[n:])
		pairs = pairs[:n+len(slices.Compact(pairs[n:]))]
	}
	return sortNeighbours(pairs)
}

// sortNeighbours sorts by counting into buckets of a few pairs each, which takes a third of the time of a comparison sort. A short list
// has few buckets, since going through a million that are empty is most of the work then.
func sortNeighbours(pairs []uint64) neighbours {
	chosen := uint(min(bits.Len(uint(len(pairs))), neighbourBits)) //nolint:gosec // not negative
	out := neighbours{shift: 32 - chosen, start: make([]uint32, 1<<chosen+2), hashes: make([]uint32, len(pairs)), terms: make([]uint32, len(pairs))}
	for _, p := range pairs {
		out.start[out.bucket(uint32(p>>32))+2]++ //nolint:gosec // the hash's half
	}
	for i := 2; i < len(out.start); i++ {
		out.start[i] += out.start[i-1]
	}
	for _, p := range pairs {
		h, t := uint32(p>>32), uint32(p) //nolint:gosec // the halves
		bucket := out.bucket(h)
		at := &out.start[bucket+1]
		i := *at
		for from := out.start[bucket]; i > from && (out.hashes[i-1] > h || out.hashes[i-1] == h && out.terms[i-1] > t); i-- {
			out.hashes[i], out.terms[i] = out.hashes[i-1], out.terms[i-1]
		}
		out.hashes[i], out.terms[i] = h, t
		*at++
	}
	return out
}

// The salts keep the three forms of a word apart.
const (
	skeletonSalt = 0x9e3779b9
	writtenSalt  = 0x85ebca6b
)

// deletionsOf is how many letters are left out: two of a long word, one of a short one, none of two words joined.
func deletionsOf(key []byte, word bool) int {
	switch {
	case len(key) < 3 || !word:
		return 0
	case len(key) < 6:
		return 1
	}
	return 2
}

// deletions calls put with a hash of the key and of everything left of it without up to depth letters.
func deletions(key []byte, depth int, put func(uint32)) {
	put(hash(key, -1, -1))
	if depth == 0 {
		return
	}
	for i := range key {
		put(hash(key, i, -1))
		if depth == 2 {
			for j := range i {
				put(hash(key, i, j))
			}
		}
	}
}

func hash(key []byte, without, and int) uint32 {
	h := uint64(14695981039346656037)
	for i, c := range key {
		if i != without && i != and {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	hi, lo := bits.Mul64(h, 0x9e3779b97f4a7c15)
	return uint32((hi ^ lo) >> 16) //nolint:gosec // a hash
}

func (n *neighbours) bucket(hash uint32) uint32 { return hash >> n.shift }

// of gives the terms whose key has the hash; a few have it by chance.
func (n *neighbours) of(h uint32) []uint32 {
	bucket := n.bucket(h)
	from, to := n.start[bucket], n.start[bucket+1]
	for from < to && n.hashes[from] < h {
		from++
	}
	end := from
	for end < to && n.hashes[end] == h {
		end++
	}
	return n.terms[from:end]
}
