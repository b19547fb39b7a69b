package webhooks_test

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// tried sends a test to the address and gives what came of it.
func tried(t *testing.T, s *testserver.Server, m *testserver.Client, url string) map[string]any {
	t.Helper()
	h := subscribe(t, m, url, "payout.sent")
	sent := m.Post(t, "/v1/webhooks/"+h.id+"/test", "", "{}")
	expect(t, "test", sent, http.StatusOK, "")
	s.Deliver()
	return deliveries(t, m, sent.Data()["id"].(string))[0]
}

func TestHostileReceiversAreFailuresAndNothingMore(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	elsewhere := newReceiver(t, nil)
	closed := newReceiver(t, nil)
	closed.Close()
	var written atomic.Int64
	selfSigned := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(selfSigned.Close)
	for name, tt := range map[string]struct {
		url    string
		answer http.HandlerFunc
		status string
		says   string
	}{
		"a redirect": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, says: "redirects are not followed"},
		"a permanent redirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		}, says: "redirects are not followed"},
		"an endless body": {answer: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				n, err := w.Write(make([]byte, 32<<10))
				if written.Add(int64(n)); err != nil {
					return
				}
			}
		}, status: "delivered"}, // what was read of it is enough to know
		"headers of ten megabytes": {answer: func(w http.ResponseWriter, _ *http.Request) {
			for i := range 1000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 10<<10))
			}
		}, says: "headers are too long"},
		"a compressed bomb": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			_, _ = z.Write(make([]byte, 64<<20))
			_ = z.Close()
		}, status: "delivered"},
		"a hang-up": {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, says: "closed before the answer"},
		"half an answer": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "begin")
		}, says: "the answer did not end"},
		"no server":          {url: closed.URL, says: "the connection was refused"},
		"a self-signed one":  {url: selfSigned.URL, says: "the certificate is not valid"},
		"TLS where none is":  {url: strings.Replace(elsewhere.URL, "http:", "https:", 1), says: "the TLS handshake failed"},
		"a 204":              {answer: status(http.StatusNoContent), status: "delivered"},
		"a 500":              {answer: status(http.StatusInternalServerError), says: "answered 500"},
		"an answer in bytes": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0, 'x'}) }, status: "delivered"},
	} {
		url := tt.url
		if url == "" {
			url = newReceiver(t, tt.answer).URL
		}
		d := tried(t, s, m, url)
		want := tt.status
		if want == "" {
			want = "pending"
		}
		says, _ := d["error"].(string)
		if d["status"] != want || !strings.Contains(says, tt.says) || strings.Contains(says, "127.0.0.1") {
			t.Errorf("%s: %v", name, d)
		}
	}
	if n := written.Load(); n > 32<<20 { // 64 kB are read; the rest is what two systems buffer
		t.Errorf("%d MB of the endless body were taken", n>>20)
	}
	if n := len(elsewhere.all()); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

// A receiver that answers a byte a second is given up after fifteen seconds, and meanwhile the others are served.
func TestASlowReceiverHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, _ := payer(t, s)
	ctx, stop := contextOf(t)
	running := make(chan struct{})
	go func() { defer close(running); s.Deliverer.Run(ctx) }()
	slow := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond) // slower than anybody should be, faster than the test's patience
		}
	})
	fast := newReceiver(t, nil)
	h := subscribe(t, m, slow.URL, "payout.sent")
	subscribe(t, m, fast.URL, "beneficiary.created")
	var sent []string
	for range 5 {
		sent = append(sent, m.Post(t, "/v1/webhooks/"+h.id+"/test", "", "{}").Data()["id"].(string))
	}
	place(t, s)
	until(t, func() bool { return len(slow.all()) > 0 })
	for i := range 20 {
		m.Beneficiary(t, "Lopez", fmt.Sprint(1_112_223_330+i))
	}
	place(t, s)
	until(t, func() bool { return len(fast.all()) == 20 })
	if n := len(slow.all()); n != 1 {
		t.Errorf("the slow one has %d at once", n)
	}
	if d := deliveries(t, m, sent[0])[0]; d["status"] != "pending" || d["attempts_made"] != float64(1) {
		t.Errorf("the slow one took it: %v", d)
	}
	until(t, func() bool { d := deliveries(t, m, sent[0])[0]; return d["error"] != "" })
	if d := deliveries(t, m, sent[0])[0]; d["status"] != "pending" || !strings.Contains(d["error"].(string), "15 seconds") {
		t.Errorf("after fifteen seconds: %v", d)
	}
	stop()
	<-running
}

func TestAddressesThatCanNeverBeCalledAreRefused(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for url, ok := range map[string]bool{
		"https://example.com/hook":                         true,
		"https://example.com:8443/hook?a=b":                true,
		"http://127.0.0.1:3000/hook":                       true, // the sandbox lets a developer listen
		"http://localhost:3000/hook":                       true,
		"http://[::1]:3000/":                               true,
		"http://example.com/hook":                          false,
		"https://example.com:22/":                          false,
		"https://user:pw@example.com/":                     false,
		"https://example.com/#part":                        false,
		"https://10.0.0.1/":                                false,
		"https://169.254.169.254/latest":                   false,
		"https://[::ffff:10.0.0.1]/":                       false,
		"https://[64:ff9b::a00:1]/":                        false,
		"https://0.0.0.0/":                                 false,
		"https://[fd00::1]/":                               false,
		"http://0.0.0.0:80/":                               false,
		"ftp://localhost/":                                 false,
		"example.com":                                      false,
		"https:///hook":                                    false,
		"https://exa mple.com/":                            false,
		"https://192.168.1.1:8443/":                        false,
		"javascript:alert(1)":                              false,
		"https://metadata.google.internal\n":               false,
		"https://bücher.example/":                          true,
		"https://xn--bcher-kva.example/":                   true,
		"HTTPS://EXAMPLE.COM./hook":                        true,
		"https://example.com:0443/":                        false,
		"https://example.com:65536/":                       false,
		"http://127.0.0.1:0/":                              false,
		"http://127.0.0.1:99999/":                          false,
		"http://[::1%25lo]:3000/":                          false,
		"https://[fe80::1%25eth0]/":                        false,
		"https://[2606:2800:220:1::1%25e0]/":               false,
		"https://localhost./":                              false,
		"https://printer.local/":                           false,
		"https://metadata.google.internal/":                false,
		"https://intranet/":                                false,
		"https://127.1/":                                   false,
		"https://2130706433/":                              false,
		"https://0x7f.1/":                                  false,
		"https://a.0x7f000001/":                            false,
		"https://１２７.０.０.１/":                               false,
		"https://127。0。0。1/":                               false,
		"https://example..com/":                            false,
		"https://.example.com/":                            false,
		"https://-example.com/":                            false,
		"https://" + strings.Repeat("b", 64) + ".com/":     false,
		"https://" + strings.Repeat("b.", 150) + "com":     false,
		"https://example.com/" + strings.Repeat("a", 2028): true,
		"https://example.com/" + strings.Repeat("a", 2029): false,
	} {
		got := m.Post(t, "/v1/webhooks", "", fmt.Sprintf(`{"url":%q,"events":["*"]}`, url))
		if ok && got.Status != http.StatusCreated || !ok && (got.Code() != "validation_error" || !slices.Equal(got.Fields(), []string{"url"})) {
			t.Errorf("%q: %d %s", url, got.Status, got.Raw)
		}
	}
	wrong := m.Post(t, "/v1/webhooks", "", `{"url":"ftp://x","events":["payout.sent","payout.flown","*","pay.*","payout.","batch.*"]}`)
	if want := []string{"url", "events[1]", "events[3]", "events[4]"}; !slices.Equal(wrong.Fields(), want) {
		t.Errorf("it names %v, want %v", wrong.Fields(), want)
	}
}

func TestAMerchantHasSoManyWebhooksAndNoMore(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	var first hook
	for i := range 50 {
		if h := subscribe(t, m, "https://example.com/hook", "*"); i == 0 {
			first = h
		}
	}
	more := `{"url":"https://example.com/hook","events":["*"]}`
	expect(t, "one more", m.Post(t, "/v1/webhooks", "", more), http.StatusConflict, "state_conflict")
	expect(t, "delete", m.Do(t, http.MethodDelete, "/v1/webhooks/"+first.id, nil, ""), http.StatusOK, "")
	expect(t, "delete again", m.Do(t, http.MethodDelete, "/v1/webhooks/"+first.id, nil, ""), http.StatusNotFound, "not_found")
	expect(t, "one instead", m.Post(t, "/v1/webhooks", "", more), http.StatusCreated, "")
	if n := len(m.Get(t, "/v1/webhooks").List()); n != 50 {
		t.Errorf("the list has %d", n)
	}
}

func TestLiveCallsNoLoopback(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t)
	m := s.Merchant(t)
	for _, url := range []string{"http://127.0.0.1:3000/", "http://localhost/", "https://localhost/", "https://127.0.0.1/", "https://[::1]/"} {
		got := m.Post(t, "/v1/webhooks", "", fmt.Sprintf(`{"url":%q,"events":["*"]}`, url))
		expect(t, url, got, http.StatusUnprocessableEntity, "validation_error")
	}
}
