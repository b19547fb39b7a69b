package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/testserver"
)

// A scored payout is what its verdict keeps of the risk stage.
type scored struct {
	risk.Result
	Facts risk.Facts
}

func (s scored) has(code string) bool {
	return slices.ContainsFunc(s.Signals, func(signal risk.Signal) bool { return signal.Code == code })
}

// pay has a payout judged, and those that were created with it before, and gives what the risk stage said.
func judged(t *testing.T, s *testserver.Server, m *testserver.Client, beneficiary, amount, reference string) scored {
	t.Helper()
	id := create(t, m, beneficiary, amount, reference)
	s.Work()
	return score(t, s, id)
}

// keys numbers the idempotency keys.
var keys atomic.Int64

func create(t *testing.T, m *testserver.Client, beneficiary, amount, reference string) string {
	t.Helper()
	created := m.Post(t, "/v1/payouts", fmt.Sprint("risk ", keys.Add(1)), fmt.Sprintf(
		`{"beneficiary_id":%q,"amount":%q,"currency":"USD","reference":%q}`, beneficiary, amount, reference))
	if created.Status != http.StatusCreated {
		t.Fatalf("create a payout: %d %s", created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

func score(t *testing.T, s *testserver.Server, payout string) (got scored) {
	t.Helper()
	err := s.Pool.QueryRow(t.Context(), "select stages -> 'risk', inputs -> 'risk' from verdicts where payout_id = $1", payout).
		Scan(&got.Result, &got.Facts)
	if err != nil {
		t.Fatalf("the verdict of %s: %v", payout, err)
	}
	// What is stored must give the same score again, or nobody could ever check it.
	model, err := risk.Find(got.Model)
	if err != nil {
		t.Fatal(err)
	}
	if again := risk.Score(model, got.Facts); !equal(again, got.Result) {
		t.Errorf("%s scores %+v, and %+v again", payout, got.Result, again)
	}
	return got
}

func equal(a, b risk.Result) bool {
	return a.Score == b.Score && a.ReviewFrom == b.ReviewFrom && slices.Equal(a.Signals, b.Signals)
}

func wants(t *testing.T, what string, got scored, signals ...string) {
	t.Helper()
	for _, code := range signals {
		if !got.has(code) {
			t.Errorf("%s: %s says nothing; said: %+v of %+v", what, code, got.Signals, got.Facts)
		}
	}
}

func wantsNot(t *testing.T, what string, got scored, signals ...string) {
	t.Helper()
	for _, code := range signals {
		if got.has(code) {
			t.Errorf("%s: %s speaks: %+v of %+v", what, code, got.Signals, got.Facts)
		}
	}
}

func settle(s *testserver.Server) {
	for range 4 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	s.Work()
}

// TestHabits gives a merchant a history of its own, and then does what it never did.
func TestHabits(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	fresh := judged(t, s, m, maria, "2500.00", "")
	wants(t, "a first payout", fresh, "first_payout_to_beneficiary", "new_beneficiary", "round_amount_to_new_beneficiary")
	if fresh.Review() {
		t.Errorf("the guide's payout is reviewed: %+v", fresh.Result)
	}
	for i := range 25 {
		s.Clock.Advance(time.Hour)
		usual := judged(t, s, m, maria, "100.00", fmt.Sprint("invoice ", i))
		if f := usual.Facts.Own; f.LastHour > 1 || f.Judged != int64(i+1) {
			t.Errorf("payout %d: %+v", i, f)
		}
	}
	s.Clock.Advance(time.Hour)
	last := judged(t, s, m, maria, "100.00", "")
	wantsNot(t, "a usual payout", last, "amount_far_above_usual", "burst", "first_payout_to_country", "new_key", "repeats_a_payout",
		"first_payout_to_beneficiary", "deposit_then_drain")
	if f := last.Facts; f.Own.ToCountry != 26 || f.Own.Amounts.Count != 26 || f.Own.Amounts.Median < 95 || f.Own.Amounts.Median > 105 || f.Beneficiary.Completed == 0 {
		t.Errorf("a merchant of 26 payouts: %+v", f)
	}

	wants(t, "a large payout", judged(t, s, m, maria, "9000.00", ""), "amount_far_above_usual")
	german := m.Post(t, "/v1/beneficiaries", "", `{"type":"business","company_name":"Beispiel GmbH","country":"DE","currency":"EUR","bank_account":{"iban":"DE89370400440532013000"}}`)
	abroad := s.KeyFor(t, m.Merchant).Post(t, "/v1/payouts", "abroad", `{"beneficiary_id":"`+german.Data()["id"].(string)+`","amount":"10.00","currency":"EUR"}`)
	s.Work()
	wants(t, "a payout abroad with a new key", score(t, s, abroad.Data()["id"].(string)), "first_payout_to_country", "new_key")

	var burst string
	for range 14 {
		burst = create(t, m, maria, "100.00", "")
	}
	s.Work()
	wants(t, "a burst", score(t, s, burst), "burst")
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria, jose := m.Beneficiary(t, "Garcia", "9876543210"), m.Beneficiary(t, "Lopez", "9876543211")
	first := create(t, m, maria, "10.00", "INV-1")
	second := create(t, m, maria, "10.00", "INV-1") // both are judged together
	s.Work()
	wantsNot(t, "the first of its kind", score(t, s, first), "repeats_a_payout", "repeats_a_reference")
	wants(t, "the second of its kind", score(t, s, second), "repeats_a_payout")
	wants(t, "the reference of another", judged(t, s, m, jose, "12.00", "INV-1"), "repeats_a_reference")
	wantsNot(t, "no reference", judged(t, s, m, maria, "10.00", ""), "repeats_a_payout", "repeats_a_reference")
	s.Clock.Advance(8 * 24 * time.Hour)
	later := judged(t, s, m, maria, "10.00", "INV-1")
	wantsNot(t, "a week later", later, "repeats_a_payout")
	wants(t, "a week later", later, "repeats_a_reference")
}

// TestFreshMoneyLeaves fills an empty balance and takes nearly all of it out to somebody new.
func TestFreshMoneyLeaves(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	wants(t, "a drained balance", judged(t, s, m, maria, "49000.00", ""), "deposit_then_drain")
	s.Clock.Advance(25 * time.Hour)
	wantsNot(t, "money that lay for a day", judged(t, s, m, m.Beneficiary(t, "Lopez", "9876543211"), "900.00", ""), "deposit_then_drain")
}

func TestBeneficiaryHistory(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	change := func(method, path, body string) {
		t.Helper()
		if got := m.Do(t, method, path, nil, body); got.Status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, got.Status, got.Raw)
		}
	}
	returns := m.Beneficiary(t, "Closed", "9876540002")
	create(t, m, returns, "10.00", "")
	settle(s)
	wants(t, "after a return", judged(t, s, m, returns, "11.00", ""), "returns_from_beneficiary")

	renamed := m.Beneficiary(t, "Garcia", "9876543210")
	create(t, m, renamed, "10.00", "")
	settle(s)
	change(http.MethodPatch, "/v1/beneficiaries/"+renamed, `{"email":"m@example.com"}`)
	wantsNot(t, "another e-mail address", judged(t, s, m, renamed, "11.00", ""), "details_changed_lately")
	change(http.MethodPatch, "/v1/beneficiaries/"+renamed, `{"last_name":"Lopez"}`)
	got := judged(t, s, m, renamed, "12.00", "")
	wants(t, "another name", got, "details_changed_lately")
	wantsNot(t, "another name", got, "details_changed_after_hit")

	moved := m.Beneficiary(t, "Moreno", "9876543212")
	create(t, m, moved, "10.00", "")
	settle(s)
	reviewed := create(t, m, moved, "1313.13", "")
	settle(s)
	if status := m.Status(t, reviewed); status != "manual_review" {
		t.Fatalf("the payout is %s", status)
	}
	change(http.MethodPost, "/v1/beneficiaries/"+moved+"/instruments",
		`{"make_default":true,"bank_account":{"account_number":"9876543299","routing_number":"021000021"}}`)
	wants(t, "another account after a review", judged(t, s, m, moved, "12.00", ""), "details_changed_lately", "details_changed_after_hit")

	s.Clock.Advance(300 * 24 * time.Hour)
	wants(t, "after ten months", judged(t, s, m, renamed, "13.00", ""), "dormant_beneficiary")
}

func TestTierDecidesWhoIsReviewed(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	path := "/ops/v1/merchants/" + m.Merchant
	if tier := s.Ops().Get(t, path).Data()["tier"]; tier != "standard" {
		t.Errorf("a new merchant's tier is %v", tier)
	}
	if got := s.Ops().Do(t, http.MethodPatch, path, nil, `{"tier":"high"}`); got.Status != http.StatusOK || got.Data()["tier"] != "high" {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	if got := s.Ops().Do(t, http.MethodPatch, path, nil, `{"tier":"dubious"}`); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown tier: %d %s", got.Status, got.Raw)
	}
	var detail map[string]string
	err := s.Pool.QueryRow(t.Context(), "select detail from audit_log where action = 'merchant.tier' and object_id = $1", m.Merchant).Scan(&detail)
	if err != nil || detail["from"] != "standard" || detail["to"] != "high" {
		t.Errorf("the audit log says %v, %v", detail, err)
	}
	payout := create(t, m, m.Beneficiary(t, "Garcia", "9876543210"), "2500.00", "")
	s.Work()
	if got, status := score(t, s, payout), m.Status(t, payout); got.ReviewFrom != 250 || status != "manual_review" {
		t.Errorf("the payout is %s: %+v", status, got.Result)
	}
	if own := m.Get(t, "/v1/merchant"); strings.Contains(string(own.Raw), "tier") {
		t.Errorf("the merchant sees its tier: %s", own.Raw)
	}
}

func TestJustBelowACap(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	rule := s.Ops().Post(t, "/ops/v1/velocity/rules", "", `{"name":"Single payouts","type":"max_amount_per_payout","threshold":"1000.00","currency":"USD"}`)
	if rule.Status != http.StatusCreated {
		t.Fatalf("%d %s", rule.Status, rule.Raw)
	}
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	wantsNot(t, "far below", judged(t, s, m, maria, "500.00", ""), "just_below_a_cap")
	for i := range int64(3) {
		got := judged(t, s, m, maria, "990.00", "")
		wants(t, "just below", got, "just_below_a_cap")
		if o := got.Facts.Own; o.BelowCap != 1000 || o.BelowCapBefore != i {
			t.Errorf("payout %d: %+v", i, o)
		}
	}
}

// TestTrustMustBeEarned pays three accounts: one by established merchants, one by fifty that came together, one by a single merchant
// over and over. Then somebody else pays them.
func TestTrustMustBeEarned(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	established := func(account string, names ...string) {
		for _, name := range names {
			m := s.Merchant(t)
			create(t, m, m.Beneficiary(t, name, account), "10.00", "")
		}
	}
	established("9876543210", "Garcia", "Garcia", "Garcia", "Garcia")
	established("9876543230", "Garcia", "Lopez", "Moreno")
	alone := s.Merchant(t)
	itself := alone.Beneficiary(t, "Garcia", "9876543220")
	for i := range 40 {
		create(t, alone, itself, fmt.Sprint(1+i, ".00"), "")
	}
	settle(s)
	if n, err := s.Folder.RunOnce(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d events were folded before they had a place: %v", n, err)
	}
	s.Clock.Advance(80 * 24 * time.Hour)
	for range 50 {
		m := s.Merchant(t)
		create(t, m, m.Beneficiary(t, "Garcia", "9876543240"), "10.00", "")
	}
	settle(s)
	s.Clock.Advance(16 * 24 * time.Hour)
	place(t, s)
	if n, err := s.Folder.RunOnce(t.Context()); err != nil || n != 4+3+40+50 {
		t.Fatalf("%d events were folded: %v", n, err)
	}
	if n, err := s.Folder.RunOnce(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d events were folded twice: %v", n, err)
	}

	m := s.Merchant(t)
	trusted := judged(t, s, m, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "")
	wants(t, "an account that four established merchants paid", trusted, "account_trusted_elsewhere")
	if e := trusted.Facts.Elsewhere; e != (risk.ElsewhereFacts{Merchants: 4, Completed: 4}) {
		t.Errorf("four merchants say %+v", e)
	}
	if c := trusted.Facts.Counterparty; c.BankEnded != 97 || c.CountryEnded != 97 || c.BankReturned != 0 {
		t.Errorf("the bank and the country: %+v", c)
	}
	names := judged(t, s, m, m.Beneficiary(t, "Garcia", "9876543230"), "10.00", "")
	wants(t, "an account of several names", names, "account_under_other_names")
	wantsNot(t, "an account of several names", names, "account_trusted_elsewhere")
	if e := names.Facts.Elsewhere; e.OtherNames != 2 {
		t.Errorf("two others' names: %+v", e)
	}
	single := judged(t, s, m, m.Beneficiary(t, "Garcia", "9876543220"), "10.00", "")
	wantsNot(t, "an account that one merchant paid forty times", single, "account_trusted_elsewhere")
	if e := single.Facts.Elsewhere; e.Merchants != 1 {
		t.Errorf("one merchant says %+v", e)
	}
	young := judged(t, s, m, m.Beneficiary(t, "Garcia", "9876543240"), "10.00", "")
	wantsNot(t, "an account that fifty young merchants paid", young, "account_trusted_elsewhere")
	if e := young.Facts.Elsewhere; e != (risk.ElsewhereFacts{}) {
		t.Errorf("fifty young merchants say %+v", e)
	}
	silentAboutOthers(t, m, trusted, names)
}

// TestWhatCommitsLateIsFolded holds the transaction of a payout's end open for a day, while others end and are folded.
func TestWhatCommitsLateIsFolded(t *testing.T) {
	t.Parallel()
	s := testserver.On(t, testserver.Database(t), testserver.NewClock()) // no payout has the late event
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	ended := create(t, m, maria, "10.00", "")
	settle(s)
	late, err := s.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.WithoutCancel(t.Context())) }() // nothing is left of it after the commit
	if _, err := late.Exec(t.Context(), `insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at)
		select merchant_id, 'evt_late', 'payout.late_return', object_type, object_id, sequence + 1, data, created_at
		from events where object_id = $1 and type = 'payout.completed'`, ended); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(24 * time.Hour)
	create(t, m, maria, "11.00", "")
	settle(s)
	s.Clock.Advance(24 * time.Hour)
	folded := func(when string, want int, says string) {
		t.Helper()
		place(t, s)
		n, err := s.Folder.RunOnce(t.Context())
		if err != nil || n != want {
			t.Errorf("%s, %d events were folded: %v", when, n, err)
		}
		var sums string
		err = s.Owner.QueryRow(t.Context(), "select completed || ' completed, ' || returned || ' returned' from risk_account_merchants").Scan(&sums)
		if err != nil || sums != says {
			t.Errorf("%s, the account has %s, %v", when, sums, err)
		}
	}
	folded("before it is committed", 2, "2 completed, 0 returned")
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	folded("when it is committed", 1, "1 completed, 1 returned")
	folded("at last", 0, "1 completed, 1 returned")
}

// silentAboutOthers looks wherever a merchant can look for what other merchants know.
func silentAboutOthers(t *testing.T, m *testserver.Client, verdicts ...scored) {
	t.Helper()
	for _, path := range []string{"/v1/payouts?limit=100", "/v1/events?limit=100", "/v1/beneficiaries?limit=100"} {
		text := string(m.Get(t, path).Raw)
		for _, secret := range []string{"elsewhere", "established", "other names", "counterparty", "score", "fingerprint", "renamed"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q: %s", path, secret, text)
			}
		}
	}
	for _, v := range verdicts {
		for _, signal := range v.Signals {
			if (signal.Family == risk.CrossMerchant || signal.Family == risk.Counterparty) == signal.Family.Own() {
				t.Errorf("a merchant may read %+v", signal)
			}
		}
	}
}

// asked keeps a query instead of running it.
type asked struct {
	sql  string
	args []any
}

func (a *asked) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	a.sql, a.args = sql, args
	return nil, pgx.ErrNoRows
}

func (a *asked) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, pgx.ErrNoRows
}

func (a *asked) QueryRow(context.Context, string, ...any) pgx.Row { return nil }

// TestFactsAreReadFromFewRows gives a merchant ten thousand payouts to one beneficiary under one reference, which is the worst
// there is, and looks at what PostgreSQL reads for one more.
func TestFactsAreReadFromFewRows(t *testing.T) {
	t.Parallel()
	s := testserver.On(t, testserver.Database(t), testserver.NewClock()) // the rows below have no history, which the invariants would notice
	m := s.Merchant(t)
	payout := create(t, m, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "SALARY")
	owner, err := pgx.Connect(t.Context(), testserver.DSN(t, "postgres", s.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	_, err = owner.Exec(t.Context(), `
		set session_replication_role = replica;
		insert into payouts select (jsonb_populate_record(p, jsonb_build_object('id', 'pay_' || lpad(n::text, 20, '0'), 'created_at', p.created_at - n * interval '10 seconds'))).*
		from payouts p cross join generate_series(1, 10000) n;
		analyze payouts, instruments, beneficiaries, ledger_transactions, audit_log`)
	if err != nil {
		t.Fatal(err)
	}
	query := &asked{}
	_, _ = db.New(query).RiskPayouts(t.Context(), db.RiskPayoutsParams{Now: s.Clock.Now(), MerchantID: m.Merchant, PayoutIds: []string{payout}})
	var plan []byte
	if err := s.Pool.QueryRow(t.Context(), "explain (analyze, timing off, format json) "+query.sql, query.args...).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	var plans []struct {
		Plan planNode
		Time float64 `json:"Execution Time"`
	}
	if err := json.Unmarshal(plan, &plans); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.2f ms", plans[0].Time)
	plans[0].Plan.check(t)
}

type planNode struct {
	Kind     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Rows     float64    `json:"Actual Rows"`
	Removed  float64    `json:"Rows Removed by Filter"`
	Loops    float64    `json:"Actual Loops"`
	Plans    []planNode `json:"Plans"`
}

func (n planNode) check(t *testing.T) {
	t.Helper()
	if large := n.Relation == "payouts"; large && (n.Kind == "Seq Scan" || (n.Rows+n.Removed)*n.Loops > 500) {
		t.Errorf("%s reads %.0f rows of %s", n.Kind, (n.Rows+n.Removed)*n.Loops, n.Relation)
	}
	for _, child := range n.Plans {
		child.check(t)
	}
}
