// Package ach is credits over the ACH network of the United States, in the files of Nacha's Operating Rules: PPD for people, CCD for
// businesses, and the returns, notifications of change and acknowledgements that come back. It knows the format and nothing else; what
// surrounds a file is package files'.
//
// The reader and writer of records is github.com/moov-io/ach, and this package the only one that knows it.
package ach

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/bankdays"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
)

// Name is what the rail's payouts are filed under.
const Name = "ach"

// Settings are what our bank, the ODFI, has given us to send files with.
type Settings struct {
	// RoutingNumber is our bank's ABA number: its first eight digits begin every trace number.
	RoutingNumber string `json:"routing_number"`
	// BankName is our bank's, as its file header has it.
	BankName string `json:"bank_name"`
	// Origin is the ten characters that the bank knows our files by, and OriginName our name beside it.
	Origin     string `json:"origin"`
	OriginName string `json:"origin_name"`
	// CompanyID is the ten characters that batches are sent under.
	CompanyID string `json:"company_id"`
	// Most is the most that one payment carries; when absent what the format has room for, or Same Day ACH's limit where files settle on
	// their own day.
	Most string `json:"most,omitempty"`
	// ReturnDays is after how many banking days a payment without a return counts as delivered; 2 when absent, as the rules have it for
	// most returns (Nacha Operating Rules, subsection 3.8.3: available to the ODFI by the opening of the second banking day).
	ReturnDays *int `json:"return_days,omitempty"`
	files.WindowSettings
}

// Format writes and reads ACH files.
type Format struct {
	settings   Settings
	windows    *files.Windows
	amounts    rails.Range
	returnDays int
}

const (
	// most is what the amount of an entry has digits for.
	most = "99999999.99"
	// sameDayMost is what an entry carries that settles on the day it is sent (Nacha, Same Day ACH, since 18 March 2022).
	sameDayMost = "1000000.00"
)

var (
	nineDigits = regexp.MustCompile(`^\d{9}$`)
	tenPlain   = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	plainText  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 .,&'-]{0,22}$`)
)

// New makes a format by settings, or says all that is wrong with them.
func New(s Settings) (*Format, error) {
	var wrong []error
	if !nineDigits.MatchString(s.RoutingNumber) || !checksum(s.RoutingNumber) {
		wrong = append(wrong, errors.New("routing_number: must be the ABA number of our bank, nine digits with a right check digit"))
	}
	for _, field := range []struct {
		name, value string
		form        *regexp.Regexp
		must        string
	}{
		{"bank_name", s.BankName, plainText, "must be the bank's name in up to 23 plain characters"},
		{"origin", s.Origin, tenPlain, "must be ten digits or capitals, as the bank gave them"},
		{"origin_name", s.OriginName, plainText, "must be our name in up to 23 plain characters"},
		{"company_id", s.CompanyID, tenPlain, "must be ten digits or capitals, as the bank gave them"},
	} {
		if !field.form.MatchString(field.value) {
			wrong = append(wrong, fmt.Errorf("%s: %s", field.name, field.must))
		}
	}
	f := &Format{settings: s, returnDays: 2}
	if s.ReturnDays != nil {
		f.returnDays = *s.ReturnDays
		if f.returnDays < 1 || f.returnDays > 60 {
			wrong = append(wrong, errors.New("return_days: must be from 1 to 60 banking days"))
		}
	}
	scheme := most
	if s.SettlesAfter != nil && *s.SettlesAfter == 0 {
		scheme = sameDayMost
	}
	amounts, err := amountsOf(s.Most, scheme)
	wrong = append(wrong, err)
	f.amounts = amounts
	zone, err := time.LoadLocation("America/New_York")
	wrong = append(wrong, err)
	f.windows = &files.Windows{
		Zone: zone, Calendar: bankdays.FederalReserve(), CutOffs: []time.Duration{16*time.Hour + 45*time.Minute}, Settles: 1, Final: 17 * time.Hour,
	}
	return f, errors.Join(append(wrong, s.WindowSettings.Apply(f.windows))...)
}

// amountsOf are the amounts up to what the settings say, which is not more than the scheme allows.
func amountsOf(text, scheme string) (rails.Range, error) {
	least, err := money.Parse("USD", "0.01")
	if err != nil {
		return rails.Range{}, err
	}
	room, err := money.Parse("USD", scheme)
	if err != nil || text == "" {
		return rails.Range{Least: least, Most: room}, err
	}
	chosen, err := money.Parse("USD", text)
	if err != nil {
		return rails.Range{}, fmt.Errorf("most: %w", err)
	}
	if chosen.Less(least) || room.Less(chosen) {
		return rails.Range{}, errors.New("most: must be from 0.01 to " + scheme)
	}
	return rails.Range{Least: least, Most: chosen}, nil
}

// checksum says whether the last digit of an ABA number fits the others.
func checksum(number string) bool {
	total := 0
	for i, weight := range []int{3, 7, 1, 3, 7, 1, 3, 7, 1} {
		total += weight * int(number[i]-'0')
	}
	return total%10 == 0
}

// Name is the rail's.
func (*Format) Name() string { return Name }

// countries have banks with ABA numbers that ACH reaches: the United States and its territories.
var countries = []string{"US", "AS", "GU", "MP", "PR", "UM", "VI"}

// Serves says that ACH carries dollars to accounts with an ABA number.
func (f *Format) Serves(c rails.Corridor) (rails.Range, bool) {
	return f.amounts, c.Method == db.PaymentMethodUsBank && c.Currency == "USD" && slices.Contains(countries, c.Country)
}

// Windows are the bank's cut-offs, on the days of the Federal Reserve.
func (f *Format) Windows() *files.Windows { return f.windows }

// traces is how many trace numbers a bank's routing number has room for.
const traces = 10_000_000

// References gives the trace number: the first eight digits of our bank's routing number and seven of ours. After ten million payments
// they begin again; ours then say which time it is.
func (f *Format) References(number int64, _ string) (ours, bank string) {
	bank = fmt.Sprintf("%s%07d", f.settings.RoutingNumber[:8], number%traces)
	if round := number / traces; round > 0 {
		return fmt.Sprintf("%s-%d", bank, round+1), bank
	}
	return bank, bank
}

// FileName names a file by its day and number.
func (f *Format) FileName(h files.Header) string {
	return fmt.Sprintf("ach-%s-%s-%02d.ach", strings.ToLower(f.settings.Origin), h.Day.Format("20060102"), h.Number)
}

// Recalls are none: who wants a payment back asks its bank for a reversing entry or a letter of indemnity, outside of our files.
func (*Format) Recalls() *files.Recalls { return nil }

// Silence is the end of the last banking day on which a return could still come in time. Later ones are late returns.
func (f *Format) Silence(settles time.Time) (time.Time, bool) {
	return f.windows.Passed(settles, f.returnDays), true
}
