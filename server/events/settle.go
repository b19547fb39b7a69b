package events

import (
	"context"
	"time"
)

const (
	// settleWithin is how long a reader waits at most for events that another sequencer is placing; what has no place then comes with the
	// next reading.
	settleWithin = 250 * time.Millisecond
	// settleAgain is the pause before looking again at what another sequencer held.
	settleAgain = 5 * time.Millisecond
)

// A round is one look for events without a place, shared by all who asked for it before it began.
type round struct {
	done chan struct{}
	all  bool
	err  error
}

// Settle returns when everything that was committed before the call has its place in its feed.
func (s *Sequencer) Settle(ctx context.Context) error {
	for start := time.Now(); ; {
		all, err := s.share(ctx)
		if err != nil || all || time.Since(start) > settleWithin {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(settleAgain):
		}
	}
}

// share joins the round that has not begun yet, or makes one. However many ask at once, one round answers them all.
func (s *Sequencer) share(ctx context.Context) (all bool, err error) {
	s.asking.Lock()
	r := s.next
	if r == nil {
		r = &round{done: make(chan struct{})}
		s.next = r
		go s.settle(context.WithoutCancel(ctx), r) // others wait for it, also when this caller goes
	}
	s.asking.Unlock()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-r.done:
		return r.all, r.err
	}
}

func (s *Sequencer) settle(ctx context.Context, r *round) {
	defer close(r.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking.Lock()
	s.next = nil
	s.asking.Unlock()
	_, r.all, r.err = s.look(ctx)
}
