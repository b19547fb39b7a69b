package batches_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// benchRows is how many rows the batches of the benchmark have: as many as a batch may.
const benchRows = 10_000

// cpu is the computing time of this process, and of the processes of PostgreSQL that serve it (proc(5), in ticks of 10 ms).
func cpu(b *testing.B, s *testserver.Server) (server, database time.Duration) {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	rows, err := s.Owner.Query(b.Context(), "select pid from pg_stat_activity where datname = current_database() and usename = 'anton_app'")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			b.Fatal(err)
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, i := range []int{11, 12} {
			ticks, err := strconv.Atoi(fields[i])
			if err != nil {
				b.Fatal(err)
			}
			database += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), database
}

// BenchmarkBatch checks and pays batches of 10,000 rows. The bars are 5 s to check one, with a mistake in every row, and 10 s to pay one.
// Computing time tells more than the clock on a machine that others use: an operation's is in ms-server and ms-postgres.
func BenchmarkBatch(b *testing.B) {
	s := testserver.New(b)
	m := s.Merchant(b)
	for _, currency := range []string{"USD", "EUR"} {
		got := s.Ops().Post(b, "/ops/v1/merchants/"+m.Merchant+"/deposits", "fund "+currency, `{"amount":"900000000.00","currency":"`+currency+`","reference":"Bench"}`)
		if got.Status != 201 {
			b.Fatalf("%d %s", got.Status, got.Raw)
		}
	}
	maria := m.Beneficiary(b, "Garcia", "9876543210")
	n := 0
	file := func(header string, row func(i int) string) string {
		n++
		var text strings.Builder
		text.WriteString(header + ",reference\n")
		for i := range benchRows {
			fmt.Fprintf(&text, "%s,%d-%d\n", row(i), n, i)
		}
		return text.String()
	}
	known := func() string {
		return file("beneficiary_id,amount,currency", func(int) string { return maria + ",1.00,USD" })
	}
	newcomers := func() string {
		return file("first_name,last_name,country,account_number,routing_number,amount,currency", func(i int) string {
			return fmt.Sprintf("Ana,Lopez,US,%d,021000021,1.00,USD", 100_000_000+n*benchRows+i)
		})
	}
	mistaken := func() string {
		return file("first_name,last_name,country,iban,amount,currency", func(i int) string {
			return fmt.Sprintf("Ana,Lopez,DE,DE00%018d,\"1,00\",UDS", i)
		})
	}
	measure := func(b *testing.B, prepare func() string, work func(id string), until string) {
		for range b.N {
			b.StopTimer()
			id := uploaded(b, m, prepare())
			if until != "validated" && until != "validation_failed" {
				turn(b, s)
				confirm(b, m, id)
			}
			// A database that lives has statistics; without any, PostgreSQL looks payouts up by the wrong index, and takes up to four times as long.
			if _, err := s.Owner.Exec(b.Context(), "analyze"); err != nil {
				b.Fatal(err)
			}
			server, database := cpu(b, s)
			b.StartTimer()
			work(id)
			b.StopTimer()
			serverAfter, databaseAfter := cpu(b, s)
			b.ReportMetric(float64((serverAfter - server).Milliseconds()), "ms-server")
			b.ReportMetric(float64((databaseAfter - database).Milliseconds()), "ms-postgres")
			if got := batch(b, m, id); got["status"] != until {
				b.Fatalf("%v", got)
			}
		}
	}
	work := func(string) { turn(b, s) }
	b.Run("upload", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			text := known()
			b.StartTimer()
			uploaded(b, m, text)
		}
	})
	turn(b, s)
	first := uploaded(b, m, known())
	turn(b, s)
	confirm(b, m, first)
	turn(b, s)
	b.Run("check known", func(b *testing.B) { measure(b, known, work, "validated") })
	b.Run("check new", func(b *testing.B) { measure(b, newcomers, work, "validated") })
	b.Run("check mistakes", func(b *testing.B) { measure(b, mistaken, work, "validation_failed") })
	b.Run("pay known", func(b *testing.B) { measure(b, known, work, "completed") })
	b.Run("pay new", func(b *testing.B) { measure(b, newcomers, work, "completed") })
}

// turn has the batches' worker do everything that is due, and nobody else anything.
func turn(b *testing.B, s *testserver.Server) {
	b.Helper()
	for {
		n, err := s.Batches.RunOnce(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}
