package sepa

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/iso20022"
)

// The signs and the one status of a booking that count (ISO 20022 CreditDebitCode, ExternalEntryStatus1Code): what is pending or for
// information may never be booked.
const (
	credit, debit = "CRDT", "DBIT"
	booked        = "BOOK"
)

// readBookings reads a camt.054 of our account. Every booking becomes an entry: one that is about none of our payments is for a person to
// see.
func (f *Format) readBookings(content []byte) ([]files.Entry, error) {
	var message iso20022.DebitCreditNotification
	if err := iso20022.Decode(content, iso20022.Camt054, &message); err != nil {
		return nil, err
	}
	if len(message.Message.Notifications) == 0 {
		return nil, errors.New("it has no notification")
	}
	b := bookings{returns: map[string]int{}}
	for i, n := range message.Message.Notifications {
		if strings.ReplaceAll(n.Account.ID.IBAN, " ", "") != f.settings.IBAN {
			return nil, fmt.Errorf("notification %d is of another account than ours", i+1)
		}
		for j, e := range n.Entries {
			if e.Status.Text() != booked {
				continue
			}
			if err := b.entry(e, fmt.Sprintf("%d.%d", i+1, j+1)); err != nil {
				return nil, fmt.Errorf("notification %d, entry %d: %w", i+1, j+1, err)
			}
		}
	}
	return b.all, nil
}

// bookings gathers what a message says.
type bookings struct {
	all []files.Entry
	// returns counts those of a payment on a day: the second one in a message is another return, which cannot be, and not the same again.
	returns map[string]int
}

// entry reads one booking. place is where it is, for one that has no reference.
func (b *bookings) entry(e iso20022.Entry, place string) error {
	if e.Amount == nil || (e.Sign != credit && e.Sign != debit) {
		return errors.New("it has no amount, or neither CRDT nor DBIT")
	}
	total, err := e.Amount.Money()
	if err != nil {
		return err
	}
	transactions, err := transactionsOf(e)
	if err != nil {
		return err
	}
	if len(transactions) == 0 {
		b.all = append(b.all, alone(e, total, place))
		return nil
	}
	sum := money.Zero(total.Currency())
	for i, t := range transactions {
		amount, err := amountOf(t, total, len(transactions))
		if err != nil {
			return fmt.Errorf("TxDtls %d: %w", i+1, err)
		}
		if t.Sign != "" && t.Sign != e.Sign {
			return fmt.Errorf("TxDtls %d: its sign is not that of the entry", i+1)
		}
		if sum, err = plus(sum, amount); err != nil {
			return fmt.Errorf("TxDtls %d: %w", i+1, err)
		}
		out, err := b.transaction(e, t, place+"."+strconv.Itoa(i+1))
		if err != nil {
			return fmt.Errorf("TxDtls %d: %w", i+1, err)
		}
		if out.Kind != files.Unreadable || e.Sign == credit {
			// What we cannot read of a debit brought no money, and none may wait for it.
			out.Amount = &amount
		}
		b.all = append(b.all, out)
	}
	if sum.String() != total.String() {
		return errors.New("its details add up to another sum than its own")
	}
	return nil
}

func plus(a, b money.Amount) (money.Amount, error) {
	if a.Currency() != b.Currency() {
		return a, errors.New("its currency is not that of the entry")
	}
	return a.Plus(b), nil
}

// transactionsOf are the payments of a booking, in however many details they are, if they are as many as its batches say.
func transactionsOf(e iso20022.Entry) ([]iso20022.EntryTransaction, error) {
	var all []iso20022.EntryTransaction
	for _, details := range e.Details {
		all = append(all, details.Transactions...)
		if details.Batch != nil && details.Batch.Count != "" && len(details.Transactions) > 0 &&
			strings.TrimSpace(details.Batch.Count) != strconv.Itoa(len(details.Transactions)) {
			return nil, errors.New("it has another number of payments than its batch says (NbOfTxs)")
		}
	}
	return all, nil
}

// amountOf is the amount of a payment in a booking. One that is alone there may leave it to the booking.
func amountOf(t iso20022.EntryTransaction, total money.Amount, many int) (money.Amount, error) {
	switch {
	case t.Amount != nil:
		return t.Amount.Money()
	case many == 1:
		return total, nil
	}
	return money.Amount{}, errors.New("it has no amount")
}

// alone is a booking without details: the debit of a whole file of ours, or something that we do not know.
func alone(e iso20022.Entry, total money.Amount, place string) files.Entry {
	out := files.Entry{Kind: files.Unreadable, Message: messageOf("booked-", e.Servicer, e.Reference, place), Amount: &total}
	out.BankReference = Reference(e.Servicer, e.Reference)
	if e.Sign == debit && !reversal(e) && len(e.Details) == 1 && e.Details[0].Batch != nil {
		batch := e.Details[0].Batch
		// The sum is the batch's, and no payment's.
		whole := wholeFile(strings.TrimSuffix(Reference(batch.Payment, batch.Message), "-1"), files.Entry{Kind: files.Accepted, Message: "debited"})
		if whole.File != "" {
			return whole
		}
	}
	return out
}

// messageOf names a booking by what the bank calls it.
func messageOf(prefix string, names ...string) string {
	return prefix + cut(Reference(names...), roomReference-len(prefix))
}

func reversal(e iso20022.Entry) bool {
	text := strings.TrimSpace(e.Reversal)
	return text == "true" || text == "1"
}

// transaction says what a payment in a booking means.
func (b *bookings) transaction(e iso20022.Entry, t iso20022.EntryTransaction, place string) (files.Entry, error) {
	ours := Reference(t.References.EndToEnd, t.References.Instructed, t.References.Servicer, e.Servicer, e.Reference)
	comesBack := t.Return != nil || t.Code.Returns() || (t.Code == nil && e.Code.Returns())
	code := ""
	if t.Return != nil {
		code = t.Return.Code.Text()
	}
	out := files.Entry{
		Kind: files.Unreadable, Message: messageOf("booked-", t.References.Servicer, e.Servicer, e.Reference, place), Code: cut(code, roomCode),
	}
	switch {
	case e.Sign == credit && comesBack && !reversal(e):
		day := dayOf(e, t)
		if day == "" {
			return out, errors.New("it does not say when the return settled")
		}
		out = returned(day, code)
		key := ours + " " + day
		if b.returns[key]++; b.returns[key] > 1 {
			out.Message = fmt.Sprintf("%s-%d", out.Message, b.returns[key])
		}
	case e.Sign == debit && reversal(e):
		// A credit is taken back, and of ours only returns were credited.
		out.Kind = files.ReturnReversed
	case e.Sign == debit && !comesBack:
		out.Kind, out.Message = files.Accepted, "debited"
	}
	out.BankReference = ours
	return out, nil
}

// dayOf is when a payment in a booking settled between the banks; the booking's value date where it does not say.
func dayOf(e iso20022.Entry, t iso20022.EntryTransaction) string {
	settled := ""
	if t.Related != nil {
		settled = t.Related.Settled
	}
	return iso20022.DateText(settled, e.Valued.Text(), e.Booked.Text())
}
