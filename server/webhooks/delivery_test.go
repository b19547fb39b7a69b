package webhooks_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/webhooks/verify"
)

// wholeLife is what a payout that completes is told of.
var wholeLife = []string{
	"payout.created", "payout.screening", "payout.pending_approval", "payout.approved", "payout.processing", "payout.sent", "payout.completed",
}

// wholePath are the payout's statuses by then; none comes before the first.
var wholePath = []string{"", "created", "pending_screening", "pending_approval", "approved", "processing", "sent", "completed"}

func complete(s *testserver.Server) {
	for range 3 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
}

func TestAPayoutsLifeIsToldInOrderAndSigned(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, beneficiary := payer(t, s)
	r := newReceiver(t, nil)
	h := subscribe(t, m, r.URL, "payout.*")
	payout := m.Payout(t, beneficiary, "25.00", "life")
	complete(s)
	s.Deliver()
	if got := r.types(); !slices.Equal(got, wholeLife) {
		t.Fatalf("it was told %v", got)
	}
	reference, err := standardwebhooks.NewWebhook(h.secret)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range r.all() {
		if got.event.Sequence != i+1 || got.event.ObjectID != payout || got.event.Data["id"] != payout {
			t.Errorf("event %d is %s", i, got.body)
		}
		if got.event.Data["status"] != wholePath[i+1] || got.event.PreviousStatus != wholePath[i] { // told long after, as it was then
			t.Errorf("event %d is of a payout that is %v and was %q", i, got.event.Data["status"], got.event.PreviousStatus)
		}
		verified(t, s, got, h.secret)
		if err := reference.VerifyIgnoringTimestamp(got.body, got.header); err != nil {
			t.Errorf("the library of Standard Webhooks: %v", err)
		}
		if id := got.header.Get(verify.HeaderID); id != got.event.ID || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("the headers are %v", got.header)
		}
		var sent, shown map[string]any
		if err := json.Unmarshal(got.body, &sent); err != nil {
			t.Fatal(err)
		}
		shown = m.Get(t, "/v1/events/"+got.event.ID).Data()
		if !reflect.DeepEqual(sent, shown) {
			t.Errorf("it was sent %v, the API shows %v", sent, shown)
		}
		d := deliveries(t, m, got.event.ID)
		if len(d) != 1 || d[0]["status"] != "delivered" || d[0]["webhook_id"] != h.id || len(d[0]["attempts"].([]any)) != 1 {
			t.Errorf("its deliveries are %v", d)
		}
	}
}

func TestAWebhookIsToldWhatItListensTo(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, beneficiary := payer(t, s)
	before := newReceiver(t, nil)
	_ = subscribe(t, m, before.URL, "*")
	other, _ := payer(t, s)
	sent, all, foreign := newReceiver(t, nil), newReceiver(t, nil), newReceiver(t, nil)
	subscribe(t, m, sent.URL, "payout.sent", "payout.completed")
	subscribe(t, m, all.URL, "*")
	subscribe(t, other, foreign.URL, "*")
	m.Payout(t, beneficiary, "25.00", "told")
	m.Beneficiary(t, "Lopez", "1112223334")
	complete(s)
	s.Deliver()
	if got := sent.types(); !slices.Equal(got, []string{"payout.sent", "payout.completed"}) {
		t.Errorf("who listens to two was told %v", got)
	}
	if got := all.types(); len(got) != len(wholeLife)+1 || !slices.Contains(got, "beneficiary.created") {
		t.Errorf("who listens to all was told %v", got)
	}
	if got := foreign.types(); len(got) != 0 {
		t.Errorf("another merchant was told %v", got)
	}
}

// schedule is the waits of the contract.
var schedule = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour,
	24 * time.Hour,
}

func TestAFailureIsRetriedOnScheduleWithTheSameBytesAndThenGivenUp(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such route\x00", http.StatusNotFound) })
	h := subscribe(t, m, r.URL, "beneficiary.created")
	m.Beneficiary(t, "Lopez", "1112223334")
	s.Deliver()
	id := r.all()[0].event.ID
	for i, wait := range schedule {
		if n := len(r.all()); n != i+1 {
			t.Fatalf("%d attempts before wait %d", n, i)
		}
		s.Clock.Advance(wait * 8 / 10)
		if n := s.Deliver(); n != 0 {
			t.Errorf("attempt %d came before its time", i+2)
		}
		d := deliveries(t, m, id)[0]
		if d["status"] != "pending" || d["error"] != "answered 404" || d["response_status"] != float64(404) {
			t.Errorf("after attempt %d: %v", i+1, d)
		}
		s.Clock.Advance(wait * 4 / 10)
		s.Deliver()
	}
	s.Clock.Advance(48 * time.Hour)
	s.Deliver()
	got := r.all()
	if len(got) != len(schedule)+1 {
		t.Fatalf("%d attempts", len(got))
	}
	for _, g := range got {
		if string(g.body) != string(got[0].body) || g.header.Get(verify.HeaderID) != id {
			t.Errorf("an attempt sent other bytes: %s", g.body)
		}
	}
	d := deliveries(t, m, id)[0]
	attempts := d["attempts"].([]any)
	if d["status"] != "failed" || d["attempts_made"] != float64(11) || len(attempts) != 11 || d["next_attempt_at"] != nil {
		t.Errorf("in the end: %v", d)
	}
	if body := attempts[0].(map[string]any)["response_body"]; body != "no such route\uFFFD\n" {
		t.Errorf("the answer was kept as %q", body)
	}
	if got := m.Get(t, "/v1/webhooks/"+h.id).Data(); got["status"] != "active" || got["failing_since"] == nil {
		t.Errorf("the webhook is %v", got)
	}

	r.says(nil)
	expect(t, "redeliver", m.Post(t, "/v1/events/"+id+"/redeliver", "", "{}"), http.StatusOK, "")
	s.Deliver()
	if d := deliveries(t, m, id)[0]; d["status"] != "delivered" || d["attempts_made"] != float64(12) {
		t.Errorf("after the redelivery: %v", d)
	}
	if got := m.Get(t, "/v1/webhooks/"+h.id).Data(); got["failing_since"] != nil {
		t.Errorf("it recovered and is %v", got)
	}
}

func TestLaterEventsOfAnObjectWaitAndOthersDoNot(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, beneficiary := payer(t, s)
	r := newReceiver(t, nil)
	subscribe(t, m, r.URL, "payout.*")
	stuck := ""
	r.says(func(w http.ResponseWriter, _ *http.Request) {
		if last := r.all()[len(r.all())-1].event; last.ObjectID == stuck {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	stuck = m.Payout(t, beneficiary, "25.00", "stuck")
	free := m.Payout(t, beneficiary, "26.00", "free")
	complete(s)
	s.Deliver()
	count := map[string][]int{}
	for _, got := range r.all() {
		count[got.event.ObjectID] = append(count[got.event.ObjectID], got.event.Sequence)
	}
	if len(count[free]) != 7 || !slices.Equal(count[stuck], slices.Repeat([]int{1}, len(count[stuck]))) || len(count[stuck]) == 0 {
		t.Errorf("the stuck one was told %v, the other %v", count[stuck], count[free])
	}
	r.forget()
	r.says(nil)
	s.Clock.Advance(10 * time.Minute)
	s.Deliver()
	var sequences []int
	for _, got := range r.all() {
		sequences = append(sequences, got.event.Sequence)
	}
	if !slices.Equal(sequences, []int{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("then it was told %v", sequences)
	}
}

func TestRotatedSecretsSignTogetherForADay(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	r := newReceiver(t, nil)
	h := subscribe(t, m, r.URL, "*")
	rotated := m.Post(t, "/v1/webhooks/"+h.id+"/rotate-secret", "", "{}")
	expect(t, "rotate", rotated, http.StatusOK, "")
	fresh := rotated.Data()["secret"].(string)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fresh, "whsec_"))
	if err != nil || len(key) != 32 || fresh == h.secret {
		t.Fatalf("the new secret is %s", fresh)
	}
	expect(t, "test", m.Post(t, "/v1/webhooks/"+h.id+"/test", "", "{}"), http.StatusOK, "")
	s.Deliver()
	s.Clock.Advance(25 * time.Hour)
	expect(t, "test", m.Post(t, "/v1/webhooks/"+h.id+"/test", "", "{}"), http.StatusOK, "")
	s.Deliver()
	got := r.all()
	if len(got) != 2 {
		t.Fatalf("%d requests", len(got))
	}
	verified(t, s, got[1], fresh)
	s.Clock.Advance(-25 * time.Hour)
	verified(t, s, got[0], h.secret, fresh)
	for name, secret := range map[string]string{"the old secret": h.secret, "the new one": fresh} {
		if reference, err := standardwebhooks.NewWebhook(secret); err != nil || reference.VerifyIgnoringTimestamp(got[0].body, got[0].header) != nil {
			t.Errorf("the library of Standard Webhooks does not verify with %s: %v", name, err)
		}
	}
	if n := len(strings.Fields(got[1].header.Get(verify.HeaderSignature))); n != 1 {
		t.Errorf("after a day %d signatures", n)
	}
	var shown bool
	if err := s.Owner.QueryRow(t.Context(), "select exists (select from webhooks w where w::text like '%' || $1 || '%')", fresh).Scan(&shown); err != nil || shown {
		t.Errorf("the secret's text is stored: %v, %v", shown, err)
	}
	if list := m.Get(t, "/v1/webhooks"); strings.Contains(string(list.Raw), "whsec_") {
		t.Errorf("the list shows secrets: %s", list.Raw)
	}
}

func TestATestGoesToItsWebhookAlone(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	tried, other := newReceiver(t, nil), newReceiver(t, nil)
	h := subscribe(t, m, tried.URL, "payout.sent")
	subscribe(t, m, other.URL, "*")
	for i := range 2 {
		got := m.Post(t, "/v1/webhooks/"+h.id+"/test", "", "{}")
		expect(t, "test", got, http.StatusOK, "")
		if got.Data()["type"] != "webhook.test" || got.Data()["sequence"] != float64(i+1) {
			t.Errorf("the event is %s", got.Raw)
		}
	}
	s.Deliver()
	if !slices.Equal(tried.types(), []string{"webhook.test", "webhook.test"}) || len(other.types()) != 0 {
		t.Errorf("told: %v, and the other %v", tried.types(), other.types())
	}
}

func TestAWebhookThatIsGoneOrHopelessIsDisabledAndTheOthersHear(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		reason string
	}{"gone": {http.StatusGone, "gone"}, "hopeless": {http.StatusBadGateway, "failing"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testserver.New(t)
			m, beneficiary := payer(t, s)
			bad, good := newReceiver(t, status(tt.status)), newReceiver(t, nil)
			h := subscribe(t, m, bad.URL, "payout.*")
			subscribe(t, m, good.URL, "webhook.disabled")
			m.Payout(t, beneficiary, "25.00", "first")
			s.Deliver()
			if tt.reason == "failing" {
				s.Clock.Advance(4*24*time.Hour + 23*time.Hour)
				s.Deliver()
				if got := m.Get(t, "/v1/webhooks/"+h.id).Data(); got["status"] != "active" {
					t.Errorf("before five days it is %v", got)
				}
				s.Clock.Advance(24 * time.Hour)
				m.Payout(t, beneficiary, "25.00", "second")
				s.Deliver()
			}
			got := m.Get(t, "/v1/webhooks/"+h.id).Data()
			if got["status"] != "disabled" || got["disabled_reason"] != tt.reason {
				t.Fatalf("it is %v", got)
			}
			heard := good.all()
			if len(heard) != 1 || heard[0].event.ObjectID != h.id || heard[0].event.Data["disabled_reason"] != tt.reason || strings.Contains(string(heard[0].body), "secret") {
				t.Errorf("the other one was told %v", good.types())
			}
			bad.forget()
			m.Payout(t, beneficiary, "25.00", "third")
			complete(s)
			s.Clock.Advance(48 * time.Hour)
			s.Deliver()
			if n := len(bad.all()); n != 0 {
				t.Errorf("it was told %d times after it was disabled", n)
			}
			var waiting int
			if err := s.Owner.QueryRow(t.Context(), "select count(*) from webhook_deliveries where webhook_id = $1 and status = 'pending'", h.id).Scan(&waiting); err != nil || waiting != 0 {
				t.Errorf("%d deliveries wait for it, %v", waiting, err)
			}

			bad.says(nil)
			patched := m.Do(t, http.MethodPatch, "/v1/webhooks/"+h.id, nil, `{"status":"active"}`)
			if patched.Data()["status"] != "active" || patched.Data()["failing_since"] != nil {
				t.Fatalf("enabled: %s", patched.Raw)
			}
			replayed := m.Post(t, "/v1/webhooks/"+h.id+"/replay", "", fmt.Sprintf(`{"from":%q}`, testserver.Start.Format(time.RFC3339)))
			expect(t, "replay", replayed, http.StatusOK, "")
			s.Deliver()
			inOrder(t, bad)
			if n := len(bad.all()); n < 9 || replayed.Data()["events"] != float64(n) {
				t.Errorf("%s: it was told %d", replayed.Raw, n)
			}
		})
	}
}

// inOrder checks that the first time each event of an object came, its predecessor had come.
func inOrder(t *testing.T, r *receiver) {
	t.Helper()
	last := map[string]int{}
	for _, got := range r.all() {
		e := got.event
		if e.Sequence > last[e.ObjectID]+1 && last[e.ObjectID] > 0 {
			t.Errorf("%s: %d came after %d", e.ObjectID, e.Sequence, last[e.ObjectID])
		}
		last[e.ObjectID] = max(last[e.ObjectID], e.Sequence)
	}
}

func TestReplayOfFailuresLeavesWhatWasTaken(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	r := newReceiver(t, nil)
	h := subscribe(t, m, r.URL, "*")
	m.Beneficiary(t, "Taken", "1112223334")
	s.Deliver()
	r.says(status(http.StatusGone))
	m.Beneficiary(t, "Refused", "1112223335")
	s.Deliver()
	expect(t, "replay of a disabled one", m.Post(t, "/v1/webhooks/"+h.id+"/replay", "", `{"from":"2026-02-14T00:00:00Z"}`), http.StatusConflict, "state_conflict")
	m.Do(t, http.MethodPatch, "/v1/webhooks/"+h.id, nil, `{"status":"active"}`)
	r.says(nil)
	r.forget()
	s.Clock.Advance(time.Second)
	for range 2 {
		replayed := m.Post(t, "/v1/webhooks/"+h.id+"/replay", "", `{"from":"2026-02-14T00:00:00Z","only_failed":true}`)
		expect(t, "replay", replayed, http.StatusOK, "")
		s.Deliver()
	}
	if got := r.types(); !slices.Equal(got, []string{"beneficiary.created"}) {
		t.Errorf("it was told %v", got)
	}
	expect(t, "an empty period", m.Post(t, "/v1/webhooks/"+h.id+"/replay", "", `{"from":"2026-02-15T00:00:00Z","to":"2026-02-14T00:00:00Z"}`), http.StatusUnprocessableEntity, "validation_error")
}

func TestRetryAfterIsHonouredUpToAnHour(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	for header, wait := range map[string]time.Duration{ //nolint:paralleltest // they share a clock
		"600": 10 * time.Minute, "999999": time.Hour, "Sat, 14 Feb 2026 10:30:00 GMT": 0, "soon": 0,
	} {
		t.Run(header, func(t *testing.T) {
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			h := subscribe(t, m, r.URL, "payout.sent")
			tried := m.Post(t, "/v1/webhooks/"+h.id+"/test", "", "{}")
			now := s.Clock.Now()
			s.Deliver()
			next, err := time.Parse(time.RFC3339, deliveries(t, m, tried.Data()["id"].(string))[0]["next_attempt_at"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if at, err := http.ParseTime(header); err == nil {
				wait = at.Sub(now)
			}
			if got := next.Sub(now); wait > 0 && got != wait || wait == 0 && got > 6*time.Second {
				t.Errorf("it waits %v, want %v", got, wait)
			}
		})
	}
}
