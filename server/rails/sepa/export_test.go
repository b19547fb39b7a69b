package sepa

import (
	"maps"
	"slices"
)

// Reasons are the neutral reasons of all codes.
func Reasons() []string { return slices.Collect(maps.Values(reasons)) }
