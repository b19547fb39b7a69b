package beneficiaries_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// together has the callers call at once and gives their answers.
func together(calls ...func() testserver.Answer) []testserver.Answer {
	answers := make([]testserver.Answer, len(calls))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i, call := range calls {
		group.Go(func() {
			<-start
			answers[i] = call()
		})
	}
	close(start)
	group.Wait()
	return answers
}

// pair are two servers of one database, which share nothing else.
func pair(t *testing.T) (*testserver.Server, *testserver.Server) {
	t.Helper()
	s := testserver.New(t)
	return s, testserver.On(t, s.Database, s.Clock)
}

func TestOfManyEqualCreationsOneWins(t *testing.T) {
	t.Parallel()
	one, two := pair(t)
	m := one.Merchant(t)
	for round := range 8 {
		var calls []func() testserver.Answer
		for i := range 6 {
			s := []*testserver.Server{one, two}[i%2]
			calls = append(calls, func() testserver.Answer {
				return m.At(s).Post(t, "/v1/beneficiaries", "", with(map[string]any{"last_name": fmt.Sprint("Race ", round)}))
			})
		}
		winner := ""
		answers := together(calls...)
		for _, a := range answers {
			if a.Status == http.StatusCreated {
				if winner != "" {
					t.Fatalf("two were created: %s", a.Raw)
				}
				winner = a.Data()["id"].(string)
			}
		}
		for _, a := range answers {
			if a.Status != http.StatusCreated && (a.Code() != "duplicate_beneficiary" || winner == "" || !strings.Contains(a.Message(), winner)) {
				t.Errorf("a loser read %d %s; the winner is %q", a.Status, a.Raw, winner)
			}
		}
	}
}

func TestOfTwoEqualReferencesOneWins(t *testing.T) {
	t.Parallel()
	one, two := pair(t)
	m := one.Merchant(t)
	ana, eva := m.Beneficiary(t, "Ana", "9876543210"), m.Beneficiary(t, "Eva", "9876543210")
	for i := range 8 {
		ref := fmt.Sprintf(`{"external_ref":"ref %d"}`, i)
		answers := together(
			func() testserver.Answer { return patch(t, m.At(one), "/v1/beneficiaries/"+ana, ref) },
			func() testserver.Answer { return patch(t, m.At(two), "/v1/beneficiaries/"+eva, ref) },
		)
		if answers[0].Status > answers[1].Status {
			slices.Reverse(answers)
		}
		ok(t, answers[0])
		refused(t, "the loser", answers[1], http.StatusUnprocessableEntity, "validation_error", "external_ref")
		if !strings.Contains(answers[1].Message(), answers[0].Data()["id"].(string)) {
			t.Errorf("%q does not name the winner", answers[1].Message())
		}
	}
}

func TestOfTwoEqualNamesOneWins(t *testing.T) {
	t.Parallel()
	one, two := pair(t)
	m := one.Merchant(t)
	ana, eva := m.Beneficiary(t, "Ana", "9876543210"), m.Beneficiary(t, "Eva", "9876543210")
	for i := range 8 {
		name := fmt.Sprintf(`{"last_name":"Name %d"}`, i)
		answers := together(
			func() testserver.Answer { return patch(t, m.At(one), "/v1/beneficiaries/"+ana, name) },
			func() testserver.Answer { return patch(t, m.At(two), "/v1/beneficiaries/"+eva, name) },
		)
		if answers[0].Status > answers[1].Status {
			slices.Reverse(answers)
		}
		ok(t, answers[0])
		refused(t, "the loser", answers[1], http.StatusUnprocessableEntity, "duplicate_beneficiary")
	}
}

// Changes of different fields at once are all kept, and their events have no gap.
func TestChangesAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	one, two := pair(t)
	m := one.Merchant(t)
	id := create(t, m, full)
	path := "/v1/beneficiaries/" + id
	var calls []func() testserver.Answer
	for i, body := range []string{
		`{"email":"new@example.com"}`, `{"phone":"+442079460000"}`, `{"tax_id":"T-9"}`, `{"last_name":"Lopez"}`, `{"metadata":{"a":"b"}}`, `{"external_ref":"r"}`,
	} {
		s := []*testserver.Server{one, two}[i%2]
		calls = append(calls, func() testserver.Answer { return patch(t, m.At(s), path, body) })
	}
	for _, a := range together(calls...) {
		ok(t, a)
	}
	is, private := ok(t, m.Get(t, path)), personal(t, m, id)
	if private["email"] != "new@example.com" || private["phone"] != "+442079460000" || private["tax_id"] != "T-9" || is["last_name"] != "Lopez" ||
		is["external_ref"] != "r" || fmt.Sprint(is["metadata"]) != "map[a:b]" {
		t.Errorf("a change was lost: %v %v", is, private)
	}
	if got := events(t, m, id); len(got) != 7 {
		t.Errorf("%d events, want 7", len(got))
	}
}

// Of a payout and a deletion at once, one is refused: there is never a payout on its way to a beneficiary or an instrument that is gone.
func TestAPayoutRacesADeletion(t *testing.T) {
	t.Parallel()
	one, two := pair(t)
	m := one.Merchant(t)
	won := map[string]int{}
	for i := range 30 {
		maria := m.Beneficiary(t, fmt.Sprint("Race ", i), "9876543210")
		target, missing := "/v1/beneficiaries/"+maria, "not_found"
		if i%2 == 1 {
			target, missing = "/v1/instruments/"+ok(t, m.Get(t, target))["default_instrument_id"].(string), "validation_error"
		}
		answers := together(
			func() testserver.Answer {
				return m.At(one).Post(t, "/v1/payouts", fmt.Sprint(i), `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`)
			},
			func() testserver.Answer { return remove(t, m.At(two), target) },
		)
		paid, deleted := answers[0], answers[1]
		switch {
		case paid.Status == http.StatusCreated && deleted.Code() == "state_conflict":
			won["payout"]++
		case paid.Code() == missing && deleted.Status == http.StatusOK:
			won["deletion"]++
		default:
			t.Errorf("the payout was answered %d %s, the deletion %d %s", paid.Status, paid.Raw, deleted.Status, deleted.Raw)
		}
	}
	t.Logf("who won: %v", won)
}

// The same in slow motion. The payout has looked and written and waits for its balance, which the test holds; the deletion comes in
// between. It must wait for the payout: what is not committed yet it could not see.
func TestADeletionWaitsForAPayoutUnderWay(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"beneficiary", "instrument"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := testserver.New(t)
			m := s.Merchant(t)
			maria := m.Beneficiary(t, "Garcia", "9876543210")
			target := "/v1/beneficiaries/" + maria
			if what == "instrument" {
				target = "/v1/instruments/" + ok(t, m.Get(t, target))["default_instrument_id"].(string)
			}
			hold, err := s.Owner.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = hold.Rollback(t.Context()) }() // after a commit it does nothing
			if _, err := hold.Exec(t.Context(), "select from balances where merchant_id = $1 for update", m.Merchant); err != nil {
				t.Fatal(err)
			}
			paid, deleted := make(chan testserver.Answer, 1), make(chan testserver.Answer, 1)
			go func() {
				paid <- m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`)
			}()
			waiting(t, s, 1)
			go func() { deleted <- remove(t, m, target) }()
			waiting(t, s, 2)
			if err := hold.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			ok(t, <-paid)
			refused(t, "the deletion", <-deleted, http.StatusConflict, "state_conflict")
		})
	}
}

// waiting returns once so many of the test's connections wait for a lock.
func waiting(t *testing.T, s *testserver.Server, want int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		var got int
		err := s.Owner.QueryRow(t.Context(), `select count(distinct pid) from pg_locks join pg_stat_activity using (pid)
			where not granted and datname = current_database()`).Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
		if got >= want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections wait for a lock, want %d", got, want)
		}
	}
}
