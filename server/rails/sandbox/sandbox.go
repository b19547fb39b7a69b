// Package sandbox is the rail of the test environment: a bank that keeps books of its own and settles in about a second. It moves no
// money and refuses to be part of a live server.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/rails"
)

// Name is what the sandbox's payouts are filed under.
const Name = "sandbox"

// When the bank dispatches a payment, and when it is final, after it was accepted.
const (
	dispatchAfter = 300 * time.Millisecond
	finalAfter    = time.Second
)

// Rail is the sandbox's bank.
type Rail struct {
	Pool  *pgxpool.Pool
	Clock func() time.Time
}

// What the bank does with a payment. Silent: it takes it and never says another word.
const (
	settled  = "settled"
	failed   = "failed"
	returned = "returned"
	Silent   = "silent"
)

// magicAccounts are the last four digits that play a part.
var magicAccounts = map[string]string{"0001": failed, "0002": returned, "0003": Silent}

// magicAmounts are the amounts that play a part, with the outcome they force on the engine.
var magicAmounts = map[string]string{"1313.13": "review", "1414.14": "velocity_block"}

// MagicAmount is the outcome that an amount forces on the engine; empty for every other amount. A currency of three digits writes one
// more zero.
func MagicAmount(amount string) string {
	if whole, fraction, _ := strings.Cut(amount, "."); len(fraction) == 3 {
		amount = whole + "." + strings.TrimSuffix(fraction, "0")
	}
	return magicAmounts[amount]
}

// Name is the rail's name.
func (*Rail) Name() string { return Name }

// Serves everything, as much as anybody wants.
func (*Rail) Serves(rails.Corridor) (rails.Range, bool) { return rails.Range{}, true }

// Arrival is for the corridor to say: that the sandbox settles in a second is of no use to who tries out what its customers will be told.
func (*Rail) Arrival(time.Time) (time.Time, bool) { return time.Time{}, false }

// Submit writes the payments into the bank's books, each key once.
func (r *Rail) Submit(ctx context.Context, instructions []rails.Instruction) ([]rails.Status, error) {
	if len(instructions) == 0 {
		return nil, nil
	}
	var keys []string
	err := pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		for _, in := range instructions {
			outcome := magicAccounts[in.Last4]
			if outcome == "" {
				outcome = settled
			}
			keys = append(keys, in.Key)
			err := db.New(tx).SandboxBankAccept(ctx, db.SandboxBankAcceptParams{
				MerchantID: in.Merchant, Key: in.Key, Reference: Reference(in.Key), Outcome: outcome, AcceptedAt: r.now(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox bank: accept: %w", err)
	}
	return r.Ask(ctx, instructions[0].Merchant, keys)
}

// Reference is the bank's reference for a key.
func Reference(key string) string {
	_, id, _ := strings.Cut(key, "_")
	return "SBX-" + id
}

// Ask reads the bank's books: what has happened follows from when the payment was accepted and what becomes of it.
func (r *Rail) Ask(ctx context.Context, merchant string, keys []string) ([]rails.Status, error) {
	all := make([]rails.Status, len(keys))
	for i, key := range keys {
		row, err := db.New(r.Pool).SandboxBankGet(ctx, merchant, key)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sandbox bank: ask: %w", err)
		}
		all[i] = r.status(row)
	}
	return all, nil
}

func (r *Rail) status(row db.SandboxBankPayment) rails.Status {
	s := rails.Status{Known: true, Reference: row.Reference}
	dispatched, final := row.AcceptedAt.Add(dispatchAfter), row.AcceptedAt.Add(finalAfter)
	now := r.now()
	switch {
	case row.Outcome == Silent:
		return s // it will never say anything
	case row.Outcome == failed:
		if now.Before(dispatched) {
			s.AskAgain = &dispatched
		} else {
			s.Events = append(s.Events, Event(row.Key, rails.Failed))
		}
		return s
	case now.Before(dispatched):
		s.AskAgain = &dispatched
		return s
	}
	s.Events = append(s.Events, Event(row.Key, rails.Sent))
	switch {
	case now.Before(final):
		s.AskAgain = &final
	case row.Outcome == returned:
		s.Events = append(s.Events, Event(row.Key, rails.Returned))
	default:
		s.Events = append(s.Events, Event(row.Key, rails.Settled))
	}
	return s
}

// Event is the bank's message that a key has come so far; its id is always the same, so that it counts once.
func Event(key string, kind rails.Kind) rails.Event {
	e := rails.Event{ID: Reference(key) + "-" + string(kind), Kind: kind}
	switch kind {
	case rails.Failed:
		e.Reason, e.Says = "rail_rejected", "The rail refused the payment: the account cannot receive it."
	case rails.Returned:
		e.Reason, e.Says = "account_closed", "The receiving bank sent the payment back: the account is closed."
	}
	return e
}

func (r *Rail) now() time.Time { return r.Clock().UTC().Truncate(time.Microsecond) }
