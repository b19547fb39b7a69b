// Package files is what all rails have in common that work by files: a bank takes a file of payments at its cut-off, and days later
// sends files that say what became of some of them.
//
// A payout is in one file at most, whatever stops where. The rail takes it by writing an order. At the cut-off the orders that wait, the
// file's content and its number are written in one transaction; only then is the file delivered, by one rename, under a name that no
// other content can have. A file that comes in is stored once, whole, and each of its entries is decided on its own: it fits a payment,
// it came before, or a person has to look.
//
// The invariant: every order is refused, waits for its cut-off, or is in exactly one file, whose sum is the sum of its payouts.
//
// What differs between schemes is a Format; each has a package of its own. This package moves no payout: package payouts decides what
// an entry means to one.
package files

import (
	"fmt"
	"log/slog"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
)

// A Format is how one scheme writes its files and reads what comes back. It holds no state and touches neither database nor disk.
type Format interface {
	// Name is the rail's: a word in lower case.
	Name() string
	// Serves says whether the scheme carries payments in the corridor, and of which amounts.
	Serves(c rails.Corridor) (rails.Range, bool)
	// Windows says when files are cut and when they settle.
	Windows() *Windows
	// References gives the references of a payout, of our number: ours, which is unique for all time, and the one that is in the files,
	// which need not be where the scheme has few digits for it.
	References(number int64, payout string) (ours, bank string)
	// Check says why the scheme cannot carry the payment; nil when it can. What passes it, Write can write.
	Check(o Order) *Refusal
	// Fits says how many of the orders, from the first, go into one file.
	Fits(orders []Order) int
	// FileName names a file. The same day and number give the same name, and no others do.
	FileName(h Header) string
	// Write writes a file. What it says of the sum is read from what it wrote.
	Write(h Header, orders []Order) (Written, error)
	// Read reads a file of a bank's, all of it or none. The error says for people what is wrong and where, and quotes nothing of it.
	Read(content []byte) ([]Entry, error)
	// Silence is when a payment that settles on the day counts as settled though its bank said nothing; false where only the bank's word
	// counts.
	Silence(settles time.Time) (time.Time, bool)
	// Reason is the sentence for people of a neutral reason code that Read or Check gave.
	Reason(code string) string
	// Told is the entry that the bank's file will have of what the bank says by other ways, known by the same message: so that what comes
	// later says nothing new. Its error names the field that is missing or wrong.
	Told(t Telling) (Entry, error)
	// Recalls is how we ask for payments back; nil where the scheme does not let us.
	Recalls() *Recalls
}

// An Order is a payment that the rail took.
type Order struct {
	Merchant, Payout         string
	Reference, BankReference string
	Amount                   money.Amount
	Details                  Details
}

// Details are what a file needs to know of a payment. They are kept as they were when the rail took it, because that is what was
// screened. They may be in no log: printing them says so.
type Details struct {
	Sender      string               `json:"sender"`
	Beneficiary string               `json:"beneficiary"`
	Business    bool                 `json:"business,omitempty"`
	Country     string               `json:"country"`
	Address     *antonv1.Address     `json:"address,omitempty"`
	Account     *antonv1.BankAccount `json:"account"`
	Reference   string               `json:"reference,omitempty"`
	Purpose     string               `json:"purpose,omitempty"`
}

// Format prints no detail, whatever the verb.
func (Details) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("the details of a payment")) }

// LogValue logs no detail.
func (Details) LogValue() slog.Value { return slog.StringValue("the details of a payment") }

// A Refusal is why a scheme cannot carry a payment, as a neutral code that merchants read.
type Refusal struct{ Code string }

// A Header is what a file says of itself.
type Header struct {
	Day     time.Time // the banking day of its cut-off
	Number  int       // of the day's files, from 1
	Settles time.Time // the day on which its payments settle
	Created time.Time
}

// Written is a file that was written, with its own word on how much it is.
type Written struct {
	Content []byte
	Entries int
	Amount  money.Amount
}

// A Kind is what an entry of a bank's file says.
type Kind string

// The kinds, in the words of the rail_entries table.
const (
	Accepted       Kind = "accepted"        // the bank took the payment in
	Settled        Kind = "settled"         // it is with the beneficiary
	Failed         Kind = "failed"          // it was refused before it was paid
	Returned       Kind = "returned"        // the beneficiary's bank sent it back
	ReturnReversed Kind = "return_reversed" // the return was taken back: the money left again
	Advice         Kind = "advice"          // it was paid, but something in it must be corrected the next time
	Unreadable     Kind = "unreadable"      // it is about one of our payments, and we do not know what it means
	RecallAccepted Kind = "recall_accepted" // the bank will send it back, because we asked
	RecallPending  Kind = "recall_pending"  // we asked for it back, and the bank does not know yet
	RecallRejected Kind = "recall_rejected" // the bank will not send it back
)

// AnswersRecall says whether it is a bank's answer to a recall, and nothing that became of the payment itself.
func (k Kind) AnswersRecall() bool {
	return k == RecallAccepted || k == RecallPending || k == RecallRejected
}

// A Telling is what a bank says of one of our payments by other ways than a file: that it settled, failed or was returned.
type Telling struct {
	Kind      Kind
	Code      string // the scheme's; may be empty
	Reference string // the bank's own; may be empty
	SettledOn string // of a return, such as 2026-02-19; may be empty
}

// An Entry is one thing that a bank's file says of one of our payments.
type Entry struct {
	Kind          Kind
	BankReference string // of our payment, as our file had it
	Message       string // the bank's own reference: the same in every file that says the same again
	Amount        *money.Amount
	Code          string // the scheme's, such as R03
	Reason        string // neutral, such as no_account
	Detail        []byte // what the bank wants corrected; it may hold account numbers
	// File is the name of a file of ours, where the entry is about every payment in it that the bank's file does not name by itself.
	File string
}
