package velocity

import (
	"cmp"
	"fmt"
	"slices"
)

// A Bucket is what payouts of one kind add up to in one bucket.
type Bucket struct {
	From int64 // unix seconds
	KindSum
}

// Totals are a range's buckets by kinds, each added up with all that are older, so that what a window has of the range is found and not
// added up. They are not changed once they are made: whoever remembers them shares them.
type Totals []kindTotals

type kindTotals struct {
	kind  Kind
	froms []int64 // oldest first
	sums  []Sum
}

// AddUp makes the totals of a range's buckets, which it puts in order.
func AddUp(buckets []Bucket) (Totals, error) { return Totals(nil).and(buckets) }

// And are the totals with payouts that were put into the range's buckets since.
func (t Totals) And(r Range, payouts []Recent) (Totals, error) {
	var buckets []Bucket
	for i := range payouts {
		p := &payouts[i]
		if from := floor(p.At.Unix(), r.Step); from >= r.From && from < r.Until {
			buckets = append(buckets, Bucket{from, KindSum{p.Payout.Kind, *p.Payout.counts()}})
		}
	}
	if len(buckets) == 0 {
		return t, nil
	}
	return t.and(buckets)
}

// Any says whether a bucket begins in the range.
func (t Totals) Any(r Range) bool {
	for i := range t {
		first, _ := slices.BinarySearch(t[i].froms, r.From)
		if first < len(t[i].froms) && t[i].froms[first] < r.Until {
			return true
		}
	}
	return false
}

// Buckets is how many the totals are made of.
func (t Totals) Buckets() int {
	n := 0
	for i := range t {
		n += len(t[i].froms)
	}
	return n
}

func (t Totals) and(more []Bucket) (Totals, error) {
	slices.SortFunc(more, func(a, b Bucket) int { return cmp.Compare(a.From, b.From) })
	all := make(Totals, len(t), len(t)+1)
	for i := range t {
		all[i] = kindTotals{t[i].kind, slices.Clone(t[i].froms), slices.Clone(t[i].sums)}
	}
	for i := range more {
		place := slices.IndexFunc(all, func(t kindTotals) bool { return t.kind == more[i].Kind })
		if place < 0 {
			place = len(all)
			all = append(all, kindTotals{kind: more[i].Kind})
		}
		if err := all[place].add(&more[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// add adds a bucket, nearly always the newest.
func (t *kindTotals) add(b *Bucket) error {
	place, there := slices.BinarySearch(t.froms, b.From)
	if !there {
		var before Sum
		if place > 0 {
			before = t.sums[place-1]
		}
		t.froms, t.sums = slices.Insert(t.froms, place, b.From), slices.Insert(t.sums, place, before)
	}
	for i := place; i < len(t.sums); i++ {
		sum, err := sumOf(&t.sums[i], &b.Sum, 1)
		if err != nil {
			return err
		}
		t.sums[i] = sum
	}
	return nil
}

// between is what the buckets that begin in a time add up to; nil where there are none.
func (t *kindTotals) between(from, until int64) (*Sum, error) {
	first, _ := slices.BinarySearch(t.froms, from)
	end := len(t.froms)
	if first < end && t.froms[end-1] >= until {
		end, _ = slices.BinarySearch(t.froms, until)
	}
	if first >= end {
		return nil, nil
	}
	if first == 0 {
		return &t.sums[end-1], nil
	}
	sum, err := sumOf(&t.sums[end-1], &t.sums[first-1], -1)
	return &sum, err
}

// sumOf is a new sum of one and as often another as is said. A large decimal shares its digits with its copies: neither is touched.
func sumOf(s, other *Sum, sign int64) (Sum, error) {
	all := Sum{Payouts: s.Payouts + sign*other.Payouts, NewBeneficiaries: s.NewBeneficiaries + sign*other.NewBeneficiaries}
	amount := other.Amount
	if sign < 0 {
		amount.Negative = !amount.Negative
	}
	if err := add(&all.Amount, &s.Amount, &amount); err != nil {
		return all, fmt.Errorf("add up buckets: %w", err)
	}
	return all, nil
}
