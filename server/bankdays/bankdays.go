// Package bankdays knows on which days banks settle: the calendars of the clearing systems that payments pass.
package bankdays

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/au"
	"github.com/rickar/cal/v2/ca"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/jp"
	"github.com/rickar/cal/v2/us"
)

// FederalReserve is the calendar of the Federal Reserve Banks, which ACH and Fedwire settle on. A holiday on a Sunday is kept on
// Monday; one on a Saturday is not kept on Friday, unlike that of federal offices
// (https://www.frbservices.org/about/holiday-schedules).
func FederalReserve() *cal.BusinessCalendar {
	sunday := []cal.AltDay{{Day: time.Sunday, Offset: 1}}
	var holidays []*cal.Holiday
	for _, holiday := range []*cal.Holiday{
		us.NewYear, us.MlkDay, us.PresidentsDay, us.MemorialDay, us.Juneteenth, us.IndependenceDay, us.LaborDay, us.ColumbusDay,
		us.VeteransDay, us.ThanksgivingDay, us.ChristmasDay,
	} {
		kept := *holiday
		if kept.Observed != nil {
			kept.Observed = sunday
		}
		holidays = append(holidays, &kept)
	}
	return weekdaysBut(holidays)
}

// TARGET is the calendar of the Eurosystem's TARGET services, which SEPA settles on: closed on New Year's Day, Good Friday, Easter
// Monday, 1 May, 25 and 26 December, and on none of them earlier or later (decision of the ECB's Governing Council, 14 December 2000).
func TARGET() *cal.BusinessCalendar { return weekdaysBut(ecb.Holidays) }

// Canada is the calendar of Payments Canada's ACSS, which AFT files settle on: the holidays of its glossary, and since 2021 the National Day
// for Truth and Reconciliation (Payments Canada's announcement for 30 September 2021). Days of provinces are not among them.
func Canada() *cal.BusinessCalendar {
	return weekdaysBut([]*cal.Holiday{
		ca.NewYear, ca.GoodFriday, ca.VictoriaDay, ca.CanadaDay, ca.LabourDay, ca.NationalDayForTruthAndReconciliation, ca.ThanksgivingDay,
		ca.RemembranceDay, ca.ChristmasDay, ca.BoxingDay,
	})
}

// Australia is the holidays that all of Australia's states keep. AusPayNet's own calendar was not at hand.
func Australia() *cal.BusinessCalendar {
	return weekdaysBut([]*cal.Holiday{au.NewYear, au.AustraliaDay, au.GoodFriday, au.EasterMonday, au.AnzacDay, au.ChristmasDay, au.BoxingDay})
}

// Japan is the days on which Japan's banks are open: not on national holidays, nor from 31 December to 3 January (Order for Enforcement of
// the Banking Act, article 5).
func Japan() *cal.BusinessCalendar {
	closed := append([]*cal.Holiday{}, jp.Holidays...)
	for _, day := range []struct {
		month time.Month
		day   int
	}{{time.December, 31}, {time.January, 1}, {time.January, 2}, {time.January, 3}} {
		closed = append(closed, &cal.Holiday{Name: "banks are closed", Month: day.month, Day: day.day, Func: cal.CalcDayOfMonth})
	}
	return weekdaysBut(closed)
}

// Weekdays is for payments whose way nobody knows beforehand: all days but Saturdays and Sundays.
func Weekdays() *cal.BusinessCalendar { return weekdaysBut(nil) }

// weekdaysBut makes a calendar that any number of goroutines may ask.
func weekdaysBut(holidays []*cal.Holiday) *cal.BusinessCalendar {
	c := cal.NewBusinessCalendar()
	c.Cacheable = true
	c.AddHoliday(holidays...)
	return c
}
