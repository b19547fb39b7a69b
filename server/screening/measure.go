package screening

import "math/bits"

// A measuring is the work on the features of one pair.
type measuring struct {
	ix     *Index
	s      *scratch
	p      *pair
	listed []nameWord
	// sums over the words that matched
	matched, agreed, worst float32
	plain, telling         int
}

// measure fills in the features of a pair. query and taken are the masks of the words that were paired on either side.
func (ix *Index) measure(s *scratch, p *pair, listed []nameWord, query, taken uint32) {
	m := measuring{ix: ix, s: s, p: p, listed: listed}
	f := &p.features
	f[fBias] = 1
	p.exact = true
	for i := range p.links {
		m.link(&p.links[i])
	}
	initials := m.queryLeft(query)
	if middle := m.listedLeft(taken); middle && initials {
		f[fInitialsClash] = 1
	}
	f[fWorst] = m.worst
	if m.telling == 1 {
		f[fLoneSlip] = m.worst
	}
	f[fFamilyLost], f[fGivenLost] = lostMarks(listed, taken, p.links)
	if crossed(listed, p.links, len(s.words)) {
		f[fCrossed] = m.worst
	}
	if m.plain == 1 {
		f[fSingle] = 1
	}
	if m.matched > 0 {
		f[fQueryShare] = m.agreed / (m.matched + f[fQueryLeft])
		f[fListedShare] = m.agreed / (m.matched + f[fListedLeft])
	}
	f[fMatched], f[fListedLeft] = saturate(f[fMatched]), saturate(f[fListedLeft])
}

// link measures words that were paired.
func (m *measuring) link(l *link) {
	f := &m.p.features
	m.matched += l.weight
	m.agreed += l.weight * l.like
	f[fMatched] += l.worth * l.like
	m.p.exact = m.p.exact && l.kind == same && l.like == 1
	if l.kind == initialOf {
		f[fInitials]++
		return
	}
	const counts, tells = 0.1, 0.4 // weights from which a word matters, and from which it says something by itself
	if l.weight > tells {
		m.telling++
	}
	if l.weight > counts {
		m.worst = max(m.worst, 1-l.like)
	}
	m.plain += bits.OnesCount32(l.listed)
	f[fUnlike] += l.weight * (1 - l.like)
	f[fStrongest] = max(f[fStrongest], l.worth*l.like)
	if bits.OnesCount32(l.query) != bits.OnesCount32(l.listed) {
		f[fJoins]++
	}
	first := bits.TrailingZeros32(l.query)
	single := l.query == 1<<first
	switch l.kind {
	case same:
		if single && l.weight >= rareWord && !usual(m.s.words[first].text) {
			m.p.rare++
		}
	case petName:
		f[fPetNames]++
	case vowelless:
		f[fVowelless] = 1
	case typed:
		if single && l.weight > counts && m.s.units[first].known {
			f[fKnownSlip]++
		}
	}
}

// unknown is the weight of a word that no list has. It is not 1: most words of most names are on no list.
const unknown = 0.9

// queryLeft measures the words of the query that found nothing, and says whether there is an initial among them.
func (m *measuring) queryLeft(paired uint32) (initials bool) {
	f := &m.p.features
	for i, w := range m.s.words {
		if paired>>i&1 != 0 {
			continue
		}
		m.p.exact = m.p.exact && w.role == honorific
		weight := float32(unknown)
		if id, ok := m.ix.termOf[w.text]; ok && m.ix.terms[id].word {
			weight = m.ix.terms[id].weight
		}
		if w.role == initial {
			initials, weight = true, 1
		}
		f[fQueryLeft] += weight * roleWeight[w.role]
		if w.role == plain {
			f[fQueryWords]++
		}
	}
	return initials
}

// listedLeft measures the listed words that found nothing, and says whether there is a name among them.
func (m *measuring) listedLeft(paired uint32) (names bool) {
	for j, w := range m.listed {
		if paired>>j&1 != 0 {
			continue
		}
		m.p.exact = m.p.exact && w.role == honorific
		m.p.features[fListedLeft] += m.ix.terms[w.term].weight * roleWeight[w.role]
		names = names || w.role == plain
	}
	return names
}
