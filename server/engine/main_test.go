package engine_test

import (
	"flag"
	"testing"

	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) {
	// A sequence of payouts goes through the whole server, which takes a while.
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("15") // a number
	}
	if flag.Lookup("test.bench").Value.String() == "" {
		engine.FillAfter(2, 5) // few payouts are in buckets, remembered, and in neither
	}
	testserver.Main(m)
}
