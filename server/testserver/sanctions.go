package testserver

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
)

// SanctionsList puts a list of invented parties in force as the UN's and gives its version. It reads from no file.
func (s *Server) SanctionsList(t testing.TB, entries int) string {
	t.Helper()
	list := &lists.List{Authority: lists.UN, Published: s.Clock.Now().Format("2006-01-02"), Parser: lists.Parser, Hash: fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(entries))))}
	for i := range entries {
		list.Entries = append(list.Entries, lists.Entry{
			ID: fmt.Sprintf("TSi.%03d", i), Kind: lists.Person, Names: []lists.Name{{Text: fmt.Sprintf("Invented Person %d", i)}},
		})
	}
	store := &sanctions.Store{Runner: s.Runner}
	taken, err := store.Take(t.Context(), list, sanctions.Origin{Source: "a test", By: "test"}, sanctions.Waiver{})
	if err != nil {
		t.Fatal(err)
	}
	return taken.Version
}
