package interceptors

import (
	"context"
	"sync"
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
}

func newClaims() *claims { return &claims{keys: map[string]*claim{}} }

// turn waits for the key, five seconds at most, and returns what gives it back.
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
	timeout := time.NewTimer(keyWait)
	defer timeout.Stop()
	select {
	case k.token <- struct{}{}:
		return func() { <-k.token; leave() }, nil
	case <-timeout.C:
		leave()
		return nil, inProgress()
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
