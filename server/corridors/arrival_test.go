package corridors_test

import (
	"testing"
	"time"

	"github.com/rickar/cal/v2"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/bankdays"
	"github.com/antonpayments/anton/server/corridors"
)

func at(text string) time.Time {
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return moment.UTC()
}

func TestArrival(t *testing.T) {
	t.Parallel()
	us := corridor(t, "USD", "US", antonv1.PaymentMethod_us_bank)
	eu := corridor(t, "EUR", "DE", antonv1.PaymentMethod_iban)
	gb := corridor(t, "GBP", "GB", antonv1.PaymentMethod_uk_bank)
	ca := corridor(t, "CAD", "CA", antonv1.PaymentMethod_ca_bank)
	jp := corridor(t, "JPY", "JP", antonv1.PaymentMethod_jp_bank)
	swift := corridor(t, "KES", "KE", antonv1.PaymentMethod_swift)
	for _, tt := range []struct {
		c              corridors.Corridor
		sent, want, by string
	}{
		{us, "2026-02-11T20:59:59Z", "2026-02-13T22:00:00Z", "Wednesday, a second before 16:00 in New York"},
		{us, "2026-02-11T21:00:00Z", "2026-02-17T22:00:00Z", "16:00 is too late; then two days over a weekend and Presidents' Day"},
		{us, "2026-02-14T10:00:00Z", "2026-02-19T22:00:00Z", "on the Saturday before Presidents' Day"},
		{us, "2026-03-05T20:59:59Z", "2026-03-09T21:00:00Z", "summer time begins on Sunday, 8 March: 17:00 is an hour earlier in UTC"},
		{us, "2026-10-29T19:59:59Z", "2026-11-02T22:00:00Z", "summer time ends on Sunday, 1 November"},
		{us, "2026-07-02T20:00:00Z", "2026-07-07T21:00:00Z", "4 July is a Saturday: the Federal Reserve is open on the 3rd"},
		{us, "2026-02-12T03:00:00Z", "2026-02-17T22:00:00Z", "in New York it is still Wednesday, after the cut-off: it leaves on Thursday"},
		{eu, "2026-04-02T12:59:59Z", "2026-04-07T15:00:00Z", "before Good Friday and Easter Monday"},
		{eu, "2026-04-02T13:00:00Z", "2026-04-08T15:00:00Z", "15:00 in Brussels is past"},
		{eu, "2026-12-24T13:00:00Z", "2026-12-28T16:00:00Z", "Christmas Eve is open; the 25th and the 26th are not"},
		{eu, "2026-12-31T15:00:00Z", "2027-01-05T16:00:00Z", "after the year's last cut-off"},
		{gb, "2026-12-25T03:00:00Z", "2026-12-25T06:00:00Z", "at any hour, on Christmas Day too"},
		{ca, "2026-09-29T19:59:59Z", "2026-10-02T21:00:00Z", "30 September is a holiday of Payments Canada"},
		{jp, "2026-12-30T04:59:59Z", "2027-01-04T08:00:00Z", "Japan's banks are closed from 31 December to 3 January"},
		{jp, "2026-04-28T05:00:00Z", "2026-05-01T08:00:00Z", "after the cut-off, 29 April is Showa Day"},
		{swift, "2026-06-05T14:00:00Z", "2026-06-15T16:00:00Z", "Friday 15:00 in London, then five weekdays after Monday"},
	} {
		if got := tt.c.Arrival(at(tt.sent)); !got.Equal(at(tt.want)) {
			t.Errorf("%s to %s at %s: %s, want %s: %s", tt.c.Currency, tt.c.Country, tt.sent, got.Format(time.RFC3339), tt.want, tt.by)
		}
	}
}

func corridor(t *testing.T, currency, country string, method antonv1.PaymentMethod_Value) corridors.Corridor {
	t.Helper()
	c, ok := corridors.Of(currency, country, method)
	if !ok {
		t.Fatalf("no corridor of %s to %s by %s", currency, country, method)
	}
	return c
}

// TestArrivalOverAYear holds what must be true of every moment of a year, about its cut-offs above all: money arrives after it sets out, at
// 17:00 of a business day whatever the clocks did, exactly so many business days after the first cut-off that it met, and never before
// what set out earlier.
func TestArrivalOverAYear(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    corridors.Corridor
		days *cal.BusinessCalendar
	}{
		{corridor(t, "USD", "US", antonv1.PaymentMethod_us_bank), bankdays.FederalReserve()},
		{corridor(t, "EUR", "RS", antonv1.PaymentMethod_iban), bankdays.TARGET()},
		{corridor(t, "CAD", "CA", antonv1.PaymentMethod_ca_bank), bankdays.Canada()},
		{corridor(t, "AUD", "AU", antonv1.PaymentMethod_au_bank), bankdays.Australia()},
		{corridor(t, "JPY", "JP", antonv1.PaymentMethod_jp_bank), bankdays.Japan()},
		{corridor(t, "USD", "AE", antonv1.PaymentMethod_iban), bankdays.Weekdays()},
	} {
		zone, err := time.LoadLocation(tt.c.Zone)
		if err != nil {
			t.Fatal(err)
		}
		cutOff, err := time.Parse("15:04", tt.c.CutOff)
		if err != nil {
			t.Fatal(err)
		}
		var before time.Time
		for day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2027; day = day.AddDate(0, 0, 1) {
			noon := time.Date(day.Year(), day.Month(), day.Day(), cutOff.Hour(), cutOff.Minute(), 0, 0, zone)
			for _, apart := range []time.Duration{-7 * time.Hour, -time.Second, 0, time.Second, 5 * time.Hour} {
				sent := noon.Add(apart)
				arrives := tt.c.Arrival(sent)
				if !arrives.After(sent) || arrives.Before(before) || arrives.Sub(sent) > 15*24*time.Hour {
					t.Fatalf("%s sent at %s arrives at %s, what set out earlier at %s", tt.c.Currency, sent, arrives, before)
				}
				before = arrives
				local := arrives.In(zone)
				if local.Format("15:04:05") != "17:00:00" || !tt.days.IsWorkday(dateOf(local)) {
					t.Fatalf("%s sent at %s arrives at %s", tt.c.Currency, sent, local)
				}
				leaves := day // the first business day whose cut-off is still to come
				for apart >= 0 && leaves.Equal(day) || !tt.days.IsWorkday(leaves) {
					leaves = leaves.AddDate(0, 0, 1)
				}
				n := 0
				for d := leaves.AddDate(0, 0, 1); !d.After(dateOf(local)); d = d.AddDate(0, 0, 1) {
					if tt.days.IsWorkday(d) {
						n++
					}
				}
				if n != tt.c.Slowest {
					t.Fatalf("%s sent at %s leaves on %s and takes %d business days, to %s", tt.c.Currency, sent, leaves, n, local)
				}
			}
		}
	}
}

func dateOf(moment time.Time) time.Time {
	year, month, day := moment.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
