package interceptors

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/antonpayments/anton/gen/db"
)

// KeyUses remembers in memory when each key was used and writes it down from time to time, so that a call never waits for it and a
// call that only reads writes nothing. What a server has not written when it is killed is lost: a key then seems unused for longer
// than it was, by flushEvery at most.
type KeyUses struct {
	Config

	mu       sync.Mutex
	merchant map[keyHash]time.Time
	operator map[keyHash]time.Time
}

// flushEvery is how long a use waits in memory. That a key is written at most once a minute is the statement's doing, so that it holds
// for all servers together.
const flushEvery = 10 * time.Second

func newKeyUses(c Config) *KeyUses {
	return &KeyUses{Config: c, merchant: map[keyHash]time.Time{}, operator: map[keyHash]time.Time{}}
}

func (u *KeyUses) note(hash keyHash, operator bool, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if operator {
		u.operator[hash] = at
	} else {
		u.merchant[hash] = at
	}
}

// Run writes what was noted until ctx ends, and then what is left.
func (u *KeyUses) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			u.flush(ctx)
		case <-ctx.Done():
			u.flushLast(ctx)
			return
		}
	}
}

// flushLast outlives ctx, which has ended, by five seconds at most.
func (u *KeyUses) flushLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	u.flush(ctx)
}

func (u *KeyUses) flush(ctx context.Context) {
	if err := u.RunOnce(ctx); err != nil && ctx.Err() == nil {
		u.Log.Warn("write when keys were used", slog.Any("cause", err))
	}
}

// RunOnce writes what was noted so far. What it could not write it notes again.
func (u *KeyUses) RunOnce(ctx context.Context) error {
	u.mu.Lock()
	merchant, operator := u.merchant, u.operator
	u.merchant, u.operator = map[keyHash]time.Time{}, map[keyHash]time.Time{}
	u.mu.Unlock()

	q := db.New(u.Runner.Pool)
	err := write(ctx, merchant, q.ApiKeysUsed)
	if err == nil {
		merchant = nil
		err = write(ctx, operator, q.OperatorKeysUsed)
	}
	if err == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	keep(u.merchant, merchant)
	keep(u.operator, operator)
	return err
}

func write(ctx context.Context, uses map[keyHash]time.Time, to func(context.Context, [][]byte, []time.Time) error) error {
	if len(uses) == 0 {
		return nil
	}
	var hashes [][]byte
	var times []time.Time
	for hash, at := range uses {
		hashes, times = append(hashes, hash[:]), append(times, at)
	}
	return to(ctx, hashes, times)
}

// keep puts back what was not written, where nothing later was noted meanwhile.
func keep(to, from map[keyHash]time.Time) {
	for hash, at := range from {
		if _, later := to[hash]; !later {
			to[hash] = at
		}
	}
}
