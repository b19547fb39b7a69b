// Package sanctions keeps the versions of the sanctions lists in the database and gives every server the ones in force: it fetches
// them from their authorities, refuses what cannot be right, stores what was taken for good, and swaps it into running servers.
//
// A version is never changed and never lost. A list that is missing, or that nobody refreshed for too long, clears no payout: a Set says
// so, and whoever asks it waits.
package sanctions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/screening/lists"
)

// A Held list is one that is in force, as a server holds it.
type Held struct {
	List *lists.List
	// Version names it for good: what a verdict keeps.
	Version string
	// RefreshedAt is when it was last known to be the authority's newest; it is zero for the sandbox's own, which does not age.
	RefreshedAt time.Time
}

// A Set is the lists that are in force at one moment. It is never changed: a new one takes its place.
type Set struct {
	held     []Held // by authority
	required []lists.Authority
	maxAge   time.Duration
}

// Lists are the lists, by authority.
func (s *Set) Lists() []Held { return slices.Clone(s.held) }

// Versions names every list of the set, in one order.
func (s *Set) Versions() []string {
	versions := make([]string, len(s.held))
	for i, h := range s.held {
		versions[i] = h.Version
	}
	return versions
}

// Same says that two sets hold the same versions, whenever they were refreshed.
func (s *Set) Same(other *Set) bool {
	return other != nil && slices.Equal(s.Versions(), other.Versions())
}

// Of gives an authority's list.
func (s *Set) Of(authority lists.Authority) (Held, bool) {
	for _, h := range s.held {
		if h.List.Authority == authority {
			return h, true
		}
	}
	return Held{}, false
}

// A Problem is why an authority's list may not be screened with.
type Problem struct {
	Authority lists.Authority
	State     string // missing or outdated
	Says      string
}

// The states of an authority's list.
const (
	Current  = "current"
	Missing  = "missing"
	Outdated = "outdated"
)

// Problems says which of the required lists may not be screened with at that time.
func (s *Set) Problems(now time.Time) []Problem {
	var all []Problem
	for _, authority := range s.required {
		held, ok := s.Of(authority)
		switch {
		case !ok:
			all = append(all, Problem{authority, Missing, fmt.Sprintf("no list of %s is loaded", authority)})
		case outdated(held.RefreshedAt, now, s.maxAge):
			all = append(all, Problem{authority, Outdated, fmt.Sprintf("the list of %s was last refreshed %s, more than %s ago",
				authority, held.RefreshedAt.UTC().Format(time.RFC3339), s.maxAge)})
		}
	}
	return all
}

func outdated(refreshed, now time.Time, maxAge time.Duration) bool {
	return !refreshed.IsZero() && now.Sub(refreshed) > maxAge
}

// Usable fails when a payout may not be judged with the set: a list is missing, or older than its limit. The payout waits then; it is
// never cleared by the lists that are left.
func (s *Set) Usable(now time.Time) error {
	if len(s.required) == 0 {
		return errors.New("no sanctions list is required, so none could clear a payout")
	}
	var said []string
	for _, p := range s.Problems(now) {
		said = append(said, p.Says)
	}
	if len(said) > 0 {
		return errors.New(strings.Join(said, "; "))
	}
	return nil
}
