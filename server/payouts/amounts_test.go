package payouts

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/money"
)

func sum(t interface{ Fatal(...any) }, currency, text string) money.Amount {
	a, err := money.Parse(currency, text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAmounts is the table of the contract. The first two rows are its examples, to the letter.
func TestAmounts(t *testing.T) {
	t.Parallel()
	const merchant, beneficiary = db.FeeBearerMerchant, db.FeeBearerBeneficiary
	for _, tt := range []struct {
		name, amount, source, dest, fixed, rate, fee string
		bearer                                       db.FeeBearer
		wantSource, wantDest, wantDebit, wantDeliver string
	}{
		{"the contract's first", "1000.00", "USD", "EUR", "dest", "0.9173", "5.00", merchant, "1090.16", "1000.00", "1095.16", "1000.00"},
		{"the contract's second", "1000.00", "USD", "EUR", "source", "0.9173", "5.00", beneficiary, "1000.00", "917.30", "1000.00", "912.71"},
		{"the other two of them", "1000.00", "USD", "EUR", "dest", "0.9173", "5.00", beneficiary, "1090.16", "1000.00", "1090.16", "995.41"},
		{"", "1000.00", "USD", "EUR", "source", "0.9173", "5.00", merchant, "1000.00", "917.30", "1005.00", "917.30"},
		{"one currency, no fee", "2500.00", "USD", "USD", "dest", "", "0.00", merchant, "2500.00", "2500.00", "2500.00", "2500.00"},
		{"one currency, a fee", "100.00", "USD", "USD", "dest", "", "1.25", merchant, "100.00", "100.00", "101.25", "100.00"},
		{"one currency, the beneficiary's fee", "100.00", "USD", "USD", "source", "", "1.25", beneficiary, "100.00", "100.00", "100.00", "98.75"},
		{"no digits after the point", "10.00", "USD", "JPY", "source", "150.05", "0.00", merchant, "10.00", "1500", "10.00", "1500"},
		{"half to even, down", "0.50", "USD", "JPY", "source", "125", "0.00", merchant, "0.50", "62", "0.50", "62"},
		{"half to even, up", "0.50", "USD", "JPY", "source", "127", "0.00", merchant, "0.50", "64", "0.50", "64"},
		{"three digits", "1.000", "USD", "KWD", "dest", "0.3", "0.00", merchant, "3.33", "1.000", "3.33", "1.000"},
		{"rounded once: 10.005 less 0.010005", "10.00", "USD", "EUR", "source", "1.0005", "0.01", beneficiary, "10.00", "10.00", "10.00", "9.99"},
	} {
		in := tt.dest
		if tt.fixed == "source" {
			in = tt.source
		}
		o := terms{amount: sum(t, in, tt.amount), source: tt.source, dest: tt.dest, fixSource: tt.fixed == "source", bearer: tt.bearer}
		if tt.rate != "" {
			o.rate, _, _ = apd.NewFromString(tt.rate)
		}
		got, err := o.amounts(sum(t, tt.source, tt.fee))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got.source.String() != tt.wantSource || got.dest.String() != tt.wantDest || got.debit.String() != tt.wantDebit || got.delivered.String() != tt.wantDeliver {
			t.Errorf("%s: source %s, dest %s, debit %s, deliver %s; want %s, %s, %s, %s", tt.name,
				got.source, got.dest, got.debit, got.delivered, tt.wantSource, tt.wantDest, tt.wantDebit, tt.wantDeliver)
		}
	}
}

func TestAmountsThatCannotBePaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, amount, source, dest, fixed, rate, fee string }{
		{"less than the smallest yen", "0.01", "USD", "JPY", "source", "10", "0.00"},
		{"no cent buys it", "0.001", "USD", "KWD", "dest", "1000", "0.00"},
		{"the fee takes all", "5.00", "USD", "EUR", "source", "0.9", "5.00"},
		{"the fee takes more", "5.00", "USD", "USD", "dest", "", "6.00"},
		{"the fee takes all, and rounding would deliver a yen", "2", "USD", "JPY", "dest", "149", "0.01"},
		{"too long", "999999999999.99", "USD", "IDR", "source", "16000", "0.00"},
	} {
		in := tt.dest
		if tt.fixed == "source" {
			in = tt.source
		}
		o := terms{amount: sum(t, in, tt.amount), source: tt.source, dest: tt.dest, fixSource: tt.fixed == "source", bearer: db.FeeBearerBeneficiary}
		if tt.rate != "" {
			o.rate, _, _ = apd.NewFromString(tt.rate)
		}
		if got, err := o.amounts(sum(t, tt.source, tt.fee)); err == nil || apierr.From(err).Code != antonv1.ErrorCode_amount_out_of_range {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

// TestAmountsHoldTogether: whatever is asked, the side that was fixed is as asked, the debit is what the bearer's rule says, and the
// other side is off from the exact product by half a minor unit at most.
func TestAmountsHoldTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currencies := rapid.Permutation([]string{"USD", "JPY", "KWD", "EUR"}).Draw(t, "currencies")
		source, dest := currencies[0], currencies[1]
		fixSource := rapid.Bool().Draw(t, "fixes the source")
		in := dest
		if fixSource {
			in = source
		}
		amount, err := money.Of(in, *apd.New(rapid.Int64Range(1, 1_000_000_000_000).Draw(t, "minor units"), -money.Digits(in)))
		if err != nil {
			t.Fatal(err)
		}
		fee, err := money.Of(source, *apd.New(rapid.Int64Range(0, 10_000).Draw(t, "fee"), -money.Digits(source)))
		if err != nil {
			t.Fatal(err)
		}
		rate := apd.New(rapid.Int64Range(1_000_000_000, 9_999_999_999).Draw(t, "rate"), int32(rapid.IntRange(-13, -6).Draw(t, "magnitude")))
		bearer := rapid.SampledFrom([]db.FeeBearer{db.FeeBearerMerchant, db.FeeBearerBeneficiary}).Draw(t, "bearer")
		o := terms{amount: amount, source: source, dest: dest, fixSource: fixSource, rate: rate, bearer: bearer}
		got, err := o.amounts(fee)
		if err != nil {
			if apierr.From(err).Code != antonv1.ErrorCode_amount_out_of_range {
				t.Fatal(err)
			}
			return
		}
		asked, other := got.dest, got.source
		if fixSource {
			asked, other = got.source, got.dest
		}
		if asked.String() != amount.String() {
			t.Fatalf("asked for %s %s, got %s", in, amount, asked)
		}
		if !got.delivered.Positive() || !got.source.Positive() {
			t.Fatalf("nothing is paid: %+v", got)
		}
		if bearer == db.FeeBearerMerchant && (got.debit.String() != got.source.Plus(fee).String() || got.delivered.String() != got.dest.String()) {
			t.Fatalf("the merchant bears %s: %+v", fee, got)
		}
		if bearer == db.FeeBearerBeneficiary && (got.debit.String() != got.source.String() || got.dest.Less(got.delivered)) {
			t.Fatalf("the beneficiary bears %s: %+v", fee, got)
		}
		var off, exact, half apd.Decimal
		a, o2 := amount.Decimal(), other.Decimal()
		if fixSource {
			_, err = work.Mul(&exact, &a, rate)
		} else {
			_, err = work.Quo(&exact, &a, rate)
		}
		if err != nil {
			t.Fatal(err)
		}
		half.Set(apd.New(5, -money.Digits(other.Currency())-1))
		if _, err := work.Sub(&off, &exact, &o2); err != nil {
			t.Fatal(err)
		}
		if off.Abs(&off).Cmp(&half) > 0 {
			t.Fatalf("%s is off from %s by %s", other, exact.Text('f'), off.Text('f'))
		}
	})
}
