package rescreen_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/antonpayments/anton/server/rescreen"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// An operator loads a version that names people: whom it certainly names is blocked, whom it may name alerts, the others hear nothing.
func TestANewVersionIsHeldAgainstBeneficiaries(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	a, b := s.Merchant(t), s.Merchant(t)
	certain, possible, other := person(t, a, "Zoltrazar", "Quimbwell", ""), person(t, a, "Zoltrazar", "Quimbwel", ""), person(t, b, "Maria", "Gomez", "")
	refreshed(t, s, 10)
	if first := rescreened(t, s); first["entries_added"] != 500.0 || first["examined"] != 3.0 || first["possible"] != 0.0 || first["status"] != "completed" {
		t.Errorf("the first version came to %v", first)
	}
	refreshed(t, s, 11, "Zoltrazar Quimbwell")
	if waits := s.Ops().Get(t, "/ops/v1/screening/rescreens?status=pending").List(); len(waits) != 1 || statusOf(t, a, certain) != "active" {
		t.Errorf("before the run %d wait", len(waits))
	}
	s.Clock.Advance(time.Minute)
	run := rescreened(t, s)
	for field, want := range map[string]any{
		"authority": "un", "status": "completed", "entries_added": 1.0, "entries_changed": 0.0, "entries_removed": 0.0, "examined": 3.0,
		"possible": 1.0, "certain": 1.0, "failed": 0.0, "alerts": 2.0,
	} {
		if run[field] != want {
			t.Errorf("%s of the run is %v, want %v", field, run[field], want)
		}
	}
	if one := s.Ops().Get(t, "/ops/v1/screening/rescreens/"+run["id"].(string)).Data(); !cmp.Equal(one, run) {
		t.Errorf("one run: %v", cmp.Diff(one, run))
	}
	if got := []any{statusOf(t, a, certain), statusOf(t, a, possible), statusOf(t, b, other)}; !cmp.Equal(got, []any{"blocked", "active", "active"}) {
		t.Errorf("the beneficiaries are %v", got)
	}

	found := alerts(t, s, "rescreen_id="+run["id"].(string))
	if len(found) != 2 || len(alerts(t, s, "")) != 2 {
		t.Fatalf("%d alerts", len(found))
	}
	for _, alert := range found {
		want := map[any]string{certain: "certain", possible: "possible"}[alert["subject_id"]]
		if alert["finding"] != want || alert["payout_id"] != nil || alert["verdict_id"] != nil || alert["entry_id"] != "T.1" || alert["status"] != "open" {
			t.Errorf("an alert is %v, want %s", alert, want)
		}
	}
	blockedIsTold(t, a, b, certain)
	wantRefused(t, "a payout to a blocked beneficiary", a.Post(t, "/v1/payouts", "refused", `{"beneficiary_id":"`+certain+`","amount":"10.00","currency":"USD"}`),
		http.StatusUnprocessableEntity, "beneficiary_not_active", "")
	sameScore(t, s, a, possible)

	var actions []string
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?limit=100&object_id="+run["id"].(string)).List() {
		actions = append(actions, row["action"].(string))
	}
	if !cmp.Equal(actions, []string{"screening.rescreen.completed", "screening.rescreen.started"}) {
		t.Errorf("audited: %v", actions)
	}
	if _, metrics := s.Admin(t, "/metrics"); !strings.Contains(metrics, `anton_rescreen_beneficiaries_total{finding="certain"} 1`) ||
		!strings.Contains(metrics, "anton_rescreen_waiting_seconds 0\n") {
		t.Error("the metrics do not say what the runs found")
	}
}

// blockedIsTold holds the merchant's event to what a merchant may know, and looks that no other merchant gets it.
func blockedIsTold(t *testing.T, a, b *testserver.Client, blocked string) {
	t.Helper()
	told := a.Get(t, "/v1/events?type=beneficiary.blocked")
	if list := told.List(); len(list) != 1 || list[0]["previous_status"] != "active" || list[0]["data"].(map[string]any)["id"] != blocked ||
		list[0]["data"].(map[string]any)["status"] != "blocked" {
		t.Errorf("the merchant is told %s", told.Raw)
	}
	for _, secret := range []string{"T.1", "sanction", "un-2026", "alr_", "blk_", "certain", "rescreen"} {
		if strings.Contains(string(told.Raw), secret) {
			t.Errorf("the merchant reads %q: %s", secret, told.Raw)
		}
	}
	if others := b.Get(t, "/v1/events?type=beneficiary.blocked").List(); len(others) != 0 {
		t.Errorf("another merchant is told %v", others)
	}
}

// sameScore pays whom a re-screening alerted of: the payout finds the same entry, for the same reasons.
func sameScore(t *testing.T, s *testserver.Server, m *testserver.Client, beneficiary string) {
	t.Helper()
	alone := alerts(t, s, "beneficiary_id="+beneficiary)[0]
	payout := m.Payout(t, beneficiary, "10.00", "same score")
	s.Work()
	paid := alerts(t, s, "payout_id="+payout)
	if len(paid) != 1 || m.Status(t, payout) != "manual_review" {
		t.Fatalf("%d alerts of a payout that is %s", len(paid), m.Status(t, payout))
	}
	for _, field := range []string{"score", "parts", "words", "entry_hash", "finding", "lists", "model"} {
		if !cmp.Equal(alone[field], paid[0][field]) {
			t.Errorf("%s of the re-screening is %v, of the payout %v", field, alone[field], paid[0][field])
		}
	}
}

// Only what a version added or changed is looked for, and a released pair stays released until one of its sides changes.
func TestAReleasedPairStaysReleasedWhileTheEntryDoes(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	m := s.Merchant(t)
	beneficiary := person(t, m, "Zoltrazar", "Quimbwel", "")
	take(t, s, 10, zoltrazar) // the first version, all of which is held against beneficiaries
	if run := rescreened(t, s); run["possible"] != 1.0 || run["previous_list_version"] != nil {
		t.Fatalf("the first run came to %v", run)
	}
	wantOK(t, resolve(t, s.Ops(), alerts(t, s, "status=open")[0]["id"], "false_positive"))
	payout := m.Payout(t, beneficiary, "10.00", "released")
	s.Work()
	s.Clock.Advance(time.Minute)
	s.Work()
	if status := m.Status(t, payout); status != "completed" {
		t.Errorf("a payout to a released beneficiary is %s", status)
	}

	take(t, s, 11, zoltrazar, metals)
	if run := rescreened(t, s); run["entries_added"] != 1.0 || run["possible"] != 0.0 || run["examined"] != 1.0 {
		t.Errorf("with another entry: %v", run)
	}
	changed := zoltrazar
	changed.Remarks = "Also known for something else"
	take(t, s, 12, changed, metals)
	if run := rescreened(t, s); run["entries_changed"] != 1.0 || run["possible"] != 1.0 || run["alerts"] != 1.0 {
		t.Errorf("with the entry changed: %v", run)
	}
	open := alerts(t, s, "status=open")
	if len(open) != 1 {
		t.Fatalf("%d open alerts", len(open))
	}
	wantOK(t, resolve(t, s.Ops(), open[0]["id"], "true_match"))

	// A version that only takes away examines nobody, and decides nothing for compliance.
	take(t, s, 13, metals)
	if run := rescreened(t, s); run["entries_removed"] != 1.0 || run["examined"] != 0.0 || run["status"] != "completed" {
		t.Errorf("with the entry gone: %v", run)
	}
	// It comes back as it was: what was decided is decided, and the alert is there already.
	take(t, s, 14, changed, metals)
	if run := rescreened(t, s); run["certain"] != 1.0 || run["alerts"] != 0.0 || statusOf(t, m, beneficiary) != "blocked" {
		t.Errorf("with the entry back: %v, the beneficiary is %v", run, statusOf(t, m, beneficiary))
	}
}

// A server that dies in the middle of a run leaves it to another one, which goes on exactly there: nobody twice and nobody never.
func TestARunGoesOnWhereAServerDied(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	take(t, s, 10)
	rescreened(t, s)
	for range 2 {
		m := s.Merchant(t)
		for range 3 {
			person(t, m, "Zoltrazar", "Quimbwel", "")
		}
		person(t, m, "Zoltrazar", "Quimbwell", "")
	}
	take(t, s, 11, zoltrazar)
	take(t, s, 12, zoltrazar, petrov) // while the first one's run waits; it gets its own
	s.Rescreen.SliceSize = 3
	if err := s.Rescreen.Die(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	after := len(alerts(t, s, ""))
	other := &rescreen.Rescreener{Runner: s.Runner, Engine: s.Rescreen.Engine, Log: s.Rescreen.Log, SliceSize: 3}
	if n, err := other.RunOnce(t.Context()); err != nil || n != 0 {
		t.Errorf("while the lease lasts another server did %d slices: %v", n, err)
	}
	running := s.Ops().Get(t, "/ops/v1/screening/rescreens?status=running").List()
	if len(running) != 1 || running[0]["examined"] != 3.0 || after == 0 {
		t.Fatalf("in the middle: %v, %d alerts", running, after)
	}
	s.Clock.Advance(3 * time.Minute)
	// Both go on at once, as after a long pause of the first: no slice is done twice.
	var both sync.WaitGroup
	for _, r := range []*rescreen.Rescreener{other, s.Rescreen} {
		both.Go(func() {
			if _, err := r.RunOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	s.Clock.Advance(3 * time.Minute)
	rescreened(t, s)
	runs := s.Ops().Get(t, "/ops/v1/screening/rescreens?status=completed").List()
	if len(runs) != 3 {
		t.Fatalf("%d runs are completed", len(runs))
	}
	second, third := runs[1], runs[0]
	if second["examined"] != 8.0 || second["possible"] != 6.0 || second["certain"] != 2.0 || second["alerts"] != 8.0 {
		t.Errorf("the interrupted run came to %v", second)
	}
	if third["examined"] != 6.0 || third["alerts"] != 0.0 || third["entries_added"] != 1.0 {
		t.Errorf("the run after it came to %v", third)
	}
	seen := map[any]bool{}
	for _, alert := range alerts(t, s, "") {
		if seen[alert["subject_id"]] {
			t.Errorf("%v has a second alert", alert["subject_id"])
		}
		seen[alert["subject_id"]] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d beneficiaries have an alert", len(seen))
	}
}

// A beneficiary whose data cannot be read is said and counted, and keeps no other from being examined.
func TestWhoCannotBeReadIsCounted(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	m := s.Merchant(t)
	broken, fine := person(t, m, "Zoltrazar", "Quimbwell", ""), person(t, m, "Ivan", "Petrov", `"date_of_birth":"1970-03-04",`)
	if _, err := s.Owner.Exec(t.Context(), `update beneficiaries set private_data = '\x00' where id = $1`, broken); err != nil {
		t.Fatal(err)
	}
	take(t, s, 10, zoltrazar, petrov)
	run := rescreened(t, s)
	if run["failed"] != 1.0 || run["certain"] != 1.0 || run["examined"] != 2.0 || run["status"] != "completed" {
		t.Errorf("the run came to %v", run)
	}
	if got := []any{statusOf(t, m, broken), statusOf(t, m, fine)}; !cmp.Equal(got, []any{"active", "blocked"}) {
		t.Errorf("they are %v", got)
	}
}

// A server that does not screen with a list does not say that it held the list against anyone.
func TestAListThatIsNotScreenedWithIsNotHeldAgainstAnyone(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	person(t, s.Merchant(t), "Zoltrazar", "Quimbwell", "")
	take(t, s, 10, zoltrazar)
	if run := rescreened(t, s); run["status"] != "pending" || run["examined"] != 0.0 {
		t.Errorf("the run is %v", run)
	}
}
