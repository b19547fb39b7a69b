package sepa

import (
	"errors"
	"fmt"
	"strings"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/iso20022"
)

// Read reads what our bank sends: status reports (pain.002), notifications of bookings (camt.054) and returns (pacs.004).
func (f *Format) Read(content []byte) ([]files.Entry, error) {
	version, err := iso20022.Version(content)
	if err != nil {
		return nil, err
	}
	switch version {
	case iso20022.Pain002:
		return readStatuses(content)
	case iso20022.Camt054:
		return f.readBookings(content)
	case iso20022.Pacs004:
		return ReadReturns(content)
	}
	return nil, fmt.Errorf("it is none of the messages that we read: %s, %s and %s", iso20022.Pain002, iso20022.Camt054, iso20022.Pacs004)
}

// What the tables have room for.
const (
	roomCode      = 16
	roomReference = 64
)

// cut cuts a text of a bank's to what there is room for. Longer ones are none that we gave or that a schema allows.
func cut(text string, room int) string {
	if runes := []rune(strings.TrimSpace(text)); len(runes) > room {
		return strings.TrimSpace(string(runes[:room]))
	}
	return strings.TrimSpace(text)
}

// CutCode cuts a code of a bank's to what there is room for.
func CutCode(code string) string { return cut(code, roomCode) }

// Reference is our payment's, of those that a bank may give: the first that says something.
func Reference(texts ...string) string {
	for _, text := range texts {
		if text = cut(text, roomReference); text != "" && text != "NOTPROVIDED" {
			return text
		}
	}
	return ""
}

// A status is what a status of pain.002 means. None but ACCC says that the beneficiary has the money: ACSC is the debtor's side alone
// (ISO 20022 external code set ExternalPaymentTransactionStatus1Code).
var statuses = map[string]files.Kind{
	"RCVD": files.Accepted, // received
	"PDNG": files.Accepted, // pending: further checks
	"PATC": files.Accepted, // partially authorised
	"ACTC": files.Accepted, // technically valid
	"ACCP": files.Accepted, // the customer's profile is in order
	"ACSP": files.Accepted, // settlement is in process
	"ACWC": files.Accepted, // accepted with a change, such as another day
	"ACWP": files.Accepted, // not posted to the creditor yet
	"ACFC": files.Accepted, // funds are there
	"ACSC": files.Accepted, // settled on the debtor's account
	"ACCC": files.Settled,  // settled on the creditor's account
	"RJCT": files.Failed,
	"CANC": files.Failed, // cancelled, after somebody asked the bank to
}

// Mixed is the status of a group whose payments have several: theirs count.
const Mixed = "PART"

// StatusEntry is what a status says. A payment is rejected once and credited once, however often a bank says so: so the message is named
// by what it says.
func StatusEntry(status, code string) files.Entry {
	e := files.Entry{Kind: files.Unreadable, Message: "status-" + cut(status, roomCode), Code: cut(code, roomCode)}
	kind, ok := statuses[status]
	if !ok {
		return e
	}
	e.Kind = kind
	switch {
	case status == "CANC":
		e.Reason, e.Message = "cancelled", "rejected"
	case kind == files.Failed:
		e.Reason, e.Message = reasonOf(e.Code), "rejected"
	case kind == files.Settled:
		e.Message = "credited"
	}
	return e
}

// readStatuses reads a status report. What is said of a payment goes before what is said of its PmtInf, and that before what is said of the
// message: a group that is rejected rejects all in it that the report does not name.
func readStatuses(content []byte) ([]files.Entry, error) {
	var message iso20022.CustomerPaymentStatusReport
	if err := iso20022.Decode(content, iso20022.Pain002, &message); err != nil {
		return nil, err
	}
	group := message.Report.Group
	if group.Message == "" {
		return nil, errors.New("it does not say which message it answers (OrgnlMsgId)")
	}
	if !strings.HasPrefix(group.Version, "pain.001") {
		return nil, errors.New("it answers no pain.001 (OrgnlMsgNmId)")
	}
	var named, whole []files.Entry
	for i, payments := range message.Report.Payments {
		status, why := payments.Status, payments.Reasons
		if status == "" {
			status, why = group.Status, group.Reasons
		}
		for j, t := range payments.Transfers {
			entry, err := transferStatus(t, status, why)
			if err != nil {
				return nil, fmt.Errorf("OrgnlPmtInfAndSts %d, TxInfAndSts %d: %w", i+1, j+1, err)
			}
			named = append(named, entry)
		}
		if payments.Status != "" && payments.Status != Mixed {
			// A message of ours has one PmtInf, whose id begins with the message's.
			whole = append(whole, wholeFile(strings.TrimSuffix(payments.ID, "-1"), StatusEntry(payments.Status, iso20022.CodeOf(payments.Reasons))))
		}
	}
	if len(whole) == 0 && group.Status != "" && group.Status != Mixed {
		whole = append(whole, wholeFile(group.Message, StatusEntry(group.Status, iso20022.CodeOf(group.Reasons))))
	}
	if len(named)+len(whole) == 0 {
		return nil, errors.New("it has no status")
	}
	return append(named, whole...), nil
}

// transferStatus is what a report says of one payment: by itself, else by the group that it is listed in.
func transferStatus(t iso20022.TransactionStatus, status string, why []iso20022.Reason) (files.Entry, error) {
	if t.Status != "" {
		status, why = t.Status, t.Reasons
	}
	if status == "" || status == Mixed {
		return files.Entry{}, errors.New("it has no status")
	}
	e := StatusEntry(status, iso20022.CodeOf(why))
	if e.BankReference = Reference(t.EndToEnd, t.Instructed); e.BankReference == "" {
		return e, errors.New("it does not say which payment it is about")
	}
	return e, nil
}

// wholeFile makes an entry one about all payments in a message of ours.
func wholeFile(message string, e files.Entry) files.Entry {
	e.BankReference = cut(message, roomReference)
	if messageForm.MatchString(e.BankReference) {
		e.File = fileName(e.BankReference)
	}
	return e
}

// returned is an entry of a payment that came back. The same return comes in a camt.054 and a pacs.004, which have no reference of it in
// common: a payment that settled as a return on a day is one return of that day.
func returned(day, code string) files.Entry {
	return files.Entry{Kind: files.Returned, Message: "returned-" + day, Code: cut(code, roomCode), Reason: reasonOf(code)}
}

// Told is what our bank says by other ways: known as in its files, a return by its day, all else by what it says.
func (f *Format) Told(t files.Telling) (files.Entry, error) {
	switch {
	case t.Kind == files.Settled:
		return StatusEntry("ACCC", ""), nil
	case t.Kind == files.Failed:
		return StatusEntry("RJCT", t.Code), nil
	case t.SettledOn == "":
		return files.Entry{}, apierr.InvalidField("settled_on", "must be there: a SEPA return is known by the day on which it settled")
	}
	return returned(t.SettledOn, t.Code), nil
}

// ReadReturns reads a pacs.004.
func ReadReturns(content []byte) ([]files.Entry, error) {
	var message iso20022.PaymentReturn
	if err := iso20022.Decode(content, iso20022.Pacs004, &message); err != nil {
		return nil, err
	}
	header, all := message.Message.Header, message.Message.Transactions
	if strings.TrimSpace(header.Count) != fmt.Sprint(len(all)) {
		return nil, errors.New("it has another number of returns than its header says (NbOfTxs)")
	}
	if len(all) == 0 {
		return nil, errors.New("it has no return (TxInf)")
	}
	var entries []files.Entry
	for i, t := range all {
		day := iso20022.DateText(t.Settled, header.Settled)
		e := returned(day, iso20022.CodeOf(t.Reasons))
		e.BankReference = Reference(t.EndToEnd, t.Transaction, t.Instructed)
		switch {
		case day == "":
			return nil, fmt.Errorf("TxInf %d: it does not say when it settled (IntrBkSttlmDt)", i+1)
		case e.BankReference == "":
			return nil, fmt.Errorf("TxInf %d: it does not say which payment came back (OrgnlEndToEndId)", i+1)
		case t.Amount == nil:
			return nil, fmt.Errorf("TxInf %d: it has no amount (RtrdIntrBkSttlmAmt)", i+1)
		}
		amount, err := t.Amount.Money()
		if err != nil {
			return nil, fmt.Errorf("TxInf %d: %w", i+1, err)
		}
		e.Amount = &amount
		entries = append(entries, e)
	}
	return entries, nil
}
