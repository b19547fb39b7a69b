package audit

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

const (
	// sealEvery is how long a committed row waits at most for its seal.
	sealEvery = time.Second
	// sliceSize is how many rows are read at once, and so the most that one seal covers.
	sliceSize = 5000
)

// A Sealer gives committed audit rows their positions and seals them, merchant by merchant, so that nobody can change them unnoticed.
// It is off the path of every call. Any number may run, on any number of servers: a seal's number exists once, and who comes second
// finds that the rows are taken. A row that is committed late gets a late position; none is left out.
type Sealer struct {
	Runner *unit.Runner
	Log    *slog.Logger

	mu sync.Mutex // one round at a time
	// from is the first transaction whose rows may lack a seal. Zero: look through the whole log, as after a start. It lives in memory
	// only: numbers of transactions mean nothing in a database that was restored elsewhere.
	from int64
	// sealedUntil is when the last round began that left no row unsealed; as UnixNano, 0 before the first.
	sealedUntil atomic.Int64
}

// Lag is how old a committed audit row without a seal can be, at most. It grows while sealing fails or does not keep up, and since the
// process began until the first round ends.
func (s *Sealer) Lag() time.Duration {
	return time.Since(time.Unix(0, max(s.sealedUntil.Load(), began.UnixNano())))
}

var began = time.Now()

// Run seals every second until ctx ends. If it stops between two merchants, the next round goes on where this one ended.
func (s *Sealer) Run(ctx context.Context) {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for {
		if _, err := s.RunOnce(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("seal the audit log", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce seals all rows that are committed now and returns how many it sealed. Rows that another sealer took are not counted.
func (s *Sealer) RunOnce(ctx context.Context) (sealed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := time.Now()
	q := db.New(s.Runner.Pool)
	horizon, err := q.AuditHorizon(ctx)
	if err != nil {
		return 0, fmt.Errorf("look which transactions are running: %w", err)
	}
	slice := db.AuditUnsealedParams{AfterXid: s.from - 1, BeforeXid: horizon.Begun, RowLimit: sliceSize}
	if s.from == 0 || horizon.Finished < s.from {
		// All of it, whatever the numbers say: rows of a restored database may have any. An upper bound would hide them.
		slice.AfterXid, slice.BeforeXid = -1, math.MaxInt64
	}
	for all := true; ; {
		rows, err := q.AuditUnsealed(ctx, slice)
		if err != nil {
			return sealed, fmt.Errorf("read unsealed audit rows: %w", err)
		}
		n, err := s.seal(ctx, q, rows)
		sealed, all = sealed+n, all && n == len(rows)
		if err != nil {
			return sealed, err
		}
		if len(rows) == sliceSize {
			last := rows[len(rows)-1]
			slice.AfterXid, slice.AfterMerchant, slice.AfterID = last.Xid, last.MerchantID, last.ID
			continue
		}
		if all {
			s.sealedUntil.Store(start.UnixNano())
			s.from = horizon.Finished // otherwise the next round looks at the same rows again
		}
		return sealed, nil
	}
}

// seal makes one seal a merchant over the rows of a slice.
func (s *Sealer) seal(ctx context.Context, q *db.Queries, rows []db.AuditUnsealedRow) (sealed int, err error) {
	byMerchant := map[string][]db.AuditUnsealedRow{}
	var order []string
	for _, row := range rows {
		if byMerchant[row.MerchantID] == nil {
			order = append(order, row.MerchantID)
		}
		byMerchant[row.MerchantID] = append(byMerchant[row.MerchantID], row)
	}
	for _, merchant := range order {
		if ctx.Err() != nil {
			return sealed, ctx.Err()
		}
		p, err := s.next(byMerchant[merchant])
		if err != nil {
			return sealed, err
		}
		n, err := q.AuditSeal(ctx, p)
		if err != nil {
			return sealed, fmt.Errorf("seal audit rows of %q: %w", merchant, err)
		}
		sealed += int(n)
	}
	return sealed, nil
}

// next is the seal over rows of one merchant that follows the last one they were read with.
func (s *Sealer) next(rows []db.AuditUnsealedRow) (db.AuditSealParams, error) {
	first, now := rows[0], s.Runner.Now()
	p := db.AuditSealParams{
		MerchantID: first.MerchantID, Number: first.LastNumber + 1, FromPosition: first.LastPosition + 1,
		ToPosition: first.LastPosition + int64(len(rows)), RowCount: int32(len(rows)), PreviousHash: first.LastHash, SealedAt: now,
	}
	for i, row := range rows {
		r := record{row.MerchantID, row.ID, row.At, row.Actor, row.Action, row.ObjectID, row.RequestID, row.Detail}
		hash, err := r.hash(p.FromPosition + int64(i))
		if err != nil {
			return p, fmt.Errorf("hash the audit row %s: %w", row.ID, err)
		}
		p.AuditIds = append(p.AuditIds, row.ID)
		p.RowHashes = append(p.RowHashes, hash)
	}
	p.Hash = seal{p.MerchantID, p.Number, p.FromPosition, p.ToPosition, sealTime(now), p.PreviousHash}.hash(p.RowHashes)
	return p, nil
}
