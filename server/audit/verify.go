package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/antonpayments/anton/gen/db"
)

// A Problem is the first thing that is wrong with a merchant's chain. What does not apply is empty.
type Problem struct {
	Merchant string `json:"merchant_id"`
	Seal     int64  `json:"seal,omitempty"`
	Position int64  `json:"position,omitempty"`
	Row      string `json:"audit_id,omitempty"`
	Says     string `json:"problem"`
}

func (p Problem) String() string { return Whose(p.Merchant) + ": " + p.Says }

// Whose names a chain for people: the platform's own has no merchant.
func Whose(merchant string) string {
	if merchant == "" {
		return "the platform"
	}
	return merchant
}

// A Head is a merchant's newest seal at some time. Kept where the database's owner cannot reach it, it proves everything before it.
type Head struct {
	Merchant string `json:"merchant_id"`
	Number   int64  `json:"number"`
	Position int64  `json:"position"` // of the last row it covers
	Hash     string `json:"hash"`     // in hexadecimal
}

// A Chain is what the verification of one merchant's rows found.
type Chain struct {
	Merchant string `json:"merchant_id"`
	Rows     int64  `json:"rows"`  // verified
	Seals    int64  `json:"seals"` // verified
	// Waiting is how many rows have no seal yet.
	Waiting int64    `json:"unsealed_rows"`
	Head    *Head    `json:"head,omitempty"` // the last seal that is sound
	Problem *Problem `json:"problem,omitempty"`
}

// A Check says what to verify.
type Check struct {
	Queries *db.Queries
	// Merchant is whose chain to verify; nil: everybody's.
	Merchant *string
	// Against are heads that were kept outside.
	Against []Head
	// Until ends the verification early; zero never.
	Until time.Time
	// Progress, where there is one, is told now and then how many of how many rows are done.
	Progress func(done, of int64)
}

// ErrTime says that the verification came to its time before its end.
var ErrTime = errors.New("there was no time to verify everything")

// Verify recomputes every hash and returns the chains in the order of their merchants, then those that only kept heads know. It writes nothing
// and may run beside sealers: what is sealed meanwhile it sees or does not. With ErrTime the chains hold what was done until then.
func (c Check) Verify(ctx context.Context) ([]Chain, error) {
	totals, err := c.Queries.AuditChains(ctx, c.Merchant)
	if err != nil {
		return nil, fmt.Errorf("list the chains: %w", err)
	}
	kept := map[string][]Head{}
	for _, head := range c.Against {
		if c.Merchant == nil || *c.Merchant == head.Merchant {
			kept[head.Merchant] = append(kept[head.Merchant], head)
		}
	}
	var of int64
	for _, t := range totals {
		of += t.Rows
	}
	var chains []Chain
	var done int64
	for _, t := range totals {
		w := walk{Check: c, chain: Chain{Merchant: t.MerchantID}, kept: kept[t.MerchantID], last: nothing}
		w.Progress = func(rows, _ int64) {
			if c.Progress != nil {
				c.Progress(done+rows, of)
			}
		}
		delete(kept, t.MerchantID)
		err := w.run(ctx)
		chains = append(chains, w.chain)
		if err != nil {
			return chains, err
		}
		done += w.chain.Rows
	}
	for _, merchant := range slices.Sorted(maps.Keys(kept)) {
		gone := &Problem{Merchant: merchant, Seal: kept[merchant][0].Number, Says: "the whole chain is gone: no row and no seal is left of it"}
		chains = append(chains, Chain{Merchant: merchant, Problem: gone})
	}
	return chains, nil
}

// A walk goes along one merchant's chain.
type walk struct {
	Check
	chain  Chain
	kept   []Head
	last   []byte    // the hash of the last seal that was sound
	newest time.Time // of the rows that were sound
}

// A damage ends a walk.
type damage struct{ Problem }

func (d damage) Error() string { return d.Says }

// at makes the damage that a seal, position and row have.
func (w *walk) at(seal, position int64, row, format string, args ...any) error {
	return damage{Problem{w.chain.Merchant, seal, position, row, fmt.Sprintf(format, args...)}}
}

func (w *walk) run(ctx context.Context) error {
	err := w.seals(ctx)
	if err == nil {
		err = w.end(ctx)
	}
	if d, ok := errors.AsType[damage](err); ok {
		w.chain.Problem, err = &d.Problem, nil
	}
	if err != nil {
		return err
	}
	w.chain.Waiting, err = w.Queries.AuditWaiting(ctx, w.chain.Merchant)
	if err != nil {
		return fmt.Errorf("count unsealed rows: %w", err)
	}
	return nil
}

// seals verifies every seal with its rows.
func (w *walk) seals(ctx context.Context) error {
	for {
		page, err := w.Queries.AuditSealPage(ctx, db.AuditSealPageParams{MerchantID: w.chain.Merchant, AfterNumber: w.chain.Seals, RowLimit: 500})
		if err != nil {
			return fmt.Errorf("read seals: %w", err)
		}
		for _, s := range page {
			if !w.Until.IsZero() && time.Now().After(w.Until) {
				return ErrTime
			}
			if err := w.seal(ctx, s); err != nil {
				return err
			}
			w.Progress(w.chain.Rows, 0)
		}
		if len(page) == 0 {
			return nil
		}
	}
}

func (w *walk) seal(ctx context.Context, s db.AuditSealPageRow) error {
	want := w.chain.Seals + 1
	switch {
	case s.Number != want:
		return w.at(want, 0, "", "seal %d is missing; the next one is %d", want, s.Number)
	case s.FromPosition != w.chain.Rows+1:
		return w.at(s.Number, 0, "", "seal %d begins at position %d; the one before ended at %d", s.Number, s.FromPosition, w.chain.Rows)
	case s.ToPosition < s.FromPosition || s.ToPosition-s.FromPosition >= sliceSize || int64(s.RowCount) != s.ToPosition-s.FromPosition+1:
		return w.at(s.Number, 0, "", "seal %d says it covers %d rows, from position %d to %d", s.Number, s.RowCount, s.FromPosition, s.ToPosition)
	case !bytes.Equal(s.PreviousHash, w.last):
		return w.at(s.Number, 0, "", "seal %d does not continue the seal before it", s.Number)
	}
	hashes, err := w.rows(ctx, s)
	if err != nil {
		return err
	}
	hash := seal{w.chain.Merchant, s.Number, s.FromPosition, s.ToPosition, s.SealedAt, s.PreviousHash}.hash(hashes)
	if !bytes.Equal(hash, s.Hash) {
		return w.at(s.Number, 0, "", "seal %d is not the seal of its rows: it, or rows at positions %d to %d together with their hashes, were altered",
			s.Number, s.FromPosition, s.ToPosition)
	}
	head := Head{w.chain.Merchant, s.Number, s.ToPosition, hex.EncodeToString(hash)}
	for _, kept := range w.kept {
		if kept.Number == s.Number && (kept.Hash != head.Hash || kept.Position != head.Position) {
			return w.at(s.Number, 0, "", "seal %d is not the one that was kept: the chain was rewritten there or before", s.Number)
		}
	}
	w.chain.Head, w.last = &head, hash
	w.chain.Rows, w.chain.Seals = s.ToPosition, s.Number
	return nil
}

// rows gives the hashes of the rows that a seal covers, as they are now, if each is as it was sealed.
func (w *walk) rows(ctx context.Context, s db.AuditSealPageRow) ([][]byte, error) {
	rows, err := w.Queries.AuditPositionPage(ctx, db.AuditPositionPageParams{
		MerchantID: w.chain.Merchant, FromPosition: s.FromPosition, ToPosition: s.ToPosition, RowLimit: sliceSize,
	})
	if err != nil {
		return nil, fmt.Errorf("read sealed rows: %w", err)
	}
	var hashes [][]byte
	for position := s.FromPosition; position <= s.ToPosition; position++ {
		if len(hashes) == len(rows) || rows[len(hashes)].Position != position {
			return nil, w.at(s.Number, position, "", "position %d is missing: its row was taken out of the chain", position)
		}
		hash, err := w.row(s.Number, rows, len(hashes))
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// outOfPlace is by how much a row may be older than one that was sealed before it. No transaction runs that long, and no two servers'
// clocks are that far apart.
const outOfPlace = time.Hour

// row verifies row i of the rows of a seal.
func (w *walk) row(number int64, rows []db.AuditPositionPageRow, i int) ([]byte, error) {
	row := rows[i]
	if row.ID == "" {
		return nil, w.at(number, row.Position, row.AuditID, "the row %s at position %d was deleted", row.AuditID, row.Position)
	}
	r := w.record(row)
	hash, err := r.hash(row.Position)
	if err != nil {
		return nil, w.at(number, row.Position, row.AuditID, "the row %s at position %d was altered: %v", row.AuditID, row.Position, err)
	}
	if !bytes.Equal(hash, row.RowHash) {
		for _, other := range rows {
			if there, err := r.hash(other.Position); err == nil && bytes.Equal(there, other.RowHash) {
				return nil, w.at(number, row.Position, row.AuditID, "the row %s stands at position %d and was sealed at %d: rows were reordered",
					row.AuditID, row.Position, other.Position)
			}
		}
		return nil, w.at(number, row.Position, row.AuditID, "the row %s at position %d was altered", row.AuditID, row.Position)
	}
	at, err := time.Parse(timeForm, row.At)
	if err != nil || at.Before(w.newest.Add(-outOfPlace)) {
		return nil, w.at(number, row.Position, row.AuditID, "the row %s at position %d says %s, but rows of %s were sealed before it: it was inserted later",
			row.AuditID, row.Position, row.At, sealTime(w.newest))
	}
	if at.After(w.newest) {
		w.newest = at
	}
	return hash, nil
}

func (w *walk) record(row db.AuditPositionPageRow) record {
	return record{w.chain.Merchant, row.ID, row.At, row.Actor, row.Action, row.ObjectID, row.RequestID, row.Detail}
}

// end verifies that nothing stands behind the last seal and that nothing is missing there.
func (w *walk) end(ctx context.Context) error {
	for _, kept := range w.kept {
		if kept.Number > w.chain.Seals {
			return w.at(w.chain.Seals+1, 0, "", "seal %d was kept, but the chain ends at seal %d: its newest seals were cut off", kept.Number, w.chain.Seals)
		}
	}
	beyond, err := w.Queries.AuditBeyondSeals(ctx, w.chain.Merchant)
	if err != nil {
		return fmt.Errorf("look behind the last seal: %w", err)
	}
	if len(beyond) > 0 {
		return w.at(0, beyond[0].Position, beyond[0].AuditID, "no seal covers position %d, the row %s: the newest seals were cut off",
			beyond[0].Position, beyond[0].AuditID)
	}
	if w.newest.IsZero() {
		return nil
	}
	left, err := w.Queries.AuditLeftOut(ctx, w.chain.Merchant, w.newest.Add(-outOfPlace))
	if err != nil {
		return fmt.Errorf("look for rows without a seal: %w", err)
	}
	if len(left) > 0 {
		return w.at(0, 0, left[0].ID, "the row %s says %s, but rows of %s are sealed and it is not: it was inserted later, or its position was removed",
			left[0].ID, sealTime(left[0].At), sealTime(w.newest))
	}
	return nil
}
