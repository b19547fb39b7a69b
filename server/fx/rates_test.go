package fx_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/testserver"
)

// published is the sample as if the ECB had published it on a day, with other changes in pairs of old and new.
func published(t *testing.T, day string, changes ...string) string {
	t.Helper()
	text, err := os.ReadFile("sample.xml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(append([]string{"2026-02-08", day}, changes...)...).Replace(string(text))
}

// TestRefresh follows a source through good and bad days: what is wrong is refused and leaves the rates as they were, what a person vouches
// for is taken, and what grows too old is quoted no more.
func TestRefresh(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	var text atomic.Value
	text.Store("")
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if text.Load() == "" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(text.Load().(string))) // the client hears of what fails
	}))
	t.Cleanup(bank.Close)
	r := &fx.Refresher{Runner: s.Runner, Source: fx.Source(bank.URL), Desk: fx.Desk{MaxAge: 4}, Log: slog.New(slog.DiscardHandler)}
	for _, tt := range []struct{ name, text, waiver, outcome, detail string }{
		{"no answer", "", "", "failed", "502"},
		{"not a file", "<html/>", "", "refused", "not the ECB's file"},
		{"the first real rates, whatever the sample was", published(t, "2026-02-12", "1.0852", "2.5"), "", "taken", "29 currencies of 2026-02-12"},
		{"the same again", published(t, "2026-02-12", "1.0852", "2.5"), "", "unchanged", ""},
		{"the same day, changed", published(t, "2026-02-12", "1.0852", "2.6"), "", "refused", "USD is 2.6 now and was 2.5"},
		{"a day before", published(t, "2026-02-11"), "", "unchanged", ""},
		{"a day to come", published(t, "2026-03-02"), "", "refused", "not yet"},
		{"a leap", published(t, "2026-02-13"), "", "refused", "USD went from 2.5 to 1.0852"},
		{"a currency less", published(t, "2026-02-13", "1.0852", "2.5", "\t\t\t<Cube currency='ZAR' rate='19.9560'/>\n", ""), "", "refused", "ZAR is gone"},
		{"a fifth, not more", published(t, "2026-02-13", "1.0852", "3.0"), "", "taken", "29 currencies of 2026-02-13"},
	} {
		text.Store(tt.text)
		row, err := r.Refresh(t.Context(), "a test", fx.Waiver(tt.waiver))
		if err != nil || row.Outcome != tt.outcome || !strings.Contains(row.Detail, tt.detail) {
			t.Errorf("%s: %s %q, %v; want %s %q", tt.name, row.Outcome, row.Detail, err, tt.outcome, tt.detail)
		}
	}
	rate := func() testserver.Answer { return m.Get(t, "/v1/fx/rate?sell_currency=EUR&buy_currency=USD") }
	if got := rate().Data()["mid_market_rate"]; got != "3.000000000" {
		t.Errorf("a euro is %v dollars", got)
	}

	s.Clock.Advance(3 * 24 * time.Hour) // Tuesday: Monday's rates are out
	text.Store(published(t, "2026-02-16"))
	if row, err := r.Refresh(t.Context(), "Dana", "The dollar was revalued; confirmed with treasury"); err != nil || row.Outcome != "taken" || row.AcceptReason == "" {
		t.Errorf("%+v, %v", row, err)
	}
	if got := rate().Data()["mid_market_rate"]; got != "1.085200000" {
		t.Errorf("a euro is %v dollars", got)
	}
	s.Clock.Advance(6*24*time.Hour + 4*time.Hour) // Monday the 23rd, 14:00: four publications were missed, none on the weekend
	if got := rate(); got.Status != http.StatusOK {
		t.Errorf("after four business days: %d %s", got.Status, got.Raw)
	}
	s.Clock.Advance(time.Hour)
	if got := rate(); got.Status != http.StatusServiceUnavailable || got.Code() != "unavailable" || got.Header.Get("Retry-After") == "" {
		t.Errorf("after five: %d %s", got.Status, got.Raw)
	}
	status := s.Ops().Get(t, "/ops/v1/fx/rates").Data()
	if status["usable"] != false || status["business_days_old"] != 5.0 || len(status["rates"].([]any)) != 29 || status["source"] != "European Central Bank" {
		t.Errorf("%v", status)
	}
}

// TestRefresherAsksWhenRatesAreOut: once they are, and not oftener than every ten minutes while they are late.
func TestRefresherAsksWhenRatesAreOut(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	var asked atomic.Int32
	var text atomic.Value
	text.Store(published(t, "2026-02-13"))
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(text.Load().(string))) // the client hears of what fails
	}))
	t.Cleanup(bank.Close)
	r := &fx.Refresher{Runner: s.Runner, Source: fx.Source(bank.URL), Desk: fx.Desk{MaxAge: 4}, Log: slog.New(slog.DiscardHandler)}
	look := func(name string, after time.Duration, want int32) {
		t.Helper()
		s.Clock.Advance(after)
		if err := r.RunOnce(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := asked.Load(); got != want {
			t.Errorf("%s: asked %d times in all, want %d", name, got, want)
		}
	}
	look("there are no real rates yet", 0, 1)
	look("Friday's are there, and it is Saturday", time.Minute, 1)
	look("Sunday", 24*time.Hour, 1)
	look("Monday morning", 24*time.Hour, 1)
	look("Monday, 16:01 in Frankfurt", 5*time.Hour, 2)
	look("they are late; it was asked a minute ago", time.Minute, 2)
	look("they are late; it was asked ten minutes ago", 9*time.Minute, 3)
	text.Store(published(t, "2026-02-16"))
	look("they are there", 10*time.Minute, 4)
	look("nothing more to ask for", time.Hour, 4)
}

// TestOperatorsRefresh: the sandbox's own rates are there from the start and have nothing newer.
func TestOperatorsRefresh(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Clock.Advance(365 * 24 * time.Hour)
	got := s.Ops().Post(t, "/ops/v1/fx/rates/refresh", "", `{}`)
	if got.Status != http.StatusOK || got.Data()["outcome"] != "unchanged" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	status := s.Ops().Get(t, "/ops/v1/fx/rates").Data()
	last, _ := status["last_refresh"].(map[string]any)
	if status["usable"] != true || status["source"] != "the sandbox's sample" || status["as_of"] != "2026-02-08T15:00:00Z" || last["outcome"] != "unchanged" {
		t.Errorf("%v", status)
	}
}

func TestSourcesAreFetchedOverHTTPS(t *testing.T) {
	t.Parallel()
	for source, ok := range map[fx.Source]bool{
		fx.ECB: true, "https://example.com/rates.xml": true, "http://127.0.0.1:8000/rates.xml": true, "/var/rates.xml": true,
		"http://example.com/rates.xml": false, "ftp://example.com/rates.xml": false, "https://": false, "http://127.0.0.1.example.com/": false,
	} {
		if err := source.Check(); (err == nil) != ok {
			t.Errorf("%s: %v", source, err)
		}
	}
}
