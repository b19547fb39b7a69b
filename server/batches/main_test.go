package batches_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// send uploads a file as a browser would.
func send(t testing.TB, m *testserver.Client, name string, content []byte) testserver.Answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return m.Do(t, http.MethodPost, "/v1/batches", http.Header{"Content-Type": {w.FormDataContentType()}}, body.String())
}

// uploaded uploads a file that can be read, and gives the batch's id.
func uploaded(t testing.TB, m *testserver.Client, content string) string {
	t.Helper()
	got := send(t, m, "batch.csv", []byte(content))
	if got.Status != http.StatusCreated || got.Data()["status"] != "uploaded" {
		t.Fatalf("upload: %d %s", got.Status, got.Raw)
	}
	return got.Data()["id"].(string)
}

// paid uploads a file whose rows are right, confirms it, and has everything worked.
func paid(t testing.TB, s *testserver.Server, m *testserver.Client, content string) string {
	t.Helper()
	id := uploaded(t, m, content)
	s.Work()
	confirm(t, m, id)
	s.Work()
	return id
}

func confirm(t testing.TB, m *testserver.Client, id string) {
	t.Helper()
	if got := m.Post(t, "/v1/batches/"+id+"/confirm", "confirm "+id, ""); got.Status != http.StatusOK || got.Data()["status"] != "confirmed" {
		t.Fatalf("confirm: %d %s, errors %s", got.Status, got.Raw, m.Get(t, "/v1/batches/"+id+"/errors").Raw)
	}
}

func batch(t testing.TB, m *testserver.Client, id string) map[string]any {
	t.Helper()
	got := m.Get(t, "/v1/batches/"+id)
	if got.Status != http.StatusOK {
		t.Fatalf("read the batch: %d %s", got.Status, got.Raw)
	}
	return got.Data()
}
