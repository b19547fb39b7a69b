package observe

import "github.com/prometheus/client_golang/prometheus"

// A Backlog is work that waits: how much, and for how many seconds the oldest has.
type Backlog struct {
	Count  int64
	Oldest float64
}

// Backlogs are what waits besides payouts, and how many seconds old the rates are; -1 where there are none.
type Backlogs struct {
	RailFiles, RailCases, RailRecalls, Batches Backlog
	RatesAge                                   float64
}

// backlogMetrics are those of Backlogs.
type backlogMetrics struct {
	files, filesOldest, cases, casesOldest, recalls, recallsOldest, batches, batchesOldest, rates prometheus.Gauge
}

func (m *Metrics) countBacklogs() {
	m.backlogs = backlogMetrics{
		files:         gauge(m, "anton_rail_files_undelivered", "Files for banks that were cut and are not in their directory yet. The same on every server, as all gauges of what waits: take the max."),
		filesOldest:   gauge(m, "anton_rail_files_undelivered_oldest_seconds", "How long ago the oldest of them was cut. Alert above 5 minutes: its payments miss their day; the log says why."),
		cases:         gauge(m, "anton_rail_cases_open", "Entries of banks' files that a person has to look at."),
		casesOldest:   gauge(m, "anton_rail_cases_oldest_seconds", "How long ago the oldest open case was opened. Alert above a day: somebody's money may wait in suspense."),
		recalls:       gauge(m, "anton_rail_recalls_open", "Recalls that banks have not ended."),
		recallsOldest: gauge(m, "anton_rail_recalls_oldest_seconds", "How long ago the oldest open recall was asked for. Alert above 30 days: ask its bank, or close it."),
		batches:       gauge(m, "anton_batches_in_work", "Batches that are being checked or paid."),
		batchesOldest: gauge(m, "anton_batches_due_oldest_seconds", "For how long the oldest due batch has been due. Alert above 5 minutes: no server works on batches."),
		rates:         gauge(m, "anton_fx_rates_age_seconds", "How long ago the day of the newest exchange rates began; -1 without any. Alert above 5 days: payouts across currencies are refused soon."),
	}
	m.backlogs.rates.Set(-1)
}

// Backlog notes what waits.
func (m *Metrics) Backlog(b Backlogs) {
	if m == nil {
		return
	}
	for _, one := range []struct {
		Backlog
		count, oldest prometheus.Gauge
	}{
		{b.RailFiles, m.backlogs.files, m.backlogs.filesOldest},
		{b.RailCases, m.backlogs.cases, m.backlogs.casesOldest},
		{b.RailRecalls, m.backlogs.recalls, m.backlogs.recallsOldest},
		{b.Batches, m.backlogs.batches, m.backlogs.batchesOldest},
	} {
		one.count.Set(float64(one.Count))
		one.oldest.Set(max(0, one.Oldest))
	}
	m.backlogs.rates.Set(b.RatesAge)
}
