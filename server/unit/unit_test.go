package unit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

func TestMain(m *testing.M) { testserver.Main(m) }

func addMerchant(ctx context.Context, u *unit.Unit, id string) error {
	err := u.Queue(unit.Rows).MerchantInsert(ctx, db.MerchantInsertParams{ID: id, Name: id, Country: "GB", RateLimitMultiplier: 1, CreatedAt: u.Now})
	if err != nil {
		return err
	}
	return audit.Record(ctx, u, audit.Row{Merchant: id, Action: "merchant.create", Object: id})
}

func exists(t *testing.T, s *testserver.Server, merchant string) bool {
	t.Helper()
	var found bool
	if err := s.Pool.QueryRow(t.Context(), "select exists (select from merchants where id = $1)", merchant).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNothingIsWrittenBeforeTheFlush(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	committed := false
	err := s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
		u.AfterCommit(func() { committed = true })
		if err := addMerchant(ctx, u, "mer_flush"); err != nil {
			return err
		}
		if _, err := u.Read().MerchantGet(ctx, "mer_flush"); err == nil {
			t.Error("a queued write can be read")
		}
		return nil
	})
	if err != nil || !exists(t, s, "mer_flush") || !committed {
		t.Errorf("%v; written %v, told %v", err, exists(t, s, "mer_flush"), committed)
	}
}

// A refusal that keeps something leaves that, and nothing of its unit; what cannot be kept is no refusal but a fault.
func TestARefusalKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	refusal := errors.New("refused")
	refuse := func(keep string) error {
		return s.Runner.Do(t.Context(), unit.Who{Actor: "key_x"}, false, func(ctx context.Context, u *unit.Unit) error {
			if err := addMerchant(ctx, u, "mer_lost"); err != nil {
				return err
			}
			return fmt.Errorf("look: %w", unit.Keep(func(ctx context.Context, u *unit.Unit) (error, error) {
				if u.Actor != "key_x" {
					t.Errorf("kept in the name of %q", u.Actor)
				}
				return refusal, addMerchant(ctx, u, keep)
			}))
		})
	}
	if err := refuse("mer_kept"); !errors.Is(err, refusal) || exists(t, s, "mer_lost") || !exists(t, s, "mer_kept") {
		t.Errorf("%v; lost %v, kept %v", err, exists(t, s, "mer_lost"), exists(t, s, "mer_kept"))
	}
	if err := refuse("mer_kept"); err == nil || errors.Is(err, refusal) {
		t.Errorf("what was not kept is answered with %v", err)
	}
}

func TestAnErrorLeavesNothing(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	refusal := errors.New("refused")
	for name, end := range map[string]func(context.Context, *unit.Unit) error{
		"the call refuses": func(context.Context, *unit.Unit) error { return refusal },
		"a write fails": func(ctx context.Context, u *unit.Unit) error {
			return addMerchant(ctx, u, "mer_error") // the same key twice
		},
		"the caller is gone": func(ctx context.Context, u *unit.Unit) error {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			_, err := u.Read().MerchantGet(gone, "mer_error")
			return err
		},
	} {
		runs := 0
		err := s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
			runs++
			u.AfterCommit(func() { t.Errorf("%s: something was told", name) })
			if err := addMerchant(ctx, u, "mer_error"); err != nil {
				return err
			}
			return end(ctx, u)
		})
		if err == nil || exists(t, s, "mer_error") || runs != 1 {
			t.Errorf("%s: %v after %d runs; written %v", name, err, runs, exists(t, s, "mer_error"))
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
			if err := addMerchant(ctx, u, "mer_error"); err != nil {
				return err
			}
			panic("a fault")
		})
	}()
	if exists(t, s, "mer_error") {
		t.Error("a panic left something")
	}
	if idle := s.Pool.Stat().AcquiredConns(); idle != 0 {
		t.Errorf("%d connections were not given back", idle)
	}
}

// TestTheFirstQueryBeginsTheTransaction holds for each form of a query, and for one that fails.
func TestTheFirstQueryBeginsTheTransaction(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	for name, ask := range map[string]func(context.Context, *db.Queries) error{
		"one row": func(ctx context.Context, q *db.Queries) error { _, err := q.MerchantFirst(ctx); return err },
		"many":    func(ctx context.Context, q *db.Queries) error { _, err := q.BalanceList(ctx, "mer_none"); return err },
		"affected": func(ctx context.Context, q *db.Queries) error {
			return q.PayoutSetDue(ctx, db.PayoutSetDueParams{MerchantID: "mer_none"})
		},
		"no row": func(ctx context.Context, q *db.Queries) error {
			if _, err := q.MerchantGet(ctx, "mer_none"); !errors.Is(err, pgx.ErrNoRows) {
				t.Errorf("no row gave %v", err)
			}
			return nil
		},
	} {
		err := s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
			if err := ask(ctx, u.Read()); err != nil {
				return err
			}
			return addMerchant(ctx, u, "mer_"+strings.ReplaceAll(name, " ", "_"))
		})
		if err != nil || !exists(t, s, "mer_"+strings.ReplaceAll(name, " ", "_")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
		// Money that is not there: the first statement of the unit fails, with what travels ahead of it.
		return u.Read().LedgerPost(ctx, db.LedgerPostParams{MerchantID: "mer_none", At: u.Now, Ids: []string{"txn_none"}})
	})
	if err == nil {
		t.Error("a transaction without postings was booked")
	}
	if idle := s.Pool.Stat().AcquiredConns(); idle != 0 {
		t.Errorf("%d connections were not given back", idle)
	}
}

// TestALostConnectionIsUnknown cuts the connection under a unit. Only a unit that would notice its own first success is run again.
func TestALostConnectionIsUnknown(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	for _, repeatable := range []bool{false, true} {
		id, runs := fmt.Sprint("mer_", repeatable), 0
		err := s.Runner.Do(t.Context(), unit.Who{}, repeatable, func(ctx context.Context, u *unit.Unit) error {
			runs++
			if err := addMerchant(ctx, u, id); err != nil {
				return err
			}
			if runs > 1 {
				return nil
			}
			if _, err := u.Read().MerchantFirst(ctx); err != nil { // a unit begins with what it reads first
				return err
			}
			return cut(ctx, t, s)
		})
		if repeatable && (err != nil || runs != 2 || !exists(t, s, id)) {
			t.Errorf("repeatable: %v after %d runs", err, runs)
		}
		if _, metrics := s.Admin(t, "/metrics"); repeatable != strings.Contains(metrics, `anton_unit_reruns_total{cause="connection_lost"} 1`) {
			t.Errorf("repeatable %v: the second run is not counted, or the first is", repeatable)
		}
		if !repeatable && (!unit.ConnectionLost(err) || runs != 1 || exists(t, s, id)) {
			t.Errorf("not repeatable: %v after %d runs", err, runs)
		}
	}
}

// cut ends the session whose transaction began last, from outside, as a failover does. A session that has just committed may still
// be shown in its transaction.
func cut(ctx context.Context, t *testing.T, s *testserver.Server) error {
	t.Helper()
	superuser, err := pgx.Connect(ctx, testserver.DSN(t, "postgres", s.Database))
	if err != nil {
		return err
	}
	defer superuser.Close(ctx)
	cut, err := superuser.Exec(ctx, `
		select pg_terminate_backend(pid) from (
		    select pid from pg_stat_activity
		    where usename = 'anton_app' and datname = current_database() and xact_start is not null
		    order by xact_start desc limit 1
		) newest`)
	if err == nil && cut.RowsAffected() != 1 {
		t.Errorf("%d sessions were cut", cut.RowsAffected())
	}
	return err
}

// TestADeadlockIsRunAgain has two units lock two rows in opposite order: PostgreSQL ends one, which then succeeds.
func TestADeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	one, other := m.Beneficiary(t, "One", "9876543210"), m.Beneficiary(t, "Other", "9876543211")
	var meet, group sync.WaitGroup
	meet.Add(2)
	lock := func(first, second string) error {
		runs := 0
		return s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
			runs++
			if _, err := u.Read().BeneficiaryGetForUpdate(ctx, m.Merchant, first); err != nil {
				return err
			}
			if runs == 1 {
				meet.Done()
				meet.Wait()
			}
			_, err := u.Read().BeneficiaryGetForUpdate(ctx, m.Merchant, second)
			return err
		})
	}
	for _, order := range [][2]string{{one, other}, {other, one}} {
		group.Go(func() {
			if err := lock(order[0], order[1]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, metrics := s.Admin(t, "/metrics"); !strings.Contains(metrics, `anton_unit_reruns_total{cause="deadlock"} `) {
		t.Error("the deadlock is not counted")
	}
}

// TestWhatTravelsAheadIsHeardOf holds whether a query follows, the flush alone, or nobody but Settle.
func TestWhatTravelsAheadIsHeardOf(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	answer := db.IdempotencyStoreParams{OwnerID: "mer_ahead", Method: "m", RequestHash: []byte("h"), Response: []byte("answer")}
	refused := errors.New("used before")
	for _, tt := range []struct {
		name string
		then func(context.Context, *unit.Unit) error
	}{
		{"a query", func(ctx context.Context, u *unit.Unit) error { _, err := u.Read().MerchantFirst(ctx); return err }},
		{"a query that itself fails", func(ctx context.Context, u *unit.Unit) error {
			_, err := u.Read().MerchantGet(ctx, "mer_none")
			return err
		}},
		{"settle", func(ctx context.Context, u *unit.Unit) error { return u.Settle(ctx) }},
		{"the flush", func(context.Context, *unit.Unit) error { return nil }},
	} {
		var heard []int64
		run := func() error {
			return s.Runner.Do(t.Context(), unit.Who{}, false, func(ctx context.Context, u *unit.Unit) error {
				err := u.Ahead(func(rows int64) error {
					if heard = append(heard, rows); rows == 0 {
						return refused
					}
					return nil
				}).IdempotencyClaim(ctx, answer.OwnerID, answer.Key)
				if err != nil {
					return err
				}
				if err := u.Queue(unit.Response).IdempotencyStore(ctx, answer); err != nil {
					return err
				}
				if err := addMerchant(ctx, u, "mer_"+answer.Key); err != nil {
					return err
				}
				return tt.then(ctx, u)
			})
		}
		answer.Key = strings.ReplaceAll(tt.name, " ", "_")
		first := run()
		if failing := tt.name == "a query that itself fails"; (first != nil) != failing || exists(t, s, "mer_"+answer.Key) == failing {
			t.Errorf("%s, the first time: %v", tt.name, first)
		}
		if again := run(); first == nil && !errors.Is(again, refused) {
			t.Errorf("%s, again: %v", tt.name, again)
		}
		if first == nil && fmt.Sprint(heard) != "[1 0]" {
			t.Errorf("%s heard %v", tt.name, heard)
		}
	}
	if idle := s.Pool.Stat().AcquiredConns(); idle != 0 {
		t.Errorf("%d connections were not given back", idle)
	}
}
