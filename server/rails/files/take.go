package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// MaxFile is the most bytes that a bank's file may have.
const MaxFile = 32 << 20

// maxEntries is the most that a bank's file may say.
const maxEntries = 100_000

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

// Take stores a bank's file with all its entries, in the unit. What they mean is decided afterwards. The same bytes are taken once:
// whoever brings them again is told under which id they are. A file that cannot be read to its end is refused, and nothing of it stored.
func (r *Rail) Take(ctx context.Context, u *unit.Unit, name string, content []byte) (db.RailFile, error) {
	name = filepath.Base(name)
	switch {
	case !plainName.MatchString(name):
		return db.RailFile{}, apierr.InvalidField("file_name", "must have 1 to 200 letters, digits, dots, hyphens and underscores, and begin with a letter or a digit")
	case len(content) == 0:
		return db.RailFile{}, apierr.InvalidField("content", "is empty")
	case len(content) > MaxFile:
		return db.RailFile{}, apierr.New(antonv1.ErrorCode_payload_too_large, "A bank's file has %d MiB at most.", MaxFile>>20)
	}
	hash := sha256.Sum256(content)
	if err := r.refuseKnown(ctx, u, hash); err != nil {
		return db.RailFile{}, err
	}
	entries, err := r.Read(content)
	if err != nil {
		return db.RailFile{}, apierr.InvalidField("content", "is no file for the rail %s: %v", r.Name(), err)
	}
	if entries, err = r.expand(ctx, u, entries); err != nil {
		return db.RailFile{}, err
	}
	if len(entries) > maxEntries {
		return db.RailFile{}, apierr.InvalidField("content", "has %d entries; a file may have %d", len(entries), maxEntries)
	}
	file := db.RailFileInsertParams{
		Rail: r.Name(), ID: ids.New(ids.RailFile, u.Now), Direction: "in", Name: name, Sha256: hash[:], Size: int32(len(content)),
		Entries: int32(len(entries)), Day: r.Windows().Day(u.Now), CreatedAt: u.Now, CreatedBy: u.Actor,
	}
	if err := r.keep(ctx, u, file, content, entries); err != nil {
		return db.RailFile{}, err
	}
	return db.RailFile{
		Rail: file.Rail, ID: file.ID, Direction: file.Direction, Name: file.Name, Sha256: file.Sha256, Size: file.Size, Entries: file.Entries,
		Day: file.Day, CreatedAt: file.CreatedAt, CreatedBy: file.CreatedBy,
	}, nil
}

// TakeTold stores what a bank said of a payment by other ways as a file of one entry, in the unit, and gives the entry, which is to be
// decided in the unit as well. The content is what was entered; its id makes it a file of its own.
func (r *Rail) TakeTold(ctx context.Context, u *unit.Unit, id string, content []byte, e Entry) (db.RailEntry, error) {
	hash := sha256.Sum256(content)
	file := db.RailFileInsertParams{
		Rail: r.Name(), ID: ids.New(ids.RailFile, u.Now), Direction: "in", Name: "told-" + id + ".json", Sha256: hash[:], Size: int32(len(content)),
		Entries: 1, Day: r.Windows().Day(u.Now), CreatedAt: u.Now, CreatedBy: u.Actor,
	}
	if err := r.keep(ctx, u, file, content, []Entry{e}); err != nil {
		return db.RailEntry{}, err
	}
	row := db.RailEntry{
		Rail: file.Rail, ID: file.ID + "/1", FileID: file.ID, Line: 1, Kind: string(e.Kind), BankReference: e.BankReference, Message: e.Message,
		Code: e.Code, Reason: e.Reason,
	}
	if e.Amount != nil {
		currency := e.Amount.Currency()
		row.Amount, row.Currency = decimal(*e.Amount), &currency
	}
	return row, nil
}

// refuseKnown refuses bytes that were taken before, and those of a file of our own.
func (r *Rail) refuseKnown(ctx context.Context, u *unit.Unit, hash [sha256.Size]byte) error {
	for _, direction := range []string{"in", "out"} {
		known, err := u.Read().RailFileByHash(ctx, db.RailFileByHashParams{Rail: r.Name(), Direction: direction, Sha256: hash[:]})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			continue
		case err != nil:
			return fmt.Errorf("look for the file: %w", err)
		case direction == "out":
			return apierr.InvalidField("content", "is our own file %s, %s, and not the bank's answer to it", known.ID, known.Name)
		}
		return apierr.Conflict("This very file was taken on %s as %s, under the name %s.", known.CreatedAt.UTC().Format("2006-01-02"), known.ID, known.Name)
	}
	return nil
}

// expand makes of an entry about a whole file of ours one about each of its payments, but those that the bank's file names by themselves.
// Where we have no such file, the entry stays as it is, and will fit no payment.
func (r *Rail) expand(ctx context.Context, u *unit.Unit, entries []Entry) ([]Entry, error) {
	named := map[string]bool{}
	for _, e := range entries {
		if e.File == "" {
			named[e.BankReference] = true
		}
	}
	var all []Entry
	expanded := map[string]bool{} // a bank may say the same of a file many times
	for _, e := range entries {
		if e.File == "" || len(all) > maxEntries {
			all = append(all, e)
			continue
		}
		key := e.File + " " + string(e.Kind) + " " + e.Message
		if expanded[key] {
			continue
		}
		expanded[key] = true
		payments, err := u.Read().RailFileReferences(ctx, r.Name(), e.File)
		if err != nil {
			return nil, fmt.Errorf("read what is in %s: %w", e.File, err)
		}
		if len(payments) == 0 {
			all = append(all, e)
		}
		for _, payment := range payments {
			if !named[payment] {
				e.BankReference = payment
				all = append(all, e)
			}
		}
	}
	return all, nil
}

// keep queues a bank's file, its bytes and its entries.
func (r *Rail) keep(ctx context.Context, u *unit.Unit, file db.RailFileInsertParams, content []byte, entries []Entry) error {
	sealed, err := r.Keys.Seal(contentPlace(file.Rail, file.ID), content)
	if err != nil {
		return err
	}
	rows := db.RailEntriesInsertParams{Rail: file.Rail, FileID: file.ID}
	for i, e := range entries {
		id := fmt.Sprintf("%s/%d", file.ID, i+1)
		amount, currency := "", ""
		if e.Amount != nil {
			amount, currency = e.Amount.String(), e.Amount.Currency()
		}
		detail := []byte{}
		if len(e.Detail) > 0 {
			if detail, err = r.Keys.Seal(DetailPlace(file.Rail, id), e.Detail); err != nil {
				return err
			}
		}
		rows.Ids, rows.Lines, rows.Kinds = append(rows.Ids, id), append(rows.Lines, int32(i+1)), append(rows.Kinds, string(e.Kind))
		rows.BankReferences, rows.Messages = append(rows.BankReferences, e.BankReference), append(rows.Messages, e.Message)
		rows.Amounts, rows.Currencies = append(rows.Amounts, amount), append(rows.Currencies, currency)
		rows.Codes, rows.Reasons, rows.Details = append(rows.Codes, e.Code), append(rows.Reasons, e.Reason), append(rows.Details, detail)
	}
	q := u.Queue(unit.Rows)
	if err := q.RailFileInsert(ctx, file); err != nil {
		return err
	}
	if err := q.RailFileContentInsert(ctx, db.RailFileContentInsertParams{Rail: file.Rail, FileID: file.ID, Content: sealed}); err != nil {
		return err
	}
	if err := q.RailEntriesInsert(ctx, rows); err != nil {
		return err
	}
	return audit.Record(ctx, u, audit.Row{Action: "rail_file.taken", Object: file.ID, Detail: map[string]string{
		"rail": file.Rail, "name": file.Name, "entries": fmt.Sprint(len(entries)), "sha256": fmt.Sprintf("%x", file.Sha256),
	}})
}

// DetailPlace is where an entry's detail is encrypted for.
func DetailPlace(rail, entry string) crypto.Place {
	return crypto.Place{Merchant: rail, Object: entry, Field: "rail_entries.detail"}
}
