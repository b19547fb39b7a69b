package payouts_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

const callers = 64

// together has all callers call at once and gives their answers.
func together(call func(i int) testserver.Answer) []testserver.Answer {
	answers := make([]testserver.Answer, callers)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			<-start
			answers[i] = call(i)
		})
	}
	close(start)
	group.Wait()
	return answers
}

// servers are one server, and a second one on the same database: two processes share nothing else.
func servers(t *testing.T, count int) []*testserver.Server {
	t.Helper()
	all := []*testserver.Server{testserver.New(t)}
	for len(all) < count {
		all = append(all, testserver.On(t, all[0].Database, all[0].Clock))
	}
	return all
}

func TestOneKeyFromManyCallersIsOnePayout(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 2} {
		t.Run(fmt.Sprint(count, " servers"), func(t *testing.T) {
			t.Parallel()
			all := servers(t, count)
			m := all[0].Merchant(t)
			maria := m.Beneficiary(t, "Garcia", "9876543210")
			order := `{"beneficiary_id":"` + maria + `","amount":"2500.00","currency":"USD"}`

			answers := together(func(i int) testserver.Answer {
				return m.At(all[i%count]).Post(t, "/v1/payouts", "invoice-1042-maria", order)
			})
			replays := 0
			for _, a := range answers {
				if a.Status != http.StatusCreated || string(a.Raw) != string(answers[0].Raw) {
					t.Fatalf("answers differ: %d %s\nand %d %s", a.Status, a.Raw, answers[0].Status, answers[0].Raw)
				}
				if a.Header.Get("X-Idempotent-Replayed") == "true" {
					replays++
				}
			}
			if replays != callers-1 {
				t.Errorf("%d replays, want %d", replays, callers-1)
			}
			if n := len(m.Get(t, "/v1/payouts?limit=100").List()); n != 1 {
				t.Errorf("%d payouts, want 1", n)
			}
			want(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, `{"data":{"currency":"USD","available":"47500.00","held":"2500.00","total":"50000.00"}}`)

			other := m.Post(t, "/v1/payouts", "invoice-1042-maria", `{"beneficiary_id":"`+maria+`","amount":"2500.01","currency":"USD"}`)
			if other.Status != http.StatusConflict || other.Code() != "idempotency_conflict" {
				t.Errorf("the key with another body: %d %s", other.Status, other.Raw)
			}
			elsewhere := m.Post(t, "/v1/beneficiaries", "invoice-1042-maria", testserver.Maria)
			if elsewhere.Status != http.StatusConflict || elsewhere.Code() != "idempotency_conflict" {
				t.Errorf("the key with another method: %d %s", elsewhere.Status, elsewhere.Raw)
			}
		})
	}
}

func TestMoneyForTenPaysTen(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 2} {
		t.Run(fmt.Sprint(count, " servers"), func(t *testing.T) {
			t.Parallel()
			all := servers(t, count)
			m := all[0].Merchant(t)
			maria := m.Beneficiary(t, "Garcia", "9876543210")

			answers := together(func(i int) testserver.Answer {
				return m.At(all[i%count]).Post(t, "/v1/payouts", fmt.Sprint("race ", i), `{"beneficiary_id":"`+maria+`","amount":"5000.00","currency":"USD"}`)
			})
			created := 0
			for _, a := range answers {
				switch {
				case a.Status == http.StatusCreated:
					created++
				case a.Status != http.StatusBadRequest || a.Message() != "Insufficient balance: available USD 0.00, required USD 5000.00":
					t.Errorf("a loser read: %d %s", a.Status, a.Raw)
				}
			}
			if created != 10 {
				t.Errorf("%d payouts were created, want exactly 10", created)
			}
			want(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, `{"data":{"currency":"USD","available":"0.00","held":"50000.00","total":"50000.00"}}`)
		})
	}
}

func TestCancelRacesTheWorker(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i := range 20 {
		payout := m.Payout(t, maria, "10.00", fmt.Sprint("cancel ", i))
		var cancelled testserver.Answer
		var group sync.WaitGroup
		group.Go(func() { cancelled = m.Post(t, "/v1/payouts/"+payout+"/cancel", "", `{"reason":"changed my mind"}`) })
		group.Go(s.Work)
		group.Wait()
		s.Work() // a payout that the cancellation held locked was passed over
		switch status := m.Status(t, payout); {
		case cancelled.Status == http.StatusOK && status == "cancelled":
		case cancelled.Status == http.StatusConflict && cancelled.Code() == "state_conflict" && status == "processing":
		default:
			t.Errorf("cancel answered %d %s and the payout is %s", cancelled.Status, cancelled.Raw, status)
		}
	}
}
