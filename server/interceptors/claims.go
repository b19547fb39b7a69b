package interceptors

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// claims lets the calls of one idempotency key go one at a time on this server, waiting in memory rather than on a connection.
type claims struct {
	mu   sync.Mutex
	keys map[string]*claim
}

// A claim is one key in use: who holds the token may go on; the last to leave forgets the key.
type claim struct {
	token chan struct{}
	users int
	turns atomic.Int64 // how many calls have held the token
}

func newClaims() *claims { return &claims{keys: map[string]*claim{}} }

// turn waits for the key and returns what gives it back. It gives up when one call has held the key for five seconds or longer: many
// calls of one key wait together while the first is under way, and then each takes its turn to read the first's answer, which on a busy
// machine takes all of them longer than that.
func (c *claims) turn(ctx context.Context, key string) (release func(), err error) {
	c.mu.Lock()
	k := c.keys[key]
	if k == nil {
		k = &claim{token: make(chan struct{}, 1)}
		c.keys[key] = k
	}
	k.users++
	c.mu.Unlock()

	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(c.keys, key)
		}
	}
	for {
		seen := k.turns.Load()
		timeout := time.NewTimer(keyWait)
		select {
		case k.token <- struct{}{}:
			timeout.Stop()
			k.turns.Add(1)
			return func() { <-k.token; leave() }, nil
		case <-timeout.C:
			if k.turns.Load() == seen {
				leave()
				return nil, inProgress()
			}
		case <-ctx.Done():
			timeout.Stop()
			leave()
			return nil, ctx.Err()
		}
	}
}
