package files_test

import (
	"testing"
	"time"

	"github.com/antonpayments/anton/server/bankdays"
	"github.com/antonpayments/anton/server/rails/files"
)

func at(text string) time.Time {
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return moment
}

func windows(t *testing.T, zone string, cutOffs ...string) *files.Windows {
	t.Helper()
	place, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	w := &files.Windows{Zone: place, Calendar: bankdays.FederalReserve(), Settles: 1, Final: 17 * time.Hour}
	if err := (files.WindowSettings{CutOffs: cutOffs}).Apply(w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestCutOffsFollowTheClockOnTheWall(t *testing.T) {
	t.Parallel()
	w := windows(t, "America/New_York", "16:45", "10:30")
	for _, c := range []struct{ now, next, arrives, why string }{
		{"2026-02-13T15:00:00Z", "2026-02-13T15:30:00Z", "2026-02-17T22:00:00Z", "Friday morning; Monday is Presidents' Day"},
		{"2026-02-13T15:30:00Z", "2026-02-13T21:45:00Z", "2026-02-17T22:00:00Z", "a cut-off that is now is past"},
		{"2026-02-13T21:45:00Z", "2026-02-17T15:30:00Z", "2026-02-18T22:00:00Z", "after the last cut-off before a long weekend"},
		{"2026-03-06T21:45:00Z", "2026-03-09T14:30:00Z", "2026-03-10T21:00:00Z", "summer time began on Sunday, 8 March"},
		{"2026-10-30T20:45:00Z", "2026-11-02T15:30:00Z", "2026-11-03T22:00:00Z", "summer time ended on Sunday, 1 November"},
		{"2026-07-02T20:45:00Z", "2026-07-03T14:30:00Z", "2026-07-06T21:00:00Z", "4 July is a Saturday: banks are open on Friday"},
		{"2027-07-02T20:45:00Z", "2027-07-06T14:30:00Z", "2027-07-07T21:00:00Z", "4 July is a Sunday: banks are closed on Monday"},
		{"2026-12-24T21:45:00Z", "2026-12-28T15:30:00Z", "2026-12-29T22:00:00Z", "Christmas is a Friday"},
		{"2026-02-17T03:00:00Z", "2026-02-17T15:30:00Z", "2026-02-18T22:00:00Z", "in UTC it is Tuesday, in New York still Monday"},
	} {
		if got := w.Next(at(c.now)).UTC(); !got.Equal(at(c.next)) {
			t.Errorf("%s: the next cut-off is %s, want %s", c.why, got.Format(time.RFC3339), c.next)
		}
		if got := w.Arrival(at(c.now)); !got.Equal(at(c.arrives)) {
			t.Errorf("%s: it arrives at %s, want %s", c.why, got.Format(time.RFC3339), c.arrives)
		}
	}
}

func TestTARGETIsClosedOnItsSixDays(t *testing.T) {
	t.Parallel()
	open := bankdays.TARGET()
	for day, want := range map[string]bool{
		"2026-01-01": false, "2026-04-03": false, "2026-04-06": false, "2026-05-01": false, "2026-12-25": false, "2026-12-26": false,
		"2026-04-02": true, "2026-04-07": true, "2026-12-24": true, "2026-12-28": true, "2027-12-27": true, "2026-05-14": true,
	} {
		if got := open.IsWorkday(at(day + "T00:00:00Z")); got != want {
			t.Errorf("%s: open is %v", day, got)
		}
	}
}

func TestWindowsThatAreWrongAreRefused(t *testing.T) {
	t.Parallel()
	six := 6
	for _, s := range []files.WindowSettings{{CutOffs: []string{"4pm"}}, {CutOffs: []string{"10:00", "10:00"}}, {SettlesAfter: &six}} {
		if err := s.Apply(&files.Windows{}); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}
