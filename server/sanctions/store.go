package sanctions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// An Origin says where a list came from and who had it loaded.
type Origin struct {
	Source       string // an address or a path
	ETag         string
	LastModified string
	By           string // a person on the command line, or the server's own refresh
}

// A Waiver is a person's word that a list may lose more than a tenth of its entries at once.
type Waiver struct{ By, Reason string }

// A Taken says what became of a list that was read.
type Taken struct {
	Version string
	// New is false when the version was in force already.
	New             bool
	Entries, Before int // entries now, and in the version that was in force; 0 for the first
}

// A Refusal is a list that was read and must not come into force. The one that is in force stays.
type Refusal struct{ Says string }

func (r *Refusal) Error() string { return r.Says }

// Store keeps the versions of the lists.
type Store struct{ Runner *unit.Runner }

// Take stores a list and puts it in force, in one transaction, with the record of the refresh and an audit row. It refuses what cannot
// be its authority's list, what is older than the version in force, and what lost more than a tenth of its entries, unless a person
// takes responsibility for that. What is refused leaves nothing behind.
func (s *Store) Take(ctx context.Context, list *lists.List, origin Origin, waiver Waiver) (Taken, error) {
	if err := lists.Check(list, s.Runner.Now()); err != nil {
		return Taken{}, &Refusal{err.Error()}
	}
	packed, err := lists.Encode(list)
	if err != nil {
		return Taken{}, err
	}
	var taken Taken
	err = s.Runner.Do(ctx, unit.Who{Actor: origin.By}, true, func(ctx context.Context, u *unit.Unit) error {
		var err error
		taken, err = take(ctx, u, list, packed, origin, waiver)
		return err
	})
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return Taken{}, refusal
	}
	if err != nil {
		return Taken{}, fmt.Errorf("take the list of %s: %w", list.Authority, err)
	}
	return taken, nil
}

func take(ctx context.Context, u *unit.Unit, list *lists.List, packed []byte, origin Origin, waiver Waiver) (Taken, error) {
	before, err := inForce(ctx, u.Read(), list.Authority)
	if err != nil {
		return Taken{}, err
	}
	day, said, err := publishedOn(list, before)
	if err != nil {
		return Taken{}, err
	}
	version, err := u.Read().SanctionsListByFile(ctx, db.SanctionsListByFileParams{
		Authority: string(list.Authority), FileHash: list.Hash, Parser: list.Parser,
	})
	known := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Taken{}, fmt.Errorf("look for the version: %w", err)
	}
	if !known {
		named := day
		if !said {
			named = u.Now
		}
		version = fmt.Sprintf("%s-%s-%s.%s", list.Authority, named.Format(time.DateOnly), list.Hash[:8], list.Parser)
	}
	taken := Taken{Version: version, New: before == nil || before.ListID != version, Entries: len(list.Entries)}
	if before != nil {
		taken.Before = int(before.Entries)
	}
	if !taken.New {
		return taken, recordRefresh(ctx, u, list.Authority, "unchanged", &version, "", origin)
	}
	if known {
		row, err := u.Read().SanctionsListGet(ctx, version)
		if err != nil {
			return Taken{}, fmt.Errorf("read the version %s: %w", version, err)
		}
		day = row.PublishedOn
	}
	if err := permitted(before, taken, day, waiver); err != nil {
		return Taken{}, err
	}
	if !known {
		if err := insert(ctx, u, list, packed, version, day, said, origin); err != nil {
			return Taken{}, err
		}
	}
	return taken, activate(ctx, u, list.Authority, before, taken, day, origin, waiver)
}

// publishedOn is the day of publication that a list is held to. A file that does not say counts as no older than the one in force, and
// no newer: OFAC's CSV of today must not make yesterday's XML, which says so, look outdated.
func publishedOn(list *lists.List, before *db.SanctionsInForceRow) (day time.Time, said bool, err error) {
	switch {
	case list.Published != "":
		day, err = time.Parse(time.DateOnly, list.Published)
		if err != nil {
			return day, true, fmt.Errorf("read the publication date: %w", err)
		}
		return day, true, nil
	case before != nil:
		return before.PublishedOn, false, nil
	}
	return time.Unix(0, 0).UTC(), false, nil
}

// permitted holds a list against the one in force. The database holds the same rules.
func permitted(before *db.SanctionsInForceRow, taken Taken, day time.Time, waiver Waiver) error {
	if before == nil {
		return nil
	}
	if day.Before(before.PublishedOn) {
		return &Refusal{fmt.Sprintf("%s: it was published on %s, before the version in force (%s of %s)",
			before.Authority, day.Format(time.DateOnly), before.ListID, before.PublishedOn.Format(time.DateOnly))}
	}
	if lists.Shrunk(taken.Before, taken.Entries) && waiver.By == "" {
		return &Refusal{fmt.Sprintf("%s: it has %d entries, and the version in force has %d: more than a tenth is gone. If that is right, "+
			"load it with --accept-shrink, your name and the reason", before.Authority, taken.Entries, taken.Before)}
	}
	return nil
}

func insert(ctx context.Context, u *unit.Unit, list *lists.List, packed []byte, version string, day time.Time, said bool, origin Origin) error {
	names := 0
	for _, e := range list.Entries {
		names += len(e.Names)
	}
	sum := sha256.Sum256(packed)
	return u.Queue(unit.Rows).SanctionsListInsert(ctx, db.SanctionsListInsertParams{
		ID: version, Authority: string(list.Authority), PublishedOn: day, PublishedSaid: said, FileHash: list.Hash, Parser: list.Parser,
		Entries: int32(len(list.Entries)), Names: int32(names), Source: origin.Source, Content: packed, //nolint:gosec // bounded by the reader
		ContentHash: hex.EncodeToString(sum[:]), LoadedAt: u.Now, LoadedBy: origin.By,
	})
}

func activate(ctx context.Context, u *unit.Unit, authority lists.Authority, before *db.SanctionsInForceRow, taken Taken, day time.Time, origin Origin, waiver Waiver) error {
	row := db.SanctionsListActivateParams{
		Authority: string(authority), Number: 1, ListID: taken.Version, Entries: int32(taken.Entries), PublishedOn: day, //nolint:gosec // bounded by the reader
		Reason: "the newest version", ActivatedAt: u.Now, ActivatedBy: origin.By,
	}
	if before != nil {
		row.Number = before.Number + 1
		row.PreviousNumber, row.PreviousEntries, row.PreviousPublishedOn = &before.Number, &before.Entries, &before.PublishedOn
	}
	if waiver.Reason != "" {
		row.Reason, row.ShrinkAcceptedBy = waiver.Reason, waiver.By
	}
	if err := u.Queue(unit.Rows).SanctionsListActivate(ctx, row); err != nil {
		return err
	}
	if err := openRescreen(ctx, u, row, before); err != nil {
		return err
	}
	if err := recordRefresh(ctx, u, authority, "loaded", &taken.Version, "", origin); err != nil {
		return err
	}
	return audit.Record(ctx, u, audit.Row{Action: "sanctions_list.activate", Object: taken.Version, Detail: map[string]string{
		"authority": string(authority), "entries": fmt.Sprint(taken.Entries), "entries_before": fmt.Sprint(taken.Before),
		"shrink_accepted_by": waiver.By,
	}})
}

// openRescreen has the version held against the beneficiaries that are there already: in force and not held against them would be a gap
// that nobody sees.
func openRescreen(ctx context.Context, u *unit.Unit, of db.SanctionsListActivateParams, before *db.SanctionsInForceRow) error {
	run := db.RescreenOpenParams{ID: ids.New(ids.Rescreen, u.Now), Authority: of.Authority, Number: of.Number, ListID: of.ListID, CreatedAt: u.Now}
	if before != nil {
		run.PreviousListID = &before.ListID
	}
	return u.Queue(unit.Rows).RescreenOpen(ctx, run)
}

// Attempt records a refresh that brought no list: refused is a file that cannot be right, failed is no file.
func (s *Store) Attempt(ctx context.Context, authority lists.Authority, cause error, origin Origin) error {
	outcome := "failed"
	if _, ok := errors.AsType[*Refusal](cause); ok {
		outcome = "refused"
	}
	return s.Runner.Do(ctx, unit.Who{Actor: origin.By}, true, func(ctx context.Context, u *unit.Unit) error {
		return recordRefresh(ctx, u, authority, outcome, nil, cause.Error(), origin)
	})
}

// Unchanged records that the authority's server says its file is still the one we have.
func (s *Store) Unchanged(ctx context.Context, authority lists.Authority, version string, origin Origin) error {
	return s.Runner.Do(ctx, unit.Who{Actor: origin.By}, true, func(ctx context.Context, u *unit.Unit) error {
		return recordRefresh(ctx, u, authority, "unchanged", &version, "", origin)
	})
}

func recordRefresh(ctx context.Context, u *unit.Unit, authority lists.Authority, outcome string, version *string, detail string, origin Origin) error {
	return u.Queue(unit.Rows).SanctionsRefreshInsert(ctx, db.SanctionsRefreshInsertParams{
		Authority: string(authority), ID: ids.New("lrf", u.Now), At: u.Now, Outcome: outcome, ListID: version, Detail: short(detail, 1000),
		Source: short(origin.Source, 1000), Etag: short(origin.ETag, 500), LastModified: short(origin.LastModified, 100), By: origin.By,
	})
}

// short bounds a text of somebody else's, in characters.
func short(text string, most int) string {
	runes := []rune(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "?"))
	return string(runes[:min(len(runes), most)])
}

func inForce(ctx context.Context, q *db.Queries, authority lists.Authority) (*db.SanctionsInForceRow, error) {
	rows, err := q.SanctionsInForce(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which lists are in force: %w", err)
	}
	for _, row := range rows {
		if row.Authority == string(authority) {
			return &row, nil
		}
	}
	return nil, nil
}

// ErrNoVersion is for a version that does not exist.
var ErrNoVersion = errors.New("there is no such version of a list")

// Load reads a version as it was stored, and fails when it is not what was stored.
func Load(ctx context.Context, q *db.Queries, version string) (*lists.List, error) {
	row, err := q.SanctionsContent(ctx, version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("%s: %w", short(version, 64), ErrNoVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("read the list %s: %w", version, err)
	}
	if sum := sha256.Sum256(row.Content); hex.EncodeToString(sum[:]) != row.ContentHash {
		return nil, fmt.Errorf("the list %s is not what was stored: its hash is another", version)
	}
	entries, err := lists.Decode(row.Content, int(row.Entries))
	if err != nil {
		return nil, fmt.Errorf("the list %s: %w", version, err)
	}
	list := &lists.List{Authority: lists.Authority(row.Authority), Hash: row.FileHash, Parser: row.Parser, Entries: entries}
	if row.PublishedSaid {
		list.Published = row.PublishedOn.Format(time.DateOnly)
	}
	return list, nil
}
