package reference

import (
	_ "embed"
	"encoding/csv"
	"strings"

	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
)

//go:embed country_currencies.csv
var countryCurrencies string

// currenciesOf are the file's currencies, by country.
var currenciesOf = readCurrenciesOf(countryCurrencies)

// readCurrenciesOf panics where the file names a country or a currency that nobody else knows.
func readCurrenciesOf(text string) map[string][]string {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		panic("reference: country_currencies.csv: " + err.Error())
	}
	table := map[string][]string{}
	for _, row := range rows[1:] {
		country, codes := row[0], strings.Fields(row[1])
		for _, code := range codes {
			if !money.Known(code) {
				panic("reference: country_currencies.csv: " + country + " has " + code)
			}
		}
		if !bankdetails.KnownCountry(country) {
			panic("reference: country_currencies.csv: " + country)
		}
		table[country] = codes
	}
	return table
}
