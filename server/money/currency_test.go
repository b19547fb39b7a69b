package money

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// TestEveryRuleOfAmountsFollowsISO4217 holds what is done with amounts against the file, for each of its currencies.
func TestEveryRuleOfAmountsFollowsISO4217(t *testing.T) {
	t.Parallel()
	third := apd.New(3333333333, -9)
	for _, c := range Currencies() {
		point := ""
		if c.Digits > 0 {
			point = "."
		}
		whole := "12" + point + strings.Repeat("3", int(c.Digits))
		if a, err := Parse(c.Code, whole); err != nil || a.String() != whole {
			t.Errorf("%s: %s is read as %s, %v", c.Code, whole, a, err)
		}
		if a, err := Parse(c.Code, "12"); err != nil || len(a.String()) != len(whole) {
			t.Errorf("%s: 12 is printed as %s, %v", c.Code, a, err)
		}
		finer := "12." + strings.Repeat("0", int(c.Digits)+1)
		if a, err := Parse(c.Code, finer); err == nil {
			t.Errorf("%s: %s is read as %s", c.Code, finer, a)
		}
		if a, err := Of(c.Code, *apd.New(1, -c.Digits-1)); err == nil {
			t.Errorf("%s: less than the smallest unit is kept as %s", c.Code, a)
		}
		if a, err := Rounded(c.Code, *third); err != nil || a.String() != "3.3333333333"[:len("3")+len(point)+int(c.Digits)] {
			t.Errorf("%s: a third of ten is rounded to %s, %v", c.Code, a, err)
		}
		if got := len(Zero(c.Code).String()); got != len("0")+len(point)+int(c.Digits) {
			t.Errorf("%s: nothing is printed as %s", c.Code, Zero(c.Code))
		}
	}
}

// TestTheFile holds the file to its own head.
func TestTheFile(t *testing.T) {
	t.Parallel()
	if n := len(Currencies()); n != 155 {
		t.Errorf("%d currencies; list one has 155 besides those that are left out", n)
	}
	for code := range strings.FieldsSeq("BOV CHE CHW CLF COU MXV USN UYI UYW XAG XAU XPD XPT XAD XBA XBB XBC XBD XDR XSU XUA XTS XXX") {
		if kept(code) {
			t.Errorf("%s stands for no money that anybody is paid in", code)
		}
	}
	for code, want := range map[string]int32{"USD": 2, "JPY": 0, "KWD": 3, "BHD": 3, "CLP": 0, "ISK": 0, "HUF": 2, "TND": 3, "XCG": 2, "UGX": 0} {
		if Digits(code) != want {
			t.Errorf("%s has %d digits, want %d", code, Digits(code), want)
		}
	}
	code := regexp.MustCompile(`^[A-Z]{3}$`)
	for key, c := range currencies {
		if key != c.Code || !code.MatchString(c.Code) || c.Name == "" || c.Digits < 0 || c.Digits > 3 {
			t.Errorf("%+v", c)
		}
		for _, day := range []string{c.From, c.Until} {
			if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
				t.Errorf("%s: %v", c.Code, err)
			}
		}
	}
}

func TestWithdrawnCurrenciesStayReadable(t *testing.T) {
	t.Parallel()
	if a, err := Parse("HRK", "1.00"); err == nil {
		t.Errorf("%s in kuna is taken, which are gone", a)
	}
	if a, err := Of("HRK", *apd.New(150, -2)); err != nil || a.String() != "1.50" {
		t.Errorf("what is kept in kuna reads as %s, %v", a, err)
	}
}

func TestRoundedIsHalfToEven(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"0.005": "0.00", "0.015": "0.02", "0.025": "0.02", "0.0250000001": "0.03", "-0.005": "0.00", "-0.015": "-0.02", "1095.1559": "1095.16",
	} {
		exact, _, err := apd.NewFromString(number)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := Rounded("USD", *exact); err != nil || a.String() != want {
			t.Errorf("%s is rounded to %s, %v; want %s", number, a, err, want)
		}
	}
}
