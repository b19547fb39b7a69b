package testserver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/assembly"
)

// usualRails are the rails of a server whose test has nothing to do with them: ACH to Guam and SEPA's clearing to San Marino, where no other
// test pays.
const usualRails = `{"ach":{"countries":["GU"],` + achOfTheTests + `},"interbank":{"countries":["SM"],` + interbankOfTheTests + `}}`

// AllRails are the rails with all the countries that they reach.
const AllRails = `{` + ACHMember + `}`

// ACHMember sets up ACH beside other rails, with all the countries that it reaches.
const ACHMember = `"ach":{` + achOfTheTests + `}`

const achOfTheTests = `"routing_number":"121042882","bank_name":"First Bank","origin":"1234567890","origin_name":"Anton Payments","company_id":"9876543210"`

// Rails starts a server whose rails are set up so, as in the file of ANTON_RAILS.
func Rails(t testing.TB, settings string) *Server {
	t.Helper()
	s := RailsOn(t, Database(t), NewClock(), settings)
	t.Cleanup(func() { s.CheckInvariants(t) })
	return s
}

// RailsOn is Rails on a database that may have other servers.
func RailsOn(t testing.TB, database string, clock *Clock, settings string) *Server {
	t.Helper()
	s := prepare(t, database, clock)
	s.setUpRails(t, settings)
	s.sandbox(t)
	return s
}

func (s *Server) setUpRails(t testing.TB, settings string) {
	t.Helper()
	var err error
	if s.rails, err = assembly.ReadRailSettings([]byte(settings)); err != nil {
		t.Fatal(err)
	}
	s.rails.Directory = t.TempDir()
}

// RailDir is where a rail's files lie.
func (s *Server) RailDir(rail string) string { return filepath.Join(s.rails.Directory, rail) }

// RailOut are the files that a rail's bank could fetch: name and content.
func (s *Server) RailOut(t testing.TB, rail string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(s.RailDir(rail), "out")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, entry := range entries {
		if all[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// WorkRails has the rails cut, deliver and collect what is due at the clock's time, and decides what banks' files say.
func (s *Server) WorkRails(t testing.TB) {
	t.Helper()
	if err := s.Server.Rails.RunOnce(t.Context()); err != nil {
		t.Fatalf("rails: %v", err)
	}
	if _, err := s.RailClerk.RunOnce(t.Context()); err != nil {
		t.Fatalf("rail clerk: %v", err)
	}
}

// BankBrings has a rail's bank bring a file, which is quiet already.
func (s *Server) BankBrings(t testing.TB, rail, name string, content []byte) {
	t.Helper()
	path := filepath.Join(s.RailDir(rail), "in", name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, before, before); err != nil {
		t.Fatal(err)
	}
}
