package files

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/us"
)

// FederalReserve is the calendar of the Federal Reserve Banks, which ACH and Fedwire settle on. A holiday on a Sunday is kept on
// Monday; one on a Saturday is not kept on Friday, unlike that of federal offices
// (https://www.frbservices.org/about/holiday-schedules).
func FederalReserve() *cal.BusinessCalendar {
	c := cal.NewBusinessCalendar()
	c.Cacheable = true
	sunday := []cal.AltDay{{Day: time.Sunday, Offset: 1}}
	for _, holiday := range []*cal.Holiday{
		us.NewYear, us.MlkDay, us.PresidentsDay, us.MemorialDay, us.Juneteenth, us.IndependenceDay, us.LaborDay, us.ColumbusDay,
		us.VeteransDay, us.ThanksgivingDay, us.ChristmasDay,
	} {
		kept := *holiday
		if kept.Observed != nil {
			kept.Observed = sunday
		}
		c.AddHoliday(&kept)
	}
	return c
}

// TARGET is the calendar of the Eurosystem's TARGET services, which SEPA settles on: closed on New Year's Day, Good Friday, Easter
// Monday, 1 May, 25 and 26 December, and on none of them earlier or later (decision of the ECB's Governing Council, 14 December 2000).
func TARGET() *cal.BusinessCalendar {
	c := cal.NewBusinessCalendar()
	c.Cacheable = true
	c.AddHoliday(ecb.Holidays...)
	return c
}
