package testserver

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Admin asks for a path of the admin's address.
func (s *Server) Admin(t testing.TB, path string) (status int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Server.Admin.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer.Code, answer.Body.String()
}
