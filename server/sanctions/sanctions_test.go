package sanctions_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// invented is a list of invented parties as the UN's.
func invented(entries int, published string) *lists.List {
	list := &lists.List{
		Authority: lists.UN, Published: published, Parser: lists.Parser,
		Hash: fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(entries, published)))),
	}
	for i := range entries {
		list.Entries = append(list.Entries, lists.Entry{
			ID: fmt.Sprintf("NWi.%04d", i), Kind: lists.Person, Names: []lists.Name{{Text: fmt.Sprintf("Invented Person %d", i)}},
		})
	}
	return list
}

// inventedXML is such a list in the UN's format.
func inventedXML(entries int, published string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<CONSOLIDATED_LIST dateGenerated=%q><INDIVIDUALS>", published+"T00:00:00Z")
	for i := range entries {
		fmt.Fprintf(&b, "<INDIVIDUAL><FIRST_NAME>Invented Person %d</FIRST_NAME><REFERENCE_NUMBER>NWi.%04d</REFERENCE_NUMBER></INDIVIDUAL>", i, i)
	}
	return b.String() + "</INDIVIDUALS></CONSOLIDATED_LIST>"
}

var byDana = sanctions.Origin{Source: "un.xml", By: "Dana"}

func newWatcher(s *testserver.Server) *sanctions.Watcher {
	return &sanctions.Watcher{Pool: s.Pool, Clock: s.Clock.Now, Log: slog.New(slog.DiscardHandler), Required: []lists.Authority{lists.UN}}
}

func look(t *testing.T, w *sanctions.Watcher) *sanctions.Set {
	t.Helper()
	if err := w.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.Set()
}

func TestAVersionTakesEffectOnEveryServer(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	store := &sanctions.Store{Runner: s.Runner}
	one, other := newWatcher(s), newWatcher(s)
	if err := look(t, one).Usable(s.Clock.Now()); err == nil || !strings.Contains(err.Error(), "no list of un is loaded") {
		t.Errorf("without a list: %v", err)
	}

	first, err := store.Take(t.Context(), invented(500, "2026-02-12"), byDana, sanctions.Waiver{})
	if err != nil || !first.New || !strings.HasPrefix(first.Version, "un-2026-02-12-") {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, w := range []*sanctions.Watcher{one, other} {
		held, ok := look(t, w).Of(lists.UN)
		if !ok || held.Version != first.Version || w.Usable() != nil {
			t.Fatalf("%+v, %v", held.Version, w.Usable())
		}
		if diff := cmp.Diff(invented(500, "2026-02-12").Entries, held.List.Entries); diff != "" {
			t.Error(diff)
		}
	}
	kept := one.Set()

	second, err := store.Take(t.Context(), invented(505, "2026-02-13"), byDana, sanctions.Waiver{})
	if err != nil || !second.New || second.Before != 500 {
		t.Fatalf("%+v, %v", second, err)
	}
	if held, _ := look(t, one).Of(lists.UN); held.Version != second.Version {
		t.Errorf("%s is in force instead of %s", held.Version, second.Version)
	}
	if held, _ := kept.Of(lists.UN); held.Version != first.Version || len(held.List.Entries) != 500 {
		t.Error("a set that somebody holds was changed")
	}
	again, err := store.Take(t.Context(), invented(505, "2026-02-13"), byDana, sanctions.Waiver{})
	if err != nil || again.New || again.Version != second.Version {
		t.Errorf("the same file again: %+v, %v", again, err)
	}
	if list, err := sanctions.Load(t.Context(), db.New(s.Pool), first.Version); err != nil || len(list.Entries) != 500 {
		t.Errorf("the first version cannot be read again: %v", err)
	}
}

// OFAC's CSV files do not say when they were published, and its XML does: one may follow the other.
func TestAListThatDoesNotSayItsDayKeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	store := &sanctions.Store{Runner: s.Runner}
	for i, published := range []string{"", "2026-02-10", "", "2026-02-10", "2026-02-11"} {
		taken, err := store.Take(t.Context(), invented(500+i, published), byDana, sanctions.Waiver{})
		if err != nil || !taken.New {
			t.Fatalf("%d, of %q: %v", i, published, err)
		}
		if row := s.Ops().Get(t, "/ops/v1/screening/lists/"+taken.Version).Data(); row["published_on"] != published {
			t.Errorf("%v", row)
		}
	}
	if _, err := store.Take(t.Context(), invented(510, "2026-02-10"), byDana, sanctions.Waiver{}); err == nil {
		t.Error("an older one was taken")
	}
}

func TestListsThatCannotBeRightAreRefused(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	store := &sanctions.Store{Runner: s.Runner}
	take := func(list *lists.List, waiver sanctions.Waiver) (sanctions.Taken, error) {
		return store.Take(t.Context(), list, byDana, waiver)
	}
	good, err := take(invented(1000, "2026-02-12"), sanctions.Waiver{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		list   *lists.List
		reason string
	}{
		"it shrank":          {invented(899, "2026-02-13"), "more than a tenth is gone"},
		"it is older":        {invented(1100, "2026-02-11"), "before the version in force"},
		"it is nearly empty": {invented(3, "2026-02-13"), "too few"},
		"of the future":      {invented(1100, "2026-03-13"), "in the future"},
	} {
		_, err := take(tt.list, sanctions.Waiver{})
		if refusal, ok := errors.AsType[*sanctions.Refusal](err); !ok || !strings.Contains(refusal.Says, tt.reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if held, _ := look(t, newWatcher(s)).Of(lists.UN); held.Version != good.Version {
		t.Errorf("%s is in force", held.Version)
	}
	if taken, err := take(invented(900, "2026-02-13"), sanctions.Waiver{}); err != nil || !taken.New {
		t.Errorf("a tenth less: %v", err)
	}
	taken, err := take(invented(500, "2026-02-13"), sanctions.Waiver{By: "Dana", Reason: "The Nowhere regime ended"})
	if err != nil || !taken.New {
		t.Fatalf("accepted by a person: %v", err)
	}
	row := s.Ops().Get(t, "/ops/v1/screening/lists/"+taken.Version).Data()
	if row["shrink_accepted_by"] != "Dana" || row["reason"] != "The Nowhere regime ended" || row["in_force"] != true || row["entries"] != float64(500) {
		t.Errorf("%v", row)
	}
}

// TestTheDatabaseHoldsTheRulesToo: whoever has the serving role and goes around the program is refused by the constraints.
func TestTheDatabaseHoldsTheRulesToo(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	store := &sanctions.Store{Runner: s.Runner}
	for _, list := range []*lists.List{invented(1000, "2026-02-11"), invented(600, "2026-02-13"), invented(1000, "2026-02-13")} {
		// The second needs a person's word.
		if _, err := store.Take(t.Context(), list, byDana, sanctions.Waiver{By: "Dana", Reason: "to have three"}); err != nil {
			t.Fatal(err)
		}
	}
	const activate = `insert into screening_list_activations (authority, number, list_id, entries, published_on, previous_number,
		previous_entries, previous_published_on, reason, activated_at, activated_by)
		select 'un', %s, l.id, %s, l.published_on, p.number, %s, p.published_on, 'x', now(), 'x'
		from screening_lists l, screening_list_activations p where l.entries = %s and p.number = %s limit 1`
	for constraint, statement := range map[string]string{
		"list_that_shrank_sharply_was_accepted":     fmt.Sprintf(activate, "4", "l.entries", "p.entries", "600", "3"),
		"list_is_not_older_than_the_one_in_force":   fmt.Sprintf(activate, "4", "l.entries", "p.entries", "1000 and l.published_on = '2026-02-11'", "3"),
		"activation_is_of_a_list":                   fmt.Sprintf(activate, "4", "1000", "p.entries", "600", "3"),
		"activation_follows_the_last_one":           fmt.Sprintf(activate, "4", "l.entries", "600", "1000 and l.published_on = '2026-02-13'", "3"),
		"activation_has_one_before_it":              fmt.Sprintf(activate, "5", "l.entries", "p.entries", "1000 and l.published_on = '2026-02-13'", "3"),
		"one_activation_at_a_time":                  fmt.Sprintf(activate, "3", "l.entries", "p.entries", "600", "2"),
		"list_content_hash_is_its_contents":         "insert into screening_lists select 'x', authority, published_on, published_said, repeat('0', 64), parser, entries, names, source, content, repeat('0', 64), loaded_at, loaded_by from screening_lists limit 1",
		"list_is_loaded_once":                       "insert into screening_lists select 'x', authority, published_on, published_said, file_hash, parser, entries, names, source, content, content_hash, loaded_at, loaded_by from screening_lists limit 1",
		"permission denied":                         "update screening_lists set entries = 1",
		"denied for table screening_lists":          "delete from screening_lists",
		"denied for table screening_list_activatio": "delete from screening_list_activations",
		"denied for table screening_list_refreshes": "update screening_list_refreshes set at = now()",
	} {
		if _, err := s.Pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), constraint) {
			t.Errorf("%s: %v", constraint, err)
		}
	}
}

func TestAListAgesUntilItIsRefreshed(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	store := &sanctions.Store{Runner: s.Runner}
	taken, err := store.Take(t.Context(), invented(500, "2026-02-12"), byDana, sanctions.Waiver{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWatcher(s)
	look(t, w)
	s.Clock.Advance(sanctions.MaxAge)
	if err := w.Usable(); err != nil {
		t.Errorf("at its limit: %v", err)
	}
	s.Clock.Advance(time.Second)
	if err := w.Usable(); err == nil || !strings.Contains(err.Error(), "was last refreshed") {
		t.Errorf("past its limit: %v", err)
	}
	if err := store.Attempt(t.Context(), lists.UN, errors.New("no route"), byDana); err != nil {
		t.Fatal(err)
	}
	if look(t, w); w.Usable() == nil {
		t.Error("a refresh that failed made the list young")
	}
	if err := store.Unchanged(t.Context(), lists.UN, taken.Version, byDana); err != nil {
		t.Fatal(err)
	}
	if look(t, w); w.Usable() != nil {
		t.Errorf("after a refresh: %v", w.Usable())
	}
}

func TestAVersionThatCannotBeUsedLeavesTheOneBefore(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	store := &sanctions.Store{Runner: s.Runner}
	first, err := store.Take(t.Context(), invented(500, "2026-02-12"), byDana, sanctions.Waiver{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWatcher(s)
	look(t, w)
	if _, err := store.Take(t.Context(), invented(501, "2026-02-13"), byDana, sanctions.Waiver{}); err != nil {
		t.Fatal(err)
	}
	w.Prepare = func(*sanctions.Set) error { return errors.New("no index") }
	if err := w.RunOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "no index") {
		t.Errorf("%v", err)
	}
	if held, _ := w.Set().Of(lists.UN); held.Version != first.Version {
		t.Errorf("%s is in force", held.Version)
	}
	// Somebody with the owner's rights changes what is stored.
	if _, err := s.Owner.Exec(t.Context(), "update screening_lists set content = content || '\\x00', content_hash = encode(sha256(content || '\\x00'), 'hex') where entries = 501"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owner.Exec(t.Context(), "update screening_lists set content_hash = encode(sha256(content), 'hex')"); err != nil {
		t.Fatal(err)
	}
	w.Prepare = nil
	if err := w.RunOnce(t.Context()); err == nil {
		t.Error("a damaged version was taken")
	}
	if held, _ := w.Set().Of(lists.UN); held.Version != first.Version {
		t.Errorf("%s is in force", held.Version)
	}
}

// An authority plays an authority's server.
type authority struct {
	*httptest.Server
	asked int
	serve func(w http.ResponseWriter, r *http.Request)
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked++
		a.serve(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) source() sanctions.Source {
	return sanctions.Source{Authority: lists.UN, From: []string{a.URL + "/consolidated.xml"}}
}

func TestAListIsFetchedAndAskedForOnlyWhenItChanged(t *testing.T) {
	t.Parallel()
	s, a := testserver.New(t), newAuthority(t)
	content, etag := inventedXML(500, "2026-02-12"), `"one"`
	a.serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, content)
	}
	r := &sanctions.Refresher{Store: &sanctions.Store{Runner: s.Runner}, Fetcher: sanctions.Quick(), Log: slog.New(slog.DiscardHandler)}
	refresh := func() sanctions.Taken {
		t.Helper()
		taken, err := r.Refresh(t.Context(), a.source(), "Dana", sanctions.Waiver{})
		if err != nil {
			t.Fatal(err)
		}
		return taken
	}
	first := refresh()
	if again := refresh(); !first.New || again.New || again.Version != first.Version || a.asked != 2 {
		t.Errorf("%+v, %+v, asked %d times", first, again, a.asked)
	}
	content, etag = inventedXML(510, "2026-02-13"), `"two"`
	if second := refresh(); !second.New || second.Entries != 510 || second.Before != 500 {
		t.Errorf("%+v", second)
	}
	status := s.Ops().Get(t, "/ops/v1/screening/lists?authority=un").List()
	if len(status) != 2 || status[0]["in_force"] != true || status[1]["in_force"] != false {
		t.Errorf("%v", status)
	}
}

func TestWhatAnAuthoritysServerSaysInsteadOfItsListChangesNothing(t *testing.T) {
	t.Parallel()
	s, a := testserver.New(t), newAuthority(t)
	whole := inventedXML(500, "2026-02-12")
	r := &sanctions.Refresher{Store: &sanctions.Store{Runner: s.Runner}, Fetcher: sanctions.Quick(), Log: slog.New(slog.DiscardHandler)}
	for _, tt := range []struct {
		name    string
		serve   http.HandlerFunc
		reason  string
		outcome string
		asked   int
	}{
		{"an error of its own", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }, "500 Internal", "failed", 3},
		{"not there", http.NotFound, "404 Not Found", "failed", 1},
		{"an error page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!DOCTYPE html><html>Sorry</html>") }, "it is a web page", "refused", 1},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "the file is empty", "refused", 1},
		{"another list", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Report Date: 13-Feb-2026\n") }, "no list of un", "refused", 1},
		{"half of it", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, whole[:len(whole)/2]) }, "the file was cut off", "refused", 1},
		{"less than it promised", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
			fmt.Fprint(w, whole[:len(whole)/2])
		}, "the download was cut off", "failed", 3},
		{"itself again", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "5 redirects and no file", "failed", 6},
		{"go elsewhere without https", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://lists.example.com/un.xml", http.StatusFound)
		}, "only https is fetched", "failed", 1},
		{"a byte and then silence", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "<")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "context canceled", "failed", 3},
		{"unchanged, though it was not asked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "304 Not Modified", "failed", 1},
	} {
		a.serve, a.asked = tt.serve, 0
		_, err := r.Refresh(t.Context(), a.source(), "Dana", sanctions.Waiver{})
		if err == nil || !strings.Contains(err.Error(), tt.reason) || a.asked != tt.asked {
			t.Errorf("%s: %v, asked %d times", tt.name, err, a.asked)
		}
		last, dbErr := db.New(s.Pool).SanctionsLastRefresh(t.Context(), "un")
		if dbErr != nil || last.Outcome != tt.outcome || !strings.Contains(last.Detail, tt.reason) {
			t.Errorf("%s is recorded as %s %q, %v", tt.name, last.Outcome, last.Detail, dbErr)
		}
		s.Clock.Advance(time.Second)
	}
	if rows := s.Ops().Get(t, "/ops/v1/screening/lists").List(); len(rows) != 0 {
		t.Errorf("something came into force: %v", rows)
	}
}

func TestOnlyHTTPSIsFetched(t *testing.T) {
	t.Parallel()
	for text, taken := range map[string]bool{
		"un=https://scsanctions.un.org/x.xml": true, "un=http://127.0.0.1:8080/x.xml": true, "un=http://localhost/x": true, "un=./x.xml": true,
		"un=http://scsanctions.un.org/x.xml": false, "un=ftp://x/y": false, "un=file:///etc/passwd": false, "moon=x.xml": false, "un=": false, "un": false,
		"un=http://127.0.0.1.example.com/x": false, "sandbox=x.csv": false, "ofac=https://a/sdn.csv,http://b/alt.csv": false,
		"ofac=https://a/sdn.csv,https://a/alt.csv": true,
	} {
		if _, err := sanctions.ParseSource(text); (err == nil) != taken {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOneServerAtATimeRefreshesWhatIsDue(t *testing.T) {
	t.Parallel()
	s, a := testserver.New(t), newAuthority(t)
	r := &sanctions.Refresher{
		Store: &sanctions.Store{Runner: s.Runner}, Fetcher: sanctions.Quick(), Log: slog.New(slog.DiscardHandler), Sources: []sanctions.Source{a.source()}, Every: 24 * time.Hour,
	}
	a.serve = func(w http.ResponseWriter, req *http.Request) {
		if err := r.RunOnce(req.Context()); err != nil { // another server, meanwhile
			t.Error(err)
		}
		fmt.Fprint(w, inventedXML(500, "2026-02-12"))
	}
	run := func(want int) {
		t.Helper()
		if err := r.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a.asked != want {
			t.Errorf("asked %d times, want %d", a.asked, want)
		}
	}
	run(1)
	run(1) // not due
	s.Clock.Advance(20 * time.Hour)
	run(1)
	s.Clock.Advance(4*time.Hour + time.Second)
	run(2)
	a.serve = http.NotFound
	s.Clock.Advance(24 * time.Hour)
	if err := r.RunOnce(t.Context()); err == nil || a.asked != 3 {
		t.Errorf("%v, asked %d times", err, a.asked)
	}
	s.Clock.Advance(21 * time.Minute) // it is tried again soon
	if err := r.RunOnce(t.Context()); err == nil || a.asked != 4 {
		t.Errorf("%v, asked %d times", err, a.asked)
	}
}

func TestAPathIsReadWhereItLies(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	path := filepath.Join(t.TempDir(), "un.xml")
	if err := os.WriteFile(path, []byte(inventedXML(500, "2026-02-12")), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := sanctions.ParseSource("un=" + path)
	if err != nil {
		t.Fatal(err)
	}
	r := &sanctions.Refresher{Store: &sanctions.Store{Runner: s.Runner}, Log: slog.New(slog.DiscardHandler)}
	taken, err := r.Refresh(context.Background(), source, "Dana", sanctions.Waiver{})
	if err != nil || taken.Entries != 500 {
		t.Errorf("%+v, %v", taken, err)
	}
}

func TestAnAlarmIsLoggedWhilePayoutsWait(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	var said bytes.Buffer
	w := newWatcher(s)
	w.Log = slog.New(slog.NewTextHandler(&said, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx) // one look
	if !strings.Contains(said.String(), "level=ERROR") || !strings.Contains(said.String(), "no list of un is loaded") {
		t.Error(said.String())
	}
}

func TestOperatorsSeeTheState(t *testing.T) {
	t.Parallel()
	live := testserver.Live(t)
	status := live.Ops().Get(t, "/ops/v1/screening/status").Data()
	if rows, _ := status["lists"].([]any); status["screens"] != false || len(rows) != 5 {
		t.Errorf("a live server without lists: %v", status)
	}
	test := testserver.New(t)
	if err := test.Sanctions.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	status = test.Ops().Get(t, "/ops/v1/screening/status").Data()
	rows, _ := status["lists"].([]any)
	if status["screens"] != true || len(rows) != 1 {
		t.Fatalf("a sandbox: %v", status)
	}
	if row := rows[0].(map[string]any); row["authority"] != "sandbox" || row["freshness"] != "current" || row["entries"] != float64(7) || row["refreshed_at"] != nil {
		t.Errorf("%v", row)
	}
	if got := test.Ops().Get(t, "/ops/v1/screening/lists/none"); got.Status != http.StatusNotFound {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
}
