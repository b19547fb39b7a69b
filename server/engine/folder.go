package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/unit"
)

// A Folder adds up what payouts of all merchants say of an account, a bank and a country. The evaluation reads its sums and never
// another merchant's payouts. It follows the places of each merchant's feed, which have no gaps and in which what commits late comes late,
// and how far it came is kept with what it added, in one transaction: each event counts once, wherever it stops. Any number of servers
// may fold, each another merchant.
type Folder struct {
	Runner *unit.Runner
	Keys   *crypto.Keys
	Log    *slog.Logger
}

const (
	foldEvery       = time.Minute
	foldAtOnce      = 1000 // places of a feed in one transaction
	merchantsToFold = 1000
	habitsAtOnce    = 1000 // rows that are dropped in one statement
)

// Run folds about once a minute until ctx ends.
func (f *Folder) Run(ctx context.Context) {
	for {
		// The servers of one database do not fold in step.
		wait := time.NewTimer(foldEvery/2 + rand.N(foldEvery))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		if _, err := f.RunOnce(ctx); err != nil && ctx.Err() == nil {
			f.Log.Error("fold what payouts say of accounts", slog.Any("cause", err))
		}
	}
}

// RunOnce folds everything that has a place now, and returns how many events it folded. With a merchant's events go the habits of it
// that are too old to be looked at.
func (f *Folder) RunOnce(ctx context.Context) (int, error) {
	q, now := db.New(f.Runner.Pool), f.Runner.Now()
	if _, err := q.RiskCounterpartiesPrune(ctx, now.AddDate(0, -7, 0), habitsAtOnce); err != nil {
		return 0, fmt.Errorf("drop what is old of banks and countries: %w", err)
	}
	total := 0
	for after := ""; ; {
		merchants, err := q.RiskFoldMerchants(ctx, after, merchantsToFold)
		if err != nil {
			return total, fmt.Errorf("look for events to fold: %w", err)
		}
		for _, merchant := range merchants {
			n, err := f.fold(ctx, merchant)
			if total += n; err != nil {
				return total, fmt.Errorf("fold the events of %s: %w", merchant, err)
			}
			if err := prune(ctx, q, merchant, now); err != nil {
				return total, err
			}
			after = merchant
		}
		if len(merchants) < merchantsToFold {
			return total, nil
		}
	}
}

// fold folds a merchant's events in slices. When ctx ends, the slice under way is the last.
func (f *Folder) fold(ctx context.Context, merchant string) (int, error) {
	for total := 0; ; {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		events, more := 0, false
		err := f.Runner.Do(context.WithoutCancel(ctx), unit.Who{Merchant: merchant, Actor: "folder"}, false, func(ctx context.Context, u *unit.Unit) (err error) {
			events, more, err = f.slice(ctx, u, merchant)
			return err
		})
		if total += events; err != nil || !more {
			return total, err
		}
	}
}

// slice folds the next places of a merchant's feed. It gives how many events it folded, and whether there are more places.
func (f *Folder) slice(ctx context.Context, u *unit.Unit, merchant string) (events int, more bool, err error) {
	if err := u.Read().RiskFoldOpen(ctx, merchant); err != nil {
		return 0, false, err
	}
	at, err := u.Read().RiskFoldLock(ctx, merchant)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil // another server does it
	}
	if err != nil {
		return 0, false, err
	}
	last := min(at.LastPosition, at.Position+foldAtOnce)
	rows, err := u.Read().RiskFoldEvents(ctx, db.RiskFoldEventsParams{MerchantID: merchant, FirstPosition: at.Position + 1, LastPosition: last})
	if err != nil {
		return 0, false, err
	}
	sums, err := f.addUp(rows)
	if err != nil {
		return 0, false, err
	}
	if err := sums.queue(ctx, u, merchant); err != nil {
		return 0, false, err
	}
	return sums.events, last < at.LastPosition, u.Queue(unit.Work).RiskFolded(ctx, last, merchant)
}

// sums are what a slice of events adds to accounts and counterparties.
type sums struct {
	events   int
	accounts map[string]*db.RiskAccountAddParams
	others   map[string]*db.RiskCounterpartyAddParams
}

func (f *Folder) addUp(rows []db.RiskFoldEventsRow) (*sums, error) {
	s := &sums{accounts: map[string]*db.RiskAccountAddParams{}, others: map[string]*db.RiskCounterpartyAddParams{}}
	for i, row := range rows {
		if i == 0 || rows[i-1].ID != row.ID {
			s.events++
		}
		if row.Fingerprint == nil {
			continue // a beneficiary without an account
		}
		account := s.accounts[string(row.Fingerprint)]
		if account == nil {
			account = &db.RiskAccountAddParams{Fingerprint: row.Fingerprint, Names: [][]byte{}}
			s.accounts[string(row.Fingerprint)] = account
		}
		if row.Type == "beneficiary.blocked" {
			account.Blocked = true
			continue
		}
		name, err := nameHash(f.Keys, row.FirstName, row.MiddleName, row.LastName, row.CompanyName)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(account.Names, func(known []byte) bool { return bytes.Equal(known, name) }) {
			account.Names = append(account.Names, name)
		}
		if account.EndedAt == nil || row.CreatedAt.Before(*account.EndedAt) {
			account.EndedAt = &row.CreatedAt
		}
		returned := int64(0)
		switch row.Type {
		case "payout.completed":
			account.Completed++
		case "payout.returned":
			account.Returned, returned = account.Returned+1, 1
		case "payout.late_return":
			account.Completed, account.Returned, returned = account.Completed-1, account.Returned+1, 1
		}
		s.counterparty(db.RiskCounterpartyKindBank, row.BankFingerprint, row.CreatedAt, returned)
		s.counterparty(db.RiskCounterpartyKindCountry, []byte(*row.Country), row.CreatedAt, returned)
	}
	return s, nil
}

// counterparty counts an end. A late return is one of its own: the payout had ended before.
func (s *sums) counterparty(kind db.RiskCounterpartyKind, key []byte, at time.Time, returned int64) {
	if key == nil {
		return // an account from before banks were known
	}
	month := monthOf(at.UTC())
	name := string(kind) + month.Format(time.DateOnly) + string(key)
	if s.others[name] == nil {
		s.others[name] = &db.RiskCounterpartyAddParams{Kind: kind, Key: key, Month: month}
	}
	s.others[name].Ended++
	s.others[name].Returned += returned
}

// queue writes the sums in the order of their keys, so that two servers that fold at once cannot lock each other out.
func (s *sums) queue(ctx context.Context, u *unit.Unit, merchant string) error {
	q := u.Queue(unit.Rows)
	for _, account := range inOrder(s.accounts) {
		account.MerchantID = merchant
		if err := q.RiskAccountOpen(ctx, account.Fingerprint, merchant); err != nil {
			return err
		}
		if err := q.RiskAccountAdd(ctx, *account); err != nil {
			return err
		}
	}
	for _, other := range inOrder(s.others) {
		if err := q.RiskCounterpartyAdd(ctx, *other); err != nil {
			return err
		}
	}
	return nil
}

func inOrder[V any](m map[string]V) []V {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	all := make([]V, len(keys))
	for i, key := range keys {
		all[i] = m[key]
	}
	return all
}

// prune drops a merchant's habits that are too old to be looked at, a bounded number at a time.
func prune(ctx context.Context, q *db.Queries, merchant string, now time.Time) error {
	_, err := q.RiskHoursPrune(ctx, db.RiskHoursPruneParams{MerchantID: merchant, Before: now.AddDate(0, 0, -29), RowLimit: habitsAtOnce})
	if err == nil {
		_, err = q.RiskAmountsPrune(ctx, db.RiskAmountsPruneParams{
			MerchantID: merchant, Before: monthOf(now).AddDate(0, -monthsKept, 0), RowLimit: habitsAtOnce,
		})
	}
	if err != nil {
		return fmt.Errorf("drop old habits of %s: %w", merchant, err)
	}
	return nil
}
