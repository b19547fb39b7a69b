package ecb

import (
	"time"
	_ "time/tzdata" // Frankfurt is the same on every machine
)

var frankfurt = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err) // the zones are linked in
	}
	return zone
}()

// published is 16:00 in Frankfurt on the day of the date.
func published(date time.Time) time.Time {
	return time.Date(date.Year(), date.Month(), date.Day(), 16, 0, 0, 0, frankfurt)
}

// Newest is when the rates that are the newest at a moment were published, if the ECB kept to its calendar.
func Newest(at time.Time) time.Time {
	local := at.In(frankfurt)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	for !open(day) || published(day).After(at) {
		day = day.AddDate(0, 0, -1)
	}
	return published(day)
}

// Missed counts the publications between one and a moment: how many business days the rates are old. It stops counting at 1000.
func Missed(asOf, at time.Time) int {
	missed := 0
	for newest := Newest(at); newest.After(asOf) && missed < 1000; missed++ {
		newest = Newest(newest.Add(-time.Second))
	}
	return missed
}

// open says whether T2, the euro's payment system, is open on the day, which is when the ECB publishes. It is closed on weekends, New
// Year's Day, Good Friday, Easter Monday, 1 May, 25 and 26 December: the calendar that holds since 2002.
func open(day time.Time) bool {
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		return false
	}
	switch _, month, date := day.Date(); {
	case month == time.January && date == 1, month == time.May && date == 1, month == time.December && (date == 25 || date == 26):
		return false
	}
	easter := easterSunday(day.Year())
	return !day.Equal(easter.AddDate(0, 0, -2)) && !day.Equal(easter.AddDate(0, 0, 1))
}

// easterSunday is the computus of Meeus, Jones and Butcher, for the Gregorian calendar.
func easterSunday(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	month, day := (h+l-7*m+114)/31, (h+l-7*m+114)%31+1
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}
