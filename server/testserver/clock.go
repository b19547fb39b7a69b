package testserver

import (
	"sync"
	"time"
)

// Clock stands still until the test turns it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Start is when every test's clock begins: the day of the guide.
var Start = time.Date(2026, 2, 14, 10, 0, 0, 0, time.UTC)

// NewClock is a clock that stands at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance turns the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
