package postgres

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5/pgtype"
)

// FuzzNumeric: an amount comes back from the database's binary form as it was, and bytes that are no amount are an error.
func FuzzNumeric(f *testing.F) {
	for _, seed := range []string{"0", "0.00", "-0.01", "2500.00", "123456789012.123", "1e30", "-9999999999999999999999.99"} {
		f.Add(seed, []byte(seed))
	}
	f.Add("", []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add("", []byte{0, 0, 0, 0, 0xc0, 0, 0, 0}) // NaN
	m := pgtype.NewMap()
	registerNumeric(m)
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		var scanned apd.Decimal
		if err := m.Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, raw, &scanned); err == nil && scanned.Form != apd.Finite {
			t.Errorf("%x was read as %s", raw, &scanned)
		}
		in, _, err := apd.NewFromString(text)
		if err != nil || in.Form != apd.Finite || in.Exponent < -1000 || in.Exponent > 1000 || in.NumDigits() > 1000 {
			return
		}
		sent, err := m.Encode(pgtype.NumericOID, pgtype.BinaryFormatCode, *in, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out apd.Decimal
		if err := m.Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, sent, &out); err != nil || out.Cmp(in) != 0 {
			t.Errorf("%s came back as %s, %v", in, &out, err)
		}
	})
}
