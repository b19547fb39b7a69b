package corridors

import (
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // zones are the same on every machine

	"github.com/rickar/cal/v2"

	"github.com/antonpayments/anton/server/bankdays"
)

const (
	// atOnce is how long a payment takes at most where payments go out at any hour. Of those schemes NEFT has the longest: half an hour
	// between its batches, and two hours in which the bank must have credited (Reserve Bank of India, 6 December 2019).
	atOnce = 3 * time.Hour
	// byThen is the time of the day, in the corridor's zone, by which a payment of that day is there.
	byThen = 17 * time.Hour
)

// calendars are the business days that a corridor may have, by their names in the file.
var calendars = map[string]*cal.BusinessCalendar{
	"federal_reserve": bankdays.FederalReserve(),
	"target":          bankdays.TARGET(),
	"canada":          bankdays.Canada(),
	"australia":       bankdays.Australia(),
	"japan":           bankdays.Japan(),
	"weekdays":        bankdays.Weekdays(),
}

// A clock says on which day a payment leaves. The zero value is of a corridor whose payments leave at any hour.
type clock struct {
	zone   *time.Location
	days   *cal.BusinessCalendar
	cutOff time.Duration // since midnight, as the wall clock shows it
}

func readClock(cutOff, zone, calendar string) (c clock, err error) {
	if cutOff == "" {
		if zone+calendar != "" {
			err = errors.New("a zone or a calendar without a cut-off")
		}
		return c, err
	}
	at, err := time.Parse("15:04", cutOff)
	if err != nil {
		return c, err
	}
	c.cutOff = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	if c.days = calendars[calendar]; c.days == nil {
		return c, fmt.Errorf("%q is no calendar", calendar)
	}
	c.zone, err = time.LoadLocation(zone)
	return c, err
}

// Arrival is by when money that sets out at the moment is usually there: at five in the afternoon, so many business days after the day on
// which it leaves as the corridor takes at its slowest. It leaves on the business day whose cut-off is the next. Where payments go out at any
// hour it is there in three hours.
func (c *Corridor) Arrival(at time.Time) time.Time {
	k := &c.clock
	if k.zone == nil {
		return at.Add(atOnce)
	}
	year, month, date := at.In(k.zone).Date()
	day := time.Date(year, month, date, 0, 0, 0, 0, time.UTC) // days are counted where every one has 24 hours
	if !k.days.IsWorkday(day) || !at.Before(k.on(day, k.cutOff)) {
		day = k.days.WorkdaysFrom(day, 1)
	}
	return k.on(k.days.WorkdaysFrom(day, c.Slowest), byThen).UTC()
}

// on is a time of the wall clock on a day.
func (k *clock) on(day time.Time, clock time.Duration) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, int(clock/time.Minute), 0, 0, k.zone)
}
