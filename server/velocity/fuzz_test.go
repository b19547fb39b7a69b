package velocity_test

import (
	"testing"
	"time"

	"github.com/antonpayments/anton/server/velocity"
)

// FuzzWindow: in whatever zone and at whatever moment, a window began before now and ends after it, and the buckets that make it up
// leave no second out and count none twice.
func FuzzWindow(f *testing.F) {
	for _, zone := range []string{"", "UTC", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Africa/Monrovia", "Local", "../etc/passwd", "Europe/Nowhere"} {
		f.Add(zone, uint8(0), int32(86_400), int64(1_771_063_200))
		f.Add(zone, uint8(1), int32(0), int64(1_541_296_800)) // the night in which São Paulo has no midnight
		f.Add(zone, uint8(2), int32(0), int64(1_325_239_200)) // Apia leaves a day out
	}
	kinds := []string{velocity.Rolling, velocity.CalendarDay, velocity.CalendarMonth}
	f.Fuzz(func(t *testing.T, zone string, kind uint8, seconds int32, unix int64) {
		w, err := velocity.NewWindow(kinds[int(kind)%len(kinds)], seconds, zone)
		if err != nil || w.Type == velocity.Rolling && (seconds < 1 || seconds > 366*86_400) || unix < 0 || unix > 4_102_444_800 {
			return // windows are of a second to a year, and of our time
		}
		now := time.Unix(unix, 0).UTC()
		start, resets := w.Start(now), w.Resets(now)
		if start.After(now) || !resets.After(now) {
			t.Fatalf("%+v at %s is from %s to %s", w, now, start, resets)
		}
		if w.Type != velocity.Rolling && (!w.Start(start).Equal(start) || !w.Start(resets).Equal(resets)) {
			t.Fatalf("%+v at %s begins %s, which is in the window of %s, and the next begins %s", w, now, start, w.Start(start), w.Start(resets))
		}
		at := start.Unix()
		for _, r := range velocity.Ranges(start.Unix()) {
			if r.From != at || r.From%int64(r.Step) != 0 || r.Until <= r.From {
				t.Fatalf("after %d come buckets of %d seconds from %d to %d", at, r.Step, r.From, r.Until)
			}
			at = r.Until
		}
	})
}
