package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// perFile is how many payments a file has at most; its format may have room for fewer. What is over goes into the next one, at once.
const perFile = 10_000

// Cut cuts the files that are due and returns how many payments and recalls went into them. Any number of servers may: an order is locked
// by one at a time, and the database knows one file for it.
func (r *Rail) Cut(ctx context.Context) (entries int, err error) {
	for _, cut := range []func(context.Context) (int, error){r.cut, r.cutRecalls} {
		for {
			n, failed := cut(ctx)
			entries += n
			if failed != nil || n == 0 || ctx.Err() != nil {
				err = errors.Join(err, failed) // a recall waits for no payment, nor the other way round
				break
			}
		}
	}
	return entries, err
}

// cut cuts one file of orders that are due: what is in it, what it is called and which orders it has, in one transaction. If we stop
// before its commit, the orders wait as before; after it, the file waits to be delivered.
func (r *Rail) cut(ctx context.Context) (payments int, err error) {
	err = r.Runner.Do(ctx, unit.Who{Actor: r.actor()}, false, func(ctx context.Context, u *unit.Unit) error {
		payments = 0
		rows, err := u.Read().RailOrdersDueLock(ctx, db.RailOrdersDueLockParams{Rail: r.Name(), Now: u.Now, RowLimit: perFile})
		if err != nil || len(rows) == 0 {
			return err
		}
		orders := make([]Order, len(rows))
		for i, row := range rows {
			if orders[i], err = r.open(row); err != nil {
				return err
			}
		}
		if orders = orders[:r.Fits(orders)]; len(orders) == 0 {
			return fmt.Errorf("%s fits into no file", rows[0].PayoutID)
		}
		file, err := r.write(ctx, u, *rows[0].CutAt, orders)
		if err != nil {
			return err
		}
		payments = len(orders)
		return r.record(ctx, u, file, orders)
	})
	if err != nil {
		return 0, fmt.Errorf("cut a file of %s: %w", r.Name(), err)
	}
	return payments, nil
}

// A cutFile is a file that was written and is not stored yet.
type cutFile struct {
	db.RailFileInsertParams
	content []byte
}

// header is that of the next file of the day.
func (r *Rail) header(ctx context.Context, u *unit.Unit, waited time.Time) (Header, error) {
	cutOff := r.Windows().cutOffOf(waited, u.Now)
	h := Header{Day: r.Windows().Day(cutOff), Settles: r.Windows().settlement(cutOff), Created: u.Now}
	last, err := u.Read().RailFileLastNumber(ctx, r.Name(), h.Day)
	if err != nil {
		return h, fmt.Errorf("read the number of the day's last file: %w", err)
	}
	h.Number = int(last) + 1
	return h, nil
}

// write writes the next file of the day and holds what it says of its sum against ours.
func (r *Rail) write(ctx context.Context, u *unit.Unit, waited time.Time, orders []Order) (cutFile, error) {
	h, err := r.header(ctx, u, waited)
	if err != nil {
		return cutFile{}, err
	}
	written, err := r.Write(h, orders)
	if err != nil {
		return cutFile{}, fmt.Errorf("write it: %w", err)
	}
	file, err := r.checked(u, h, written, orders)
	file.SettlesOn = &h.Settles
	return file, err
}

// checked is what was written as a file, if it says of itself what its orders are.
func (r *Rail) checked(u *unit.Unit, h Header, written Written, orders []Order) (cutFile, error) {
	total, err := sum(orders)
	if err != nil {
		return cutFile{}, err
	}
	if written.Entries != len(orders) || written.Amount.Currency() != total.Currency() || written.Amount.String() != total.String() {
		return cutFile{}, fmt.Errorf("it says %d payments of %s %s, and the orders are %d of %s %s",
			written.Entries, written.Amount.Currency(), written.Amount, len(orders), total.Currency(), total)
	}
	hash, number, currency := sha256.Sum256(written.Content), int32(h.Number), total.Currency()
	return cutFile{db.RailFileInsertParams{
		Rail: r.Name(), ID: ids.New(ids.RailFile, u.Now), Direction: "out", Name: r.FileName(h), Sha256: hash[:],
		Size: int32(len(written.Content)), Entries: int32(len(orders)), Amount: decimal(total), Currency: &currency, Day: h.Day,
		Number: &number, CreatedAt: u.Now, CreatedBy: u.Actor,
	}, written.Content}, nil
}

// record queues the file, its bytes and its orders.
func (r *Rail) record(ctx context.Context, u *unit.Unit, file cutFile, orders []Order) error {
	if err := r.keepCut(ctx, u, file); err != nil {
		return err
	}
	in := db.RailFileOrdersInsertParams{Rail: r.Name(), FileID: file.ID}
	for i, o := range orders {
		in.MerchantIds, in.PayoutIds, in.Lines = append(in.MerchantIds, o.Merchant), append(in.PayoutIds, o.Payout), append(in.Lines, int32(i+1))
	}
	q := u.Queue(unit.Rows)
	if err := q.RailFileOrdersInsert(ctx, in); err != nil {
		return err
	}
	return q.RailOrdersCut(ctx, in.MerchantIds, in.PayoutIds)
}

// keepCut queues a file that was cut and its bytes.
func (r *Rail) keepCut(ctx context.Context, u *unit.Unit, file cutFile) error {
	sealed, err := r.Keys.Seal(contentPlace(r.Name(), file.ID), file.content)
	if err != nil {
		return err
	}
	q := u.Queue(unit.Rows)
	if err := q.RailFileInsert(ctx, file.RailFileInsertParams); err != nil {
		return err
	}
	if err := q.RailFileContentInsert(ctx, db.RailFileContentInsertParams{Rail: r.Name(), FileID: file.ID, Content: sealed}); err != nil {
		return err
	}
	amount, err := money.Of(*file.Currency, *file.Amount)
	if err != nil {
		return err
	}
	entries := "payments"
	if file.Recalls {
		entries = "recalls"
	}
	return audit.Record(ctx, u, audit.Row{Action: "rail_file.cut", Object: file.ID, Detail: map[string]string{
		"rail": r.Name(), "name": file.Name, entries: fmt.Sprint(file.Entries), "amount": amount.String(), "currency": amount.Currency(),
		"sha256": fmt.Sprintf("%x", file.Sha256),
	}})
}

func contentPlace(rail, file string) crypto.Place {
	return crypto.Place{Merchant: rail, Object: file, Field: "rail_file_contents.content"}
}

// Content gives a file's bytes as they are, or were, on the disk.
func (r *Rail) Content(ctx context.Context, q *db.Queries, file string) ([]byte, error) {
	sealed, err := q.RailFileContentGet(ctx, r.Name(), file)
	if err != nil {
		return nil, fmt.Errorf("read the content of %s: %w", file, err)
	}
	return r.Keys.Open(contentPlace(r.Name(), file), sealed)
}
