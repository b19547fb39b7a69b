package ach

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mozillazg/go-unidecode"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails/files"

	"github.com/moov-io/ach"
)

// What a file has room for: the characters of its fields, the digits of its sums, and the letters and digits that tell a day's files apart.
const (
	roomName, roomCompany, roomIdentification, roomAddenda, roomAccount = 22, 16, 15, 80, 17

	mostPayments = 10_000
	mostTotal    = "9999999999.99"
	modifiers    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// Check says why ACH cannot carry the payment: a name without a letter that it has, or an account that it has no room for.
func (f *Format) Check(o files.Order) *files.Refusal {
	account := o.Details.Account
	switch {
	case !nineDigits.MatchString(account.GetRoutingNumber()) || !checksum(account.GetRoutingNumber()):
		return &files.Refusal{Code: "invalid_routing_number"}
	case accountNumber(account) == "" || len(accountNumber(account)) > roomAccount:
		return &files.Refusal{Code: "invalid_account_number"}
	case plain(o.Details.Beneficiary, roomName) == "" || plain(o.Details.Sender, roomCompany) == "":
		return &files.Refusal{Code: "name_not_supported"}
	}
	return nil
}

func accountNumber(account *antonv1.BankAccount) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(account.GetAccountNumber())
}

// Fits says how many of the orders go into one file.
func (f *Format) Fits(orders []files.Order) int {
	room, err := money.Parse("USD", mostTotal)
	if err != nil {
		return 0
	}
	total := money.Zero("USD")
	for i, o := range orders {
		if total = total.Plus(o.Amount); room.Less(total) || i == mostPayments {
			return i
		}
	}
	return len(orders)
}

// Write writes a file: a batch for each sender, kind of beneficiary and description, the payments of each in the order of their trace
// numbers. It reads back what it wrote, and says of it what the records say.
func (f *Format) Write(h files.Header, orders []files.Order) (files.Written, error) {
	if h.Number > len(modifiers) {
		return files.Written{}, fmt.Errorf("a day has %d files at most", len(modifiers))
	}
	file := ach.NewFile()
	file.SetHeader(f.header(h))
	file.SetValidation(ourNumber)
	for i, orders := range batches(orders) {
		batch, err := f.batch(h, i+1, orders)
		if err != nil {
			return files.Written{}, fmt.Errorf("batch %d: %w", i+1, masked(err))
		}
		file.AddBatch(batch)
	}
	if err := file.Create(); err != nil {
		return files.Written{}, fmt.Errorf("total the file: %w", masked(err))
	}
	var content bytes.Buffer
	w := ach.NewWriter(&content)
	if err := errors.Join(w.Write(file), w.Flush()); err != nil {
		return files.Written{}, fmt.Errorf("write the records: %w", masked(err))
	}
	return f.reread(content.Bytes())
}

func (f *Format) header(h files.Header) ach.FileHeader {
	header := ach.NewFileHeader()
	header.ImmediateDestination, header.ImmediateDestinationName = f.settings.RoutingNumber, strings.ToUpper(f.settings.BankName)
	header.ImmediateOrigin, header.ImmediateOriginName = f.settings.Origin, strings.ToUpper(f.settings.OriginName)
	created := h.Created.In(f.windows.Zone)
	header.FileCreationDate, header.FileCreationTime = created.Format("060102"), created.Format("1504")
	header.FileIDModifier = string(modifiers[h.Number-1])
	return header
}

// A batchKey is what the payments of a batch have in common.
type batchKey struct{ sender, code, description string }

func keyOf(o files.Order) batchKey {
	k := batchKey{plain(o.Details.Sender, roomCompany), ach.PPD, "PAYMENT"}
	switch {
	case o.Details.Business:
		k.code = ach.CCD
	case strings.Contains(strings.ToLower(o.Details.Purpose), "salar"), strings.Contains(strings.ToLower(o.Details.Purpose), "payroll"):
		// Wages to people must say so (Nacha rule on company entry descriptions, effective 20 March 2026).
		k.description = "PAYROLL"
	}
	return k
}

// batches sorts orders into batches, and each by trace number, which must rise within one.
func batches(orders []files.Order) [][]files.Order {
	sorted := slices.SortedFunc(slices.Values(orders), func(a, b files.Order) int {
		x, y := keyOf(a), keyOf(b)
		return cmp.Or(cmp.Compare(x.sender, y.sender), cmp.Compare(x.code, y.code), cmp.Compare(x.description, y.description),
			cmp.Compare(a.BankReference, b.BankReference))
	})
	var all [][]files.Order
	for i, o := range sorted {
		if i == 0 || keyOf(o) != keyOf(sorted[i-1]) {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], o)
	}
	return all
}

func (f *Format) batch(h files.Header, number int, orders []files.Order) (ach.Batcher, error) {
	key := keyOf(orders[0])
	header := ach.NewBatchHeader()
	header.ServiceClassCode = ach.CreditsOnly
	header.CompanyName, header.CompanyIdentification = key.sender, f.settings.CompanyID
	header.StandardEntryClassCode, header.CompanyEntryDescription = key.code, key.description
	header.EffectiveEntryDate = h.Settles.Format("060102")
	header.ODFIIdentification = f.settings.RoutingNumber[:8]
	header.BatchNumber = number
	batch, err := ach.NewBatch(header)
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		e, err := entry(o)
		if err != nil {
			return nil, err
		}
		batch.AddEntry(e)
	}
	return batch, batch.Create()
}

// entry is a credit to the account, with an addenda record that says what it is for.
func entry(o files.Order) (*ach.EntryDetail, error) {
	cents, err := strconv.Atoi(strings.Replace(o.Amount.String(), ".", "", 1))
	if err != nil {
		return nil, fmt.Errorf("the amount of %s: %w", o.Payout, err)
	}
	e := ach.NewEntryDetail()
	e.TransactionCode = ach.CheckingCredit
	if o.Details.Account.GetAccountType() == antonv1.AccountType_savings {
		e.TransactionCode = ach.SavingsCredit
	}
	e.SetRDFI(o.Details.Account.GetRoutingNumber())
	e.DFIAccountNumber = accountNumber(o.Details.Account)
	e.Amount = cents
	e.IndividualName = plain(o.Details.Beneficiary, roomName)
	e.IdentificationNumber = o.Payout[max(0, len(o.Payout)-roomIdentification):]
	e.TraceNumber = o.BankReference
	e.AddendaRecordIndicator = 1
	addenda := ach.NewAddenda05()
	addenda.PaymentRelatedInformation = cmp.Or(plain(o.Details.Reference, roomAddenda), strings.ToUpper(o.Payout))
	e.AddAddenda05(addenda)
	return e, nil
}

// reread reads a file of ours as the bank will, and says what its records add up to.
func (f *Format) reread(content []byte) (files.Written, error) {
	file, err := parse(content)
	if err != nil {
		return files.Written{}, fmt.Errorf("what was written does not read: %w", err)
	}
	w := files.Written{Content: content}
	for _, batch := range file.Batches {
		w.Entries += len(batch.GetEntries())
	}
	if file.Control.TotalDebitEntryDollarAmountInFile != 0 {
		return w, errors.New("the file debits somebody")
	}
	w.Amount, err = dollars(file.Control.TotalCreditEntryDollarAmountInFile)
	return w, err
}

func dollars(cents int) (money.Amount, error) {
	return money.Parse("USD", fmt.Sprintf("%d.%02d", cents/100, cents%100))
}

// plain writes a text in the capitals, digits and signs that every bank takes, in so many characters at most. Other alphabets are written
// as they sound; what has no such form is left out.
func plain(text string, room int) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(unidecode.Unidecode(text)) {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,&'()/#:+-", r):
			b.WriteRune(r)
		default:
			b.WriteRune(' ')
		}
	}
	words := strings.Join(strings.Fields(b.String()), " ")
	if !strings.ContainsFunc(words, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }) {
		return ""
	}
	return strings.TrimSpace(words[:min(len(words), room)])
}
