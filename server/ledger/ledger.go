// Package ledger moves money. Post is its only door, in Go as ledger_post is in the database: balances, transactions and postings are
// written nowhere else, and the role that serves has no right to.
//
// A posting takes a sum from one account and gives it to another, so every transaction balances by construction. Seen from us, a
// merchant's `available` and `held` are what we owe it: crediting them gives the merchant money, debiting takes it.
package ledger

import (
	"context"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// A Posting takes Amount from the account Debit and gives it to the account Credit.
type Posting struct {
	Debit, Credit db.LedgerAccount
	Amount        money.Amount
}

// A Transaction is what happened to one merchant's money in one currency: its postings, all or none.
type Transaction struct {
	ID          string // empty: one is made
	Type        db.LedgerTransactionType
	Payout      string
	Description string
	Postings    []Posting
}

// Post queues the transactions of one merchant, to be booked in this order at the end of the unit. If a balance would fall below
// zero the whole unit fails with the constraint available_balance_covers_debit, or held_balance_covers_debit.
func Post(ctx context.Context, u *unit.Unit, merchant string, transactions ...Transaction) error {
	p := db.LedgerPostParams{MerchantID: merchant, At: u.Now}
	for i, t := range transactions {
		if t.ID == "" {
			t.ID = ids.New(ids.Transaction, u.Now)
		}
		p.Ids = append(p.Ids, t.ID)
		p.Types = append(p.Types, string(t.Type))
		p.Currencies = append(p.Currencies, t.Postings[0].Amount.Currency())
		p.PayoutIds = append(p.PayoutIds, t.Payout)
		p.Descriptions = append(p.Descriptions, t.Description)
		for _, posting := range t.Postings {
			if posting.Amount.Currency() != t.Postings[0].Amount.Currency() {
				panic("ledger: one transaction in two currencies")
			}
			p.Lines = append(p.Lines, int32(i+1))
			p.Debits = append(p.Debits, string(posting.Debit))
			p.Credits = append(p.Credits, string(posting.Credit))
			p.Amounts = append(p.Amounts, posting.Amount.Decimal())
		}
	}
	return u.Queue(unit.Posting).LedgerPost(ctx, p)
}

// Deposit gives the merchant money that came in.
func Deposit(amount money.Amount, description string) Transaction {
	return Transaction{
		Type:        db.LedgerTransactionTypeDeposit,
		Description: description,
		Postings:    []Posting{{Debit: db.LedgerAccountFunding, Credit: db.LedgerAccountAvailable, Amount: amount}},
	}
}

// Hold sets a payout's money aside.
func Hold(payout string, total money.Amount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypePayoutHold,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountAvailable, Credit: db.LedgerAccountHeld, Amount: total}},
	}
}

// Release gives a held payout's money back: it will not be sent.
func Release(payout string, total money.Amount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypePayoutRelease,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountHeld, Credit: db.LedgerAccountAvailable, Amount: total}},
	}
}

// Settle takes a held payout's money away, without its fee: the rail delivered it.
func Settle(payout string, delivered money.Amount) Transaction {
	return settlement(payout, db.LedgerAccountRailClearing, delivered)
}

// settlement takes what was sent from a payout's hold to the account that takes it further.
func settlement(payout string, to db.LedgerAccount, sent money.Amount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypePayoutSettlement,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountHeld, Credit: to, Amount: sent}},
	}
}

// Fee charges a payout's fee, which was held with its money. It stands beside the settlement, so that statements show both.
func Fee(payout string, fee money.Amount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypeFee,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountHeld, Credit: db.LedgerAccountFeeIncome, Amount: fee}},
	}
}

// Return gives back what a bank sent back of a payout that was settled, in the payout's one currency.
func Return(payout string, returned money.Amount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypeReturn,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountRailClearing, Credit: db.LedgerAccountAvailable, Amount: returned}},
	}
}

// Suspend keeps money that a bank sent back and that nobody can book yet. It is not the merchant's, and touches none of its balances.
func Suspend(payout string, amount money.Amount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypeReturnSuspense,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountRailClearing, Credit: db.LedgerAccountReturnSuspense, Amount: amount}},
	}
}

// Unsuspend ends what Suspend began: the money goes to the deposits that nobody was found for, from where an adjustment can credit it, or
// it never was ours and goes back to where it came from.
func Unsuspend(payout string, amount money.Amount, to db.LedgerAccount) Transaction {
	return Transaction{
		Type:     db.LedgerTransactionTypeReturnSuspense,
		Payout:   payout,
		Postings: []Posting{{Debit: db.LedgerAccountReturnSuspense, Credit: to, Amount: amount}},
	}
}

// ReverseDeposit takes back money that came in. What is no longer available of it, the merchant owes.
func ReverseDeposit(amount money.Amount, description string) Transaction {
	return Transaction{
		Type:        db.LedgerTransactionTypeDepositReversal,
		Description: description,
		Postings:    []Posting{{Debit: db.LedgerAccountReceivable, Credit: db.LedgerAccountFunding, Amount: amount}},
	}
}

// ReverseReturn takes back what a bank had sent back of a payout. What is no longer available of it, the merchant owes.
func ReverseReturn(payout string, amount money.Amount, description string) Transaction {
	return Transaction{
		Type:        db.LedgerTransactionTypeReturnReversal,
		Payout:      payout,
		Description: description,
		Postings:    []Posting{{Debit: db.LedgerAccountReceivable, Credit: db.LedgerAccountRailClearing, Amount: amount}},
	}
}

// Credit corrects a balance in the merchant's favour, Debit the other way round: what of it is not available, the merchant owes. Both
// stand against the deposits that nobody was found for.
func Credit(amount money.Amount, description string) Transaction {
	return Transaction{
		Type:        db.LedgerTransactionTypeAdjustment,
		Description: description,
		Postings:    []Posting{{Debit: db.LedgerAccountUnallocatedDeposits, Credit: db.LedgerAccountAvailable, Amount: amount}},
	}
}

// Debit is described at Credit.
func Debit(amount money.Amount, description string) Transaction {
	return Transaction{
		Type:        db.LedgerTransactionTypeAdjustment,
		Description: description,
		Postings:    []Posting{{Debit: db.LedgerAccountReceivable, Credit: db.LedgerAccountUnallocatedDeposits, Amount: amount}},
	}
}

// Balance reads what a merchant has available in the currency; zero where it never had any.
func Balance(available *apd.Decimal, currency string) (money.Amount, error) {
	if available == nil {
		return money.Zero(currency), nil
	}
	return money.Of(currency, *available)
}
