package files

import (
	"encoding/hex"
	"math"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

func toFile(row db.RailFile) (*opsv1.RailFile, error) {
	out := &opsv1.RailFile{
		Id: row.ID, Rail: row.Rail, Direction: opsv1.RailFileDirection_Value(opsv1.RailFileDirection_Value_value[row.Direction]),
		Name: row.Name, Sha256: hex.EncodeToString(row.Sha256), Size: row.Size, Entries: row.Entries, Currency: row.Currency,
		Day: row.Day.Format(time.DateOnly), Number: row.Number, CreatedAt: timestamppb.New(row.CreatedAt), CreatedBy: row.CreatedBy,
		DeliveredAt: optionalTime(row.DeliveredAt), ProcessedAt: optionalTime(row.ProcessedAt), Recalls: row.Recalls,
	}
	if row.SettlesOn != nil {
		day := row.SettlesOn.Format(time.DateOnly)
		out.SettlesOn = &day
	}
	var err error
	out.Amount, err = amountText(row.Amount, row.Currency)
	return out, err
}

// count says how a file's entries were decided.
func count(f *opsv1.RailFile, outcomes map[string]int32) {
	pending, applied, noted, duplicates, cases := outcomes[""], outcomes["applied"], outcomes["noted"], outcomes["duplicate"], outcomes["case"]
	f.Pending, f.Applied, f.Noted, f.Duplicates, f.Cases = &pending, &applied, &noted, &duplicates, &cases
}

func (s *Service) toCase(c db.RailCase, e db.RailEntry, file string) (*opsv1.RailCase, error) {
	out := &opsv1.RailCase{
		Id: c.ID, Rail: c.Rail, Kind: opsv1.RailCaseKind_Value(opsv1.RailCaseKind_Value_value[c.Kind]), EntryId: e.ID, FileId: e.FileID,
		FileName: file, EntryKind: e.Kind, Reference: e.BankReference, BankReference: e.Message, Code: e.Code, Reason: e.Reason,
		Currency: c.Currency, MerchantId: c.MerchantID, PayoutId: c.PayoutID, HeldInSuspense: c.SuspenseID != nil && c.Resolution == nil,
		OpenedAt: timestamppb.New(c.OpenedAt), AgeSeconds: age(c.OpenedAt, s.Clock()),
		Note: c.Note, ResolvedBy: c.ResolvedBy, ResolvedAt: optionalTime(c.ResolvedAt),
	}
	if c.Resolution != nil {
		resolution := opsv1.RailCaseResolution_Value(opsv1.RailCaseResolution_Value_value[*c.Resolution])
		out.Resolution, out.AgeSeconds = &resolution, age(c.OpenedAt, *c.ResolvedAt)
	}
	var err error
	out.Amount, err = amountText(c.Amount, c.Currency)
	return out, err
}

func age(since, now time.Time) int32 {
	return int32(min(max(0, now.Sub(since)/time.Second), math.MaxInt32))
}

func amountText(value *apd.Decimal, currency *string) (*string, error) {
	if value == nil || currency == nil {
		return nil, nil
	}
	amount, err := money.Of(*currency, *value)
	if err != nil {
		return nil, err
	}
	text := amount.String()
	return &text, nil
}

func optionalTime(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}
