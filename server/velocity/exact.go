package velocity

import (
	"math"

	"github.com/cockroachdb/apd/v3"
)

// exact adds up and converts with more digits than any sum of money has.
var exact = apd.BaseContext.WithPrecision(60)

// add makes d the sum of x and y. A check adds some thousand times, nearly always what fits into a machine's word.
func add(d, x, y *apd.Decimal) error {
	a, b, exponent, ok := words(x, y)
	if !ok {
		_, err := exact.Add(d, x, y)
		return err
	}
	sum := a + b
	d.Form, d.Exponent, d.Negative = apd.Finite, exponent, sum < 0
	d.Coeff.SetInt64(max(sum, -sum))
	return nil
}

// exceeds says whether x is more than y.
func exceeds(x, y *apd.Decimal) bool {
	a, b, _, ok := words(x, y)
	if !ok {
		return x.Cmp(y) > 0
	}
	return a > b
}

// words are two numbers as multiples of the same power of ten, where they are small enough for their sum to fit into a word too.
func words(x, y *apd.Decimal) (a, b int64, exponent int32, ok bool) {
	a, okA := word(x, x.Exponent-y.Exponent)
	b, okB := word(y, y.Exponent-x.Exponent)
	return a, b, min(x.Exponent, y.Exponent), okA && okB
}

// word is the number without its exponent, times ten as often as it is said.
func word(d *apd.Decimal, tens int32) (int64, bool) {
	const most = math.MaxInt64 / 2
	if d.Form != apd.Finite || !d.Coeff.IsInt64() {
		return 0, false
	}
	n := d.Coeff.Int64()
	for ; tens > 0; tens-- {
		if n > most/10 {
			return 0, false
		}
		n *= 10
	}
	if n > most {
		return 0, false
	}
	if d.Negative {
		n = -n
	}
	return n, true
}
