package velocity

import (
	"fmt"
	"sort"
	"time"
	_ "time/tzdata" // zones are the same on every machine
)

// The types of windows, in the words of the database.
const (
	Rolling       = "rolling"
	CalendarDay   = "calendar_day"
	CalendarMonth = "calendar_month"
)

// A Window is the time in which payouts count together.
type Window struct {
	Type    string
	Seconds int32  // of a rolling window
	Zone    string // of a calendar window

	loc *time.Location
}

// NewWindow makes a window. The zone of a calendar window is a name of the IANA database; empty is UTC.
func NewWindow(kind string, seconds int32, zone string) (*Window, error) {
	if kind == Rolling {
		return &Window{Type: kind, Seconds: seconds}, nil
	}
	if zone == "" {
		zone = "UTC"
	}
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" { // Local is the server's own, whatever that is
		return nil, fmt.Errorf("%q is no zone of the IANA database", zone)
	}
	return &Window{Type: kind, Zone: zone, loc: loc}, nil
}

// name is the window as a key of a map: two of the same zone need not point at the same one.
func (w *Window) name() Window { return Window{Type: w.Type, Seconds: w.Seconds, Zone: w.Zone} }

// The lengths of buckets, in seconds. Each divides the next. Every zone of our time is off UTC by whole quarters of an hour, so that days
// in any zone are made of quarters and days in UTC.
const (
	second  = 1
	minute  = 60
	quarter = 900
	day     = 86400
)

var steps = [...]int32{second, minute, quarter, day}

// resolution is how finely a rolling window is measured: to the second up to a day, to the minute beyond. It begins at most that much too
// early, so it never lets more than the cap pass in any true window.
func (w *Window) resolution() int32 {
	if w.Seconds <= day {
		return second
	}
	return minute
}

// Start is from when on payouts count now.
func (w *Window) Start(now time.Time) time.Time {
	if w.Type == Rolling {
		return time.Unix(floor(now.Unix()-int64(w.Seconds), w.resolution()), 0).UTC()
	}
	y, m, d := now.In(w.loc).Date()
	if w.Type == CalendarMonth {
		d = 1
	}
	return begins(w.loc, y, m, d)
}

// Resets is by when everything that counts now will count no more, at the latest.
func (w *Window) Resets(now time.Time) time.Time {
	y, m, d := 0, time.Month(0), 0
	if w.Type != Rolling {
		y, m, d = now.In(w.loc).Date()
	}
	switch w.Type {
	case CalendarDay:
		return begins(w.loc, y, m, d+1)
	case CalendarMonth:
		return begins(w.loc, y, m+1, 1)
	}
	step := w.resolution()
	return time.Unix(floor(now.Unix(), step)+int64(w.Seconds)+int64(step), 0).UTC()
}

// begins is the first moment of a day in the zone. Where the clocks are put on at midnight there is no 00:00, and where they are put back
// there are two.
func begins(loc *time.Location, y int, m time.Month, d int) time.Time {
	date := time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // the date as a number: days past the end of a month are in the next one
	midnight := date.In(loc)
	_, offset := midnight.Zone()
	midnight = midnight.Add(-time.Duration(offset) * time.Second)
	if sameOffset(midnight, offset, -day/2) && sameOffset(midnight, offset, 0) {
		return midnight.UTC() // the clocks were not touched since noon: there is one midnight
	}
	from := date.Add(-15 * time.Hour) // the first place on earth to see it
	seconds := sort.Search(30*3600, func(s int) bool {
		ly, lm, ld := from.Add(time.Duration(s) * time.Second).In(loc).Date()
		return !time.Date(ly, lm, ld, 0, 0, 0, 0, time.UTC).Before(date)
	})
	return from.Add(time.Duration(seconds) * time.Second)
}

// sameOffset says whether the zone is off UTC by so many seconds, some seconds after the moment.
func sameOffset(at time.Time, offset, seconds int) bool {
	_, is := at.Add(time.Duration(seconds) * time.Second).Zone()
	return is == offset
}

func floor(unix int64, step int32) int64 {
	s := int64(step)
	return unix - ((unix%s)+s)%s
}

// farFuture is a second in the year 9999.
const farFuture = 253_402_300_799

// A Range is the buckets of one length that begin at From or later, and before Until.
type Range struct {
	Step        int32
	From, Until int64 // unix seconds
}

// Settled says whether all of the range's buckets ended by the moment.
func (r Range) Settled(by time.Time) bool { return r.Until <= by.Unix() }

// Short says whether the range's buckets are shorter than a quarter of an hour.
func (r Range) Short() bool { return r.Step < quarter }

// Has says whether the range's buckets are quarters of an hour and hold all that a short range's do.
func (r Range) Has(short Range) bool {
	return r.Step == quarter && r.From <= short.From && short.Until <= r.Until
}

// widened is the quarter of an hour that the shortest buckets are in, or the day that quarters are in, or all days from the first.
func (r Range) widened(firstDay int64) Range {
	switch r.Step {
	case second, minute:
		r.From = floor(r.From, quarter)
		r.Until = r.From + quarter
	case quarter:
		r.From = floor(r.From, day)
		r.Until = r.From + day
	default:
		r.From = firstDay
	}
	return r
}

// Ranges are the buckets that make up everything since a moment: the shortest to the next beginning of a longer one, and so on; then days.
func Ranges(since int64) []Range {
	all := make([]Range, 0, len(steps))
	for i, step := range steps {
		if i == len(steps)-1 {
			return append(all, Range{step, since, farFuture})
		}
		longer := steps[i+1]
		next := floor(since+int64(longer)-1, longer)
		if next > since {
			all = append(all, Range{step, since, next})
			since = next
		}
	}
	return all
}

// A Series is the buckets of one length for the subjects of a scope.
type Series struct {
	Scope Scope
	Step  int32
}

// steps are the lengths of buckets that the window is read from, at any moment of its life.
func (w *Window) steps(start time.Time) []int32 {
	switch {
	case w.Type == Rolling && w.resolution() == second:
		return steps[:]
	case w.Type == Rolling:
		return steps[1:]
	case w.Zone == "UTC":
		return steps[3:]
	case start.Unix()%quarter == 0:
		return steps[2:]
	}
	return steps[:] // a zone of the past
}

// KeepFor is how long buckets of each length are of use: seconds as long as the longest window that is measured in seconds, and a day for
// clocks that differ; all others as long as the longest window there is.
var KeepFor = map[int32]time.Duration{
	second:  2 * day * time.Second,
	minute:  (mostSeconds + day) * time.Second,
	quarter: (mostSeconds + day) * time.Second,
	day:     (mostSeconds + day) * time.Second,
}
