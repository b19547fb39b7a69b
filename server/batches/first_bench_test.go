package batches_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// BenchmarkFirstBatch checks and pays the first batch of a database that is brand-new: nobody has counted its tables yet. The bars are those of
// BenchmarkBatch.
func BenchmarkFirstBatch(b *testing.B) {
	for _, tt := range []struct{ name, columns string }{
		{"known", "beneficiary_id,amount,currency"},
		{"new", "last_name,first_name,country,account_number,routing_number,amount,currency"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				s := testserver.New(b)
				m := s.Merchant(b)
				got := s.Ops().Post(b, "/ops/v1/merchants/"+m.Merchant+"/deposits", "fund", `{"amount":"900000000.00","currency":"USD","reference":"Bench"}`)
				if got.Status != 201 {
					b.Fatalf("%d %s", got.Status, got.Raw)
				}
				beneficiary := m.Beneficiary(b, "Garcia", "9876543210")
				lines := []string{tt.columns}
				for i := range benchRows {
					if tt.name == "known" {
						lines = append(lines, fmt.Sprintf("%s,1.%02d,USD", beneficiary, i%100))
					} else {
						lines = append(lines, fmt.Sprintf("Lopez,Ana,US,%d,021000021,1.00,USD", 100_000_000+i))
					}
				}
				b.StartTimer()
				phase := func(name string, do func()) {
					server, database := cpu(b, s)
					at := time.Now()
					do()
					serverAfter, databaseAfter := cpu(b, s)
					b.ReportMetric(float64(time.Since(at).Milliseconds()), "ms-"+name)
					b.ReportMetric(float64((serverAfter - server + databaseAfter - database).Milliseconds()), "ms-cpu-"+name)
				}
				id := ""
				phase("upload", func() { id = uploaded(b, m, strings.Join(lines, "\n")) })
				phase("check", func() { turn(b, s) })
				confirm(b, m, id)
				phase("pay", func() { turn(b, s) })
				if got := batch(b, m, id); got["status"] != "completed" {
					b.Fatalf("%v", got)
				}
			}
		})
	}
}
