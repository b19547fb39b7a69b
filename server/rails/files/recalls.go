package files

import (
	"context"
	"fmt"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/unit"
)

// Recalls is how a scheme asks the beneficiaries' banks for payments back. What banks answer comes with Read, as entries about the payment.
type Recalls struct {
	// Reasons are the codes that the scheme has for why, for people to choose from.
	Reasons []string
	// Until is when a payment that settled on the day may be asked back for the last time, for one of the reasons.
	Until func(reason string, settled time.Time) time.Time
	// Together picks from the recalls those that go into one file with the first.
	Together func(all []Recall) []Recall
	// Write writes a file. What it says of the sum is read from what it wrote.
	Write func(h Header, all []Recall) (Written, error)
}

// A Recall asks for a payment back.
type Recall struct {
	ID     string
	Reason string // the scheme's code
	Text   string // for the bank; may be empty
	// Order is the payment, and Header that of the file it went out in.
	Order  Order
	Header Header
}

// cutRecalls cuts one file of recalls that are due, in one transaction, as cut does one of payments.
func (r *Rail) cutRecalls(ctx context.Context) (recalls int, err error) {
	scheme := r.Recalls()
	if scheme == nil {
		return 0, nil
	}
	err = r.Runner.Do(ctx, unit.Who{Actor: r.actor()}, false, func(ctx context.Context, u *unit.Unit) error {
		recalls = 0
		rows, err := u.Read().RecallsDueLock(ctx, db.RecallsDueLockParams{Rail: r.Name(), Now: u.Now, RowLimit: perFile})
		if err != nil || len(rows) == 0 {
			return err
		}
		all := make([]Recall, len(rows))
		for i, row := range rows {
			if all[i], err = r.recall(row); err != nil {
				return err
			}
		}
		all = scheme.Together(all)
		file, err := r.writeRecalls(ctx, u, *rows[0].RailRecall.CutAt, scheme, all)
		if err != nil {
			return err
		}
		recalls = len(all)
		return r.recordRecalls(ctx, u, file, all)
	})
	if err != nil {
		return 0, fmt.Errorf("cut a file of recalls of %s: %w", r.Name(), err)
	}
	return recalls, nil
}

func (r *Rail) recall(row db.RecallsDueLockRow) (Recall, error) {
	order, err := r.open(row.RailOrder)
	return Recall{
		ID: row.RailRecall.ID, Reason: row.RailRecall.ReasonCode, Text: row.RailRecall.Text, Order: order,
		Header: Header{Day: row.Day, Number: int(*row.Number), Settles: *row.SettlesOn},
	}, err
}

// writeRecalls writes the next file of the day and holds what it says of its sum against ours.
func (r *Rail) writeRecalls(ctx context.Context, u *unit.Unit, waited time.Time, scheme *Recalls, all []Recall) (cutFile, error) {
	h, err := r.header(ctx, u, waited)
	if err != nil {
		return cutFile{}, err
	}
	written, err := scheme.Write(h, all)
	if err != nil {
		return cutFile{}, fmt.Errorf("write it: %w", err)
	}
	orders := make([]Order, len(all))
	for i, recall := range all {
		orders[i] = recall.Order
	}
	file, err := r.checked(u, h, written, orders)
	file.Recalls = true
	return file, err
}

// recordRecalls queues the file, its bytes and its recalls, each of which is told to the audit log.
func (r *Rail) recordRecalls(ctx context.Context, u *unit.Unit, file cutFile, all []Recall) error {
	if err := r.keepCut(ctx, u, file); err != nil {
		return err
	}
	in := db.RailFileRecallsInsertParams{Rail: r.Name(), FileID: file.ID}
	for i, recall := range all {
		in.MerchantIds, in.RecallIds, in.Lines = append(in.MerchantIds, recall.Order.Merchant), append(in.RecallIds, recall.ID), append(in.Lines, int32(i+1))
		err := audit.Record(ctx, u, audit.Row{Merchant: recall.Order.Merchant, Action: "recall.cut", Object: recall.ID, Detail: map[string]string{
			"payout_id": recall.Order.Payout, "file_id": file.ID,
		}})
		if err != nil {
			return err
		}
	}
	q := u.Queue(unit.Rows)
	if err := q.RailFileRecallsInsert(ctx, in); err != nil {
		return err
	}
	return q.RecallsCut(ctx, db.RecallsCutParams{MerchantIds: in.MerchantIds, RecallIds: in.RecallIds, At: u.Now, Actor: u.Actor})
}
