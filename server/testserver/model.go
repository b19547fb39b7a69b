package testserver

import "testing"

// A Model is a database that tests begin with copies of. Where what they need takes a hundred calls to make, a copy of it takes none.
type Model struct{ database string }

// NewModel has fill make what the database holds, through a server that ends with this call. The model stays until the process ends.
func NewModel(t *testing.T, fill func(t *testing.T, s *Server)) Model {
	t.Helper()
	m := Model{newClone(t, template)}
	made := t.Run("the model", func(t *testing.T) {
		s := On(t, m.database, NewClock())
		t.Cleanup(func() { s.CheckInvariants(t) })
		fill(t, s)
	})
	if !made {
		t.FailNow()
	}
	return m
}

// New is New on a copy of the model. Only the database is as it was: the clock is at its start, and rails' directories are empty.
func (m Model) New(t testing.TB) *Server {
	t.Helper()
	s := On(t, cloneOf(t, m.database), NewClock())
	t.Cleanup(func() { s.CheckInvariants(t) })
	return s
}
