package unit

import (
	"context"
	"errors"
	"fmt"
)

// Kept is what a handler returns that refuses and has found something on the way which must not be lost with its unit.
type Kept struct {
	keep func(context.Context, *Unit) (refusal, err error)
}

// Keep ends the unit without writing anything, as every error does. Then keep is run in a unit of its own, in the same name, which writes
// what was found and gives the refusal that the caller gets. If we stop in between, nothing is kept, and the call that is made again finds
// the same.
func Keep(keep func(context.Context, *Unit) (refusal, err error)) *Kept { return &Kept{keep} }

func (*Kept) Error() string { return "refused, and what was found is kept" }

// kept keeps what a refusal leaves behind; an error that leaves nothing is given back as it is.
func (r *Runner) kept(ctx context.Context, who Who, err error) error {
	kept, ok := errors.AsType[*Kept](err)
	if !ok {
		return err
	}
	var refusal error
	err = r.Do(ctx, who, true, func(ctx context.Context, u *Unit) (err error) {
		refusal, err = kept.keep(ctx, u)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep what was found: %w", err)
	}
	return refusal
}
