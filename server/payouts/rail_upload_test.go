package payouts_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/server/testserver"
)

// upload sends a file of a rail's bank as a form, with more parts where they are given as name and text.
func upload(t *testing.T, c *testserver.Client, rail string, content []byte, more ...string) testserver.Answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i < len(more); i += 2 {
		if err := w.WriteField(more[i], more[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "returns.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return c.Do(t, http.MethodPost, "/ops/v1/rails/"+rail+"/files", http.Header{"Content-Type": {w.FormDataContentType()}}, body.String())
}

func TestALargeFileOfABankIsUploadedAsAForm(t *testing.T) {
	t.Parallel()
	s := testserver.Rails(t, testserver.Interbank)
	m := s.Merchant(t)
	payouts, references := sentBySEPA(t, s, m, "10.00")
	file := testserver.SEPAReturns("A", testserver.SEPAReturn{EndToEnd: references[0], Amount: "10.00", Code: "AC04", Day: "2026-02-17"})
	large := slices.Concat(file, bytes.Repeat([]byte("\n"), 2<<20))
	for name, try := range map[string]struct {
		got    testserver.Answer
		status int
		want   string
	}{
		"a merchant":             {upload(t, m, "interbank", large), http.StatusForbidden, "insufficient_scope"},
		"no such rail":           {upload(t, s.Ops(), "swift", large), http.StatusNotFound, "rail that works by files"},
		"a rail that is no name": {upload(t, s.Ops(), "SWIFT!", large), http.StatusUnprocessableEntity, `"field":"rail"`},
		"another rail in a part": {upload(t, s.Ops(), "interbank", large, "rail", "ach"), http.StatusUnprocessableEntity, `"field":"rail"`},
		"an unknown part":        {upload(t, s.Ops(), "interbank", large, "day", "today"), http.StatusUnprocessableEntity, `"field":"day"`},
		"more than there is room for": {
			upload(t, s.Ops(), "interbank", slices.Concat(file, bytes.Repeat([]byte("\n"), 32<<20))), http.StatusRequestEntityTooLarge, "payload_too_large",
		},
	} {
		if try.got.Status != try.status || !strings.Contains(string(try.got.Raw), try.want) {
			t.Errorf("%s: %d %s", name, try.got.Status, try.got.Raw)
		}
	}
	got := upload(t, s.Ops(), "interbank", large)
	if got.Status != http.StatusCreated || got.Data()["name"] != "returns.xml" || got.Data()["size"] != float64(len(large)) {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	named := upload(t, s.Ops(), "interbank", append(large, '\n'), "file_name", "again.xml")
	if named.Status != http.StatusCreated || named.Data()["name"] != "again.xml" {
		t.Errorf("%d %s", named.Status, named.Raw)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Ops().Key)
	inOneMessage := &opsv1.CreateRailFileRequest{Rail: "interbank", FileName: "third.xml", Content: slices.Concat(large, bytes.Repeat([]byte("\n"), 30<<20-len(large)))}
	if made, err := opsv1.NewRailsServiceClient(s.Dial()).CreateRailFile(ctx, inOneMessage); err != nil || made.GetData().GetSize() != 30<<20 {
		t.Errorf("30 MiB over gRPC: %v, %v", made, err)
	}
	s.WorkRails(t)
	if status := m.Status(t, payouts[0]); status != "returned" {
		t.Errorf("the payout is %s", status)
	}
}
