package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// screeningMetrics are those of the re-screenings and the nightly test.
type screeningMetrics struct {
	examined   *prometheus.CounterVec
	waiting    prometheus.Gauge
	finished   prometheus.Gauge
	took       prometheus.Gauge
	missed     prometheus.Gauge
	testedLast prometheus.Gauge
}

func (m *Metrics) countScreening() {
	m.screening = screeningMetrics{
		examined:   counters(m, "anton_rescreen_beneficiaries_total", "Beneficiaries that were held against a new version of a list, by finding (none, possible, certain, failed). Alert on failed: their data cannot be read.", "finding"),
		waiting:    gauge(m, "anton_rescreen_waiting_seconds", "How long ago the version came into force that is not yet held against all beneficiaries; 0 when there is none. Alert above an hour."),
		finished:   gauge(m, "anton_rescreen_completed_timestamp_seconds", "When the last re-screening was completed; 0 before the first."),
		took:       gauge(m, "anton_rescreen_duration_seconds", "How long the last re-screening took from its first beneficiary to its last."),
		missed:     gauge(m, "anton_screening_selftest_missed", "Listed names that did not find themselves in the last nightly test; -1 before the first. Alert on any: screening may miss whom it must find."),
		testedLast: gauge(m, "anton_screening_selftest_timestamp_seconds", "When the last nightly test ended; 0 before the first. Alert when it stands for more than a day and a half."),
	}
	m.screening.missed.Set(-1)
}

// Rescreened notes a slice of beneficiaries that were held against a new version of a list, and how many of them were found.
func (m *Metrics) Rescreened(examined, possible, certain, failed int) {
	if m == nil {
		return
	}
	found := map[string]int{"possible": possible, "certain": certain, "failed": failed, "none": examined - possible - certain - failed}
	for finding, n := range found {
		m.screening.examined.WithLabelValues(finding).Add(float64(n))
	}
}

// RescreensWait notes how old the oldest version is that was not held against all beneficiaries, when the last run ended, which is zero
// where none did, and how long it took.
func (m *Metrics) RescreensWait(oldest time.Duration, finished time.Time, took time.Duration) {
	if m == nil {
		return
	}
	m.screening.waiting.Set(oldest.Seconds())
	if !finished.IsZero() {
		m.screening.finished.Set(float64(finished.Unix()))
		m.screening.took.Set(took.Seconds())
	}
}

// SelfTested notes what the last nightly test found.
func (m *Metrics) SelfTested(missed int, at time.Time) {
	if m == nil {
		return
	}
	m.screening.missed.Set(float64(missed))
	m.screening.testedLast.Set(float64(at.Unix()))
}
