package testserver

import (
	"context"
	"testing"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// Live starts a server of the live environment on a fresh database, with keys of its own and one admin's key, as the command line
// makes it. It screens with the lists of the authorities given; of all when none is.
func Live(t testing.TB, authorities ...lists.Authority) *Server {
	t.Helper()
	s := prepare(t, Database(t), NewClock())
	s.required = authorities
	keyset, err := crypto.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := crypto.Load(keyset)
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, "live", keys)
	err = s.Runner.Do(t.Context(), unit.Who{Actor: "command_line"}, false, func(ctx context.Context, u *unit.Unit) error {
		_, key, err := merchants.IssueOperatorKey(ctx, u, "First admin", db.OperatorRoleAdmin)
		s.OpsKey = key.Text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.CheckInvariants(t) })
	return s
}

// Idle is a fresh database without a server.
func Idle(t testing.TB) *Server {
	t.Helper()
	return prepare(t, Database(t), NewClock())
}
