package merchants_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// make makes a key with the client's own and gives a client that holds it, and its id.
func makeKey(t *testing.T, s *testserver.Server, c *testserver.Client, scopes ...string) (*testserver.Client, string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": "Made", "scopes": scopes})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Post(t, "/v1/api-keys", "", string(body))
	if got.Status != http.StatusCreated {
		t.Fatalf("make a key: %d %s", got.Status, got.Raw)
	}
	return s.With(got.Data()["key"].(string)), got.Data()["id"].(string)
}

func expect(t *testing.T, what string, a testserver.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Code() != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Raw, status, code)
	}
}

// listed is the key as the list shows it.
func listed(t *testing.T, c *testserver.Client, id string) map[string]any {
	t.Helper()
	for _, key := range c.Get(t, "/v1/api-keys?limit=100").List() {
		if key["id"] == id {
			return key
		}
	}
	t.Fatalf("the key %s is not in the list", id)
	return nil
}

func TestAKeyIsShownOnceAndThenOnlyByItsEnd(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	made := m.Post(t, "/v1/api-keys", "", `{"name":"Nightly reports","scopes":["balances:read"]}`)
	expect(t, "make", made, http.StatusCreated, "")
	text := made.Data()["key"].(string)
	if !strings.HasPrefix(text, "ak_test_") || made.Data()["last4"] != text[len(text)-4:] || made.Data()["name"] != "Nightly reports" {
		t.Errorf("the key is %s", made.Raw)
	}
	expect(t, "use", s.With(text).Get(t, "/v1/balances"), http.StatusOK, "")
	expect(t, "use beyond its scopes", s.With(text).Get(t, "/v1/payouts"), http.StatusForbidden, "insufficient_scope")

	list := m.Get(t, "/v1/api-keys")
	expect(t, "list", list, http.StatusOK, "")
	if strings.Contains(string(list.Raw), text) || strings.Contains(string(list.Raw), `"key":`) {
		t.Errorf("the list shows keys: %s", list.Raw)
	}
	key := listed(t, m, made.Data()["id"].(string))
	for _, absent := range []string{"last_used_at", "expires_at", "revoked_at"} {
		if _, ok := key[absent]; ok {
			t.Errorf("%s of a new key: %v", absent, key)
		}
	}
	var stored bool
	if err := s.Owner.QueryRow(t.Context(), "select exists (select from api_keys k where k::text like '%' || $1 || '%')", text).Scan(&stored); err != nil || stored {
		t.Errorf("the key's text is stored: %v, %v", stored, err)
	}
	var actor string
	if err := s.Owner.QueryRow(t.Context(), "select actor from audit_log where action = 'api_key.create' and object_id = $1", key["id"]).Scan(&actor); err != nil {
		t.Errorf("who made it is not recorded: %v", err)
	}
}

func TestAKeyGrantsNoMoreThanItHolds(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	full := s.Merchant(t)
	for name, tt := range map[string]struct {
		holds, asks []string
		code        string
	}{
		"the same":                      {[]string{"keys:write", "payouts:read"}, []string{"payouts:read"}, ""},
		"itself":                        {[]string{"keys:write"}, []string{"keys:write"}, ""},
		"one more":                      {[]string{"keys:write", "payouts:read"}, []string{"payouts:read", "payouts:write"}, "insufficient_scope"},
		"everything":                    {[]string{"keys:write", "read_only"}, []string{"full"}, "insufficient_scope"},
		"everything, from everything":   {[]string{"full"}, []string{"full"}, ""},
		"a part of everything":          {[]string{"full"}, []string{"read_only", "pii:read"}, ""},
		"a part of a bundle":            {[]string{"keys:write", "read_only"}, []string{"fx:read"}, ""},
		"personal data from a bundle":   {[]string{"keys:write", "read_only"}, []string{"pii:read"}, "insufficient_scope"},
		"a bundle from its parts":       {[]string{"keys:write", "balances:read", "payouts:read"}, []string{"read_only"}, "insufficient_scope"},
		"a scope that there is not":     {[]string{"full"}, []string{"payouts:read", "payouts:delete"}, "validation_error"},
		"nothing at all":                {[]string{"full"}, []string{}, "validation_error"},
		"by a key without the scope":    {[]string{"payouts:write"}, []string{"payouts:write"}, "insufficient_scope"},
		"by a key that may only read":   {[]string{"read_only"}, []string{"balances:read"}, "insufficient_scope"},
		"the same scope twice in a row": {[]string{"full"}, []string{"fx:read", "fx:read"}, "validation_error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			holder := s.KeyFor(t, full.Merchant, tt.holds...)
			body, err := json.Marshal(map[string]any{"name": "Asked", "scopes": tt.asks})
			if err != nil {
				t.Fatal(err)
			}
			got := holder.Post(t, "/v1/api-keys", "", string(body))
			if got.Code() != tt.code || (tt.code == "") != (got.Status == http.StatusCreated) {
				t.Errorf("%d %s, want %q", got.Status, got.Raw, tt.code)
			}
		})
	}
}

func TestRotationShowsANewKeyAndLetsTheOldOneOverlap(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body    string
		overlap time.Duration
	}{
		"an hour":      {`{"overlap_seconds":3600}`, time.Hour},
		"as usual":     {`{}`, 24 * time.Hour},
		"at the most":  {`{"overlap_seconds":604800}`, 7 * 24 * time.Hour},
		"not a second": {`{"overlap_seconds":0}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testserver.New(t)
			m := s.Merchant(t)
			old, id := makeKey(t, s, m, "balances:read", "payouts:read")
			rotated := m.Post(t, "/v1/api-keys/"+id+"/rotate", "", tt.body)
			expect(t, "rotate", rotated, http.StatusOK, "")
			data := rotated.Data()
			until := s.Clock.Now().Add(tt.overlap).Format(time.RFC3339)
			if data["name"] != "Made" || fmt.Sprint(data["scopes"]) != "[balances:read payouts:read]" || data["id"] == id ||
				fmt.Sprint(data["replaces"]) != fmt.Sprint(map[string]any{"id": id, "works_until": until}) {
				t.Errorf("the new key is %s, want one that replaces %s until %s", rotated.Raw, id, until)
			}
			fresh := s.With(data["key"].(string))
			expect(t, "the new key", fresh.Get(t, "/v1/balances"), http.StatusOK, "")
			if listed(t, m, id)["expires_at"] != until {
				t.Errorf("the old key is %v", listed(t, m, id))
			}
			if tt.overlap > 0 {
				s.Clock.Advance(tt.overlap - time.Second)
				expect(t, "the old key in its last second", old.Get(t, "/v1/balances"), http.StatusOK, "")
				s.Clock.Advance(time.Second)
			}
			expect(t, "the old key after the overlap", old.Get(t, "/v1/balances"), http.StatusUnauthorized, "unauthenticated")
			expect(t, "the new key after the overlap", fresh.Get(t, "/v1/balances"), http.StatusOK, "")
			expect(t, "rotate what has expired", m.Post(t, "/v1/api-keys/"+id+"/rotate", "", `{}`), http.StatusConflict, "state_conflict")
		})
	}
}

func TestRotationGivesNothingAway(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	_, id := makeKey(t, s, m, "payouts:write")
	small := s.KeyFor(t, m.Merchant, "keys:write")
	expect(t, "a key with fewer scopes", small.Post(t, "/v1/api-keys/"+id+"/rotate", "", `{}`), http.StatusForbidden, "insufficient_scope")

	// The second rotation, sent because the answer of the first was lost, does not let the old key live longer.
	first := m.Post(t, "/v1/api-keys/"+id+"/rotate", "", `{"overlap_seconds":60}`)
	second := m.Post(t, "/v1/api-keys/"+id+"/rotate", "", `{"overlap_seconds":3600}`)
	if a, b := fmt.Sprint(first.Data()["replaces"]), fmt.Sprint(second.Data()["replaces"]); a != b || first.Data()["key"] == second.Data()["key"] {
		t.Errorf("the first rotation leaves %s, the second %s", a, b)
	}
	expect(t, "too long", m.Post(t, "/v1/api-keys/"+id+"/rotate", "", `{"overlap_seconds":604801}`), http.StatusUnprocessableEntity, "validation_error")
	expect(t, "revoke", m.Post(t, "/v1/api-keys/"+id+"/revoke", "", `{}`), http.StatusOK, "")
	expect(t, "rotate what is revoked", m.Post(t, "/v1/api-keys/"+id+"/rotate", "", `{}`), http.StatusConflict, "state_conflict")

	// A key that is shown once is not shown to another key of the merchant that knows the Idempotency-Key.
	body := `{"name":"Everything","scopes":["full"]}`
	shown := m.Post(t, "/v1/api-keys", "new key", body)
	if again := m.Post(t, "/v1/api-keys", "new key", body); string(again.Raw) != string(shown.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
		t.Errorf("the same key's retry: %d %s", again.Status, again.Raw)
	}
	expect(t, "another key's retry", small.Post(t, "/v1/api-keys", "new key", body), http.StatusConflict, "idempotency_conflict")
}

// refusedWithin asks until it is refused, and fails when a request that was sent after the limit still gets through. The limit is one
// of real time: it is the server's own memory that must end.
func refusedWithin(t *testing.T, limit time.Duration, code string, ask func() testserver.Answer) {
	t.Helper()
	since := time.Now()
	for range time.Tick(10 * time.Millisecond) { // a tight loop would spend the rate limit
		sent := time.Since(since)
		got := ask()
		if got.Code() == code {
			return
		}
		if got.Status >= 400 || sent > limit {
			t.Fatalf("after %v: %d %s, want %s", sent, got.Status, got.Raw, code)
		}
	}
}

func TestARevokedKeyStopsOnEveryServerWithinASecond(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	other := testserver.On(t, s.Database, s.Clock)
	m := s.Merchant(t)
	key, id := makeKey(t, s, m, "balances:read")
	for _, server := range []*testserver.Server{s, other} {
		expect(t, "before", key.At(server).Get(t, "/v1/balances"), http.StatusOK, "") // now each remembers it
	}
	revoked := m.Post(t, "/v1/api-keys/"+id+"/revoke", "", `{}`)
	expect(t, "revoke", revoked, http.StatusOK, "")
	refusedWithin(t, time.Second, "unauthenticated", func() testserver.Answer { return key.At(other).Get(t, "/v1/balances") })
	refusedWithin(t, time.Second, "unauthenticated", func() testserver.Answer { return key.Get(t, "/v1/balances") })

	s.Clock.Advance(time.Minute)
	again := m.Post(t, "/v1/api-keys/"+id+"/revoke", "", `{}`)
	if string(again.Raw) != string(revoked.Raw) || listed(t, m, id)["revoked_at"] != "2026-02-14T10:00:00Z" {
		t.Errorf("revoked again: %s, first %s", again.Raw, revoked.Raw)
	}
}

func TestAKeyMayRevokeItselfAndNobodyElsesMerchants(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, stranger := s.Merchant(t), s.Merchant(t)
	own, id := makeKey(t, s, m, "keys:write")
	for _, do := range []string{"revoke", "rotate"} {
		expect(t, do+" by a stranger", stranger.Post(t, "/v1/api-keys/"+id+"/"+do, "", `{}`), http.StatusNotFound, "not_found")
	}
	expect(t, "itself", own.Post(t, "/v1/api-keys/"+id+"/revoke", "", `{}`), http.StatusOK, "")
	refusedWithin(t, time.Second, "unauthenticated", func() testserver.Answer { return own.Get(t, "/v1/api-keys") })
}

func TestLastUseIsWrittenOnceAMinuteAndNotByTheCall(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	other := testserver.On(t, s.Database, s.Clock)
	m := s.Merchant(t)
	key, id := makeKey(t, s, m, "balances:read")
	flush := func(s *testserver.Server) {
		t.Helper()
		if err := s.KeyUses.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(want any) {
		t.Helper()
		if got := listed(t, m, id)["last_used_at"]; got != want {
			t.Errorf("at %v it shows %v, want %v", s.Clock.Now(), got, want)
		}
	}
	key.Get(t, "/v1/balances")
	shows(nil) // the call itself wrote nothing
	flush(s)
	shows("2026-02-14T10:00:00Z")

	s.Clock.Advance(59 * time.Second)
	key.At(other).Get(t, "/v1/balances")
	flush(other)
	shows("2026-02-14T10:00:00Z") // within the minute, on whichever server
	s.Clock.Advance(time.Second)
	key.At(other).Get(t, "/v1/balances")
	flush(other)
	flush(s)
	shows("2026-02-14T10:01:00Z")

	s.Clock.Advance(time.Hour)
	flush(s)
	flush(other)
	shows("2026-02-14T10:01:00Z") // nobody used it
	s.With(key.Key+"x").Get(t, "/v1/balances")
	expect(t, "a use that its scopes refuse", key.Get(t, "/v1/payouts"), http.StatusForbidden, "insufficient_scope")
	flush(s)
	shows("2026-02-14T11:01:00Z") // it was shown, if for nothing

	operators := s.Ops().Get(t, "/ops/v1/operator-keys?limit=100").List()
	used := 0
	for _, operator := range operators {
		if operator["last_used_at"] != nil {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d operators' keys were used, want the first server's alone: %v", used, operators)
	}
}
