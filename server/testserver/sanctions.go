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
	return s.TakeList(t, list)
}

// TakeList puts a list in force, beside the server: it takes effect when the server looks for lists.
func (s *Server) TakeList(t testing.TB, list *lists.List) string {
	t.Helper()
	store := &sanctions.Store{Runner: s.Runner}
	taken, err := store.Take(t.Context(), list, sanctions.Origin{Source: "a test", By: "test"}, sanctions.Waiver{})
	if err != nil {
		t.Fatal(err)
	}
	return taken.Version
}

// LookForLists has the server look which lists are in force, as a running one does every few seconds.
func (s *Server) LookForLists(t testing.TB) {
	t.Helper()
	if err := s.Sanctions.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Screening starts a sandbox that screens with the lists of authorities besides its own.
func Screening(t testing.TB, authorities ...lists.Authority) *Server {
	t.Helper()
	s := prepare(t, Database(t), NewClock())
	s.required = authorities
	s.sandbox(t)
	t.Cleanup(func() { s.CheckInvariants(t) })
	return s
}
