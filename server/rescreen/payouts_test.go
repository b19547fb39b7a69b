package rescreen_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// approved has payouts approved by a person, so that no worker has handed them over yet.
func approved(t *testing.T, s *testserver.Server, payouts ...string) {
	t.Helper()
	s.Work()
	for _, payout := range payouts {
		wantOK(t, approve(t, s, payout))
	}
}

// toReview is an amount that the sandbox sends to review.
const toReview = "1313.13"

func approve(t *testing.T, s *testserver.Server, payout string) testserver.Answer {
	t.Helper()
	return s.Ops().Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`)
}

// handedOver is how many payouts the rail was ever given.
func handedOver(t *testing.T, s *testserver.Server, payout string) (n int) {
	t.Helper()
	err := s.Owner.QueryRow(t.Context(), `select (select count(*) from rail_instructions where payout_id = $1)
		+ (select count(*) from sandbox_bank_payments where key = $1)`, payout).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantStopped says that the payout ended without its rail, its money came back, and the merchant reads no more than that.
func wantStopped(t *testing.T, s *testserver.Server, m *testserver.Client, payout, status string) {
	t.Helper()
	p := m.Get(t, "/v1/payouts/"+payout).Data()
	why, _ := p["status_reason"].(map[string]any)
	if p["status"] != status || why["code"] != "compliance_block" || p["sent_at"] != nil {
		t.Errorf("the payout is %v because %v, want %s", p["status"], why, status)
	}
	if n := handedOver(t, s, payout); n != 0 {
		t.Errorf("the rail was given the payout %d times", n)
	}
	if held := m.Get(t, "/v1/balances/USD").Data()["held"]; held != "0.00" {
		t.Errorf("%v is held still", held)
	}
}

// Whatever is on its way when a beneficiary turns out to be listed does not leave, before and after the run that says so.
func TestNothingLeavesToWhomANewVersionNames(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	take(t, s, 10)
	certain, possible, blocked := s.Merchant(t), s.Merchant(t), s.Merchant(t)
	listed, namesake := person(t, certain, "Zoltrazar", "Quimbwell", ""), person(t, possible, "Zoltrazar", "Quimbwel", "")
	stranger := person(t, blocked, "Maria", "Gomez", "")
	one, two := certain.Payout(t, listed, toReview, "one"), possible.Payout(t, namesake, toReview, "two")
	three := blocked.Payout(t, stranger, toReview, "three")
	approved(t, s, one, two, three)

	take(t, s, 11, zoltrazar)
	wantOK(t, blocks(t, s.Ops(), blocked, stranger, "block")) // whom no list names
	s.Work()
	wantStopped(t, s, certain, one, "failed")
	wantStopped(t, s, possible, two, "failed")
	wantStopped(t, s, blocked, three, "failed")
	for payout, finding := range map[string]string{one: "certain", two: "possible"} {
		found := alerts(t, s, "payout_id="+payout)
		if len(found) != 1 || found[0]["finding"] != finding || found[0]["entry_id"] != "T.1" || found[0]["status"] != "open" {
			t.Errorf("the payout's alerts are %v", found)
		}
	}
	var decision, version string
	err := s.Owner.QueryRow(t.Context(), `select decision, screening -> 'lists' -> 1 ->> 'version' from payout_screenings where payout_id = $1 and at = 'claim'`, one).Scan(&decision, &version)
	if err != nil || decision != "certain" || version != s.Sanctions.Set().Versions()[1] {
		t.Errorf("the second screening is kept as %q with %q: %v", decision, version, err)
	}

	// The run finds the same by itself, and blocks; one that waits to be judged then is judged as blocked.
	waiting := certain.Payout(t, listed, "10.00", "waiting")
	rescreened(t, s)
	if statusOf(t, certain, listed) != "blocked" {
		t.Error("the run did not block the listed one")
	}
	s.Work()
	wantStopped(t, s, certain, waiting, "screening_failed")
}

// A payout that an operator's block meets while it waits is stopped where it is, though no list names anyone.
func TestABlockStopsWhatWaits(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	beneficiary := m.Beneficiary(t, "Gomez", "9876543210")
	inReview := m.Payout(t, beneficiary, toReview, "in review")
	s.Work()
	waiting := m.Payout(t, beneficiary, "10.00", "waiting")
	wantOK(t, blocks(t, s.Ops(), m, beneficiary, "block"))
	wantRefused(t, "an approval", approve(t, s, inReview), http.StatusConflict, "screening_not_clear", "")
	s.Work()
	wantOK(t, s.Ops().Post(t, "/ops/v1/reviews/"+inReview+"/cancel", "", `{"reason":"Blocked"}`))
	wantStopped(t, s, m, waiting, "screening_failed")

	wantOK(t, blocks(t, s.Ops(), m, beneficiary, "unblock"))
	again := m.Payout(t, beneficiary, "10.00", "again")
	s.Work()
	s.Clock.Advance(time.Minute)
	s.Work()
	if status := m.Status(t, again); status != "completed" {
		t.Errorf("after the block was lifted a payout is %s", status)
	}
}

// The sandbox's merchants play the rail; they cannot play past the second screening.
func TestThePlayedRailTakesNoListedPayout(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	take(t, s, 10)
	m := s.Merchant(t)
	payout := m.Payout(t, person(t, m, "Zoltrazar", "Quimbwell", ""), toReview, "played")
	approved(t, s, payout)
	take(t, s, 11, zoltrazar)
	wantOK(t, m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"processing"}`))
	wantStopped(t, s, m, payout, "failed")
}

// What the second screening of a refused approval finds is an alert, so that compliance can decide on it.
func TestARefusedApprovalLeavesItsAlert(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	take(t, s, 10)
	m := s.Merchant(t)
	payout := m.Payout(t, person(t, m, "Zoltrazar", "Quimbwel", ""), toReview, "one")
	s.Work()
	take(t, s, 11, zoltrazar)
	wantRefused(t, "an approval", approve(t, s, payout), http.StatusConflict, "state_conflict", "compliance has not cleared it")
	wantRefused(t, "and again", approve(t, s, payout), http.StatusConflict, "screening_not_clear", "")
	found := alerts(t, s, "payout_id="+payout)
	if len(found) != 1 || found[0]["entry_id"] != "T.1" || found[0]["list_version"] != s.Sanctions.Set().Versions()[1] {
		t.Fatalf("the alerts are %v", found)
	}
	wantOK(t, resolve(t, s.Ops(), found[0]["id"], "false_positive"))
	wantOK(t, approve(t, s, payout))
	s.Work()
	s.Clock.Advance(time.Minute)
	s.Work()
	if status := m.Status(t, payout); status != "completed" {
		t.Errorf("the released payout is %s", status)
	}
	var kept []string
	rows, err := s.Owner.Query(t.Context(), `select at || ' ' || decision from payout_screenings where payout_id = $1 order by created_at, id`, payout)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, one)
	}
	if len(kept) < 3 || kept[0] != "approval possible" || kept[len(kept)-1] != "claim none" {
		t.Errorf("its second screenings are kept as %v", kept)
	}
}
