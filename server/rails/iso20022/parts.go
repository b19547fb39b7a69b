package iso20022

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/antonpayments/anton/server/money"
)

// An Amount is a sum with its currency: ActiveOrHistoricCurrencyAndAmount, up to 18 digits, five of them after the point.
type Amount struct {
	Currency string `xml:"Ccy,attr"`
	Value    string `xml:",chardata"`
}

var amountForm = regexp.MustCompile(`^(\d{1,18})(?:\.(\d{0,5}))?$`)

// Money is the sum. Zeros after the last digit that the currency has say nothing, and are left out.
func (a Amount) Money() (money.Amount, error) {
	parts := amountForm.FindStringSubmatch(strings.TrimSpace(a.Value))
	if parts == nil || !money.Known(a.Currency) {
		return money.Amount{}, errors.New("an amount is no number with a currency")
	}
	text, fraction := parts[1], parts[2]
	for len(fraction) > int(money.Digits(a.Currency)) && strings.HasSuffix(fraction, "0") {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction != "" {
		text += "." + fraction
	}
	sum, err := money.Parse(a.Currency, text)
	if err != nil {
		return money.Amount{}, errors.New("an amount has more digits than its currency")
	}
	return sum, nil
}

// AmountOf writes a sum.
func AmountOf(a money.Amount) Amount { return Amount{Currency: a.Currency(), Value: a.String()} }

// A Day is a date, or the moment of it: DateAndDateTime2Choice.
type Day struct {
	Date string `xml:"Dt,omitempty"`
	Time string `xml:"DtTm,omitempty"`
}

// Text is the date, 2026-02-18, or empty.
func (d *Day) Text() string {
	if d == nil {
		return ""
	}
	return DateText(d.Date, d.Time)
}

// DateText is the date of the first of the texts that begins with one. A date may have a zone after it, and a moment a time.
func DateText(texts ...string) string {
	for _, text := range texts {
		if text = strings.TrimSpace(text); len(text) >= len(time.DateOnly) {
			if _, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)]); err == nil {
				return text[:len(time.DateOnly)]
			}
		}
	}
	return ""
}

// A Choice is a code of an external list, or one of the bank's own.
type Choice struct {
	Code        string `xml:"Cd,omitempty"`
	Proprietary string `xml:"Prtry,omitempty"`
}

// Text is whichever is there.
func (c *Choice) Text() string {
	if c == nil {
		return ""
	}
	if code := strings.TrimSpace(c.Code); code != "" {
		return code
	}
	return strings.TrimSpace(c.Proprietary)
}

// A Reason is why a payment has its status, or came back: StatusReasonInformation12 and PaymentReturnReason6.
type Reason struct {
	Code *Choice `xml:"Rsn"`
}

// CodeOf is the first code of the reasons.
func CodeOf(reasons []Reason) string {
	for _, r := range reasons {
		if code := r.Code.Text(); code != "" {
			return code
		}
	}
	return ""
}

// A Party is somebody with a name and, where it is known, an address.
type Party struct {
	Name    string   `xml:"Nm,omitempty"`
	Address *Address `xml:"PstlAdr,omitempty"`
}

// An Address is PostalAddress24, in its structured form: one in lines only is refused from November 2026 on.
type Address struct {
	Street   string `xml:"StrtNm,omitempty"`
	PostCode string `xml:"PstCd,omitempty"`
	Town     string `xml:"TwnNm"`
	Country  string `xml:"Ctry"`
}

// An Account is one with an IBAN, or of another kind.
type Account struct {
	ID struct {
		IBAN  string `xml:"IBAN,omitempty"`
		Other *struct {
			ID string `xml:"Id"`
		} `xml:"Othr,omitempty"`
	} `xml:"Id"`
}

// IBAN is an account by its IBAN.
func IBAN(iban string) Account {
	var a Account
	a.ID.IBAN = iban
	return a
}

// An Agent is a bank, by its BIC.
type Agent struct {
	Institution struct {
		BIC string `xml:"BICFI"`
	} `xml:"FinInstnId"`
}

// BIC is a bank by its BIC; nil where there is none.
func BIC(bic string) *Agent {
	if bic == "" {
		return nil
	}
	a := &Agent{}
	a.Institution.BIC = bic
	return a
}

// TimeForm writes a moment as ISODateTime, in UTC.
const TimeForm = "2006-01-02T15:04:05Z"
