package risk

import (
	"math"
	"slices"
)

// A Histogram counts positive values in buckets whose bounds grow by a tenth, so that a quantile read from it is within five percent of
// the true one, whatever the values are, and two histograms add up. The idea is that of DDSketch (Masson, Rim, Lee, VLDB 2019).
// Buckets are what the database keeps; a value of a currency is in major units.
type Histogram map[int32]float64

// growth is the ratio of a bucket's bounds.
const growth = 1.1

// Bucket is where a positive value belongs.
func Bucket(value float64) int32 {
	return int32(math.Ceil(math.Log(value) / math.Log(growth)))
}

// Quantile is the value below which the share q of the values lies; zero without values.
func (h Histogram) Quantile(q float64) float64 {
	buckets := make([]int32, 0, len(h))
	total := 0.0
	for bucket, n := range h {
		buckets = append(buckets, bucket)
		total += n
	}
	slices.Sort(buckets)
	rank, seen := q*total, 0.0
	for _, bucket := range buckets {
		if seen += h[bucket]; seen >= rank {
			// The middle of the bucket in ratios: no value in it is further than the square root of growth away.
			return math.Pow(growth, float64(bucket)-0.5)
		}
	}
	return 0
}

// Spread is the histogram in three numbers.
func (h Histogram) Spread() Spread {
	total := 0.0
	for _, n := range h {
		total += n
	}
	return Spread{Count: int64(math.Round(total)), Median: h.Quantile(0.5), High: h.Quantile(0.95)}
}
