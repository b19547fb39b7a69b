package webhooks

import (
	"sync"

	"github.com/antonpayments/anton/server/events"
)

// A webhook has a lane: how many of its deliveries may be under way at once on this server. It begins at one and doubles with every
// success, so that a fast endpoint is soon served fast, and falls back to one with every failure, so that a dead or slow one never holds
// more than one place. The lanes are what keeps endpoints out of each other's way; they live in memory only.
const (
	// maxWindow is the most of one webhook.
	maxWindow = 32
	// maxInFlight is the most of all webhooks together.
	maxInFlight = 1024
	// maxFailing is the most of all webhooks together whose last attempt failed: however many are dead, the others have room.
	maxFailing = maxInFlight / 2
)

type lane struct {
	window, inFlight int
	failing          bool
	due              bool // something may be due
}

type lanes struct {
	mu                sync.Mutex
	byKey             map[events.WebhookKey]*lane
	inFlight, failing int // in flight in all, and of those that fail
}

func newLanes() *lanes { return &lanes{byKey: map[events.WebhookKey]*lane{}} }

// told notes that something of the webhooks may be due.
func (l *lanes) told(keys ...events.WebhookKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		of := l.byKey[key]
		if of == nil {
			of = &lane{window: 1}
			l.byKey[key] = of
		}
		of.due = true
	}
}

// A room is how many deliveries of a webhook may be begun.
type room struct {
	key  events.WebhookKey
	free int
}

// rooms takes the room of up to limit webhooks that have something due. What is not used of it is given back with begun.
func (l *lanes) rooms(limit int) []room {
	l.mu.Lock()
	defer l.mu.Unlock()
	var open []room
	for key, of := range l.byKey { // in Go's random order, so nobody is always last
		free := min(of.window-of.inFlight, maxInFlight-l.inFlight)
		if of.failing {
			free = min(free, maxFailing-l.failing)
		}
		if !of.due || free <= 0 || len(open) == limit {
			continue
		}
		of.due = false
		l.take(of, free)
		open = append(open, room{key, free})
	}
	return open
}

func (l *lanes) take(of *lane, n int) {
	of.inFlight += n
	l.inFlight += n
	if of.failing {
		l.failing += n
	}
}

// begun says how many of the rooms were filled, by webhook. One whose room was filled completely may have more due.
func (l *lanes) begun(open []room, filled map[events.WebhookKey]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range open {
		of := l.byKey[r.key]
		of.due = of.due || filled[r.key] == r.free
		l.take(of, filled[r.key]-r.free)
	}
}

// ended gives the place of an attempt back, and widens or narrows the lane. more says that something may be due because of it.
func (l *lanes) ended(key events.WebhookKey, ok, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.byKey[key]
	l.take(of, -1)
	of.due = of.due || more
	if of.failing == ok { // it changes sides
		if ok {
			l.failing -= of.inFlight
		} else {
			l.failing += of.inFlight
		}
		of.failing = !ok
	}
	if of.window = min(2*of.window, maxWindow); !ok {
		of.window = 1
	}
}

// forget drops the lanes of webhooks that have nothing under way and nothing due, but for those that fail.
func (l *lanes) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, of := range l.byKey {
		if of.inFlight == 0 && !of.due && !of.failing {
			delete(l.byKey, key)
		}
	}
}
