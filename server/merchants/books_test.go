package merchants_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/testserver"
)

// cents writes a sum as the API does.
func cents(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// A line is a transaction that the model expects, in cents.
type line struct {
	kind                        string
	available, held, receivable int64
}

// A credited is money that came in by one transaction, and how much of it was taken back.
type credited struct {
	id               string
	amount, reversed int64
}

// books are the model: what one merchant's dollars must be, in cents.
type books struct {
	available, held, receivable int64
	lines                       []line
}

// book is a transaction, and the repayment that follows where it left money beside a debt.
func (b *books) book(l line) {
	b.available, b.held, b.receivable = b.available+l.available, b.held+l.held, b.receivable+l.receivable
	b.lines = append(b.lines, l)
	if repaid := min(b.available, b.receivable); repaid > 0 {
		b.book(line{"receivable_repayment", -repaid, 0, -repaid})
	}
}

// take is what is taken back: from what is available first, the rest is owed.
func (b *books) take(kind string, amount int64) {
	taken := min(b.available, amount)
	b.book(line{kind, -taken, 0, amount - taken})
}

// A ledgerTest drives the server and the model side by side.
type ledgerTest struct {
	*testing.T
	rapid *rapid.T
	s     *testserver.Server
	m     *testserver.Client
	maria string
	calls int
	books
	deposits, returns []*credited
	payouts           map[string][]*credited // by what became of them
}

// must calls and fails the check unless the answer has the status.
func (l *ledgerTest) must(c *testserver.Client, path, body string, status int) testserver.Answer {
	l.calls++
	got := c.Post(l.T, path, fmt.Sprint(l.m.Merchant, " ", l.calls), body)
	if got.Status != status {
		l.rapid.Fatalf("POST %s %s: %d %s, want %d", path, body, got.Status, got.Raw, status)
	}
	return got
}

func (l *ledgerTest) amount(most int64) int64 {
	return rapid.Int64Range(1, most).Draw(l.rapid, "cents")
}

// one draws one of those, or nil where there is none.
func (l *ledgerTest) one(of []*credited) *credited {
	if len(of) == 0 {
		return nil
	}
	return of[rapid.IntRange(0, len(of)-1).Draw(l.rapid, "which")]
}

func (l *ledgerTest) deposit() {
	amount := l.amount(60_000_00)
	got := l.must(l.s.Ops(), "/ops/v1/merchants/"+l.m.Merchant+"/deposits", `{"amount":"`+cents(amount)+`","currency":"USD"}`, http.StatusCreated)
	l.deposits = append(l.deposits, &credited{id: got.Data()["id"].(string), amount: amount})
	l.book(line{"deposit", amount, 0, 0})
}

// reverse takes back some or all of what was credited, or is refused.
func (l *ledgerTest) reverse(what *credited, path, kind string) {
	if what == nil {
		return
	}
	left := what.amount - what.reversed
	path = "/ops/v1/merchants/" + l.m.Merchant + path
	switch how := rapid.IntRange(0, 3).Draw(l.rapid, "how"); {
	case left == 0:
		l.must(l.s.Ops(), path, `{"reason":"again"}`, http.StatusConflict)
		return
	case how == 0:
		l.must(l.s.Ops(), path, `{"reason":"more than there is","amount":"`+cents(left+1)+`"}`, http.StatusUnprocessableEntity)
		return
	case how == 1:
		part := l.amount(left)
		l.must(l.s.Ops(), path, `{"reason":"a part","amount":"`+cents(part)+`"}`, http.StatusOK)
		left = part
	default:
		l.must(l.s.Ops(), path, `{"reason":"all that is left"}`, http.StatusOK)
	}
	what.reversed += left
	l.take(kind, left)
}

func (l *ledgerTest) reverseDeposit() {
	if d := l.one(l.deposits); d != nil {
		l.reverse(d, "/deposits/"+d.id+"/reverse", "deposit_reversal")
	}
}

func (l *ledgerTest) reverseReturn() {
	if r := l.one(l.returns); r != nil {
		l.reverse(r, "/payouts/"+r.id+"/reverse-return", "return_reversal")
	}
}

func (l *ledgerTest) pay() {
	amount := l.amount(30_000_00)
	if l.available > 0 && rapid.Bool().Draw(l.rapid, "all of it") {
		amount = l.available
	}
	if amount == 1313_13 || amount == 1414_14 { // these play a part
		amount++
	}
	body := `{"beneficiary_id":"` + l.maria + `","amount":"` + cents(amount) + `","currency":"USD"}`
	if amount > l.available {
		got := l.must(l.m, "/v1/payouts", body, http.StatusBadRequest)
		if want := "Insufficient balance: available USD " + cents(l.available) + ", required USD " + cents(amount); got.Message() != want {
			l.rapid.Fatalf("refused with %q, want %q", got.Message(), want)
		}
		return
	}
	got := l.must(l.m, "/v1/payouts", body, http.StatusCreated)
	l.payouts["created"] = append(l.payouts["created"], &credited{id: got.Data()["id"].(string), amount: amount})
	l.book(line{"payout_hold", -amount, amount, 0})
}

// leaves takes a payout out of the ones that are somewhere; nil where none is.
func (l *ledgerTest) leaves(from string) *credited {
	p := l.one(l.payouts[from])
	l.payouts[from] = slices.DeleteFunc(l.payouts[from], func(other *credited) bool { return other == p })
	return p
}

func (l *ledgerTest) cancel() {
	if p := l.leaves("created"); p != nil {
		l.must(l.m, "/v1/payouts/"+p.id+"/cancel", `{"reason":"changed my mind"}`, http.StatusOK)
		l.book(line{"payout_release", p.amount, -p.amount, 0})
	}
}

// work hands every payout over to the rail, which keeps silent until it is played.
func (l *ledgerTest) work() {
	l.s.Work()
	l.payouts["processing"] = append(l.payouts["processing"], l.payouts["created"]...)
	l.payouts["created"] = nil
}

func (l *ledgerTest) play(p *credited, outcome string) {
	l.must(l.m, "/v1/sandbox/payouts/"+p.id+"/advance", `{"outcome":"`+outcome+`"}`, http.StatusOK)
}

func (l *ledgerTest) settle() {
	p := l.leaves("processing")
	if p == nil {
		return
	}
	if l.m.Status(l.T, p.id) == "manual_review" { // a payout of all that there is
		l.play(p, "approved")
	}
	switch outcome := rapid.SampledFrom([]string{"completed", "failed", "returned"}).Draw(l.rapid, "outcome"); outcome {
	case "completed":
		l.play(p, outcome)
		l.payouts["completed"] = append(l.payouts["completed"], p)
		l.book(line{"payout_settlement", 0, -p.amount, 0})
	case "failed":
		l.play(p, outcome)
		l.book(line{"payout_release", p.amount, -p.amount, 0})
	case "returned":
		l.play(p, outcome)
		l.book(line{"payout_settlement", 0, -p.amount, 0})
		l.comesBack(p)
	}
}

func (l *ledgerTest) comesBack(p *credited) {
	l.book(line{"return", p.amount, 0, 0})
	l.returns = append(l.returns, p)
}

func (l *ledgerTest) lateReturn() {
	if p := l.leaves("completed"); p != nil {
		l.play(p, "returned")
		l.comesBack(p)
	}
}

func (l *ledgerTest) adjust() {
	amount, path := l.amount(50_000_00), "/ops/v1/merchants/"+l.m.Merchant+"/adjustments"
	if rapid.Bool().Draw(l.rapid, "credit") {
		l.must(l.s.Ops(), path, `{"type":"credit","amount":"`+cents(amount)+`","currency":"USD","reason":"ours"}`, http.StatusCreated)
		l.book(line{"adjustment", amount, 0, 0})
		return
	}
	l.must(l.s.Ops(), path, `{"type":"debit","amount":"`+cents(amount)+`","currency":"USD","reason":"theirs"}`, http.StatusCreated)
	l.take("adjustment", amount)
}

// check holds the balance to the model.
func (l *ledgerTest) check() {
	got := l.m.Get(l.T, "/v1/balances/USD").Data()
	want := map[string]any{"currency": "USD", "available": cents(l.available), "held": cents(l.held), "total": cents(l.available + l.held)}
	if l.receivable > 0 {
		want["receivable"] = cents(l.receivable)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		l.rapid.Fatalf("the balance is %v, want %v", got, want)
	}
}

// checkLines holds every transaction to the model, oldest first.
func (l *ledgerTest) checkLines() {
	var all []map[string]any
	for path, cursor := "/v1/balances/USD/transactions?limit=100", ""; ; {
		got := l.m.Get(l.T, path+cursor)
		all = append(all, got.List()...)
		next, more := got.Body["next_cursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	slices.Reverse(all)
	if len(all) != len(l.lines) {
		l.rapid.Fatalf("%d transactions, want %d: %v", len(all), len(l.lines), l.lines)
	}
	var receivable int64
	for i, want := range l.lines {
		before := receivable
		receivable += want.receivable
		owed := map[string]any{"delta": nil, "after": nil}
		if before > 0 || receivable > 0 {
			owed = map[string]any{"delta": cents(want.receivable), "after": cents(receivable)}
		}
		got := all[i]
		if got["type"] != want.kind || got["available_delta"] != cents(want.available) || got["held_delta"] != cents(want.held) ||
			got["receivable_delta"] != owed["delta"] || got["receivable_after"] != owed["after"] {
			l.rapid.Fatalf("transaction %d is %v, want %v and %v", i, got, want, owed)
		}
	}
}

// TestEveryCentIsAccountedFor has random deposits, payouts, cancellations, returns and late returns, reversals of deposits and of
// returns and corrections follow each other, and holds the balance after each, and all transactions in the end, to a model in memory.
func TestEveryCentIsAccountedFor(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	owed := 0
	rapid.Check(t, func(r *rapid.T) {
		s.Clock.Advance(time.Minute) // an operator has a thousand calls a minute
		l := &ledgerTest{T: t, rapid: r, s: s, m: s.Merchant(t), payouts: map[string][]*credited{}}
		l.maria = l.m.Beneficiary(t, "Garcia", "9876543210")
		funds := l.m.Get(t, "/v1/balances/USD/transactions").List()[0]["id"].(string)
		l.deposits = []*credited{{id: funds, amount: 50_000_00}}
		l.book(line{"deposit", 50_000_00, 0, 0})
		acts := []func(){
			l.deposit, l.deposit, l.reverseDeposit, l.reverseDeposit, l.pay, l.pay, l.pay, l.cancel, l.work, l.settle, l.settle,
			l.lateReturn, l.reverseReturn, l.reverseReturn, l.adjust,
		}
		if rapid.Bool().Draw(r, "begins in debt") {
			path := "/ops/v1/merchants/" + l.m.Merchant + "/adjustments"
			l.must(s.Ops(), path, `{"type":"debit","amount":"70000.00","currency":"USD","reason":"theirs"}`, http.StatusCreated)
			l.take("adjustment", 70_000_00)
		}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			rapid.SampledFrom(acts).Draw(r, "act")()
			l.check()
			if l.receivable > 0 {
				owed++
			}
		}
		l.checkLines()
	})
	if owed == 0 {
		t.Error("nobody ever owed anything: the test proves nothing")
	}
	t.Logf("something was owed after %d steps", owed)
}
