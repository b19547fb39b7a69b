// Package interbank is SEPA Credit Transfers for who takes part in a clearing itself: pacs.008 out; pacs.002 and pacs.004 in, as the European
// Payments Council's guidelines have them (EPC115-06, SCT Inter-PSP Implementation Guidelines). The scheme is package sepa's, and only the
// messages differ.
package interbank

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/iso20022"
	"github.com/antonpayments/anton/server/rails/sepa"
)

// Name is what the rail's payouts are filed under.
const Name = "interbank"

// Settings are SEPA's, and the clearing that we take part in. The BIC is ours, and the IBAN the account at us that payments leave from.
type Settings struct {
	sepa.Settings
	// ClearingSystem is the clearing's code in the external code set ExternalCashClearingSystem1Code, such as ST2.
	ClearingSystem string `json:"clearing_system"`
}

// Format writes and reads interbank files.
type Format struct {
	*sepa.Format
	clearing string
}

var clearingForm = regexp.MustCompile(`^[A-Z0-9]{1,3}$`)

// New makes a format by settings, or says all that is wrong with them.
func New(s Settings) (*Format, error) {
	scheme, err := sepa.New(s.Settings)
	if !clearingForm.MatchString(s.ClearingSystem) {
		err = errors.Join(err, errors.New("clearing_system: must be the clearing's ISO 20022 code, such as ST2"))
	}
	return &Format{scheme, s.ClearingSystem}, err
}

// Name is the rail's.
func (*Format) Name() string { return Name }

// FileName names a file by its day and number, as its message is.
func (*Format) FileName(h files.Header) string { return fileName(messageID(h)) }

func messageID(h files.Header) string {
	return fmt.Sprintf("INTERBANK-%s-%02d", h.Day.Format("20060102"), h.Number)
}

func fileName(message string) string { return strings.ToLower(message) + ".xml" }

// messageForm is what the ids of our messages are like.
var messageForm = regexp.MustCompile(`^INTERBANK-\d{8}-\d{2,6}$`)

// Check says why SEPA cannot carry the payment. Between banks the beneficiary's must always be named: nobody looks it up for us.
func (f *Format) Check(o files.Order) *files.Refusal {
	if refusal := f.Format.Check(o); refusal != nil {
		return refusal
	}
	if _, bic := sepa.AccountOf(o.Details.Account); bic == "" {
		return &files.Refusal{Code: "bic_required"}
	}
	return nil
}

// Reason is the sentence of a neutral code.
func (f *Format) Reason(code string) string {
	if code == "bic_required" {
		return "The payment needs the BIC of the receiving bank: add it to the account."
	}
	return f.Format.Reason(code)
}

// Write writes a file. It reads back what it wrote, and says of it what the message says.
func (f *Format) Write(h files.Header, orders []files.Order) (files.Written, error) {
	_, _, bic := f.Account()
	total := money.Zero("EUR")
	message := iso20022.FICustomerCreditTransfer{Header: iso20022.InterbankHeader{
		ID: messageID(h), Created: h.Created.UTC().Format(iso20022.TimeForm), Count: strconv.Itoa(len(orders)),
		Settles: h.Settles.Format(time.DateOnly), Method: "CLRG", Clearing: f.clearing, Instructor: *iso20022.BIC(bic),
	}}
	if !messageForm.MatchString(message.Header.ID) {
		return files.Written{}, fmt.Errorf("%q is no id that a message of ours can have", message.Header.ID)
	}
	for _, o := range orders {
		if _, agent := sepa.AccountOf(o.Details.Account); o.Amount.Currency() != "EUR" || agent == "" {
			return files.Written{}, fmt.Errorf("%s is not in euros, or names no bank", o.Payout)
		}
		total = total.Plus(o.Amount)
		message.Transfers = append(message.Transfers, f.transfer(o))
	}
	message.Header.Sum = iso20022.AmountOf(total)
	content, err := iso20022.Encode(message)
	if err != nil {
		return files.Written{}, err
	}
	return reread(content)
}

// transfer is one payment, of which it is known that a message can carry it.
func (f *Format) transfer(o files.Order) iso20022.InterbankTransfer {
	holder, iban, bic := f.Account()
	creditor, agent := sepa.AccountOf(o.Details.Account)
	t := iso20022.InterbankTransfer{
		InstructionID: o.BankReference, EndToEndID: o.BankReference, TransactionID: o.BankReference,
		ServiceLevel: "SEPA", Amount: iso20022.AmountOf(o.Amount), ChargeBearer: "SLEV",
		UltimateDebtor: &iso20022.Party{Name: sepa.NameOf(o.Details.Sender)},
		Debtor:         holder, DebtorAccount: iso20022.IBAN(iban), DebtorAgent: *iso20022.BIC(bic), CreditorAgent: *iso20022.BIC(agent),
		Creditor: iso20022.Party{Name: sepa.NameOf(o.Details.Beneficiary)}, CreditorAccount: iso20022.IBAN(creditor),
	}
	if text := iso20022.Latin(o.Details.Reference, iso20022.RoomMessage); text != "" {
		t.Remittance = &iso20022.Remittance{Text: text}
	}
	return t
}

// reread reads a file of ours as the clearing will, holds its count and sum against its payments, and says what those are.
func reread(content []byte) (files.Written, error) {
	w := files.Written{Content: content, Amount: money.Zero("EUR")}
	var message iso20022.FICustomerCreditTransfer
	if err := iso20022.Decode(content, iso20022.Pacs008, &message); err != nil {
		return w, fmt.Errorf("what was written does not read: %w", err)
	}
	seen := map[string]bool{}
	for _, t := range message.Transfers {
		amount, err := t.Amount.Money()
		if err != nil || amount.Currency() != "EUR" || seen[t.TransactionID] {
			return w, errors.New("what was written has a payment twice, or one that is not in euros")
		}
		seen[t.TransactionID] = true
		w.Amount = w.Amount.Plus(amount)
		w.Entries++
	}
	if message.Header.Count != strconv.Itoa(w.Entries) || message.Header.Sum.Value != w.Amount.String() {
		return w, errors.New("what was written does not add up to its control sum")
	}
	return w, nil
}

// Read reads what the clearing sends: status reports (pacs.002), returns (pacs.004), answers to our recalls (camt.029) and recalls of
// other banks (camt.056).
func (f *Format) Read(content []byte) ([]files.Entry, error) {
	version, err := iso20022.Version(content)
	if err != nil {
		return nil, err
	}
	switch version {
	case iso20022.Pacs002:
		return readStatuses(content)
	case iso20022.Pacs004:
		return sepa.ReadReturns(content)
	case iso20022.Camt029:
		return readResolutions(content)
	case iso20022.Camt056:
		return readRecalls(content)
	}
	return nil, fmt.Errorf("it is none of the messages that we read: %s, %s, %s and %s", iso20022.Pacs002, iso20022.Pacs004, iso20022.Camt029, iso20022.Camt056)
}

// A meaning makes an entry of a status and its code.
type meaning func(status, code string) files.Entry

// meaningOf is what statuses mean in an answer to a message of ours. Of a payment and of its recall they say different things, and both are
// known by the same ids.
func meaningOf(message, version string) (meaning, error) {
	switch {
	case message == "":
		return nil, errors.New("it does not say which message it answers")
	case strings.HasPrefix(version, "pacs.008"):
		return sepa.StatusEntry, nil
	case strings.HasPrefix(version, "camt.056"):
		return statusOfRecall(sepa.Reference(message)), nil
	}
	return nil, errors.New("it answers neither a pacs.008 nor a camt.056")
}

// readStatuses reads a status report. What is said of a payment goes before what is said of the whole message. It is about a message with
// payments or about one with recalls.
func readStatuses(content []byte) ([]files.Entry, error) {
	var message iso20022.FIPaymentStatusReport
	if err := iso20022.Decode(content, iso20022.Pacs002, &message); err != nil {
		return nil, err
	}
	var of meaning
	var named, whole []files.Entry
	for i, g := range message.Report.Groups {
		means, err := meaningOf(g.Message, g.Version)
		if err != nil {
			return nil, fmt.Errorf("OrgnlGrpInfAndSts %d: %w", i+1, err)
		}
		if first := message.Report.Groups[0]; strings.HasPrefix(g.Version, "camt.056") != strings.HasPrefix(first.Version, "camt.056") {
			return nil, fmt.Errorf("OrgnlGrpInfAndSts %d: it answers payments and recalls together", i+1)
		}
		if of == nil {
			of = means
		}
		if g.Status == "" || g.Status == sepa.Mixed {
			continue
		}
		e := means(g.Status, iso20022.CodeOf(g.Reasons))
		if e.BankReference = sepa.Reference(g.Message); messageForm.MatchString(e.BankReference) {
			e.File = fileName(e.BankReference)
		}
		whole = append(whole, e)
	}
	for i, t := range message.Report.Transfers {
		e, err := statusOfOne(t, of)
		if err != nil {
			return nil, fmt.Errorf("TxInfAndSts %d: %w", i+1, err)
		}
		named = append(named, e)
	}
	if len(named)+len(whole) == 0 {
		return nil, errors.New("it has no status")
	}
	return append(named, whole...), nil
}

// statusOfOne is what a report says of one payment, or of one recall: in an answer to the message that it names itself, else to the one
// that the report is about.
func statusOfOne(t iso20022.InterbankStatus, of meaning) (e files.Entry, err error) {
	if t.Status == "" {
		return e, errors.New("it has no status")
	}
	if t.Original != nil {
		of, err = meaningOf(t.Original.Message, t.Original.Version)
	} else if of == nil {
		of, err = meaningOf("", "")
	}
	if err != nil {
		return e, err
	}
	e = of(t.Status, iso20022.CodeOf(t.Reasons))
	if e.BankReference = sepa.Reference(t.EndToEnd, t.Transaction, t.Instructed); e.BankReference == "" {
		return e, errors.New("it does not say which payment it is about")
	}
	return e, nil
}

// statusOfRecall says what a status means of a recall in our message. The clearing refuses it or passes it on; only the beneficiary's bank
// grants it.
func statusOfRecall(message string) meaning {
	return func(status, code string) files.Entry {
		e := sepa.StatusEntry(status, code)
		e.Reason = ""
		switch e.Kind {
		case files.Failed:
			e.Kind, e.Message = files.RecallRejected, sepa.Reference("rejected "+message)
		case files.Accepted, files.Settled:
			e.Kind, e.Message = files.RecallPending, sepa.Reference("passed on "+message)
		}
		return e
	}
}
