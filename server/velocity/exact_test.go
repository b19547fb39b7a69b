package velocity

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

// TestAddingInAWordIsAdding holds the quick way to add and compare to the exact one.
func TestAddingInAWordIsAdding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *apd.Decimal {
			digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,21})`).Draw(t, name)
			d, _, err := apd.NewFromString(digits)
			if err != nil {
				t.Fatal(err)
			}
			d.Exponent = rapid.Int32Range(-8, 4).Draw(t, name+"'s exponent")
			return d
		}
		x, y := draw("x"), draw("y")
		var want, got apd.Decimal
		if _, err := exact.Add(&want, x, y); err != nil {
			t.Fatal(err)
		}
		if err := add(&got, x, y); err != nil || got.Cmp(&want) != 0 || got.Exponent != want.Exponent {
			t.Fatalf("%s and %s are %s, not %s: %v", x, y, &got, &want, err)
		}
		if exceeds(x, y) != (x.Cmp(y) > 0) {
			t.Fatalf("%s is more than %s: %t", x, y, exceeds(x, y))
		}
		if err := add(x, x, y); err != nil || x.Cmp(&want) != 0 {
			t.Fatalf("added to itself it is %s, not %s: %v", x, &want, err)
		}
	})
}
