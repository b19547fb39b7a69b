package postgres

import (
	"errors"
	"math/big"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5/pgtype"
)

// Without this codec pgx reads and writes apd.Decimal through its text form, which costs twice the time and several allocations a
// number. It overrides the planning of the numeric codec because sql.Scanner, which apd.Decimal has, would win otherwise.

// decimal gives apd.Decimal the methods of pgx's numeric interfaces.
type decimal apd.Decimal

func (d *decimal) ScanNumeric(n pgtype.Numeric) error {
	if !n.Valid || n.NaN || n.InfinityModifier != pgtype.Finite {
		return errors.New("the database gave a number that is no amount")
	}
	a := (*apd.Decimal)(d)
	a.Form, a.Exponent, a.Negative = apd.Finite, n.Exp, n.Int.Sign() < 0
	a.Coeff.SetMathBigInt(n.Int)
	a.Coeff.Abs(&a.Coeff)
	return nil
}

func (d decimal) NumericValue() (pgtype.Numeric, error) {
	a := apd.Decimal(d)
	if a.Form != apd.Finite {
		return pgtype.Numeric{}, errors.New("not a number that can be stored: " + a.String())
	}
	i := new(big.Int).Set(a.Coeff.MathBigInt())
	if a.Negative {
		i.Neg(i)
	}
	return pgtype.Numeric{Int: i, Exp: a.Exponent, Valid: true}, nil
}

type numericCodec struct{ pgtype.NumericCodec }

type decimalEncoder struct{ next pgtype.EncodePlan }

func (e decimalEncoder) Encode(value any, buf []byte) ([]byte, error) {
	return e.next.Encode(decimal(value.(apd.Decimal)), buf)
}

type decimalScanner struct{ next pgtype.ScanPlan }

func (s decimalScanner) Scan(src []byte, target any) error {
	return s.next.Scan(src, (*decimal)(target.(*apd.Decimal)))
}

func (c numericCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if d, ok := value.(apd.Decimal); ok {
		if plan := c.NumericCodec.PlanEncode(m, oid, format, decimal(d)); plan != nil {
			return decimalEncoder{plan}
		}
	}
	return c.NumericCodec.PlanEncode(m, oid, format, value)
}

func (c numericCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if d, ok := target.(*apd.Decimal); ok {
		if plan := c.NumericCodec.PlanScan(m, oid, format, (*decimal)(d)); plan != nil {
			return decimalScanner{plan}
		}
	}
	return c.NumericCodec.PlanScan(m, oid, format, target)
}

func registerNumeric(m *pgtype.Map) {
	numeric := &pgtype.Type{Name: "numeric", OID: pgtype.NumericOID, Codec: numericCodec{}}
	m.RegisterType(numeric)
	m.RegisterType(&pgtype.Type{Name: "_numeric", OID: pgtype.NumericArrayOID, Codec: &pgtype.ArrayCodec{ElementType: numeric}})
	m.RegisterDefaultPgType(apd.Decimal{}, "numeric")
	m.RegisterDefaultPgType([]apd.Decimal{}, "_numeric")
}
