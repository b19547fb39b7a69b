package payouts_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// settle turns the clock on until nothing is under way any more.
func settle(s *testserver.Server) {
	for range 4 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	s.Work()
}

func TestMagicDetails(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for i, tt := range []struct {
		account, amount      string
		status, reason       string
		available, held      string
		lastName, onBehalfOf string
	}{
		{account: "9876543210", amount: "100.00", status: "completed", available: "49900.00", held: "0.00"},
		{account: "9876540001", amount: "100.00", status: "failed", reason: "rail_rejected", available: "49900.00", held: "0.00"},
		{account: "9876540002", amount: "100.00", status: "returned", reason: "account_closed", available: "49900.00", held: "0.00"},
		{account: "9876540003", amount: "100.00", status: "processing", available: "49800.00", held: "100.00"},
		{account: "9876543211", amount: "1313.13", status: "manual_review", reason: "under_review", available: "48486.87", held: "1413.13"},
		{account: "9876543212", amount: "1414.14", status: "velocity_blocked", reason: "velocity_limit", available: "48486.87", held: "1413.13"},
		{account: "9876543213", amount: "100.00", lastName: "Blackmarsh", status: "screening_failed", reason: "compliance_block", available: "48486.87", held: "1413.13"},
		{account: "9876543214", amount: "100.00", onBehalfOf: "Helene NIEMAND", status: "screening_failed", reason: "compliance_block", available: "48486.87", held: "1413.13"},
	} {
		lastName := fmt.Sprint("Garcia", i)
		beneficiary := `{"type":"individual","first_name":"Viktor","last_name":"` + lastName + `"`
		if tt.lastName != "" {
			beneficiary = `{"type":"individual","first_name":"Víktor","last_name":"` + tt.lastName + `"`
		}
		created := m.Post(t, "/v1/beneficiaries", "", beneficiary+`,"country":"US","currency":"USD","bank_account":{"account_number":"`+tt.account+`","routing_number":"021000021"}}`)
		order := `{"beneficiary_id":"` + created.Data()["id"].(string) + `","amount":"` + tt.amount + `","currency":"USD"`
		if tt.onBehalfOf != "" {
			order += `,"on_behalf_of":{"name":"` + tt.onBehalfOf + `","type":"individual","country":"AT"}`
		}
		answer := m.Post(t, "/v1/payouts", fmt.Sprint("magic ", i), order+"}")
		if answer.Status != http.StatusCreated {
			t.Fatalf("%d: %d %s", i, answer.Status, answer.Raw)
		}
		settle(s)
		payout := m.Get(t, "/v1/payouts/"+answer.Data()["id"].(string)).Data()
		why, _ := payout["status_reason"].(map[string]any)
		if payout["status"] != tt.status || (tt.reason != "" && why["code"] != tt.reason) || (tt.reason == "" && why != nil) {
			t.Errorf("account …%s, %s: the payout is %v because %v, want %s because %s", tt.account[6:], tt.amount, payout["status"], why, tt.status, tt.reason)
		}
		balance := m.Get(t, "/v1/balances/USD").Data()
		if balance["available"] != tt.available || balance["held"] != tt.held {
			t.Errorf("account …%s, %s: available %v, held %v, want %s and %s", tt.account[6:], tt.amount, balance["available"], balance["held"], tt.available, tt.held)
		}
	}
}

// TestComplianceStaysSilent looks for the list's and the engine's words wherever a merchant can look.
func TestComplianceStaysSilent(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	hit := m.Beneficiary(t, "Blackmarsh", "9876543210") // Maria Blackmarsh is nobody
	m.Payout(t, hit, "10.00", "clean")
	body := strings.NewReplacer("Maria", "Ludmila", "Garcia", "Quarrel-Vance").Replace(testserver.Maria)
	listed := m.Post(t, "/v1/beneficiaries", "", body).Data()["id"].(string)
	payout := m.Payout(t, listed, "10.00", "hit")
	settle(s)
	if status := m.Status(t, payout); status != "screening_failed" {
		t.Fatalf("the payout is %s", status)
	}
	for _, path := range []string{"/v1/payouts", "/v1/payouts/" + payout, "/v1/payouts/" + payout + "/timeline", "/v1/events?limit=100"} {
		text := string(m.Get(t, path).Raw)
		for _, secret := range []string{"SBX-2", "sanction", "score", "hit", "sandbox 2026"} {
			if strings.Contains(strings.ReplaceAll(text, "white", ""), secret) {
				t.Errorf("%s shows %q: %s", path, secret, text)
			}
		}
	}
}

func TestAdvancePlaysEveryOutcome(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	silent := m.Beneficiary(t, "Garcia", "9876540003") // the bank takes it and says nothing
	advance := func(payout, outcome string) testserver.Answer {
		return m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"`+outcome+`"}`)
	}
	for i, tt := range []struct {
		amount   string
		outcomes []string
		refused  string // an outcome that is refused after them
		steps    []string
	}{
		{"10.00", []string{"sent", "completed"}, "failed", []string{"processing", "sent", "completed"}},
		{"10.00", []string{"completed"}, "failed", []string{"processing", "sent", "completed"}},
		{"10.00", []string{"failed"}, "sent", []string{"processing", "failed"}},
		{"10.00", []string{"sent", "failed"}, "completed", []string{"processing", "sent", "failed"}},
		{"10.00", []string{"returned"}, "approved", []string{"processing", "sent", "returned"}},
		{"1313.13", []string{"cancelled"}, "sent", []string{"manual_review", "cancelled"}},
		{"1313.13", []string{"approved"}, "cancelled", []string{"manual_review", "approved", "processing"}},
	} {
		payout := m.Payout(t, silent, tt.amount, fmt.Sprint("advance ", i))
		if early := advance(payout, "sent"); early.Status != http.StatusConflict || early.Code() != "state_conflict" {
			t.Errorf("%d: before the engine has judged: %d %s", i, early.Status, early.Raw)
		}
		settle(s)
		for _, outcome := range tt.outcomes {
			if got := advance(payout, outcome); got.Status != http.StatusOK || (outcome != "approved" && got.Data()["status"] != outcome) {
				t.Errorf("%d: advance to %s: %d %s", i, outcome, got.Status, got.Raw)
			}
			settle(s)
		}
		if got := advance(payout, tt.refused); got.Status != http.StatusConflict || got.Code() != "state_conflict" {
			t.Errorf("%d: advance to %s from the end: %d %s", i, tt.refused, got.Status, got.Raw)
		}
		start := []string{"created", "pending_screening", "pending_approval"}
		if tt.amount == "10.00" {
			start = append(start, "approved")
		}
		wantTimeline(t, m, payout, append(start, tt.steps...))
	}
}

func TestCancelBeforeTheRail(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	fresh := m.Payout(t, maria, "10.00", "fresh")
	cancelled := m.Post(t, "/v1/payouts/"+fresh+"/cancel", "", `{"reason":"Ordered by mistake"}`)
	if cancelled.Status != http.StatusOK || cancelled.Data()["status"] != "cancelled" || cancelled.Data()["cancelled_at"] == nil {
		t.Errorf("cancel: %d %s", cancelled.Status, cancelled.Raw)
	}
	reviewed := m.Payout(t, maria, "1313.13", "reviewed")
	settle(s)
	if got := m.Post(t, "/v1/payouts/"+reviewed+"/cancel", "", ""); got.Status != http.StatusOK {
		t.Errorf("cancel in review: %d %s", got.Status, got.Raw)
	}
	for _, payout := range []string{fresh, reviewed} {
		if got := m.Post(t, "/v1/payouts/"+payout+"/cancel", "", ""); got.Status != http.StatusConflict || got.Code() != "state_conflict" {
			t.Errorf("cancel twice: %d %s", got.Status, got.Raw)
		}
	}
	want(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, `{"data":{"currency":"USD","available":"50000.00","held":"0.00","total":"50000.00"}}`)
}

// TestVelocityCapHoldsUnderConcurrency lowers the cap of the day to ten payouts and has two servers judge 64 at once.
func TestVelocityCapHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	all := servers(t, 2)
	m := all[0].Merchant(t)
	lowered := all[0].Ops().Do(t, "PATCH", "/ops/v1/velocity/rules/vr_00000000000000000001", nil, `{"threshold":"10"}`)
	if lowered.Status != http.StatusOK {
		t.Fatalf("lower the cap: %d %s", lowered.Status, lowered.Raw)
	}
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i := range callers {
		m.Payout(t, maria, "1.00", fmt.Sprint("cap ", i))
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(all[i%2].Work)
	}
	group.Wait()
	if n := len(m.Get(t, "/v1/payouts?limit=100&status=velocity_blocked").List()); n != callers-10 {
		t.Errorf("%d payouts were blocked, want %d", n, callers-10)
	}
	if n := len(m.Get(t, "/v1/payouts?limit=100&status=processing").List()); n != 10 {
		t.Errorf("%d payouts passed a cap of 10", n)
	}
}

// A moodyRail loses its answers, or its instructions, as a network does.
type moodyRail struct {
	rails.Rail
	loseInstruction, loseAnswer, loseStatus bool
	submitted                               int
}

var errNetwork = errors.New("the connection was reset")

func (r *moodyRail) Submit(ctx context.Context, in []rails.Instruction) ([]rails.Status, error) {
	r.submitted += len(in)
	if r.loseInstruction {
		r.loseInstruction = false
		return nil, errNetwork
	}
	statuses, err := r.Rail.Submit(ctx, in)
	if r.loseAnswer {
		r.loseAnswer = false
		return nil, errNetwork
	}
	return statuses, err
}

func (r *moodyRail) Ask(ctx context.Context, merchant string, keys []string) ([]rails.Status, error) {
	if r.loseStatus {
		r.loseStatus = false
		return nil, errNetwork
	}
	return r.Rail.Ask(ctx, merchant, keys)
}

// TestSilenceIsNoFailure loses what goes to a rail and what comes back, each alone: the payout is sent once and completes.
func TestSilenceIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rail      moodyRail
		submitted int
	}{
		"the instruction is lost": {moodyRail{loseInstruction: true}, 2},
		"the answer is lost":      {moodyRail{loseAnswer: true}, 1},
		"a status is lost":        {moodyRail{loseStatus: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testserver.New(t)
			m := s.Merchant(t)
			rail := tt.rail
			rail.Rail = s.Worker.Rails.Named("sandbox")
			s.Worker.Rails = rails.NewRegistry(&rail)
			payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "moody")

			workWithFaults(t, s)
			if status := m.Status(t, payout); status != "processing" {
				t.Fatalf("after the fault the payout is %s", status)
			}
			for range 3 {
				s.Clock.Advance(31 * time.Second)
				workWithFaults(t, s)
			}
			if status := m.Status(t, payout); status != "completed" {
				t.Errorf("in the end the payout is %s", status)
			}
			if rail.submitted != tt.submitted {
				t.Errorf("the rail was handed the payout %d times, want %d", rail.submitted, tt.submitted)
			}
			var accepted int
			if err := s.Pool.QueryRow(t.Context(), "select count(*) from rail_instructions").Scan(&accepted); err != nil || accepted != 1 {
				t.Errorf("%d instructions were accepted, want 1 (%v)", accepted, err)
			}
		})
	}
}

// workWithFaults works what is due; a rail's fault is no reason to stop.
func workWithFaults(t *testing.T, s *testserver.Server) {
	t.Helper()
	for {
		n, err := s.Worker.RunOnce(context.Background())
		if err != nil && !errors.Is(err, errNetwork) {
			t.Fatal(err)
		}
		if n == 0 && err == nil {
			return
		}
	}
}

// TestAListThatIsMissingClearsNobody takes the lists away: payouts wait with their money held, and go on when the lists are back.
func TestAListThatIsMissingClearsNobody(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "listless")
	inForce := s.Worker.Engine.Lists
	s.Worker.Engine.Lists = &sanctions.Watcher{Pool: s.Pool, Clock: s.Clock.Now, Required: []lists.Authority{lists.UN}} // knows no list
	s.Work()
	if status := m.Status(t, payout); status != "created" {
		t.Errorf("without lists the payout is %s", status)
	}
	want(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, `{"data":{"currency":"USD","available":"49990.00","held":"10.00","total":"50000.00"}}`)
	s.Worker.Engine.Lists = inForce
	settle(s)
	if status := m.Status(t, payout); status != "completed" {
		t.Errorf("with the lists back the payout is %s", status)
	}
}

// TestLateReturn sends a completed payout back: the money returns, the payout stays completed, and it happens once.
func TestLateReturn(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "2500.00", "late")
	settle(s)
	for range 2 { // the second message is the same event of the bank's
		late := m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"returned"}`)
		if late.Status != http.StatusOK || late.Data()["status"] != "completed" {
			t.Errorf("late return: %d %s", late.Status, late.Raw)
		}
	}
	want(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, `{"data":{"currency":"USD","available":"50000.00","held":"0.00","total":"50000.00"}}`)
	wantEvents(t, m, payout, []string{
		"payout.created", "payout.screening", "payout.pending_approval", "payout.approved", "payout.processing", "payout.sent",
		"payout.completed", "payout.late_return",
	})
}

func TestValidateOnlyStoresNothing(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	try := func(amount string) testserver.Answer {
		return m.Post(t, "/v1/payouts", "", `{"beneficiary_id":"`+maria+`","amount":"`+amount+`","currency":"USD","validate_only":true}`)
	}
	good := try("2500.00")
	if good.Status != http.StatusOK || good.Data()["id"] != "" || good.Data()["total_debited"] != "2500.00" {
		t.Errorf("valid: %d %s", good.Status, good.Raw)
	}
	if poor := try("50000.01"); poor.Status != http.StatusBadRequest || poor.Code() != "insufficient_balance" {
		t.Errorf("more than there is: %d %s", poor.Status, poor.Raw)
	}
	if fine := try("1.001"); fine.Status != http.StatusUnprocessableEntity {
		t.Errorf("finer than a cent: %d %s", fine.Status, fine.Raw)
	}
	s.Work()
	if n := len(m.Get(t, "/v1/payouts").List()); n != 0 {
		t.Errorf("%d payouts were stored", n)
	}
	want(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, `{"data":{"currency":"USD","available":"50000.00","held":"0.00","total":"50000.00"}}`)
}
