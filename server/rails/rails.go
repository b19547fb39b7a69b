// Package rails is what the platform knows of the ways money travels. A rail is told of a payout under our key, the payout's id, and
// may be told again: it must take a key once. What became of it, the rail tells as events, each with an id of the rail's own, so that
// hearing of one twice changes nothing.
//
// Silence is never a failure: what a rail did not answer is asked for by our key.
package rails

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

// An Instruction asks a rail to pay.
type Instruction struct {
	Merchant string
	Key      string // the payout's id: the rail takes each key once
	Amount   string
	Currency string
	Method   db.PaymentMethod
	Last4    string // of the account
	// Reference and Purpose are what the merchant wrote for the beneficiary; either may be empty.
	Reference, Purpose string
	// Parties opens who pays whom. Only a rail that has to write it down asks for it.
	Parties func(context.Context) (Parties, error)
}

// Parties are who pays whom. They hold what may be in no log: printing them says so.
type Parties struct {
	Sender      string // the merchant's name
	Beneficiary string // the beneficiary's full name
	Business    bool   // whether the beneficiary is one
	Country     string // where the beneficiary lives, ISO 3166-1 alpha-2
	// Address is the beneficiary's; nil where it is not known.
	Address *antonv1.Address
	// Account is the beneficiary's, as it was checked. Its country is always set.
	Account *antonv1.BankAccount
}

// Format prints no party, whatever the verb.
func (Parties) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("the parties of a payment")) }

// LogValue logs no party.
func (Parties) LogValue() slog.Value { return slog.StringValue("the parties of a payment") }

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

// A Corridor is what decides which rail carries a payout.
type Corridor struct {
	Method   db.PaymentMethod
	Country  string // of the account, ISO 3166-1 alpha-2
	Currency string
}

// A Range is the least and the most that a rail carries in one payment; the zero value is no bound.
type Range struct{ Least, Most money.Amount }

// Has says whether the amount is within the range.
func (r Range) Has(amount money.Amount) bool {
	return !(r.Least.Positive() && amount.Less(r.Least)) && !(r.Most.Positive() && r.Most.Less(amount))
}

// String is the range for people: "from 0.01 to 99999999.99".
func (r Range) String() string {
	switch {
	case r.Least.Positive() && r.Most.Positive():
		return "from " + r.Least.String() + " to " + r.Most.String()
	case r.Most.Positive():
		return "up to " + r.Most.String()
	case r.Least.Positive():
		return "from " + r.Least.String()
	}
	return "any amount"
}

// A Rail moves money. Both calls take a slice, of which every item stands for itself. An error means that nothing is known of any of
// them: the caller asks again, by key.
type Rail interface {
	// Name is what payouts and references are filed under.
	Name() string
	// Serves says whether the rail carries payments in the corridor, and of which amounts.
	Serves(c Corridor) (Range, bool)
	// Submit hands instructions over. Keys that the rail has already taken change nothing.
	Submit(ctx context.Context, instructions []Instruction) ([]Status, error)
	// Ask tells what became of keys of one merchant.
	Ask(ctx context.Context, merchant string, keys []string) ([]Status, error)
	// Arrival is when money handed over at the moment should be with the beneficiary; ok is false where the rail knows no more than what
	// is usual in the corridor.
	Arrival(at time.Time) (arrival time.Time, ok bool)
}

// A Registry finds the rail for a payout.
type Registry struct {
	rails []Rail
}

// NewRegistry makes a registry; the first rail that serves a corridor takes its payouts.
func NewRegistry(all ...Rail) *Registry { return &Registry{all} }

// For finds the rail for payouts in the corridor, and which amounts it carries; nil when none serves it.
func (r *Registry) For(c Corridor) (Rail, Range) {
	for _, rail := range r.rails {
		if amounts, ok := rail.Serves(c); ok {
			return rail, amounts
		}
	}
	return nil, Range{}
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
