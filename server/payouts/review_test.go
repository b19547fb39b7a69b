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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/testserver"
)

// operator is a key of the role, and its id.
func operator(t *testing.T, s *testserver.Server, role string) (*testserver.Client, string) {
	t.Helper()
	made := s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"Dana","role":"`+role+`"}`)
	if made.Status != http.StatusCreated {
		t.Fatalf("make an operator's key: %d %s", made.Status, made.Raw)
	}
	return s.With(made.Data()["key"].(string)), made.Data()["id"].(string)
}

// ask opens a request about the object and returns its id.
func ask(t *testing.T, s *testserver.Server, merchant, kind, entity string) string {
	t.Helper()
	opened := s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+merchant+`","category":"other","entity_type":"`+kind+`","entity_id":"`+entity+`","subject":"Why?"}`)
	if opened.Status != http.StatusCreated {
		t.Fatalf("open an RFI: %d %s", opened.Status, opened.Raw)
	}
	return opened.Data()["rfi"].(map[string]any)["id"].(string)
}

func resolve(t *testing.T, s *testserver.Server, rfi, outcome string) {
	t.Helper()
	got := s.Ops().Post(t, "/ops/v1/rfis/"+rfi+"/resolve", "", `{"outcome":"`+outcome+`","note":"Read"}`)
	if got.Status != http.StatusOK {
		t.Fatalf("resolve: %d %s", got.Status, got.Raw)
	}
}

// inReview makes a payout that waits for a reviewer.
func inReview(t *testing.T, s *testserver.Server, m *testserver.Client, beneficiary, key string) string {
	t.Helper()
	payout := m.Payout(t, beneficiary, "1313.13", key)
	s.Work()
	if status := m.Status(t, payout); status != "manual_review" {
		t.Fatalf("the payout is %s", status)
	}
	return payout
}

func refusedWith(t *testing.T, what string, got testserver.Answer, status int, code string) {
	t.Helper()
	if got.Status != status || got.Code() != code {
		t.Errorf("%s: %d %s, want %d %s", what, got.Status, got.Raw, status, code)
	}
}

func TestAReviewIsClaimedThenApproved(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	payout := inReview(t, s, m, m.Beneficiary(t, "Garcia", "9876543210"), "one")
	dana, danaID := operator(t, s, "operator")
	alex, _ := operator(t, s, "operator")
	viewer, _ := operator(t, s, "viewer")
	path := "/ops/v1/reviews/" + payout

	refusedWith(t, "a viewer claims", viewer.Post(t, path+"/claim", "", `{}`), http.StatusForbidden, "insufficient_scope")
	claimed := dana.Post(t, path+"/claim", "", `{}`)
	if d := claimed.Data(); d["claimed_by"] != danaID || d["claimed_until"] != "2026-02-14T10:15:00Z" || d["reason"] != "sandbox" {
		t.Errorf("claimed: %d %s", claimed.Status, claimed.Raw)
	}
	for _, verb := range []string{"claim", "release", "approve", "cancel"} {
		body := `{}`
		if verb == "approve" || verb == "cancel" {
			body = `{"reason":"Mine"}`
		}
		refusedWith(t, verb+" by another", alex.Post(t, path+"/"+verb, "", body), http.StatusConflict, "state_conflict")
	}
	if got := alex.Get(t, "/ops/v1/reviews?claimed_by="+danaID).List(); len(got) != 1 {
		t.Errorf("%d reviews are claimed by her", len(got))
	}
	if got := alex.Get(t, "/ops/v1/reviews?unclaimed=true").List(); len(got) != 0 {
		t.Errorf("%d reviews are unclaimed", len(got))
	}
	s.Clock.Advance(15 * time.Minute) // the claim is over
	approved := alex.Post(t, path+"/approve", "", `{"reason":"A known supplier"}`)
	if d := approved.Data(); approved.Status != http.StatusOK || d["decision"] != "approved" || d["payout"].(map[string]any)["status"] != "approved" {
		t.Errorf("approved: %d %s", approved.Status, approved.Raw)
	}
	refusedWith(t, "a second decision", alex.Post(t, path+"/cancel", "", `{"reason":"No"}`), http.StatusConflict, "state_conflict")
	timeline := m.Get(t, "/v1/payouts/"+payout+"/timeline")
	last := timeline.List()[len(timeline.List())-1]
	if last["actor"] != "operations" || strings.Contains(string(timeline.Raw), "supplier") {
		t.Errorf("the merchant reads %s", timeline.Raw)
	}
}

func TestTheQueueIsOldestFirstAndFiltered(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	var want []string
	for i := range 3 {
		want = append(want, inReview(t, s, m, maria, fmt.Sprint("queue ", i)))
		s.Clock.Advance(time.Minute)
	}
	inReview(t, s, other, other.Beneficiary(t, "Lopez", "9876543211"), "other")
	var got []string
	for path := "/ops/v1/reviews?limit=1&merchant_id=" + m.Merchant; ; {
		page := s.Ops().Get(t, path)
		for _, row := range page.List() {
			got = append(got, row["payout"].(map[string]any)["id"].(string))
		}
		next, more := page.Body["next_cursor"].(string)
		if !more {
			break
		}
		path = "/ops/v1/reviews?limit=1&merchant_id=" + m.Merchant + "&cursor=" + next
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue is %v, want %v", got, want)
	}
	for query, count := range map[string]int{
		"": 4, "?reason=sandbox": 4, "?reason=risk": 0, "?currency=USD&min_amount=1313.13": 4, "?currency=USD&min_amount=1313.14": 0,
		"?currency=USD&max_amount=1313.12": 0, "?currency=EUR": 0,
	} {
		if rows := s.Ops().Get(t, "/ops/v1/reviews"+query).List(); len(rows) != count {
			t.Errorf("%q gives %d rows, want %d", query, len(rows), count)
		}
	}
	refusedWith(t, "an amount of no currency", s.Ops().Get(t, "/ops/v1/reviews?min_amount=1.00"), http.StatusUnprocessableEntity, "validation_error")
}

func TestTheEvidenceIsInOneAnswerAndAudited(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	m.Payout(t, maria, "10.00", "before")
	for range 3 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	payout := inReview(t, s, m, maria, "now")
	rfi := ask(t, s, m.Merchant, "payout", payout)
	doc := m.Post(t, "/v1/documents", "", `{"category":"invoice","file_name":"../i.pdf","content":"JVBERi0xLjQKc3RhcnR4cmVmCjAKJSVFT0YK"}`).Data()["id"].(string)
	said := m.Post(t, "/v1/rfis/"+rfi+"/respond", "", `{"response":"Here it is","document_ids":["`+doc+`"]}`)
	if said.Status != http.StatusOK {
		t.Fatalf("respond: %d %s", said.Status, said.Raw)
	}
	got := s.Ops().Get(t, "/ops/v1/reviews/"+payout)
	d := got.Data()
	for field, want := range map[string]string{
		"obstacles": `[map[code:open_rfi message:RFI ` + rfi + ` is not resolved as cleared.]]`,
	} {
		if text := fmt.Sprint(d[field]); text != want {
			t.Errorf("%s is %s, want %s", field, text, want)
		}
	}
	for path, want := range map[string]string{
		"verdict.outcome": "review", "beneficiary.last_name": "Garcia", "history.completed": "1", "review.payout.rfi_ids": "[" + rfi + "]",
		"verdict.stages.forced": "review",
	} {
		var at any = d
		for name := range strings.SplitSeq(path, ".") {
			at = at.(map[string]any)[name]
		}
		if fmt.Sprint(at) != want {
			t.Errorf("%s is %v, want %s", path, at, want)
		}
	}
	if len(d["rfis"].([]any)) != 1 || len(d["documents"].([]any)) != 1 || len(d["timeline"].([]any)) != 4 || !strings.Contains(string(got.Raw), "Here it is") {
		t.Errorf("the evidence lacks something: %s", got.Raw)
	}
	if rows := s.Ops().Get(t, "/ops/v1/audit?action=review.read&object_id="+payout).List(); len(rows) != 1 {
		t.Errorf("%d audit rows say that it was read", len(rows))
	}
}

func TestNoApprovalWhileAsked(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i, about := range []string{"payout", "beneficiary", "merchant"} {
		payout := inReview(t, s, m, maria, fmt.Sprint("asked ", i))
		rfi := ask(t, s, m.Merchant, about, map[string]string{"payout": payout, "beneficiary": maria, "merchant": m.Merchant}[about])
		approve := func() testserver.Answer {
			return s.Ops().Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`)
		}
		refusedWith(t, about+" while it is open", approve(), http.StatusConflict, "open_rfi")
		refusedWith(t, about+" in the sandbox", m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"approved"}`), http.StatusConflict, "open_rfi")
		m.Post(t, "/v1/rfis/"+rfi+"/respond", "", `{"response":"Because"}`)
		refusedWith(t, about+" while it is read", approve(), http.StatusConflict, "open_rfi")
		resolve(t, s, rfi, "blocked")
		refusedWith(t, about+" that is blocked", approve(), http.StatusConflict, "open_rfi")
		if status := m.Status(t, payout); status != "manual_review" {
			t.Errorf("a blocked RFI took the payout to %s", status)
		}
		if got := s.Ops().Post(t, "/ops/v1/rfis/"+rfi+"/reopen", "", `{"note":"Again"}`); got.Status != http.StatusOK {
			t.Fatalf("reopen: %s", got.Raw)
		}
		resolve(t, s, rfi, "cleared")
		if got := approve(); got.Status != http.StatusOK {
			t.Errorf("%s that is cleared: %d %s", about, got.Status, got.Raw)
		}
	}
}

// What the engine clears by itself goes to a person while there is a question.
func TestTheEngineApprovesNothingThatIsAskedAbout(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	rfi := ask(t, s, m.Merchant, "beneficiary", maria)
	payout, free := m.Payout(t, maria, "10.00", "asked"), m.Payout(t, m.Beneficiary(t, "Lopez", "9876543211"), "10.00", "free")
	s.Work()
	if status := m.Status(t, payout); status != "manual_review" {
		t.Errorf("the payout is %s", status)
	}
	if status := m.Status(t, free); status != "processing" {
		t.Errorf("another beneficiary's payout is %s", status)
	}
	if rows := s.Ops().Get(t, "/ops/v1/reviews?reason=rfi").List(); len(rows) != 1 {
		t.Errorf("%d reviews because of an RFI", len(rows))
	}
	resolve(t, s, rfi, "cleared")
	if got := s.Ops().Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`); got.Status != http.StatusOK {
		t.Errorf("approve: %d %s", got.Status, got.Raw)
	}
}

func TestAReviewThatExpiresCancels(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	payout := inReview(t, s, m, m.Beneficiary(t, "Garcia", "9876543210"), "late")
	s.Clock.Advance(7*24*time.Hour - time.Second)
	s.Work()
	if status := m.Status(t, payout); status != "manual_review" {
		t.Fatalf("before its time it is %s", status)
	}
	s.Clock.Advance(time.Second)
	s.Work()
	got := m.Get(t, "/v1/payouts/"+payout)
	reason, _ := got.Data()["status_reason"].(map[string]any)
	if got.Data()["status"] != "cancelled" || reason["code"] != "review_expired" {
		t.Errorf("after its time it is %s", got.Raw)
	}
	refusedWith(t, "too late", s.Ops().Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`), http.StatusConflict, "state_conflict")
}

// What Go checks first, PostgreSQL checks in the end: as the role that serves, past every handler.
func TestTheDatabaseRefusesWhatTheReviewRefuses(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	asked, free, given := inReview(t, s, m, maria, "a"), inReview(t, s, m, maria, "b"), inReview(t, s, m, maria, "c")
	ask(t, s, m.Merchant, "payout", asked)
	if _, err := s.Owner.Exec(t.Context(), "update velocity_checks set released_at = now() where payout_id = $1", given); err != nil {
		t.Fatal(err)
	}
	s.Breaks("velocity_usage_is_reserved")
	var creator string
	if err := s.Pool.QueryRow(t.Context(), "select created_by from payout_reviews where payout_id = $1", free).Scan(&creator); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ what, payout, decision, by, constraint string }{
		{"an open RFI", asked, "approved", "test", "approval_meets_no_obstacle"},
		{"velocity given back", given, "approved", "test", "approval_meets_no_obstacle"},
		{"no decision", free, "", "", "a_review_ends_by_its_decision"},
		{"another decision", free, "cancelled", "test", "a_review_ends_by_its_decision"},
		{"its creator", free, "approved", creator, "nobody_approves_what_they_created"},
		{"somebody else", free, "approved", "test", ""},
	} {
		err := rolledBack(t, s, func(tx pgx.Tx) error {
			p := readPayout(t, s, m, tt.payout)
			q := db.New(tx)
			if tt.decision != "" {
				err := q.ReviewDecide(t.Context(), db.ReviewDecideParams{
					MerchantID: m.Merchant, PayoutIds: []string{p.ID}, Decisions: []string{tt.decision}, DecidedBy: tt.by, Reasons: []string{""},
					DecidedAt: s.Clock.Now(),
				})
				if err != nil {
					return err
				}
			}
			return moveApproved(t.Context(), q, p, s.Clock.Now())
		})
		pg, _ := errors.AsType[*pgconn.PgError](err)
		if tt.constraint == "" && err != nil || tt.constraint != "" && (pg == nil || pg.ConstraintName != tt.constraint) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.constraint)
		}
	}
	refusedWith(t, "velocity given back", s.Ops().Post(t, "/ops/v1/reviews/"+given+"/approve", "", `{"reason":"Fine"}`), http.StatusConflict, "velocity_not_reserved")
}

// Approvals, cancellations and questions at once: one decision wins, and every loser reads why. That no approval passes a question by is
// shown by the two tests below, which hold one of them in the middle.
func TestApproveCancelAndAskRace(t *testing.T) {
	t.Parallel()
	all := servers(t, 2)
	s := all[0]
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	var operators []*testserver.Client
	for range 4 {
		key, _ := operator(t, s, "operator")
		operators = append(operators, key)
	}
	for round := range 4 {
		payout := inReview(t, s, m, maria, fmt.Sprint("race ", round))
		entity := []string{payout, maria}[round%2]
		kind := []string{"payout", "beneficiary"}[round%2]
		var mu sync.Mutex
		var opened []string
		answers := together(func(i int) testserver.Answer {
			c := operators[i%4].At(all[i%2])
			switch i % 3 {
			case 0:
				return c.Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`)
			case 1:
				return c.Post(t, "/ops/v1/reviews/"+payout+"/cancel", "", `{"reason":"No"}`)
			}
			got := c.Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+m.Merchant+`","category":"other","entity_type":"`+kind+`","entity_id":"`+entity+`","subject":"Why?"}`)
			if got.Status == http.StatusCreated {
				mu.Lock()
				defer mu.Unlock()
				opened = append(opened, got.Data()["rfi"].(map[string]any)["id"].(string))
			}
			return got
		})
		won := 0
		for i, got := range answers {
			switch {
			case i%3 == 2:
				if got.Status != http.StatusCreated {
					t.Errorf("ask: %d %s", got.Status, got.Raw)
				}
			case got.Status == http.StatusOK:
				won++
			case got.Code() != "state_conflict" && got.Code() != "open_rfi":
				t.Errorf("a loser read %d %s", got.Status, got.Raw)
			}
		}
		status := m.Status(t, payout)
		if won > 1 || (won == 1) != (status == "approved" || status == "cancelled") {
			t.Errorf("%d decisions, and the payout is %s", won, status)
		}
		for _, rfi := range opened {
			resolve(t, s, rfi, "cleared")
		}
	}
}

// An approval that is under way, while a question tries to come in.
func TestAQuestionWaitsForAnApprovalThatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	p := readPayout(t, s, m, inReview(t, s, m, maria, "held"))
	asked := make(chan testserver.Answer, 1)
	err := rolledBack(t, s, func(tx pgx.Tx) error {
		q := db.New(tx)
		err := q.ReviewDecide(t.Context(), db.ReviewDecideParams{
			MerchantID: m.Merchant, PayoutIds: []string{p.ID}, Decisions: []string{"approved"}, DecidedBy: "test", Reasons: []string{""}, DecidedAt: s.Clock.Now(),
		})
		if err != nil {
			return err
		}
		if err := moveApproved(t.Context(), q, p, s.Clock.Now()); err != nil {
			return err
		}
		go func() {
			asked <- s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+m.Merchant+`","category":"other","entity_type":"beneficiary","entity_id":"`+maria+`","subject":"Why?"}`)
		}()
		return lockAwaited(t, s, asked)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got.Status != http.StatusCreated {
		t.Errorf("the question, afterwards: %d %s", got.Status, got.Raw)
	}
}

// A question that is under way, while an approval tries to pass it by.
func TestAnApprovalWaitsForAQuestionThatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Breaks("rfi_steps_are_told", "event_sequences_have_no_gap") // the question comes from SQL, without its event
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	payout := inReview(t, s, m, maria, "held")
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }() // after a commit it does nothing
	err = db.New(tx).RfiOpen(t.Context(), db.RfiOpenParams{
		MerchantID: m.Merchant, At: s.Clock.Now(), Actor: "test", ID: "rfi_x", EventID: "evt_x", Category: "other", Urgency: "low",
		EntityType: "beneficiary", EntityID: maria, Subject: "Why?", Questions: []byte("[]"), DueAt: s.Clock.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	approved := make(chan testserver.Answer, 1)
	go func() { approved <- s.Ops().Post(t, "/ops/v1/reviews/"+payout+"/approve", "", `{"reason":"Fine"}`) }()
	if err := lockAwaited(t, s, approved); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, "the approval", <-approved, http.StatusConflict, "open_rfi")
	if status := m.Status(t, payout); status != "manual_review" {
		t.Errorf("the payout is %s", status)
	}
}

// lockAwaited returns when somebody waits for the lock of a merchant's requests. An answer that comes before did not wait.
func lockAwaited(t *testing.T, s *testserver.Server, answer <-chan testserver.Answer) error {
	t.Helper()
	for {
		var waiting bool
		err := s.Owner.QueryRow(t.Context(), `select exists (select from pg_locks
			where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database()))`).Scan(&waiting)
		if err != nil || waiting {
			return err
		}
		select {
		case got := <-answer:
			return fmt.Errorf("it did not wait: %d %s", got.Status, got.Raw)
		case <-t.Context().Done():
			return t.Context().Err()
		default:
		}
	}
}

func moveApproved(ctx context.Context, q *db.Queries, p db.Payout, at time.Time) error {
	return q.PayoutMove(ctx, db.PayoutMoveParams{
		MerchantID: p.MerchantID, At: at, Actor: "operations", Ids: []string{p.ID}, Seqs: []int32{p.Seq},
		Froms: []string{"manual_review"}, Tos: []string{"approved"}, ReasonCodes: []string{""}, Reasons: []string{""},
		EventIds: []string{"evt_x"}, VerdictIds: []string{*p.VerdictID}, DueAt: []string{""},
	})
}
