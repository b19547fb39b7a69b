package balances_test

import (
	"bufio"
	"encoding/csv"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
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
	const count = 5500
	from, to := history(t, s, m, count)
	rows, err := csv.NewReader(open(t, s, m, "from="+from+"&to="+to).Body).ReadAll()
	if err != nil || len(rows) != count+3 || rows[count+2][9] != "5500.00" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key)
	_, err = antonv1.NewBalancesServiceClient(s.Dial()).GetStatement(ctx, &antonv1.GetStatementRequest{
		Currency: "CHF", From: from, To: to, Format: antonv1.StatementFormat_camt053,
	})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "StreamStatement") {
		t.Errorf("more than one message holds: %v", err)
	}
	// A balance in the middle that what came before it does not make: the ends agree, so the statement begins.
	if _, err := s.Owner.Exec(t.Context(), `update ledger_transactions set available_after = available_after + 1 where merchant_id = $1 and currency = 'CHF' and sequence = 5400`, m.Merchant); err != nil {
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

// Around midnight a transaction that waited for its balance is booked after one of the new day. It belongs to the day that its place says,
// so that the days join; its value date is its own.
func TestStatementsAtMidnight(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	history(t, s, m, 4)
	for sequence, at := range []string{"2026-02-12 23:59:58Z", "2026-02-13 00:00:00.1Z", "2026-02-12 23:59:59.9Z", "2026-02-13 09:00:00Z"} {
		_, err := s.Owner.Exec(t.Context(), `update ledger_transactions set created_at = $3::text::timestamptz, value_date = ($3::text::timestamptz at time zone 'UTC')::date
			where merchant_id = $1 and currency = 'CHF' and sequence = $2`, m.Merchant, sequence+1, at)
		if err != nil {
			t.Fatal(err)
		}
	}
	days := []struct {
		day, opening, closing string
		dates                 []string // of booking and of value
	}{
		{"2026-02-11", "0.00", "0.00", nil},
		{"2026-02-12", "0.00", "1.00", []string{"2026-02-12 2026-02-12"}},
		{"2026-02-13", "1.00", "4.00", []string{"2026-02-13 2026-02-13", "2026-02-13 2026-02-12", "2026-02-13 2026-02-13"}},
		{"2026-02-14", "4.00", "4.00", nil},
	}
	for _, want := range days {
		got := csvStatement(t, m, "CHF", want.day, want.day)
		var dates []string
		for _, e := range got.entries {
			dates = append(dates, e["date"]+" "+e["value_date"])
		}
		if got.opening != want.opening || got.closing != want.closing || !slices.Equal(dates, want.dates) {
			t.Errorf("%s: from %s to %s by %v, want %v", want.day, got.opening, got.closing, dates, want)
		}
	}
}
