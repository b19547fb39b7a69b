// Package rails is what the platform knows of the ways money travels. A rail is told of a payout under our key, the payout's id, and
// may be told again: it must take a key once. What became of it, the rail tells as events, each with an id of the rail's own, so that
// hearing of one twice changes nothing.
//
// Silence is never a failure: what a rail did not answer is asked for by our key.
package rails

import (
	"context"
	"time"

	"github.com/antonpayments/anton/gen/db"
)

// An Instruction asks a rail to pay.
type Instruction struct {
	Merchant string
	Key      string // the payout's id: the rail takes each key once
	Amount   string
	Currency string
	Method   db.PaymentMethod
	Last4    string // of the account
}

// A Kind is what a rail reports.
type Kind string

// The kinds, in the words of the rail_events table.
const (
	Sent     Kind = "sent"     // dispatched
	Settled  Kind = "settled"  // delivered
	Failed   Kind = "failed"   // refused, or settlement failed
	Returned Kind = "returned" // sent back by the receiving bank
)

// An Event is something a rail reports about a payment. Reason is a neutral code such as account_closed; Says is its sentence.
type Event struct {
	ID     string
	Kind   Kind
	Reason string
	Says   string
}

// A Status is all that a rail knows of a key: nothing (Known is false: it never took it), or its reference and what happened so far.
type Status struct {
	Known     bool
	Reference string
	Events    []Event
	// AskAgain is when there may be more to know; nil when there will be nothing.
	AskAgain *time.Time
}

// A Rail moves money. Both calls take a slice, of which every item stands for itself. An error means that nothing is known of any of
// them: the caller asks again, by key.
type Rail interface {
	// Name is what payouts and references are filed under.
	Name() string
	// Submit hands instructions over. Keys that the rail has already taken change nothing.
	Submit(ctx context.Context, instructions []Instruction) ([]Status, error)
	// Ask tells what became of keys of one merchant.
	Ask(ctx context.Context, merchant string, keys []string) ([]Status, error)
	// Arrival is when money handed over at the moment should be with the beneficiary.
	Arrival(at time.Time) time.Time
}

// A Registry finds the rail for a payout.
type Registry struct {
	rails []Rail
}

// NewRegistry makes a registry; the first rail that serves a payout takes it.
func NewRegistry(all ...Rail) *Registry { return &Registry{all} }

// For finds the rail for a payment of the method in the currency to the country; nil when none serves it. The sandbox's rail serves all.
func (r *Registry) For(db.PaymentMethod, string, string) Rail {
	if len(r.rails) == 0 {
		return nil
	}
	return r.rails[0]
}

// Named finds a rail by its name; nil when the server does not run it.
func (r *Registry) Named(name string) Rail {
	for _, rail := range r.rails {
		if rail.Name() == name {
			return rail
		}
	}
	return nil
}
