package ledger

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

// A Conversion gives one sum for another in a second currency. It is booked as two transactions, one a currency, that meet in the
// merchant's FX position: what the platform has bought and sold of each currency for it.
//
// The position gives what Took is worth at mid. Of that, the spread is what Took brings at mid less at the customer's rate; and the
// rounding account takes, or gives, what is left beside Gave, because each of the three is rounded by itself, half to even. So position,
// spread and rounding always add up to mid, in whole minor units, and no sum is made up or lost.
type Conversion struct {
	Took, Gave money.Amount
	Mid, Rate  apd.Decimal // how much of Gave's currency one unit of Took's is: in the middle, and for the customer
}

// rates is the arithmetic of rates: far more digits than any sum has, so that only money.Rounded decides the last one.
var rates = apd.BaseContext.WithPrecision(60)

// given are the postings in the currency of Gave, which goes to the account.
func (c *Conversion) given(to db.LedgerAccount) ([]Posting, error) {
	took := c.Took.Decimal()
	var exact, margin apd.Decimal
	if _, err := rates.Mul(&exact, &took, &c.Mid); err != nil {
		return nil, fmt.Errorf("convert %s at mid: %w", c.Took, err)
	}
	atMid, err := money.Rounded(c.Gave.Currency(), exact)
	if err != nil {
		return nil, err
	}
	if _, err := rates.Sub(&margin, &c.Mid, &c.Rate); err != nil {
		return nil, fmt.Errorf("subtract the rates: %w", err)
	}
	if _, err := rates.Mul(&margin, &took, &margin); err != nil {
		return nil, fmt.Errorf("compute the spread: %w", err)
	}
	spread, err := money.Rounded(c.Gave.Currency(), margin)
	if err != nil {
		return nil, err
	}
	postings := []Posting{{Debit: db.LedgerAccountFxPosition, Credit: to, Amount: c.Gave}}
	if spread.Positive() {
		postings = append(postings, Posting{Debit: db.LedgerAccountFxPosition, Credit: db.LedgerAccountFxSpread, Amount: spread})
	}
	paid := c.Gave.Plus(spread)
	switch {
	case paid.Less(atMid):
		postings = append(postings, Posting{Debit: db.LedgerAccountFxPosition, Credit: db.LedgerAccountRounding, Amount: atMid.Minus(paid)})
	case atMid.Less(paid):
		postings = append(postings, Posting{Debit: db.LedgerAccountRounding, Credit: db.LedgerAccountFxPosition, Amount: paid.Minus(atMid)})
	}
	return postings, nil
}

// Exchange moves money between two balances of a merchant, under the transactions' ids.
func Exchange(sellID, buyID string, c Conversion) ([]Transaction, error) {
	bought, err := c.given(db.LedgerAccountAvailable)
	if err != nil {
		return nil, err
	}
	return []Transaction{
		{ID: sellID, Type: db.LedgerTransactionTypeFxExchange, Postings: []Posting{
			{Debit: db.LedgerAccountAvailable, Credit: db.LedgerAccountFxPosition, Amount: c.Took},
		}},
		{ID: buyID, Type: db.LedgerTransactionTypeFxExchange, Postings: bought},
	}, nil
}

// SettleConverted takes a held payout's money away where the rail delivered another currency: c.Took left the balance, without
// the fee, and c.Gave was delivered.
func SettleConverted(payout string, c Conversion) ([]Transaction, error) {
	delivered, err := c.given(db.LedgerAccountRailClearing)
	if err != nil {
		return nil, err
	}
	return []Transaction{
		settlement(payout, db.LedgerAccountFxPosition, c.Took),
		{Type: db.LedgerTransactionTypeFxExchange, Payout: payout, Postings: delivered},
	}, nil
}

// ReturnConverted gives back what a bank sent back of a payout across currencies: c.Took is what it sent, c.Gave what that is in the
// currency the merchant paid in.
func ReturnConverted(payout string, c Conversion) ([]Transaction, error) {
	credited, err := c.given(db.LedgerAccountAvailable)
	if err != nil {
		return nil, err
	}
	return []Transaction{
		{Type: db.LedgerTransactionTypeFxExchange, Payout: payout, Postings: []Posting{
			{Debit: db.LedgerAccountRailClearing, Credit: db.LedgerAccountFxPosition, Amount: c.Took},
		}},
		{
			Type: db.LedgerTransactionTypeReturn, Payout: payout, Postings: credited,
			Description: fmt.Sprintf("%s %s came back, at %s", c.Took.Currency(), c.Took, c.Rate.Text('f')),
		},
	}, nil
}

// ReverseConverted is ReverseReturn of a payout across currencies: the merchant gives amount back, the bank took taken, in the currency that
// was delivered. What both were at the return's rate is the platform's position.
func ReverseConverted(payout string, amount, taken money.Amount, description string) []Transaction {
	transactions := []Transaction{{
		Type: db.LedgerTransactionTypeReturnReversal, Payout: payout, Description: description,
		Postings: []Posting{{Debit: db.LedgerAccountReceivable, Credit: db.LedgerAccountFxPosition, Amount: amount}},
	}}
	if taken.Positive() {
		transactions = append(transactions, Transaction{
			Type: db.LedgerTransactionTypeFxExchange, Payout: payout,
			Postings: []Posting{{Debit: db.LedgerAccountFxPosition, Credit: db.LedgerAccountRailClearing, Amount: taken}},
		})
	}
	return transactions
}
