package money

import (
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ currency, text, want string }{
		{"USD", "2500.00", "2500.00"},
		{"USD", "2500", "2500.00"},
		{"USD", "2500.5", "2500.50"},
		{"USD", "0.01", "0.01"},
		{"USD", "007", "7.00"},
		{"USD", "999999999999.99", "999999999999.99"},
		{"JPY", "2500", "2500"},
		{"KWD", "2.5", "2.500"},
		{"KWD", "2.500", "2.500"},
	} {
		got, err := Parse(tt.currency, tt.text)
		if err != nil || got.String() != tt.want {
			t.Errorf("Parse(%s, %q) = %s, %v; want %s", tt.currency, tt.text, got, err, tt.want)
		}
	}
	for _, tt := range []struct{ currency, text string }{
		{"USD", "2500.001"},
		{"USD", "2500.000"},
		{"JPY", "2500.0"},
		{"KWD", "2.5001"},
		{"USD", "1e9"},
		{"USD", "NaN"},
		{"USD", "-0"},
		{"USD", "-1"},
		{"USD", "+1"},
		{"USD", "２５００"},
		{"USD", ""},
		{"USD", "."},
		{"USD", "1."},
		{"USD", ".5"},
		{"USD", " 1"},
		{"USD", "1 "},
		{"USD", "1,000"},
		{"USD", "0x10"},
		{"USD", "Infinity"},
		{"USD", "1000000000000"},
		{"USD", "1.2.3"},
		{"XXX", "1"},
		{"XAU", "1"},
		{"usd", "1"},
		{"", "1"},
	} {
		if got, err := Parse(tt.currency, tt.text); err == nil {
			t.Errorf("Parse(%s, %q) = %s, want an error", tt.currency, tt.text, got)
		}
	}
}

func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"USD", "JPY", "KWD"}).Draw(t, "currency")
		draw := func(label string) Amount {
			minor := rapid.Int64Range(0, 999_999_999_999).Draw(t, label)
			a, err := Of(currency, *apd.New(minor, -Digits(currency)))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a, b := draw("a"), draw("b")
		if back := a.Plus(b).Minus(b); back.String() != a.String() {
			t.Fatalf("%s + %s - %s = %s", a, b, b, back)
		}
		if read, err := Parse(currency, a.String()); err != nil || read.String() != a.String() {
			t.Fatalf("%s is read as %s, %v", a, read, err)
		}
		if a.Less(b) && b.Less(a) {
			t.Fatalf("%s and %s are each less than the other", a, b)
		}
	})
}

func TestTwoCurrenciesHaveNoSum(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("dollars and yen were added up")
		}
	}()
	Zero("USD").Plus(Zero("JPY"))
}

func TestOfRefusesWhatTheCurrencyCannotHold(t *testing.T) {
	t.Parallel()
	if a, err := Of("USD", *apd.New(1, -3)); err == nil {
		t.Errorf("a tenth of a cent is %s", a)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"2500.00", "1e9", "NaN", "-0", "２５００", "2500.001", "0", "."} {
		f.Add("USD", text)
	}
	f.Fuzz(func(t *testing.T, currency, text string) {
		a, err := Parse(currency, text)
		if err != nil {
			return
		}
		if strings.Trim(text, "0123456789.") != "" {
			t.Errorf("Parse took %q", text)
		}
		again, err := Parse(currency, a.String())
		if err != nil && len(strings.Split(a.String(), ".")[0]) <= 12 {
			t.Errorf("%q prints as %s, which Parse refuses: %v", text, a, err)
		} else if err == nil && again.String() != a.String() {
			t.Errorf("%q prints as %s and then as %s", text, a, again)
		}
	})
}
