// Package corridors knows which currency can be paid to accounts of which country by which method, and what one payment may carry there.
// It is data: corridors.csv says what the schemes say, and every way to name an account that bankdetails has is a corridor of every
// currency, because a bank may keep an account in any. Which of them a deployment serves is for its rails to say.
package corridors

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
)

// A Corridor is a way for money to arrive.
type Corridor struct {
	Currency, Country string
	Method            antonv1.PaymentMethod_Value
	Least, Most       money.Amount // what one payment may carry, both included
	CutOff, Zone      string       // "15:00" in an IANA time zone; empty where payments go out at any hour
	Fastest, Slowest  int          // usual delivery, in business days
	clock             clock
}

// Takes says whether one payment may carry the sum, which is in the corridor's currency.
func (c *Corridor) Takes(sum money.Amount) bool { return !sum.Less(c.Least) && !c.Most.Less(sum) }

// Of finds the corridor of an account; ok is false where the country has no account by that method, or the currency is none.
func Of(currency, country string, method antonv1.PaymentMethod_Value) (Corridor, bool) {
	if !money.Known(currency) || !slices.Contains(methods[country], method) {
		return Corridor{}, false
	}
	for i := range rows {
		if rows[i].fits(currency, country, method) {
			return rows[i].corridor(currency, country, method), true
		}
	}
	return Corridor{}, false
}

// Methods are those that a country has corridors by, the usual one first.
func Methods(country string) []antonv1.PaymentMethod_Value { return methods[country] }

// methods are the ways to name an account of each country, read once: every payout asks.
var methods = func() map[string][]antonv1.PaymentMethod_Value {
	all := map[string][]antonv1.PaymentMethod_Value{}
	for _, country := range bankdetails.Countries() {
		for _, schema := range bankdetails.Schemas(country) {
			all[country] = append(all[country], schema.Method)
		}
	}
	return all
}()

// A row of the file. Nil fits all.
type row struct {
	currencies, countries []string
	method                string
	least, most           string // empty: as far as amounts go
	cutOff, zone          string
	fastest, slowest      int
	clock                 clock
}

func (r *row) fits(currency, country string, method antonv1.PaymentMethod_Value) bool {
	return (r.currencies == nil || slices.Contains(r.currencies, currency)) &&
		(r.countries == nil || slices.Contains(r.countries, country)) &&
		(r.method == "*" || r.method == method.String())
}

func (r *row) corridor(currency, country string, method antonv1.PaymentMethod_Value) Corridor {
	c := Corridor{
		Currency: currency, Country: country, Method: method, Least: smallest(currency), Most: largest(currency),
		CutOff: r.cutOff, Zone: r.zone, Fastest: r.fastest, Slowest: r.slowest, clock: r.clock,
	}
	if r.least != "" {
		c.Least = mustParse(currency, r.least)
	}
	if r.most != "" {
		c.Most = mustParse(currency, r.most)
	}
	return c
}

// smallest is one minor unit.
func smallest(currency string) money.Amount {
	a, err := money.Of(currency, *apd.New(1, -money.Digits(currency)))
	if err != nil {
		panic("corridors: " + err.Error()) // one minor unit is never finer than its currency
	}
	return a
}

// largest is twelve nines before the point and all digits after it, the most that the API takes.
func largest(currency string) money.Amount {
	text := "999999999999"
	if digits := money.Digits(currency); digits > 0 {
		text += "." + strings.Repeat("9", int(digits))
	}
	return mustParse(currency, text)
}

func mustParse(currency, text string) money.Amount {
	a, err := money.Parse(currency, text)
	if err != nil {
		panic(fmt.Sprintf("corridors: %s %s: %v", currency, text, err))
	}
	return a
}

//go:embed corridors.csv
var file string

var rows = read(file)

// read panics where the file has something that nobody else knows: it is part of the program.
func read(text string) (rows []row) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		panic("corridors: corridors.csv: " + err.Error())
	}
	for _, record := range records[1:] {
		one := row{
			currencies: listed(record[0]), countries: listed(record[1]), method: record[2], least: record[3], most: record[4],
			cutOff: record[5], zone: record[6],
		}
		if one.fastest, err = strconv.Atoi(record[7]); err == nil {
			one.slowest, err = strconv.Atoi(record[8])
		}
		if err == nil {
			one.clock, err = readClock(one.cutOff, one.zone, record[9])
		}
		if err == nil {
			err = one.check()
		}
		if err != nil {
			panic(fmt.Sprintf("corridors: corridors.csv: %q: %v", record, err))
		}
		rows = append(rows, one)
	}
	return rows
}

// listed are the words of a cell; nil for the star.
func listed(cell string) []string {
	if cell == "*" {
		return nil
	}
	return strings.Fields(cell)
}

func (r *row) check() error {
	for _, currency := range r.currencies {
		if !money.Known(currency) {
			return fmt.Errorf("%s is no currency", currency)
		}
	}
	if len(r.currencies) != 1 && r.least+r.most != "" {
		return errors.New("bounds are of one currency")
	}
	for _, country := range r.countries {
		if !bankdetails.KnownCountry(country) {
			return fmt.Errorf("%s is no country", country)
		}
		if !slices.ContainsFunc(methods[country], func(m antonv1.PaymentMethod_Value) bool { return m.String() == r.method }) {
			return fmt.Errorf("%s has no account by %s", country, r.method)
		}
	}
	if r.fastest > r.slowest {
		return errors.New("the fastest is slower than the slowest")
	}
	if r.cutOff == "" && r.slowest > 0 {
		return errors.New("what goes out at any hour arrives the same day")
	}
	return nil
}
