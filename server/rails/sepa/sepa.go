// Package sepa is SEPA Credit Transfers by files that a bank's customer exchanges with it: pain.001 out; pain.002, camt.054 and pacs.004
// in, as the European Payments Council's guidelines have them (EPC132-08, SCT Customer-to-PSP Implementation Guidelines 2023). It knows
// the scheme and nothing else; what surrounds a file is package files'.
package sepa

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/bankdays"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/rails/iso20022"
)

// Name is what the rail's payouts are filed under.
const Name = "sepa"

// Settings are the account that payments leave from.
type Settings struct {
	// Name is the account holder's, as the bank has it. The merchants are the ultimate debtors.
	Name string `json:"name"`
	// IBAN and BIC are the account's.
	IBAN string `json:"iban"`
	BIC  string `json:"bic"`
	// Street, PostCode, Town and Country are the account holder's address, which payments to outside the EEA must have (Regulation (EU)
	// 2023/1113, article 4). The first two may be absent.
	Street   string `json:"street,omitempty"`
	PostCode string `json:"post_code,omitempty"`
	Town     string `json:"town"`
	Country  string `json:"country"`
	// Most is the most that one payment carries; what the scheme has room for when absent.
	Most string `json:"most,omitempty"`
	// ReturnDays is after how many banking days a payment that did not come back counts as delivered; 3 when absent, which is what the
	// scheme gives the beneficiary's bank (EPC125-05, SEPA Credit Transfer Scheme Rulebook, on returns).
	ReturnDays *int `json:"return_days,omitempty"`
	files.WindowSettings
}

// Format writes and reads SEPA files.
type Format struct {
	settings   Settings
	windows    *files.Windows
	amounts    rails.Range
	returnDays int
}

// The least and the most that a payment carries (EPC132-08, AT-T002).
const (
	least = "0.01"
	most  = "999999999.99"
)

var (
	ibanForm    = regexp.MustCompile(`^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$`)
	bicForm     = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$`)
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
)

// New makes a format by settings, or says all that is wrong with them.
func New(s Settings) (*Format, error) {
	var wrong []error
	s.IBAN = strings.ReplaceAll(s.IBAN, " ", "")
	if !ibanForm.MatchString(s.IBAN) || !checksum(s.IBAN) || !reached(s.IBAN[:2]) {
		wrong = append(wrong, errors.New("iban: must be the IBAN of an account that SEPA reaches"))
	}
	if !bicForm.MatchString(s.BIC) {
		wrong = append(wrong, errors.New("bic: must be the BIC of our bank, 8 or 11 capitals and digits"))
	}
	if !countryForm.MatchString(s.Country) {
		wrong = append(wrong, errors.New("country: must be the ISO 3166-1 alpha-2 code of the account holder's country"))
	}
	for _, field := range []struct {
		name, value string
		room        int
		required    bool
	}{
		{"name", s.Name, iso20022.RoomName, true},
		{"town", s.Town, iso20022.RoomReference, true},
		{"street", s.Street, iso20022.RoomName, false},
		{"post_code", s.PostCode, 16, false},
	} {
		if iso20022.Latin(field.value, len(field.value)+1) != field.value || len(field.value) > field.room || (field.required && field.value == "") {
			wrong = append(wrong, fmt.Errorf("%s: must be plain Latin letters, digits and /-?:().,'+ , up to %d", field.name, field.room))
		}
	}
	f := &Format{settings: s, returnDays: 3}
	if s.ReturnDays != nil {
		f.returnDays = *s.ReturnDays
		if f.returnDays < 1 || f.returnDays > 60 {
			wrong = append(wrong, errors.New("return_days: must be from 1 to 60 banking days"))
		}
	}
	var err error
	f.amounts, err = amountsOf(s.Most)
	wrong = append(wrong, err)
	zone, err := time.LoadLocation("Europe/Berlin")
	wrong = append(wrong, err)
	f.windows = &files.Windows{
		Zone: zone, Calendar: bankdays.TARGET(), CutOffs: []time.Duration{14 * time.Hour}, Settles: 1, Final: 18 * time.Hour,
	}
	return f, errors.Join(append(wrong, s.WindowSettings.Apply(f.windows))...)
}

func amountsOf(text string) (rails.Range, error) {
	from, err := money.Parse("EUR", least)
	if err != nil {
		return rails.Range{}, err
	}
	room, err := money.Parse("EUR", most)
	if err != nil || text == "" {
		return rails.Range{Least: from, Most: room}, err
	}
	chosen, err := money.Parse("EUR", text)
	if err != nil {
		return rails.Range{}, fmt.Errorf("most: %w", err)
	}
	if chosen.Less(from) || room.Less(chosen) {
		return rails.Range{}, errors.New("most: must be from " + least + " to " + most)
	}
	return rails.Range{Least: from, Most: chosen}, nil
}

// checksum says whether an IBAN's check digits fit (ISO 13616: ISO 7064 MOD 97-10).
func checksum(iban string) bool {
	rest := 0
	for _, r := range iban[4:] + iban[:4] {
		switch {
		case r >= '0' && r <= '9':
			rest = (rest*10 + int(r-'0')) % 97
		default:
			rest = (rest*100 + int(r-'A') + 10) % 97
		}
	}
	return rest == 1
}

// Name is the rail's.
func (*Format) Name() string { return Name }

// Serves says that SEPA carries euros to accounts with an IBAN in the countries that it reaches.
func (f *Format) Serves(c rails.Corridor) (rails.Range, bool) {
	return f.amounts, c.Method == db.PaymentMethodIban && c.Currency == "EUR" && reached(c.Country)
}

// Windows are the bank's cut-offs in Frankfurt's time, on TARGET days.
func (f *Format) Windows() *files.Windows { return f.windows }

// References gives the end-to-end id, which is the payout's id in the characters that references have: the beneficiary's bank shows it.
func (f *Format) References(_ int64, payout string) (ours, bank string) {
	ours = iso20022.Reference(payout)
	return ours, ours
}

// FileName names a file by its day and number, as its message is.
func (f *Format) FileName(h files.Header) string { return fileName(messageID(h)) }

func messageID(h files.Header) string {
	return fmt.Sprintf("SEPA-%s-%02d", h.Day.Format("20060102"), h.Number)
}

func fileName(message string) string { return strings.ToLower(message) + ".xml" }

// messageForm is what the ids of our messages are like.
var messageForm = regexp.MustCompile(`^SEPA-\d{8}-\d{2,6}$`)

// Account is the account that payments leave from, and its holder.
func (f *Format) Account() (holder iso20022.Party, iban, bic string) {
	return iso20022.Party{Name: f.settings.Name, Address: &iso20022.Address{
		Street: f.settings.Street, PostCode: f.settings.PostCode, Town: f.settings.Town, Country: f.settings.Country,
	}}, f.settings.IBAN, f.settings.BIC
}

// Recalls are none: banks recall from each other, and a bank's customer asks its own, by whatever way that bank has.
func (*Format) Recalls() *files.Recalls { return nil }

// Silence is the end of the last banking day on which the beneficiary's bank could still send a payment back. Later ones are late returns.
func (f *Format) Silence(settles time.Time) (time.Time, bool) {
	return f.windows.Passed(settles, f.returnDays), true
}
