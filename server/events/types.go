package events

import (
	"slices"
	"strings"
)

// Types are what events are called. A subscriber may name them one by one, a family of them, such as `payout.*`, or all of them, `*`.
// What is not among them cannot be emitted: nobody could subscribe it by its name.
var Types = []string{
	"payout.created", "payout.screening", "payout.pending_approval", "payout.approved", "payout.processing", "payout.sent",
	"payout.completed", "payout.failed", "payout.returned", "payout.screening_failed", "payout.velocity_blocked", "payout.manual_review",
	"payout.cancelled", "payout.late_return",
	"beneficiary.created", "beneficiary.updated", "beneficiary.archived", "beneficiary.blocked",
	"instrument.advice",
	"balance.deposit", "balance.low", "balance.deposit_reversed", "balance.return_reversed", "balance.adjusted",
	"rfi.created", "rfi.responded", "rfi.resolved", "rfi.reopened", "rfi.escalated",
	"batch.uploaded", "batch.validating", "batch.validated", "batch.validation_failed", "batch.confirmed", "batch.processing",
	"batch.completed", "batch.partial", "batch.failed", "batch.cancelled",
	"fx.exchange.completed",
	TestType, DisabledType,
}

const (
	// TestType is the event that a webhook is tried with. It goes to the webhook it is about and to no other.
	TestType = "webhook.test"
	// DisabledType tells the other webhooks that one of them was disabled because of what it answered.
	DisabledType = "webhook.disabled"
)

// UnknownType is what callers are told who ask for events that there are not.
const UnknownType = "is no type of event: name one such as payout.sent, a family such as payout.*, or *"

// family is what a type begins with, as subscribers name it: payout.* for payout.sent.
func family(eventType string) string {
	first, _, _ := strings.Cut(eventType, ".")
	return first + ".*"
}

// KnownPattern says whether a subscriber may ask for it.
func KnownPattern(pattern string) bool {
	return pattern == "*" || slices.ContainsFunc(Types, func(t string) bool { return t == pattern || family(t) == pattern })
}

// Matches says whether an event of the type is among what was asked for.
func Matches(patterns []string, eventType string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return p == "*" || p == eventType || p == family(eventType) })
}

// named are the types that a pattern names; nil, which filters nothing, for none and for all.
func named(pattern string) (types []string) {
	if pattern == "" || pattern == "*" {
		return nil
	}
	for _, t := range Types {
		if Matches([]string{pattern}, t) {
			types = append(types, t)
		}
	}
	return types
}
