package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A standing is what a merchant's velocity book says while we hold its lock.
type standing struct {
	revision revision
	counted  time.Time // checks of before are in buckets, and all others are not
	settled  time.Time // buckets that ended by then change no more
	past     int64     // another number since they did, all the same
	recent   int64     // another number since other buckets did, except by being filled
}

// fillAfter is how many payouts may count without being in a bucket until the Filler is asked to put them there: an evaluation reads them all.
// They are put into buckets together, because most of them share their buckets, and because a statement costs more than a row of it.
var fillAfter = 16

// atOnce is how many of them are read with the book. Where there are as many the evaluation fills buckets itself, for nobody else did. pageOf is
// how many are read at a time where they cannot be put into buckets. The queries say so too.
const (
	atOnce = 129
	pageOf = 1000
)

// lockBook locks the book, and opens one where there is none.
func lockBook(ctx context.Context, u *unit.Unit, merchant string) (db.VelocityBook, error) {
	book, err := u.Read().VelocityBookLock(ctx, merchant)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = u.Read().VelocityBookOpen(ctx, merchant, u.Now); err == nil {
			book, err = u.Read().VelocityBookLock(ctx, merchant)
		}
	}
	if err != nil {
		return book, fmt.Errorf("lock the velocity book: %w", err)
	}
	return book, nil
}

// lookInto locks the book and reads it, with what the rules may ask about the payouts, and what counts since the moment up to which this
// server knows what is in buckets. Where too much of it is in no bucket, it is put there first.
func (e *Engine) lookInto(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) (*look, error) {
	known := e.memory.tailOf(merchant)
	l, err := lockAndLook(ctx, u, merchant, payouts, known)
	if err != nil {
		return nil, err
	}
	if known.until.After(l.book.counted) && known.until.Before(endOfTime) { // the database fell back: what was followed may never have been
		if l, err = readBook(ctx, u, merchant, payouts, e.memory.newTail()); err != nil {
			return nil, err
		}
	}
	if l.full() { // nobody filled for long, or others filled more than is worth following
		if err := fillBuckets(ctx, u, merchant, l.book.counted); err != nil {
			return nil, err
		}
		if l, err = readBook(ctx, u, merchant, payouts, e.memory.newTail()); err != nil {
			return nil, err
		}
	}
	if l.full() { // what other clocks date later than ours is still in no bucket, or what is of this very moment
		l.unfilled, err = uncounted(ctx, u, merchant, l.book.counted)
	}
	return l, err
}

// lockAndLook locks the book, opening one where there is none, and reads it in the same round trip.
func lockAndLook(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout, known tail) (*look, error) {
	locked := false
	note := func(rows int64) error {
		locked = rows == 1
		return nil
	}
	if err := u.Ahead(note).VelocityWait(ctx, merchant); err != nil {
		return nil, err
	}
	l, err := readBook(ctx, u, merchant, payouts, known)
	if err != nil || locked {
		return l, err
	}
	if _, err := lockBook(ctx, u, merchant); err != nil {
		return nil, err
	}
	return readBook(ctx, u, merchant, payouts, known)
}

func readBook(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout, known tail) (*look, error) {
	ids := make([]string, len(payouts))
	for i, p := range payouts {
		ids[i] = p.ID
	}
	rows, err := u.Read().VelocityLook(ctx, db.VelocityLookParams{PayoutIds: ids, Since: known.until, MerchantID: merchant})
	if err != nil {
		return nil, fmt.Errorf("look into the velocity book: %w", err)
	}
	return lookOf(rows, payouts, known), nil
}

// full says that there may be more of what counts than was read.
func (l *look) full() bool { return len(l.filled)+len(l.unfilled) >= atOnce }

// uncounted are all payouts that count since a moment.
func uncounted(ctx context.Context, u *unit.Unit, merchant string, since time.Time) ([]velocity.Recent, error) {
	from := db.VelocityUncountedParams{MerchantID: merchant, At: since, Place: -1}
	for all := []velocity.Recent{}; ; {
		rows, err := u.Read().VelocityUncounted(ctx, from)
		if err != nil {
			return nil, fmt.Errorf("read what is in no bucket: %w", err)
		}
		for _, row := range rows {
			from.At, from.Place, from.PayoutID = row.At, row.Place, row.PayoutID
			all = append(all, velocity.Recent{At: row.At, Payout: velocity.Payout{
				ID: row.PayoutID, Amount: row.Amount, Beneficiary: row.BeneficiaryID, Account: row.Account, New: row.FirstToBeneficiary,
				Kind: velocity.Kind{
					Currency: row.Currency, Country: row.Country, Method: string(row.Method), BeneficiaryType: string(row.BeneficiaryType),
				},
			}})
		}
		if len(rows) < pageOf {
			return all, nil
		}
	}
}

// lookOf puts the payouts in their order, and tells what was filled since the tail ended from what is in no bucket.
func lookOf(rows []db.VelocityLookRow, payouts []db.Payout, known tail) *look {
	l := &look{}
	asked := make(map[string]*db.VelocityLookRow, len(payouts))
	for i := range rows {
		row := &rows[i]
		l.book = standing{revision{row.Revision, row.OperatorRevision}, row.Counted, row.Settled, row.Past, row.Recent}
		switch {
		case row.Asked:
			asked[row.ID] = row
		case row.At.Before(row.Counted):
			l.filled = append(l.filled, velocity.Recent{Payout: velocityPayout(row), At: row.At})
		default:
			l.unfilled = append(l.unfilled, velocity.Recent{Payout: velocityPayout(row), At: row.At})
		}
	}
	for _, p := range payouts {
		if row := asked[p.ID]; row != nil {
			l.payouts = append(l.payouts, velocityPayout(row))
		}
	}
	l.tail = known.grown(l.filled, l.book)
	return l
}

func velocityPayout(row *db.VelocityLookRow) velocity.Payout {
	return velocity.Payout{
		ID: row.ID, Amount: row.Amount, Beneficiary: row.BeneficiaryID, Account: row.Account, New: row.Fresh,
		Kind: velocity.Kind{
			Currency: row.Currency, Country: row.Country, Method: string(row.Method), BeneficiaryType: string(row.BeneficiaryType),
		},
	}
}

// fillBuckets puts what counts so far into buckets, and settles those that ended long enough ago.
func fillBuckets(ctx context.Context, u *unit.Unit, merchant string, counted time.Time) error {
	if !counted.Before(u.Now) {
		return nil // our clock is behind: everything that is left is later
	}
	if err := u.Read().VelocityCount(ctx, db.VelocityCountParams{MerchantID: merchant, Since: counted, Until: u.Now}); err != nil {
		return fmt.Errorf("fill buckets: %w", err)
	}
	return u.Read().VelocityBookCounted(ctx, db.VelocityBookCountedParams{
		MerchantID: merchant, Counted: u.Now, Settled: u.Now.Add(-settledAfter).Truncate(settledEvery),
	})
}

// countLate puts payouts that passed into buckets where others of their moment are there already: our clock is behind that of the server
// which filled them.
func (b *standing) countLate(ctx context.Context, u *unit.Unit, merchant string, payouts []string) error {
	if len(payouts) == 0 || !u.Now.Before(b.counted) {
		return nil
	}
	err := u.Queue(unit.Rows).VelocityCount(ctx, db.VelocityCountParams{
		MerchantID: merchant, Since: u.Now, Until: u.Now.Add(time.Microsecond), PayoutIds: payouts,
	})
	if err != nil {
		return err
	}
	return u.Queue(unit.Rows).VelocityBookTouched(ctx, u.Now, merchant)
}
