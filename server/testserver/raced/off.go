//go:build !race

// Package raced tells tests whether the race detector watches, which makes them five to ten times slower. A test that computes in one
// goroutine, or that asks every method what the chain answers for all, tries a sample then: the detector learns no more from the
// rest, and the tests without it try all.
package raced

// On says that the race detector watches.
const On = false
