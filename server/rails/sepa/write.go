package sepa

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/iso20022"
)

// Check says why SEPA cannot carry the payment.
func (f *Format) Check(o files.Order) *files.Refusal {
	iban, bic := AccountOf(o.Details.Account)
	switch {
	case !ibanForm.MatchString(iban) || !checksum(iban):
		return &files.Refusal{Code: "invalid_account_number"}
	case !reached(iban[:2]):
		return &files.Refusal{Code: "bank_does_not_participate"}
	case bic != "" && !bicForm.MatchString(bic):
		return &files.Refusal{Code: "invalid_bic"}
	case bic == "" && needsBIC(iban[:2]):
		return &files.Refusal{Code: "bic_required"}
	case NameOf(o.Details.Beneficiary) == "" || NameOf(o.Details.Sender) == "":
		return &files.Refusal{Code: "name_not_supported"}
	}
	return nil
}

// AccountOf gives the IBAN and the BIC of an account in the form that messages have them.
func AccountOf(account *antonv1.BankAccount) (iban, bic string) {
	plain := func(text string) string { return strings.ToUpper(strings.ReplaceAll(text, " ", "")) }
	return plain(account.GetIban()), plain(account.GetBic())
}

// NameOf writes a name in SEPA's characters and length.
func NameOf(text string) string { return iso20022.Latin(text, iso20022.RoomName) }

// Fits says that all of the orders go into one file: its sum has room for 18 digits, and ten thousand payments of the most that one may
// carry have 14.
func (f *Format) Fits(orders []files.Order) int { return len(orders) }

// Write writes a file: one instruction to pay from our account on the day of the cut-off. It reads back what it wrote, and says of it
// what the message says.
func (f *Format) Write(h files.Header, orders []files.Order) (files.Written, error) {
	id := messageID(h)
	if !messageForm.MatchString(id) {
		return files.Written{}, fmt.Errorf("%q is no id that a message of ours can have", id)
	}
	total := money.Zero("EUR")
	instruction := f.instruction(id+"-1", h)
	for _, o := range orders {
		if o.Amount.Currency() != "EUR" || !f.amounts.Has(o.Amount) {
			return files.Written{}, fmt.Errorf("%s is of an amount that SEPA does not carry", o.Payout)
		}
		total = total.Plus(o.Amount)
		instruction.Transfers = append(instruction.Transfers, transfer(o))
	}
	instruction.Count, instruction.Sum = strconv.Itoa(len(orders)), total.String()
	content, err := iso20022.Encode(iso20022.CustomerCreditTransferInitiation{
		Header: iso20022.InitiationHeader{
			ID: id, Created: h.Created.UTC().Format(iso20022.TimeForm), Count: instruction.Count, Sum: instruction.Sum,
			Initiator: iso20022.Party{Name: f.settings.Name},
		},
		Payments: []iso20022.PaymentInstruction{instruction},
	})
	if err != nil {
		return files.Written{}, err
	}
	return reread(content)
}

func (f *Format) instruction(id string, h files.Header) iso20022.PaymentInstruction {
	holder, iban, bic := f.Account()
	return iso20022.PaymentInstruction{
		ID: id, Method: "TRF", BatchBooking: true, ServiceLevel: "SEPA", ChargeBearer: "SLEV",
		Execution: iso20022.Day{Date: h.Day.Format(time.DateOnly)},
		Debtor:    holder, DebtorAccount: iso20022.IBAN(iban), DebtorAgent: *iso20022.BIC(bic),
	}
}

// transfer is one payment. The merchant is the ultimate debtor: the account is ours.
func transfer(o files.Order) iso20022.CreditTransfer {
	iban, bic := AccountOf(o.Details.Account)
	t := iso20022.CreditTransfer{
		InstructionID: o.BankReference, EndToEndID: o.BankReference, Amount: iso20022.AmountOf(o.Amount),
		UltimateDebtor: &iso20022.Party{Name: NameOf(o.Details.Sender)}, CreditorAgent: iso20022.BIC(bic),
		Creditor: iso20022.Party{Name: NameOf(o.Details.Beneficiary)}, CreditorAccount: iso20022.IBAN(iban),
	}
	if text := iso20022.Latin(o.Details.Reference, iso20022.RoomMessage); text != "" {
		t.Remittance = &iso20022.Remittance{Text: text}
	}
	return t
}

var referenceForm = regexp.MustCompile(`^[A-Za-z0-9?:().,'+ -]([A-Za-z0-9?:().,'+ -]|/[A-Za-z0-9?:().,'+ -]){0,34}$`)

// reread reads a file of ours as the bank will, holds its counts and sums against its payments, and says what those are.
func reread(content []byte) (files.Written, error) {
	w := files.Written{Content: content, Amount: money.Zero("EUR")}
	var message iso20022.CustomerCreditTransferInitiation
	if err := iso20022.Decode(content, iso20022.Pain001, &message); err != nil {
		return w, fmt.Errorf("what was written does not read: %w", err)
	}
	seen := map[string]bool{}
	for _, instruction := range message.Payments {
		for _, t := range instruction.Transfers {
			amount, err := t.Amount.Money()
			if err != nil || amount.Currency() != "EUR" {
				return w, errors.New("what was written has a payment that is not in euros")
			}
			if seen[t.EndToEndID] || !referenceForm.MatchString(t.EndToEndID) {
				return w, errors.New("what was written has an end-to-end id twice, or one that no payment can have")
			}
			seen[t.EndToEndID] = true
			w.Amount = w.Amount.Plus(amount)
			w.Entries++
		}
	}
	if message.Header.Count != strconv.Itoa(w.Entries) || message.Header.Sum != w.Amount.String() {
		return w, errors.New("what was written does not add up to its control sum")
	}
	return w, nil
}
