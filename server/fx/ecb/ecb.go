// Package ecb reads the euro foreign exchange reference rates as the European Central Bank publishes them, and knows its days. It reads all of a
// file or none of it: a file that is cut, edited or another one is an error, never fewer rates.
//
// The format, with eurofxref-daily.xml of one day and eurofxref-hist-90d.xml of ninety, and the hours are described at
// https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/.
package ecb

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// A Day is what was published on a day: how much of each currency one euro is.
type Day struct {
	Date  time.Time // midnight, UTC
	Rates map[string]apd.Decimal
}

// Published is when the day's rates are out: at 16:00 in Frankfurt.
func (d Day) Published() time.Time { return published(d.Date) }

// MaxSize is the most bytes that a file may have; the history of ninety days has 120 kB, the one since 1999 7 MB.
const MaxSize = 16 << 20

const (
	// fewest is the fewest currencies that a day can have; for twenty years there have been about thirty.
	fewest = 20
	// mostDays bounds the history: there are about 260 days a year since 1999.
	mostDays = 20_000
)

// The file's form: an envelope of GESMES with a cube of cubes.
type envelope struct {
	XMLName xml.Name `xml:"http://www.gesmes.org/xml/2002-08-01 Envelope"`
	Subject string   `xml:"http://www.gesmes.org/xml/2002-08-01 subject"`
	Days    []cube   `xml:"http://www.ecb.int/vocabulary/2002-08-01/eurofxref Cube>Cube"`
}

type cube struct {
	Time  string `xml:"time,attr"`
	Rates []struct {
		Currency string `xml:"currency,attr"`
		Rate     string `xml:"rate,attr"`
	} `xml:"Cube"`
}

// Read reads a file. Its days come back oldest first.
func Read(text []byte) ([]Day, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("the file is larger than %d MB", MaxSize>>20)
	}
	var e envelope
	decoder := xml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&e); err != nil {
		return nil, fmt.Errorf("this is not the ECB's file of reference rates, or not all of it: %w", err)
	}
	if err := nothingAfter(decoder); err != nil {
		return nil, err
	}
	if e.Subject != "Reference rates" {
		return nil, fmt.Errorf("the file is about %.50q, not about Reference rates", e.Subject)
	}
	if len(e.Days) == 0 || len(e.Days) > mostDays {
		return nil, fmt.Errorf("the file has %d days", len(e.Days))
	}
	var days []Day
	for _, c := range e.Days {
		d, err := c.day()
		if err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	slices.SortFunc(days, func(a, b Day) int { return a.Date.Compare(b.Date) })
	for i := range days[1:] {
		if days[i].Date.Equal(days[i+1].Date) {
			return nil, fmt.Errorf("the file has %s twice", days[i].Date.Format(time.DateOnly))
		}
	}
	return days, nil
}

// nothingAfter refuses a second document behind the first: two files in one are none.
func nothingAfter(decoder *xml.Decoder) error {
	for {
		switch token, err := decoder.Token(); token := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("after the rates: %w", err)
		case xml.Comment:
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return errors.New("there is text after the rates")
			}
		default:
			return errors.New("there is more after the rates")
		}
	}
}

var (
	code   = regexp.MustCompile(`^[A-Z]{3}$`)
	number = regexp.MustCompile(`^\d{1,9}(\.\d{1,9})?$`)
)

func (c cube) day() (Day, error) {
	date, err := time.Parse(time.DateOnly, c.Time)
	if err != nil || date.Year() < 1999 {
		return Day{}, fmt.Errorf("%.50q is not a day of the euro", c.Time)
	}
	d := Day{Date: date, Rates: map[string]apd.Decimal{}}
	for _, r := range c.Rates {
		if !code.MatchString(r.Currency) || r.Currency == "EUR" {
			return Day{}, fmt.Errorf("%s: %.50q is not the code of another currency", c.Time, r.Currency)
		}
		if _, twice := d.Rates[r.Currency]; twice {
			return Day{}, fmt.Errorf("%s has %s twice", c.Time, r.Currency)
		}
		if r.Rate == "N/A" { // so it says of a currency that is not quoted for a while, such as the krona from 2008 to 2018
			continue
		}
		var rate apd.Decimal
		if !number.MatchString(r.Rate) || strings.Trim(r.Rate, "0.") == "" {
			return Day{}, fmt.Errorf("%s: the rate of %s is %.50q", c.Time, r.Currency, r.Rate)
		}
		if _, _, err := rate.SetString(r.Rate); err != nil {
			return Day{}, fmt.Errorf("%s: the rate of %s: %w", c.Time, r.Currency, err)
		}
		d.Rates[r.Currency] = rate
	}
	if _, ok := d.Rates["USD"]; !ok || len(d.Rates) < fewest {
		return Day{}, fmt.Errorf("%s has %d currencies; that is not all of them", c.Time, len(d.Rates))
	}
	return d, nil
}
