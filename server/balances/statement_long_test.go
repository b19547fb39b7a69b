package balances_test

import (
	"bufio"
	"encoding/csv"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// history writes a balance in Swiss francs with so many deposits of 1.00, one a second, as no caller could in a test's time. It tells the
// balances and their history alone, so what else a deposit leaves behind is missing.
func history(t testing.TB, s *testserver.Server, m *testserver.Client, count int) (from, to string) {
	t.Helper()
	s.Breaks(
		"ledger_transactions_have_postings", "balances_are_their_postings", "transactions_follow_each_other", "trial_balance_is_zero",
		"running_balances_follow_each_other",
	)
	begin := s.Clock.Now().Add(-time.Duration(count) * time.Second)
	for _, statement := range []string{
		`insert into ledger_transactions (merchant_id, id, type, currency, available_delta, held_delta, available_after, held_after, description,
		                                  created_at, value_date, sequence)
		 select $1, 'txn_' || lpad(n::text, 20, '0'), 'deposit', 'CHF', 1, 0, n, 0, 'Wire ' || n,
		        $2::timestamptz + n * interval '1 second', (($2::timestamptz + n * interval '1 second') at time zone 'UTC')::date, n
		 from generate_series(1, $3::bigint) n`,
		`insert into balances (merchant_id, currency, available, position, sequence)
		 select $1, 'CHF', $3::bigint, 99, $3::bigint where $2::timestamptz is not null`,
	} {
		if _, err := s.Owner.Exec(t.Context(), statement, m.Merchant, begin, count); err != nil {
			t.Fatalf("write a history: %v", err)
		}
	}
	return begin.UTC().Format(time.DateOnly), s.Clock.Now().UTC().Format(time.DateOnly)
}

func open(t testing.TB, s *testserver.Server, m *testserver.Client, query string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/balances/CHF/statement?"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("statement: %d", resp.StatusCode)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// A statement of many pages is whole; one that breaks off is cut off, so that nobody takes it for the whole.
func TestLongStatements(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	const count = 2500
	from, to := history(t, s, m, count)
	rows, err := csv.NewReader(open(t, s, m, "from="+from+"&to="+to).Body).ReadAll()
	if err != nil || len(rows) != count+3 || rows[count+2][9] != "2500.00" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	// A balance in the middle that what came before it does not make: the ends agree, so the statement begins.
	if _, err := s.Owner.Exec(t.Context(), `update ledger_transactions set available_after = available_after + 1 where merchant_id = $1 and currency = 'CHF' and sequence = 2400`, m.Merchant); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"csv", "camt053"} {
		text, err := io.ReadAll(open(t, s, m, "format="+form+"&from="+from+"&to="+to).Body)
		if err == nil || strings.Contains(string(text), "closing_balance") || strings.Contains(string(text), "</Document>") || strings.Contains(string(text), `"error"`) {
			t.Errorf("a broken statement as %s ends as if it were whole: %v, %d bytes", form, err, len(text))
		}
	}
	// Within the first piece nothing was sent, so it is an answer like any other.
	if _, err := s.Owner.Exec(t.Context(), `update ledger_transactions set available_after = available_after + 1 where merchant_id = $1 and currency = 'CHF' and sequence = 3`, m.Merchant); err != nil {
		t.Fatal(err)
	}
	if got := m.Get(t, "/v1/balances/CHF/statement?from="+from+"&to="+to); got.Status != http.StatusInternalServerError || got.Code() != "internal" {
		t.Errorf("a statement that breaks at once: %d %s", got.Status, got.Raw)
	}
}

// BenchmarkStatement sends the statement of a million movements, and says how much the process held at most while it did.
func BenchmarkStatement(b *testing.B) {
	s := testserver.New(b)
	m := s.Merchant(b)
	const count = 1_000_000
	from, to := history(b, s, m, count)
	for _, form := range []string{"csv", "camt053"} {
		b.Run(form, func(b *testing.B) {
			var most, bytes uint64
			for b.Loop() {
				body := bufio.NewReaderSize(open(b, s, m, "format="+form+"&from="+from+"&to="+to).Body, 1<<20)
				for bytes = 0; ; {
					n, err := body.Discard(1 << 20)
					bytes += uint64(n)
					var now runtime.MemStats
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapInuse)
					if err != nil {
						break
					}
				}
			}
			b.ReportMetric(float64(bytes)/1e6, "MB/file")
			b.ReportMetric(float64(most)/1e6, "MB-heap")
			b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
