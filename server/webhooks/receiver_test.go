package webhooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/webhooks/verify"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// A receiver is a merchant's endpoint: a real HTTP server that writes down what it was sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer http.HandlerFunc // what it says; nil for 200
}

type received struct {
	header http.Header
	body   []byte
	event  event
}

type event struct {
	ID, Type string
	Sequence int
	ObjectID string `json:"object_id"`
	Data     map[string]any

	PreviousStatus string `json:"previous_status"`
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		got := received{header: req.Header.Clone(), body: body}
		_ = json.Unmarshal(body, &got.event)
		r.mu.Lock()
		r.got = append(r.got, got)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(r.CloseClientConnections)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) says(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// all is what came so far.
func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// forget drops what came so far.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = nil
}

// types are the types of what came, in order.
func (r *receiver) types() (all []string) {
	for _, got := range r.all() {
		all = append(all, got.event.Type)
	}
	return all
}

// A hook is a webhook of a merchant, at a receiver.
type hook struct{ id, secret string }

func subscribe(t *testing.T, m *testserver.Client, url string, events ...string) hook {
	t.Helper()
	made := m.Post(t, "/v1/webhooks", "", fmt.Sprintf(`{"url":%q,"events":["%s"]}`, url, strings.Join(events, `","`)))
	if made.Status != http.StatusCreated {
		t.Fatalf("make a webhook: %d %s", made.Status, made.Raw)
	}
	return hook{made.Data()["id"].(string), made.Data()["secret"].(string)}
}

// payer is a merchant with a beneficiary, whose past has been told.
func payer(t *testing.T, s *testserver.Server) (m *testserver.Client, beneficiary string) {
	t.Helper()
	m = s.Merchant(t)
	beneficiary = m.Beneficiary(t, "Garcia", "9876543210")
	s.Deliver()
	s.Clock.Advance(1e9)
	return m, beneficiary
}

func expect(t *testing.T, what string, a testserver.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Code() != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Raw, status, code)
	}
}

// deliveries are an event's.
func deliveries(t *testing.T, m *testserver.Client, event string) []map[string]any {
	t.Helper()
	got := m.Get(t, "/v1/events/"+event+"/deliveries")
	if got.Status != http.StatusOK {
		t.Fatalf("list deliveries: %d %s", got.Status, got.Raw)
	}
	return got.List()
}

func verified(t *testing.T, s *testserver.Server, got received, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if err := verify.At(s.Clock.Now(), got.header, got.body, 0, secret); err != nil {
			t.Errorf("%s: %v", got.event.Type, err)
		}
		if err := verify.Anton(s.Clock.Now(), got.header.Get(verify.HeaderAnton), got.body, 0, secret); err != nil {
			t.Errorf("%s, Anton-Signature: %v", got.event.Type, err)
		}
	}
}

// contextOf is the test's, and ends when asked to.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// place places the events that are there.
func place(t *testing.T, s *testserver.Server) {
	t.Helper()
	if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// until waits for what must come.
func until(t *testing.T, come func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !come() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
