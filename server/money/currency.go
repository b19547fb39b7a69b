package money

import (
	_ "embed"
	"encoding/csv"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Currency is a line of ISO 4217.
type Currency struct {
	Code   string
	Name   string
	Digits int32  // after the point
	Symbol string // empty where people write the code
	// From and Until are the first and the last day of the code, as 2025-03-31: From is empty for codes from before 2016, Until for those in
	// use.
	From, Until string
}

//go:embed iso4217.csv
var iso4217 string

// currencies are the file's, by code. Libraries are not used for this: those we compared differ from the standard on a dozen currencies
// and more, because they carry locale data.
var currencies = readCurrencies(iso4217)

func readCurrencies(text string) map[string]Currency {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		panic("money: iso4217.csv: " + err.Error())
	}
	table := map[string]Currency{}
	for _, row := range rows[1:] {
		n, err := strconv.ParseInt(row[2], 10, 32)
		if err != nil {
			panic("money: iso4217.csv: " + err.Error())
		}
		table[row[0]] = Currency{Code: row[0], Name: row[1], Digits: int32(n), Symbol: row[3], From: row[4], Until: row[5]}
	}
	return table
}

// Known says whether the code is a currency we take amounts in.
func Known(code string) bool {
	c, ok := currencies[code]
	return ok && c.Until == ""
}

// kept says whether amounts in the currency may be in the database: one that was withdrawn stays readable.
func kept(code string) bool {
	_, ok := currencies[code]
	return ok
}

// Digits is how many digits the currency has after the point; 2 for USD, 0 for JPY, 3 for KWD. The currency must be one of the file's.
func Digits(code string) int32 { return currencies[code].Digits }

// Currencies are those we take amounts in, by code.
func Currencies() []Currency {
	var known []Currency
	for _, code := range slices.Sorted(maps.Keys(currencies)) {
		if Known(code) {
			known = append(known, currencies[code])
		}
	}
	return known
}
