package merchants_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

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

// twoServers share a database and nothing else.
func twoServers(t *testing.T) [2]*testserver.Server {
	t.Helper()
	s := testserver.New(t)
	return [2]*testserver.Server{s, testserver.On(t, s.Database, s.Clock)}
}

// TestRacingDepositsRepayOnce has 64 deposits race for a debt on two servers: it is repaid once, and the rest is available.
func TestRacingDepositsRepayOnce(t *testing.T) {
	t.Parallel()
	both := twoServers(t)
	m := both[0].Merchant(t)
	debit := both[0].Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/adjustments", "debt", `{"type":"debit","amount":"50.00","currency":"CAD","reason":"Owed"}`)
	expect(t, "debit", debit, http.StatusCreated, "")
	for i, a := range together(func(i int) testserver.Answer {
		return both[i%2].Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", fmt.Sprint("race ", i), `{"amount":"1.00","currency":"CAD"}`)
	}) {
		expect(t, fmt.Sprint("deposit ", i), a, http.StatusCreated, "")
	}
	holds(t, "64 deposits less 50", m, "CAD", `"available":"14.00","held":"0.00","total":"14.00"`)
	if n := len(m.Get(t, "/v1/balances/CAD/transactions?type=receivable_repayment&limit=100").List()); n != 50 {
		t.Errorf("%d repayments, want one of each of the first 50 deposits", n)
	}
}

// TestADepositIsTakenBackOnce has 64 callers, each with a key of its own, take back a quarter of one deposit: four succeed.
func TestADepositIsTakenBackOnce(t *testing.T) {
	t.Parallel()
	both := twoServers(t)
	m := both[0].Merchant(t)
	deposit := fund(t, both[0], m, "100.00", "CAD")
	done := 0
	for i, a := range together(func(i int) testserver.Answer {
		return both[i%2].Ops().Post(t, reversal(m, deposit), fmt.Sprint("race ", i), `{"amount":"25.00","reason":"Recalled"}`)
	}) {
		if a.Status == http.StatusOK {
			done++
			continue
		}
		expect(t, fmt.Sprint("reversal ", i), a, http.StatusConflict, "state_conflict")
	}
	if done != 4 {
		t.Errorf("%d reversals of a quarter succeeded, want 4", done)
	}
	holds(t, "after it was taken back", m, "CAD", `"available":"0.00","held":"0.00","total":"0.00"`)
}

// TestDepositsReversalsAndPayoutsRace has deposits, reversals of earlier ones, payouts and their cancellations go at once on two
// servers. Whatever their order was, every cent is somewhere, and the invariants hold.
func TestDepositsReversalsAndPayoutsRace(t *testing.T) {
	t.Parallel()
	both := twoServers(t)
	m := both[0].Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	var deposits, payouts []string
	for i := range callers / 4 {
		got := both[0].Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", fmt.Sprint("first ", i), `{"amount":"4000.00","currency":"USD"}`)
		deposits = append(deposits, got.Data()["id"].(string))
		payouts = append(payouts, m.Payout(t, maria, "6000.00", fmt.Sprint("first ", i)))
	}
	created := 0
	for i, a := range together(func(i int) testserver.Answer {
		server, n := both[i%2], i/4
		switch i % 4 {
		case 0:
			return server.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", fmt.Sprint("race ", i), `{"amount":"1000.00","currency":"USD"}`)
		case 1:
			return server.Ops().Post(t, reversal(m, deposits[n]), fmt.Sprint("race ", i), `{"reason":"Recalled"}`)
		case 2:
			return m.At(server).Post(t, "/v1/payouts/"+payouts[n]+"/cancel", fmt.Sprint("race ", i), `{}`)
		}
		return m.At(server).Post(t, "/v1/payouts", fmt.Sprint("race ", i), `{"beneficiary_id":"`+maria+`","amount":"2000.00","currency":"USD"}`)
	}) {
		refused := i%4 == 3 && a.Code() == "insufficient_balance"
		if a.Status >= 300 && !refused {
			t.Errorf("call %d: %d %s", i, a.Status, a.Raw)
		}
		if i%4 == 3 && !refused {
			created++
		}
	}
	balance := m.Get(t, "/v1/balances/USD").Data()
	owed := "0.00"
	if balance["receivable"] != nil {
		owed = balance["receivable"].(string)
	}
	var net string // 50,000 of the sandbox, 16 × (4,000 + 1,000 - 4,000)
	if err := both[0].Owner.QueryRow(t.Context(), "select ($1::numeric - $2::numeric)::text", balance["total"], owed).Scan(&net); err != nil || net != "66000.00" {
		t.Errorf("total less receivable is %s, want 66000.00: %v, %v", net, balance, err)
	}
	if want := cents(int64(created) * 2000_00); balance["held"] != want {
		t.Errorf("%s is held, want %s", balance["held"], want)
	}
}

// TestOperatorsMoneyMovesOnceThoughConnectionsBreak cuts the server's connections to PostgreSQL again and again while operators
// deposit, take back, correct and approve. Whoever is not answered sends the same again; in the end each has happened once.
func TestOperatorsMoneyMovesOnceThoughConnectionsBreak(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	deposit := fund(t, s, m, "1000.00", "CAD")
	super, err := pgx.Connect(t.Context(), testserver.DSN(t, "postgres", s.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(context.Background())

	const each = 12
	calls := []struct{ path, body string }{
		{"/ops/v1/merchants/" + m.Merchant + "/deposits", `{"amount":"100.00","currency":"CAD"}`},
		{reversal(m, deposit), `{"amount":"10.00","reason":"Recalled"}`},
		{"/ops/v1/merchants/" + m.Merchant + "/adjustments", `{"type":"credit","amount":"3.00","currency":"CAD","reason":"Ours"}`},
		{"/ops/v1/merchants/" + m.Merchant + "/adjustments", `{"type":"debit","amount":"2.00","currency":"CAD","reason":"Theirs"}`},
	}
	answered := make(chan bool)
	var group sync.WaitGroup
	for i, c := range calls {
		for n := range each {
			group.Go(func() {
				for try := 0; ; try++ {
					got := s.Ops().Post(t, c.path, fmt.Sprint("cut ", i, " ", n), c.body)
					answered <- got.Status < 300
					if got.Status < 300 {
						return
					}
					if got.Status < 500 || try == 200 {
						t.Errorf("%s: %d %s", c.path, got.Status, got.Raw)
						return
					}
				}
			})
		}
	}
	go func() {
		group.Wait()
		close(answered)
	}()
	done, lost, cuts := 0, 0, 0
	for ok := range answered {
		if ok {
			done++
		} else {
			lost++
		}
		if ok && done%3 == 0 {
			cuts++
			if _, err := super.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'anton_app'"); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d calls done, %d not answered, %d cuts", done, lost, cuts)
	for range 100 { // connections that were cut while nobody used them fail once each
		if m.Get(t, "/v1/balances/CAD").Status == http.StatusOK {
			break
		}
	}
	// 1000 + 12 × (100 - 10 + 3 - 2)
	holds(t, "each once", m, "CAD", `"available":"2092.00","held":"0.00","total":"2092.00"`)
}
