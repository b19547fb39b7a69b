package screening

import (
	"fmt"
	"math/bits"
	"strings"
)

// A Pairing is words of the query that were taken for words of the listed name.
type Pairing struct {
	Query  string  `json:"query"`
	Listed string  `json:"listed"`
	Alike  float64 `json:"alike"` // 0 to 1
	Says   string  `json:"says"`
}

// what the features say to people, by their number; the first stands for all that is the same for every pair.
var featureWords = [numFeatures]string{
	fBias:          "starting point: most names are nobody's on a list",
	fMatched:       "how telling the matched words are",
	fUnlike:        "how far the matched words differ",
	fQueryLeft:     "words of the query that the listed name has not",
	fListedLeft:    "words of the listed name that the query has not",
	fQueryShare:    "share of the query that matched",
	fListedShare:   "share of the listed name that matched",
	fInitials:      "words matched by their first letter only",
	fPetNames:      "words matched as pet names",
	fJoins:         "words written as one, or parted",
	fFamilyLost:    "the listed family name is missing",
	fGivenLost:     "the listed given name is missing",
	fSingle:        "only one word matched",
	fInitialsClash: "an initial that the listed name has not",
	fWorst:         "how far the least alike words differ",
	fVowelless:     "words compared by their consonants, across scripts",
	fQueryWords:    "number of words of the query that the listed name has not",
	fCrossed:       "family and given name are exchanged, and differ",
	fStrongest:     "how telling the rarest matched word is",
	fLoneSlip:      "only one telling word matched, and it differs",
	fKnownSlip:     "words taken for a slip that are listed words themselves",
}

var likenessWords = [...]string{
	same: "the same", spelling: "a spelling of the same name", petName: "a pet name", typed: "alike but for typing or spelling",
	vowelless: "the same consonants in another script", initialOf: "its first letter",
}

// explain fills in what a match says for itself. It needs the words of the search that found it.
func (ix *Index) explain(m *Match, p *pair, person bool) {
	listed := ix.wordsOf(int(p.name))
	for _, l := range p.links {
		m.Words = append(m.Words, Pairing{Query: queryText(p.words, l.query), Listed: ix.listedText(listed, l.listed), Alike: float64(l.like), Says: likenessWords[l.kind]})
	}
	if m.Exact {
		m.Parts = []Part{{"name", logOdds(m.NameScore), "all words of both names are the same"}}
	} else {
		weights := weightsOf(person)
		for i, w := range weights {
			if add := float64(w * p.features[i]); add > 0.005 || add < -0.005 {
				m.Parts = append(m.Parts, Part{"name", add, featureWords[i]})
			}
		}
	}
	if m.OtherKind {
		m.Parts = append(m.Parts, Part{"kind", otherKind, "one is a person and the other is not"})
	}
	m.Parts = append(m.Parts, m.Evidence...)
}

func queryText(words []word, mask uint32) string {
	var out []string
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, words[bits.TrailingZeros32(mask)].raw())
	}
	return strings.Join(out, " ")
}

func (ix *Index) listedText(words []nameWord, mask uint32) string {
	var out []string
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, ix.terms[words[bits.TrailingZeros32(mask)].term].text)
	}
	return strings.Join(out, " ")
}

// String tells the match in a few lines.
func (m *Match) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.3f %s: %s %s, %q (%s)\n", m.Score, m.Decision(), m.Authority, m.EntryID, m.Name, qualityWords[m.Quality])
	for _, w := range m.Words {
		fmt.Fprintf(&b, "  %s ~ %s: %s (%.2f)\n", w.Query, w.Listed, w.Says, w.Alike)
	}
	for _, p := range m.Parts {
		fmt.Fprintf(&b, "  %+.2f %s: %s\n", p.Weight, p.What, p.Says)
	}
	return b.String()
}

var qualityWords = [...]string{"primary name", "alias", "weak alias"}
