package sepa

import (
	"maps"
	"slices"
)

// Reasons are the neutral reasons of all codes.
func Reasons() []string { return slices.Collect(maps.Values(reasons)) }

// Reached are the countries that the scheme reaches.
func Reached() []string { return slices.Sorted(maps.Keys(countries)) }
