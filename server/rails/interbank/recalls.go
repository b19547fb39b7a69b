package interbank

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/iso20022"
	"github.com/antonpayments/anton/server/rails/sepa"
)

// The reasons that a payment may be asked back for: ours, of a recall, and the merchant's, of a request for recall by the originator
// (EPC125-05, SEPA Credit Transfer Scheme Rulebook, sections 4.3.2.2 and 4.3.2.3; ISO 20022 external code set
// ExternalCancellationReason1Code).
var recallReasons = []string{"DUPL", "TECH", "FRAD", "AC03", "AM09", "CUST"}

// What the rulebook gives a recall: ten banking days where the payment should never have been, and thirteen months for all other reasons.
const (
	recallDays   = 10
	recallMonths = 13
)

// roomText is what a reason's text has room for (Max105Text); the guidelines take two of them.
const roomText = 105

// Recalls is how a participant asks for payments back: camt.056.001.08 out, camt.029.001.09 in.
func (f *Format) Recalls() *files.Recalls {
	return &files.Recalls{Reasons: recallReasons, Until: f.recallableUntil, Together: together, Write: f.writeRecalls}
}

func (f *Format) recallableUntil(reason string, settled time.Time) time.Time {
	if reason == "DUPL" || reason == "TECH" {
		return f.Windows().Passed(settled, recallDays)
	}
	return f.Windows().Passed(settled.AddDate(0, recallMonths, 0), 0)
}

// together are the recalls that ask the same bank as the first: a message has one assignee.
func together(all []files.Recall) (same []files.Recall) {
	_, bank := sepa.AccountOf(all[0].Order.Details.Account)
	for _, r := range all {
		if _, other := sepa.AccountOf(r.Order.Details.Account); other == bank {
			same = append(same, r)
		}
	}
	return same
}

// writeRecalls writes a camt.056 for one bank. It reads back what it wrote, and says of it what the message says.
func (f *Format) writeRecalls(h files.Header, all []files.Recall) (files.Written, error) {
	_, _, ours := f.Account()
	_, theirs := sepa.AccountOf(all[0].Order.Details.Account)
	total := money.Zero("EUR")
	message := iso20022.FIPaymentCancellationRequest{Count: strconv.Itoa(len(all)), Assignment: iso20022.Assignment{
		ID: messageID(h), Assigner: *iso20022.BIC(ours), Assignee: *iso20022.BIC(theirs), Created: h.Created.UTC().Format(iso20022.TimeForm),
	}}
	if !messageForm.MatchString(message.Assignment.ID) {
		return files.Written{}, fmt.Errorf("%q is no id that a message of ours can have", message.Assignment.ID)
	}
	for _, r := range all {
		if r.Order.Amount.Currency() != "EUR" {
			return files.Written{}, fmt.Errorf("%s is not in euros", r.Order.Payout)
		}
		total = total.Plus(r.Order.Amount)
		message.Recalls = append(message.Recalls, f.cancellation(r))
	}
	message.Sum = total.String()
	content, err := iso20022.Encode(message)
	if err != nil {
		return files.Written{}, err
	}
	return rereadRecalls(content)
}

// cancellation is one recall, with the payment as its file had it.
func (f *Format) cancellation(r files.Recall) iso20022.Cancellation {
	t := f.transfer(r.Order)
	out := iso20022.Cancellation{
		ID: iso20022.Reference(r.ID), OriginalMessage: messageID(r.Header), OriginalVersion: iso20022.Pacs008,
		InstructionID: t.InstructionID, EndToEndID: t.EndToEndID, TransactionID: t.TransactionID,
		Amount: t.Amount, Settled: r.Header.Settles.Format(time.DateOnly), Reason: f.why(r),
		Original: iso20022.OriginalTransfer{
			Method: "CLRG", Clearing: f.clearing, ServiceLevel: t.ServiceLevel, Remittance: t.Remittance, UltimateDebtor: t.UltimateDebtor,
			Debtor: t.Debtor, DebtorAccount: t.DebtorAccount, DebtorAgent: t.DebtorAgent, CreditorAgent: t.CreditorAgent,
			Creditor: t.Creditor, CreditorAccount: t.CreditorAccount,
		},
	}
	return out
}

// why is a recall's reason. The bank asks for its own mistakes and for fraud, the merchant for all else.
func (f *Format) why(r files.Recall) iso20022.CancellationReason {
	_, _, bic := f.Account()
	why := iso20022.CancellationReason{Code: r.Reason}
	switch r.Reason {
	case "DUPL", "TECH", "FRAD":
		why.Originator.Bank = &iso20022.BICOfOriginator{BIC: bic}
	default:
		why.Originator.Name = sepa.NameOf(r.Order.Details.Sender)
	}
	for text := iso20022.Latin(r.Text, 2*roomText); text != ""; {
		part := strings.TrimSpace(text[:min(len(text), roomText)])
		why.Texts = append(why.Texts, part)
		text = strings.TrimSpace(text[min(len(text), roomText):])
	}
	return why
}

// rereadRecalls reads a file of ours as the clearing will, and says what it asks back.
func rereadRecalls(content []byte) (files.Written, error) {
	w := files.Written{Content: content, Amount: money.Zero("EUR")}
	var message iso20022.FIPaymentCancellationRequest
	if err := iso20022.Decode(content, iso20022.Camt056, &message); err != nil {
		return w, fmt.Errorf("what was written does not read: %w", err)
	}
	seen := map[string]bool{}
	for _, r := range message.Recalls {
		amount, err := r.Amount.Money()
		if err != nil || amount.Currency() != "EUR" || seen[r.TransactionID] {
			return w, errors.New("what was written asks for a payment twice, or for one that is not in euros")
		}
		seen[r.TransactionID] = true
		w.Amount = w.Amount.Plus(amount)
		w.Entries++
	}
	if message.Count != strconv.Itoa(w.Entries) || message.Sum != w.Amount.String() {
		return w, errors.New("what was written does not add up to its control sum")
	}
	return w, nil
}

// answers are what the statuses of a camt.029 say of a recall (ISO 20022 CancellationIndividualStatus1Code, and
// ExternalInvestigationExecutionConfirmation1Code for a whole message).
var answers = map[string]files.Kind{
	"ACCR": files.RecallAccepted,
	"CNCL": files.RecallAccepted,
	"PDCR": files.RecallPending,
	"RJCR": files.RecallRejected,
}

// readResolutions reads a camt.029. An answer that we do not know is for a person to see; none of them brings money. What is said of one
// recall goes before what is said of a whole message.
func readResolutions(content []byte) ([]files.Entry, error) {
	var message iso20022.ResolutionOfInvestigation
	if err := iso20022.Decode(content, iso20022.Camt029, &message); err != nil {
		return nil, err
	}
	var named, whole []files.Entry
	for i, details := range message.Message.Details {
		for j, t := range details.Transactions {
			status, why := t.Status, t.Reasons
			if status == "" && details.Group != nil {
				status, why = details.Group.Status, details.Group.Reasons
			}
			if status == "" && message.Message.Status != nil {
				status = message.Message.Status.Confirmation
			}
			e, err := answerOfOne(t, status, why, fmt.Sprintf("%d.%d %s", i+1, j+1, message.Message.Assignment.ID))
			if err != nil {
				return nil, fmt.Errorf("CxlDtls %d, TxInfAndSts %d: %w", i+1, j+1, err)
			}
			named = append(named, e)
		}
		e, ours := answerOfAll(details.Group, fmt.Sprintf("%d %s", i+1, message.Message.Assignment.ID))
		if ours || (e.BankReference != "" && len(details.Transactions) == 0) {
			whole = append(whole, e)
		} else if len(details.Transactions) == 0 {
			return nil, fmt.Errorf("CxlDtls %d: it answers no recall (OrgnlGrpInfAndSts, TxInfAndSts)", i+1)
		}
	}
	if len(named)+len(whole) == 0 {
		return nil, errors.New("it answers no recall (CxlDtls)")
	}
	return append(named, whole...), nil
}

// answerOfOne is what a bank says to one recall. It may name the payment's amount, by which an answer that is about another one is noticed.
func answerOfOne(t iso20022.CancellationStatus, status string, why []iso20022.Reason, place string) (files.Entry, error) {
	e := answer(status, why)
	e.Message = sepa.Reference(t.ID, place)
	switch e.BankReference = sepa.Reference(t.EndToEnd, t.Transaction, t.Instructed); {
	case e.BankReference == "":
		return e, errors.New("it does not say which payment it is about")
	case strings.TrimSpace(status) == "":
		return e, errors.New("it has no status")
	case t.Amount == nil:
		return e, nil
	}
	amount, err := t.Amount.Money()
	if e.Kind.AnswersRecall() { // what is none brings no money, and none may wait for it
		e.Amount = &amount
	}
	return e, err
}

// answerOfAll is what a bank says to all recalls of a message, and whether that is one of ours. A message of payments has others in it as
// well, and one that is partly accepted (PACR) names those that are.
func answerOfAll(g *iso20022.CancelledGroup, place string) (e files.Entry, ours bool) {
	if g == nil || strings.TrimSpace(g.Status) == "" {
		return e, false
	}
	e = answer(g.Status, g.Reasons)
	e.Message, e.BankReference = sepa.Reference(place), sepa.Reference(g.Message)
	if !strings.HasPrefix(g.Version, "camt.056") || !messageForm.MatchString(e.BankReference) || !e.Kind.AnswersRecall() {
		e.Kind = files.Unreadable
		return e, false
	}
	e.File = fileName(e.BankReference)
	return e, true
}

// answer is what a status says of a recall, and why.
func answer(status string, why []iso20022.Reason) files.Entry {
	status = strings.TrimSpace(status)
	if kind, ok := answers[status]; ok {
		return files.Entry{Kind: kind, Code: sepa.CutCode(iso20022.CodeOf(why))}
	}
	return files.Entry{Kind: files.Unreadable, Code: sepa.CutCode(status)}
}

// readRecalls reads a camt.056: another bank asks us for payments that we got. None came by this rail, so each is for a person to see.
func readRecalls(content []byte) ([]files.Entry, error) {
	var message iso20022.CancellationRequest
	if err := iso20022.Decode(content, iso20022.Camt056, &message); err != nil {
		return nil, err
	}
	var all []files.Entry
	for _, underlying := range message.Message.Underlying {
		for _, t := range underlying.Transactions {
			e := files.Entry{
				Kind: files.Unreadable, BankReference: sepa.Reference(t.Transaction, t.EndToEnd, t.Instructed), Message: sepa.Reference(t.ID, t.Transaction),
				Code: sepa.CutCode(iso20022.CodeOf(t.Reasons)),
			}
			if e.BankReference == "" || e.Message == "" {
				return nil, fmt.Errorf("TxInf %d: it does not say which payment it is about", len(all)+1)
			}
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it asks for no payment")
	}
	return all, nil
}
