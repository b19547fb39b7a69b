package postgres_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

// TestAnUpgradeKeepsWhatIsThere gives databases of versions between the first release and today the rows of a server that has payouts in
// every state, as those versions kept them, and migrates each. What they hold must be what that server's database holds, all invariants
// must hold, and a server must go on with it.
func TestAnUpgradeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Clock.Advance(time.Since(testserver.Start).Truncate(time.Second))
	s.LookForLists(t)
	m := s.Merchant(t)
	payouts := inEveryState(t, s, m)
	reviewed := m.Payout(t, payouts["completed"].beneficiary, "1313.13", "reviewed")
	s.Work()
	if got := m.Post(t, "/v1/sandbox/payouts/"+reviewed+"/advance", "", `{"outcome":"approved"}`); got.Status != http.StatusOK {
		t.Fatalf("approve: %d %s", got.Status, got.Raw)
	}
	listed := m.Beneficiary(t, "Listed", "9876543277")
	if got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/beneficiaries/"+listed+"/block", "", `{"reason":"A rehearsal"}`); got.Status != http.StatusOK {
		t.Fatalf("block: %d %s", got.Status, got.Raw)
	}
	s.Work()
	if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Folder.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	const reviews = `select r.payout_id, r.entered_at, r.ended_at, d.decision, d.decided_at from payout_reviews r
		left join review_decisions d on d.merchant_id = r.merchant_id and d.payout_id = r.payout_id order by 1, 5`
	for _, tt := range []struct { //nolint:paralleltest // they share a clock
		name    string
		version int64 // the last that the old server knew
		was     string
		holds   string // what must be as it is in the server's database
	}{
		{"0016 records blocks", 15, "", `select beneficiary_id, blocked_at, lifted_at from beneficiary_blocks order by 1`},
		{"0018 records reviews that had ended", 17, `delete from review_decisions; delete from payout_reviews where ended_at is not null`, reviews},
		{"0024 adds the files of rails", 22, "", `select id, status, rail, rail_reference from payouts order by 1`},
		{"0026 moves checks into functions", 24, "", reviews},
		{"0028 fills buckets later and folds by place", 26, "", `select merchant_id, encode(fingerprint, 'hex'), completed, returned from risk_account_merchants order by 1, 2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			database, exec := copied(t, s, tt.version, "goose")
			exec(bucketsAtOnce)
			exec(foldedByTime)
			for statement := range strings.SplitSeq(tt.was, ";") {
				exec(statement)
			}
			if _, err := postgres.Migrate(t.Context(), testserver.DSN(t, "anton_owner", database), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			migrated := testserver.On(t, database, s.Clock)
			want, got := rowsOf(t, s, tt.holds), rowsOf(t, migrated, tt.holds)
			if len(want) == 0 || !slices.Equal(want, got) {
				t.Errorf("it was\n  %s\nand is\n  %s", strings.Join(want, "\n  "), strings.Join(got, "\n  "))
			}
			migrated.CheckInvariants(t)
			goesOn(t, migrated, m.At(migrated), payouts)
		})
	}
}

// bucketsAtOnce counts as servers did before 0028: each payout in every bucket that is kept.
const bucketsAtOnce = `insert into velocity_usage
	select c.merchant_id, k.scope, velocity_key(k.scope, c.beneficiary_id, c.account, c.country, c.method), k.step, velocity_bucket(k.step, c.at),
	       c.currency, c.country, c.method, c.beneficiary_type, count(*), sum(c.amount), count(*) filter (where c.first_to_beneficiary)
	from (select merchant_id, split_part(name, '/', 1)::velocity_scope as scope, split_part(name, '/', 2)::integer as step, since::timestamptz as since
	      from velocity_books cross join lateral jsonb_each_text(series) kept(name, since)) k
	join velocity_checks c on c.merchant_id = k.merchant_id and c.at >= k.since and c.passed and c.released_at is null
	group by 1, 2, 3, 4, 5, 6, 7, 8, 9`

// foldedByTime says as servers did before 0028 that all ends of payouts are folded.
const foldedByTime = `update risk_folds f set (folded_at, event_id) = (
		select e.created_at, e.id from events e
		where e.merchant_id = f.merchant_id and e.type in ('payout.completed', 'payout.returned', 'payout.late_return', 'beneficiary.blocked')
		order by e.created_at desc, e.id desc limit 1)`

// goesOn has the server end what was under way, and pay, count and fold once more.
func goesOn(t *testing.T, s *testserver.Server, m *testserver.Client, payouts map[string]payout) {
	t.Helper()
	const sums = "select sum(completed) from risk_account_merchants"
	next := m.Payout(t, payouts["completed"].beneficiary, "12.00", "after the upgrade")
	for range 3 {
		s.Clock.Advance(time.Minute)
		s.Work()
	}
	for _, id := range []string{payouts["created"].id, payouts["sent"].id, next} {
		if got := m.Status(t, id); got != "completed" {
			t.Errorf("%s is %s", id, got)
		}
	}
	if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := rowsOf(t, s, sums)
	folded, err := s.Folder.RunOnce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Folder.RunOnce(t.Context()); err != nil || again != 0 || folded == 0 {
		t.Errorf("%d events were folded, then %d: %v", folded, again, err)
	}
	var ended int
	err = s.Owner.QueryRow(t.Context(), "select count(*) from events where type = 'payout.completed'").Scan(&ended)
	if got := rowsOf(t, s, sums); err != nil || got[0] != fmt.Sprintf("(%d)", ended) {
		t.Errorf("%d payouts were completed, and %s were folded, %s before: %v", ended, got, before, err)
	}
	s.CheckInvariants(t)
}
