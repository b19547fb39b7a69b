// Package money holds exact sums: a decimal and its currency, never finer than the currency allows. It rounds nowhere but in Rounded and
// never sees a float; what it cannot keep exactly is an error.
package money

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// exact is the arithmetic of all sums. Whatever would lose a digit is an error.
var exact = func() *apd.Context {
	c := apd.BaseContext.WithPrecision(60)
	c.Traps |= apd.Inexact
	return c
}()

// An Amount is a sum in one currency. The zero value is no amount.
type Amount struct {
	currency string
	value    apd.Decimal
}

// ErrCurrency says that the code is no currency we keep amounts in.
var ErrCurrency = errors.New("is not a currency we support; send an ISO 4217 code such as USD")

// Parse reads digits such as "2500.00" as a sum of the currency. Fewer digits than the currency's own are taken, more are an error,
// as is everything but plain digits with at most one point.
func Parse(currency, text string) (Amount, error) {
	if !Known(currency) {
		return Amount{}, ErrCurrency
	}
	whole, fraction, point := strings.Cut(text, ".")
	if !plain(whole) || len(whole) > 12 || (point && !plain(fraction)) {
		return Amount{}, errors.New(`must be a decimal string such as "2500.00", with up to 12 digits before the point`)
	}
	if len(fraction) > int(Digits(currency)) {
		return Amount{}, fmt.Errorf("has %d digits after the point, and %s has %d", len(fraction), currency, Digits(currency))
	}
	var a Amount
	if _, _, err := a.value.SetString(text); err != nil {
		return Amount{}, fmt.Errorf("parse amount: %w", err)
	}
	a.currency = currency
	return a.rescaled()
}

func plain(digits string) bool {
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// Of makes a sum of a number that the database keeps. It is an error if the number is finer than the currency, which only a fault of
// ours could have stored.
func Of(currency string, value apd.Decimal) (Amount, error) {
	if !kept(currency) {
		return Amount{}, ErrCurrency
	}
	return Amount{currency: currency, value: value}.rescaled()
}

// Rounded is the sum of the currency that is nearest to a number, half to even: what a conversion gives. Half to even, because over many
// sums it favours nobody.
func Rounded(currency string, number apd.Decimal) (Amount, error) {
	if !kept(currency) {
		return Amount{}, ErrCurrency
	}
	a := Amount{currency: currency}
	if _, err := nearest.Quantize(&a.value, &number, -Digits(currency)); err != nil {
		return Amount{}, fmt.Errorf("round %s to %s: %w", number.Text('f'), currency, err)
	}
	a.value.Negative = a.value.Negative && !a.value.IsZero() // there is no less than nothing
	return a, nil
}

// nearest rounds half to even.
var nearest = func() *apd.Context {
	c := apd.BaseContext.WithPrecision(60)
	c.Rounding = apd.RoundHalfEven
	return c
}()

// largest is what no sum reaches: 13 digits before the point.
var largest = apd.New(1, 12)

// InRange says whether the sum has no more than the 12 digits before the point that Parse takes; one that was computed may have more.
func (a Amount) InRange() bool { return a.value.Cmp(largest) < 0 }

// Zero is no money in the currency.
func Zero(currency string) Amount {
	a, _ := Amount{currency: currency}.rescaled() // zero fits every scale
	return a
}

// rescaled gives the amount the digits of its currency, so that it prints and compares in one form.
func (a Amount) rescaled() (Amount, error) {
	var value apd.Decimal
	if _, err := exact.Quantize(&value, &a.value, -Digits(a.currency)); err != nil {
		return Amount{}, fmt.Errorf("%s %s is finer than the currency: %w", a.value.Text('f'), a.currency, err)
	}
	return Amount{currency: a.currency, value: value}, nil
}

// Currency is the ISO 4217 code.
func (a Amount) Currency() string { return a.currency }

// Decimal is the number alone, for the database.
func (a Amount) Decimal() apd.Decimal { return a.value }

// String prints the number at the currency's own scale, without the currency: "2500.00".
func (a Amount) String() string { return a.value.Text('f') }

// Positive says whether there is any money in it.
func (a Amount) Positive() bool { return a.value.Sign() > 0 }

// Less says whether a is less than b. Both must be of one currency.
func (a Amount) Less(b Amount) bool {
	mustMatch(a, b)
	return a.value.Cmp(&b.value) < 0
}

// Plus is the sum of both. Both must be of one currency.
func (a Amount) Plus(b Amount) Amount {
	mustMatch(a, b)
	sum := Amount{currency: a.currency}
	if _, err := exact.Add(&sum.value, &a.value, &b.value); err != nil {
		panic(fmt.Sprintf("money: %s + %s: %v", a, b, err)) // more than 60 digits
	}
	return sum
}

// Minus is what is left of a. Both must be of one currency; the result may be below zero.
func (a Amount) Minus(b Amount) Amount {
	mustMatch(a, b)
	rest := Amount{currency: a.currency}
	if _, err := exact.Sub(&rest.value, &a.value, &b.value); err != nil {
		panic(fmt.Sprintf("money: %s - %s: %v", a, b, err)) // more than 60 digits
	}
	return rest
}

// mustMatch panics: whoever mixes currencies has forgotten to convert, and no answer would be right.
func mustMatch(a, b Amount) {
	if a.currency != b.currency {
		panic(fmt.Sprintf("money: %s and %s in one sum", a.currency, b.currency))
	}
}
