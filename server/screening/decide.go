package screening

import "github.com/antonpayments/anton/server/screening/lists"

// A Decision is what should happen to what was screened.
type Decision uint8

// The decisions. Possible means that a person must look at it.
const (
	None Decision = iota
	Possible
	Certain
)

func (d Decision) String() string { return [...]string{"none", "possible", "certain"}[d] }

// The thresholds, for names alone. docs/screening.md has what they catch and what they cost.
const (
	PossibleScore = 0.50 // what scores less is nobody's alert
	CertainScore  = 0.77 // with another fact that agrees
)

// Decide gives the strictest decision of the matches.
func Decide(matches []Match) Decision {
	worst := None
	for i := range matches {
		worst = max(worst, matches[i].Decision())
	}
	return worst
}

// Decision says what one match means. A name alone is certain only if it is the listed one, all of it, and a rare one: common names have
// namesakes, and holding them for good is a mistake that a person has to undo; only those that the sandbox invented have none. A weak alias alone is never screened (OFAC FAQ 122 to 125).
func (m *Match) Decision() Decision {
	supports, against := m.facts()
	switch {
	case m.Score < PossibleScore, m.Quality == lists.Weak && !supports:
		return None
	case against, m.OtherKind, m.Quality == lists.Weak:
		return Possible
	case m.Exact && (m.rare() || m.Authority == lists.Sandbox), m.NameScore >= CertainScore && supports:
		return Certain
	}
	return Possible
}

// facts says whether something besides the name speaks strongly for the match, and whether anything speaks against it.
func (m *Match) facts() (supports, against bool) {
	for _, p := range m.Evidence {
		supports = supports || p.Weight >= stepSameDay
		against = against || p.Weight < 0
	}
	return supports, against
}

// rare says whether at least two words of the name are rare on the lists and no usual names: together they are nobody else's by chance.
func (m *Match) rare() bool { return m.rareWords >= 2 }

const rareWord = 0.55 // at most about eighty of 19,000 listed parties share the word
