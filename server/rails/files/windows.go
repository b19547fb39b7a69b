package files

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rickar/cal/v2"
)

// Windows are when a rail's files are cut: at times of the clock in its own zone, on its banking days. Summer time needs no care: a
// cut-off is 16:45 on every day, whatever that is in UTC.
type Windows struct {
	Zone     *time.Location
	Calendar *cal.BusinessCalendar
	// CutOffs are the times of a day, as hours and minutes since midnight, earliest first.
	CutOffs []time.Duration
	// Settles is how many banking days after the day of its cut-off a file settles.
	Settles int
	// Final is when a payment is in by, on the day it settles.
	Final time.Duration
}

// lateBy is how long after its cut-off a file may be cut and still count as of that cut-off. One that was held up longer, because no
// server ran, is of the next.
const lateBy = 15 * time.Minute

// WindowSettings are the windows as an operator writes them.
type WindowSettings struct {
	// CutOffs are times such as "16:45", in the rail's own time zone.
	CutOffs []string `json:"cut_offs"`
	// SettlesAfter is how many banking days after its cut-off a file settles; the scheme's usual number when absent.
	SettlesAfter *int `json:"settles_after,omitempty"`
}

// Apply puts the settings over the scheme's own windows.
func (s WindowSettings) Apply(w *Windows) error {
	if len(s.CutOffs) > 24 {
		return errors.New("cut_offs: a day has 24 at most")
	}
	if len(s.CutOffs) > 0 {
		w.CutOffs = nil
	}
	for _, text := range s.CutOffs {
		at, err := time.Parse("15:04", text)
		if err != nil {
			return fmt.Errorf("cut_offs: %q is no time of the day such as 16:45", text)
		}
		w.CutOffs = append(w.CutOffs, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute)
	}
	slices.Sort(w.CutOffs)
	if len(slices.Compact(slices.Clone(w.CutOffs))) != len(w.CutOffs) {
		return errors.New("cut_offs: a time is there twice")
	}
	if s.SettlesAfter != nil {
		if *s.SettlesAfter < 0 || *s.SettlesAfter > 5 {
			return errors.New("settles_after: must be from 0 to 5 banking days")
		}
		w.Settles = *s.SettlesAfter
	}
	return nil
}

// Next is the first cut-off after the moment.
func (w *Windows) Next(at time.Time) time.Time {
	for day := w.Day(at); ; day = day.AddDate(0, 0, 1) {
		if !w.Calendar.IsWorkday(day) {
			continue
		}
		for _, cutOff := range w.CutOffs {
			if then := w.on(day, cutOff); then.After(at) {
				return then
			}
		}
	}
}

// Day is the day of the moment in the rail's zone, at midnight UTC: a date, as the database keeps it.
func (w *Windows) Day(at time.Time) time.Time {
	year, month, day := at.In(w.Zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// After is the day so many banking days after another.
func (w *Windows) After(day time.Time, days int) time.Time { return w.Calendar.WorkdaysFrom(day, days) }

// on is a time of the clock on a day.
func (w *Windows) on(day time.Time, clock time.Duration) time.Time {
	minutes := int(clock / time.Minute)
	return time.Date(day.Year(), day.Month(), day.Day(), minutes/60, minutes%60, 0, 0, w.Zone)
}

// cutOffOf is the cut-off that a file counts as of, when its orders waited for one and it is cut now.
func (w *Windows) cutOffOf(waited, now time.Time) time.Time {
	if now.Sub(waited) <= lateBy {
		return waited
	}
	return w.Next(now)
}

// settlement is the day on which a file of the cut-off settles.
func (w *Windows) settlement(cutOff time.Time) time.Time { return w.After(w.Day(cutOff), w.Settles) }

// Arrival is when money that the rail takes at the moment should be with the beneficiary.
func (w *Windows) Arrival(at time.Time) time.Time {
	return w.on(w.settlement(w.Next(at)), w.Final).UTC()
}

// Passed is when so many banking days after the day are over.
func (w *Windows) Passed(day time.Time, days int) time.Time {
	return w.on(w.After(day, days).AddDate(0, 0, 1), 0)
}
