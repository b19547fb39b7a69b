package screening

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/antonpayments/anton/server/screening/lists"
)

// A link pairs words of the query with words of a listed name.
type link struct {
	query, listed uint32 // masks of the words
	like          float32
	weight        float32 // of the listed words
	worth         float32 // how much it tells that they are alike
	kind          likeness
}

// A pair is a query beside one listed name: what was paired, and what was not.
type pair struct {
	words    []word // the query's
	links    []link
	features features
	name     uint32
	exact    bool
	rare     int // matched words that are rare
}

// features are what the score is made of.
type features [numFeatures]float32

const (
	fBias          = iota
	fMatched       // weight of the words that matched, by how alike
	fUnlike        // what matched words differ
	fQueryLeft     // weight of the query's words that found nothing
	fListedLeft    // weight of the listed words that found nothing
	fQueryShare    // of the query that matched, 0 to 1
	fListedShare   // of the listed name that matched, 0 to 1
	fInitials      // words matched by a first letter only
	fPetNames      // words matched by a pet name
	fJoins         // words written as one or parted
	fFamilyLost    // the family name found nothing
	fGivenLost     // the first given name found nothing
	fSingle        // only one word matched
	fInitialsClash // an initial where the listed name has other letters
	fWorst         // what the least alike of the matched words differs
	fVowelless     // words compared by their consonants alone
	fQueryWords    // words of the query that found nothing
	fCrossed       // family and given name are exchanged, by how unlike they are
	fStrongest     // what the most telling match is worth
	fLoneSlip      // how unlike the words are where only one telling word matched
	fKnownSlip     // words taken for a slip although they are listed words themselves
	numFeatures
)

// align pairs the words of the query with those of a listed name, each once, the surest first.
func (ix *Index) align(s *scratch, n int) pair {
	listedWords := ix.wordsOf(n)
	s.links = s.links[:0]
	for p, w := range listedWords {
		ix.linksOf(s, w.term, 1<<p, listedWords)
		if w.join != noTerm {
			mask := uint32(1)<<p | uint32(1)<<((p+1)%len(listedWords))
			ix.linksOf(s, w.join, mask, listedWords)
		}
	}
	if whole := ix.names[n].whole; whole != noTerm {
		ix.linksOf(s, whole, 1<<len(listedWords)-1, listedWords)
	}
	slices.SortFunc(s.links, func(a, b link) int {
		return cmp.Or(cmp.Compare(b.like, a.like), cmp.Compare(b.weight, a.weight), cmp.Compare(a.query, b.query), cmp.Compare(a.listed, b.listed))
	})
	p := pair{words: s.words, name: uint32(n)} //nolint:gosec // bounded
	var query, listed uint32
	for _, l := range s.links {
		if l.query&query == 0 && l.listed&listed == 0 {
			query, listed = query|l.query, listed|l.listed
			p.links = append(p.links, l)
		}
	}
	query, listed = ix.pairInitials(s, &p, listedWords, query, listed)
	ix.measure(s, &p, listedWords, query, listed)
	return p
}

// linksOf adds the links of one term of a listed name.
func (ix *Index) linksOf(s *scratch, term, mask uint32, listedWords []nameWord) {
	if s.round[term] != s.now {
		return
	}
	oneListed := mask&(mask-1) == 0
	for i := s.head[term]; i >= 0; i = s.edges[i].next {
		e := &s.edges[i]
		unit := s.units[e.unit]
		oneQuery := unit.mask&(unit.mask-1) == 0
		if !oneListed && !oneQuery && (unit.mask != 1<<len(s.words)-1 || mask != 1<<len(listedWords)-1) {
			continue // two words against two: each finds its own
		}
		like := e.like
		if !oneListed || !oneQuery {
			if like *= 0.98; like < 0.8 {
				continue // joins explain too much when they need not fit
			}
		}
		l := link{query: unit.mask, listed: mask, like: like, weight: ix.weigh(listedWords, mask), kind: e.kind}
		l.worth = l.weight
		if oneListed && oneQuery {
			l.worth = e.worth * roleWeight[listedWords[bits.TrailingZeros32(mask)].role]
		}
		s.links = append(s.links, l)
	}
}

func (ix *Index) weigh(words []nameWord, mask uint32) (sum float32) {
	for m := mask; m != 0; m &= m - 1 {
		w := words[bits.TrailingZeros32(m)]
		sum += ix.terms[w.term].weight * roleWeight[w.role]
	}
	return sum
}

// pairInitials gives each initial that is left a word that begins with it.
func (ix *Index) pairInitials(s *scratch, p *pair, listedWords []nameWord, query, listed uint32) (uint32, uint32) {
	for i := range s.words {
		if query>>i&1 != 0 || s.words[i].role == honorific || s.words[i].role == legal {
			continue
		}
		for j := range listedWords {
			if listed>>j&1 != 0 {
				continue
			}
			text := ix.terms[listedWords[j].term].text
			a, b := s.words[i].role == initial, listedWords[j].role == initial
			if (a || b) && text[0] == s.words[i].text[0] {
				query, listed = query|1<<i, listed|1<<j
				p.links = append(p.links, link{query: 1 << i, listed: 1 << j, like: 0.6, weight: roleWeight[initial] * 0.7, worth: roleWeight[initial] * 0.7, kind: initialOf})
				break
			}
		}
	}
	return query, listed
}

// usual says whether many people bear a name, whatever the lists say: it is in the tables of usual names, or so short that it must be.
func usual(text string) bool {
	return len(text) < 4 || tables.same[text] > 0 || len(tables.nicknames[text]) > 0
}

// saturate lets the first words count most: a fifth rare word says little that four have not said.
func saturate(x float32) float32 { return 1 - float32(math.Exp(-float64(x))) }

// crossed says whether the query's last word is the listed given name, or its first word the family name.
func crossed(listedWords []nameWord, links []link, n int) bool {
	for _, l := range links {
		for j, w := range listedWords {
			if l.listed>>j&1 != 0 && (w.mark == givenName && l.query>>(n-1)&1 != 0 || w.mark == familyName && l.query&1 != 0) {
				return true
			}
		}
	}
	return false
}

func lostMarks(listedWords []nameWord, listed uint32, links []link) (family, given float32) {
	var byInitial uint32
	for _, l := range links {
		if l.kind == initialOf {
			byInitial |= l.listed
		}
	}
	families, lost := 0, 0
	for j, w := range listedWords {
		switch w.mark {
		case familyName:
			families++
			if listed>>j&1 == 0 || byInitial>>j&1 != 0 {
				lost++
			}
		case givenName:
			if listed>>j&1 == 0 {
				given = 1
			}
		}
	}
	if families > 0 {
		family = float32(lost) / float32(families)
	}
	return family, given
}

// personWeights and otherWeights are the weights of the features in the log odds of a match. They were fitted by logistic regression;
// docs/screening.md says on what.
var (
	personWeights = features{-2.95, 2.68, -2.22, -2.60, -2.87, 0.22, 1.80, 0.36, -0.81, -0.56, -1.41, -2.38, -1.31, -0.32, -1.16, -1.84, -3.47, -1.24, 3.10, 0, -1.35}
	otherWeights  = features{-4.27, 4.26, 0.00, -0.17, -6.21, 4.38, 0.00, 0.24, 0.00, -0.56, -0.16, 0.00, -1.44, 0.00, 0.00, 0.00, -0.99, 0.00, 0.73, -0.57, -2.34}
)

func weightsOf(person bool) *features {
	if person {
		return &personWeights
	}
	return &otherWeights
}

// asPerson says whether names are compared as persons' names.
func asPerson(query, listed lists.Kind) bool {
	return query == lists.Person || query == lists.Unknown && listed == lists.Person
}

// mostInexact is below every score of an exact name, so that an exact one outranks everything.
const mostInexact = 0.95

// total is the score of a pair, by names alone.
func (p *pair) total(query, listed lists.Kind) float64 {
	sum := 0.0
	for i, w := range weightsOf(asPerson(query, listed)) {
		sum += float64(w * p.features[i])
	}
	other := contradicts(query, listed)
	switch {
	case p.exact && !other: // rare names more than common ones, and never quite 1
		return mostInexact + (1-mostInexact)*float64(0.98*p.features[fMatched])
	case other:
		sum += otherKind
	}
	return mostInexact / (1 + math.Exp(-sum))
}

func logOdds(score float64) float64 { return math.Log(score / (1 - score)) }

// otherKind is taken off the log odds when one is a person and the other is not.
const otherKind = -2.5

func contradicts(a, b lists.Kind) bool {
	return a != lists.Unknown && b != lists.Unknown && (a == lists.Person) != (b == lists.Person)
}
