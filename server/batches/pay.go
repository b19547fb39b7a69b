package batches

import (
	"context"
	"errors"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// errTried ends a unit that was only to be tried out.
var errTried = errors.New("tried out")

// check says of each line what is wrong with it. The lines that seem right are tried out by the core that will create their payouts, in
// a transaction that writes nothing, so that what is found right here is refused later only for what changed meanwhile. That the money
// does not suffice is no mistake of the file: the summary says it.
func (w *Worker) check(ctx context.Context, b db.Batch, lines []*line) error {
	all := newPayees()
	for start := 0; start < len(lines); start += checkSize {
		some := lines[start:min(start+checkSize, len(lines))]
		for _, l := range some {
			if err := l.check(w.Beneficiaries, b.CreatedAt); err != nil {
				return err
			}
		}
		err := w.Runner.Do(ctx, unit.Who{Merchant: b.MerchantID, Actor: byBatches}, false, func(ctx context.Context, u *unit.Unit) error {
			if err := all.load(ctx, u.Read(), b.MerchantID, some); err != nil {
				return err
			}
			for _, l := range some {
				all.find(l)
			}
			if err := w.tryOut(ctx, u, b.MerchantID, some); err != nil {
				return err
			}
			return errTried
		})
		if !errors.Is(err, errTried) {
			return err
		}
	}
	return nil
}

// refuseFor notes against the column that caused it why no rail takes the line's amount.
func (l *line) refuseFor(err error) {
	e, column := apierr.From(err), "currency"
	if e.Code == antonv1.ErrorCode_amount_out_of_range {
		column = "amount"
	}
	l.refuse(column, e.Message, "")
}

// tryOut notes for every line that seems right why its payout would be refused.
func (w *Worker) tryOut(ctx context.Context, u *unit.Unit, merchant string, lines []*line) error {
	var tried []*line
	var reqs []*antonv1.CreatePayoutRequest
	for _, l := range lines {
		switch {
		case len(l.wrong) > 0:
		case l.who.id != "":
			tried, reqs = append(tried, l), append(reqs, l.request(l.who.id))
		case l.newcomer != nil:
			account := l.newcomer.Account
			amount, err := money.Parse(l.cells.GetCurrency(), l.cells.GetAmount())
			if err == nil {
				err = w.Payouts.Reaches(db.PaymentMethod(account.Method.String()), account.Country, amount)
			}
			if err != nil {
				l.refuseFor(err)
			}
		}
	}
	if len(reqs) == 0 {
		return nil
	}
	refusals, err := w.Payouts.Weigh(ctx, u, merchant, reqs)
	if err != nil {
		return err
	}
	for i, refusal := range refusals {
		if refusal == nil {
			continue
		}
		e, ok := errors.AsType[*apierr.Error](refusal)
		if !ok {
			return refusal
		}
		tried[i].refuseAs(e)
	}
	return nil
}

// refuseAs notes by its column what the creation of the payout would be refused for.
func (l *line) refuseAs(e *apierr.Error) {
	switch {
	case e.Code == antonv1.ErrorCode_insufficient_balance:
	case e.Code == antonv1.ErrorCode_corridor_not_enabled:
		l.refuse("currency", e.Message, "")
	case len(e.Fields) > 0 && columns[e.Fields[0].Path] != nil:
		l.refuseAll(e.Fields)
	default:
		l.refuse(l.payeeColumn(), e.Message, "")
	}
}

// pay creates the payouts of the next slice of a confirmed batch: beneficiaries that are new, payouts with their holds, and what became
// of each row, in one transaction. If we stop here, none of it happened, and the rows are still to be paid.
func (w *Worker) pay(ctx context.Context, u *unit.Unit, row *db.Batch) error {
	rows, err := u.Read().BatchRowsNext(ctx, db.BatchRowsNextParams{MerchantID: row.MerchantID, BatchID: row.ID, RowLimit: w.size(row)})
	if err != nil {
		return fmt.Errorf("read the next rows: %w", err)
	}
	lines := make([]*line, len(rows))
	for i, r := range rows {
		if lines[i], err = w.open(*row, r.Number, r.Data); err != nil {
			return err
		}
		if err := lines[i].check(w.Beneficiaries, row.CreatedAt); err != nil {
			return err
		}
	}
	if err := w.settleWho(ctx, u, row.MerchantID, lines); err != nil {
		return err
	}
	if row.Status == db.BatchStatusConfirmed {
		if err := move(ctx, u, row, db.BatchStatusProcessing); err != nil {
			return err
		}
	}
	if err := w.createPayouts(ctx, u, row, lines); err != nil {
		return err
	}
	return w.finish(ctx, u, row)
}

// settleWho finds whom the lines pay, as it is now, and creates those who are new.
func (w *Worker) settleWho(ctx context.Context, u *unit.Unit, merchant string, lines []*line) error {
	all := newPayees()
	if err := all.load(ctx, u.Read(), merchant, lines); err != nil {
		return err
	}
	var newcomers []*beneficiaries.Newcomer
	var them []*payee
	for _, l := range lines {
		if all.find(l); l.who != nil && l.who.first == l.number && len(l.wrong) == 0 {
			newcomers, them = append(newcomers, l.newcomer), append(them, l.who)
		}
	}
	created, err := w.Beneficiaries.CreateMany(ctx, u, merchant, newcomers)
	for i, id := range created {
		them[i].id = id
	}
	return err
}

// createPayouts creates what it can of the lines' payouts and queues what became of each row.
func (w *Worker) createPayouts(ctx context.Context, u *unit.Unit, row *db.Batch, lines []*line) error {
	ends := db.BatchRowsEndParams{MerchantID: row.MerchantID, BatchID: row.ID}
	end := func(l *line, payout, code, message string) {
		beneficiary := ""
		if l.who != nil {
			beneficiary = l.who.id
		}
		ends.Numbers, ends.BeneficiaryIds = append(ends.Numbers, l.number), append(ends.BeneficiaryIds, beneficiary)
		ends.PayoutIds, ends.ErrorCodes = append(ends.PayoutIds, payout), append(ends.ErrorCodes, code)
		ends.Errors = append(ends.Errors, apierr.Cut(message, 500))
		if payout != "" {
			row.CreatedRows++
		} else {
			row.FailedRows++
		}
	}
	var asked []*line
	var numbers []int32
	var reqs []*antonv1.CreatePayoutRequest
	for _, l := range lines {
		if len(l.wrong) > 0 || l.who == nil || l.who.id == "" {
			code, message := l.changed()
			end(l, "", code, message)
			continue
		}
		asked, numbers, reqs = append(asked, l), append(numbers, l.number), append(reqs, l.request(l.who.id))
	}
	created, refusals, err := w.Payouts.CreateOfBatch(ctx, u, row.MerchantID, row.ID, numbers, reqs)
	if err != nil {
		return err
	}
	for i, l := range asked {
		if refusals[i] == nil {
			end(l, created[i].ID, "", "")
			continue
		}
		e, ok := errors.AsType[*apierr.Error](refusals[i])
		if !ok {
			return refusals[i]
		}
		end(l, "", e.Code.String(), e.Message)
	}
	// After the payouts, which the rows point at.
	return u.Queue(unit.Work).BatchRowsEnd(ctx, ends)
}

// changed says why a row that was right is not any more.
func (l *line) changed() (code, message string) {
	code = antonv1.ErrorCode_validation_error.String()
	switch {
	case len(l.wrong) == 0:
		return code, "The beneficiary cannot be told any more."
	case l.who == nil && l.newcomer == nil && l.wrong[0].field == l.payeeColumn():
		code = antonv1.ErrorCode_not_found.String()
	}
	return code, fmt.Sprintf("%s %s", l.wrong[0].field, l.wrong[0].message)
}
