package documents_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

const pdf = "%PDF-1.7\n1 0 obj\nstartxref\n0\n%%EOF\n"

// form sends a document as a browser would, and returns the answer.
func form(t *testing.T, m *testserver.Client, key, name string, content []byte, fields map[string]string) testserver.Answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for field, value := range fields {
		if err := w.WriteField(field, value); err != nil {
			t.Fatal(err)
		}
	}
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
	header := http.Header{"Content-Type": {w.FormDataContentType()}}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	return m.Do(t, http.MethodPost, "/v1/documents", header, body.String())
}

func pictures(t *testing.T) (asPNG, asJPEG []byte) {
	t.Helper()
	var p, j bytes.Buffer
	picture := image.NewGray(image.Rect(0, 0, 8, 8))
	if err := png.Encode(&p, picture); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&j, picture, nil); err != nil {
		t.Fatal(err)
	}
	return p.Bytes(), j.Bytes()
}

func TestADocumentIsWhatItsContentIs(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	asPNG, asJPEG := pictures(t)
	category := map[string]string{"category": "invoice"}
	for what, content := range map[string][]byte{"application/pdf": []byte(pdf), "image/png": asPNG, "image/jpeg": asJPEG} {
		got := form(t, m, "", "evil.exe", content, category)
		if got.Status != http.StatusCreated || got.Data()["content_type"] != what || got.Data()["scan"] != "not_scanned" {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	for what, content := range map[string][]byte{
		"a page": []byte("<html><script>alert(1)</script>"), "a PDF without its end": []byte(pdf[:12]), "a PNG without its end": asPNG[:40],
		"a JPEG without its end": asJPEG[:len(asJPEG)-2], "a GIF": []byte("GIF89a\x01\x00\x01\x00"), "a header only": []byte("\x89PNG\r\n\x1a\n"),
		"a picture that would fill the memory": append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x00\x00\x00\x00"), "IEND"...),
	} {
		got := form(t, m, "", "good.pdf", content, category)
		if got.Status != http.StatusUnprocessableEntity || len(got.Fields()) != 1 || got.Fields()[0] != "content" {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	if rows := m.Get(t, "/v1/documents").List(); len(rows) != 3 {
		t.Errorf("%d documents were stored", len(rows))
	}
}

func TestAFormIsReadStrictly(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for what, fields := range map[string]map[string]string{
		"category": {}, "nonsense": {"category": "invoice", "nonsense": "x"}, "description": {"category": "invoice", "description": strings.Repeat("x", 501)},
	} {
		got := form(t, m, "", "a.pdf", []byte(pdf), fields)
		if got.Status != http.StatusUnprocessableEntity || strings.Join(got.Fields(), " ") != what {
			t.Errorf("%s: %d %s", what, got.Status, got.Raw)
		}
	}
	if got := form(t, s.KeyFor(t, m.Merchant, "rfis:read"), "", "a.pdf", []byte(pdf), nil); got.Code() != "insufficient_scope" {
		t.Errorf("without the scope: %d %s", got.Status, got.Raw)
	}
	if got := form(t, s.With("nobody"), "", "a.pdf", []byte(pdf), nil); got.Code() != "unauthenticated" {
		t.Errorf("a stranger: %d %s", got.Status, got.Raw)
	}
	broken := m.Do(t, http.MethodPost, "/v1/documents", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, "--x\r\nno")
	if broken.Status != http.StatusBadRequest {
		t.Errorf("half a form: %d %s", broken.Status, broken.Raw)
	}
	large := append([]byte(pdf), make([]byte, 10<<20)...)
	if got := form(t, m, "", "a.pdf", large, map[string]string{"category": "other"}); got.Code() != "payload_too_large" {
		t.Errorf("more than 10 MiB: %d %s", got.Status, got.Raw)
	}
	most := append(make([]byte, 0, 10<<20), "%PDF-1.7\n"...)
	most = append(most, make([]byte, 10<<20-len(pdf))...)
	most = append(most, pdf[9:]...)
	if got := form(t, m, "", "a.pdf", most, map[string]string{"category": "other"}); got.Status != http.StatusCreated || got.Data()["size"] != float64(10<<20) {
		t.Errorf("exactly 10 MiB: %d %s", got.Status, got.Raw)
	}
	first, again := form(t, m, "upload", "a.pdf", []byte(pdf), map[string]string{"category": "other"}), form(t, m, "upload", "a.pdf", []byte(pdf), map[string]string{"category": "other"})
	if first.Status != http.StatusCreated || string(first.Raw) != string(again.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
		t.Errorf("the same key: %d %s, then %d %s", first.Status, first.Raw, again.Status, again.Raw)
	}
}

func TestADownloadIsTheFileAndHarmless(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	id := form(t, m, "", `..\\"Müller".pdf`, []byte(pdf), map[string]string{"category": "invoice"}).Data()["id"].(string)
	for _, c := range []struct {
		*testserver.Client
		path string
	}{{m, "/v1/documents/"}, {s.Ops(), "/ops/v1/documents/"}} {
		got := c.Get(t, c.path+id+"/download")
		if string(got.Raw) != pdf {
			t.Errorf("%s: %d %q", c.path, got.Status, got.Raw)
		}
		for header, want := range map[string]string{
			"Content-Type": "application/pdf", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Content-Disposition": "attachment; filename*=utf-8''M%C3%BCller.pdf", "Cache-Control": "no-store",
		} {
			if got.Header.Get(header) != want {
				t.Errorf("%s is %q, want %q", header, got.Header.Get(header), want)
			}
		}
	}
	if got := s.Merchant(t).Get(t, "/v1/documents/"+id+"/download"); got.Code() != "not_found" {
		t.Errorf("another merchant: %d %s", got.Status, got.Raw)
	}
	if rows := s.Ops().Get(t, "/ops/v1/audit?action=document.download&object_id="+id).List(); len(rows) != 2 {
		t.Errorf("%d audit rows", len(rows))
	}
	var plain int
	if err := s.Owner.QueryRow(t.Context(), "select count(*) from document_contents where position('%PDF'::bytea in content) > 0").Scan(&plain); err != nil || plain != 0 {
		t.Errorf("%d files lie in the clear, %v", plain, err)
	}
}

func TestTheQuotaIsTheMerchantsOwn(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Breaks("documents_have_their_file") // the usage is set by hand: nobody uploads ten thousand files here
	m, other := s.Merchant(t), s.Merchant(t)
	category := map[string]string{"category": "other"}
	form(t, m, "", "a.pdf", []byte(pdf), category)
	if _, err := s.Owner.Exec(t.Context(), "update document_usage set documents = 9999"); err != nil {
		t.Fatal(err)
	}
	if got := form(t, m, "", "a.pdf", []byte(pdf), category); got.Status != http.StatusCreated {
		t.Errorf("the last one: %d %s", got.Status, got.Raw)
	}
	if got := form(t, m, "", "a.pdf", []byte(pdf), category); got.Code() != "state_conflict" {
		t.Errorf("one too many: %d %s", got.Status, got.Raw)
	}
	if got := form(t, other, "", "a.pdf", []byte(pdf), category); got.Status != http.StatusCreated {
		t.Errorf("another merchant's: %d %s", got.Status, got.Raw)
	}
	_, err := s.Pool.Exec(t.Context(), "update document_usage set bytes = 5368709121")
	if err == nil || !strings.Contains(err.Error(), "documents_stay_within_the_quota") {
		t.Errorf("past the quota in SQL: %v", err)
	}
}

func TestAFileComesInPiecesOverGRPC(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	client := antonv1.NewDocumentsServiceClient(s.Dial())
	send := func(key string, pieces ...*antonv1.UploadDocumentRequest) (*antonv1.UploadDocumentResponse, metadata.MD, error) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key, "idempotency-key", "pieces")
		stream, err := client.UploadDocument(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range pieces {
			if err := stream.Send(piece); err != nil {
				break // the server said no already; what it said comes below
			}
		}
		resp, err := stream.CloseAndRecv()
		header, _ := stream.Header()
		return resp, header, err
	}
	head := &antonv1.UploadDocumentRequest{Category: antonv1.DocumentCategory_invoice, FileName: "a.pdf", Content: []byte(pdf[:9])}
	filler := &antonv1.UploadDocumentRequest{Content: make([]byte, 1<<19)}
	tail := &antonv1.UploadDocumentRequest{Content: []byte(pdf[9:])}
	first, header, err := send(m.Key, head, filler, filler, filler, filler, tail)
	if err != nil || first.GetData().GetSize() != int32(len(pdf)+1<<21) || len(header.Get("x-request-id")) != 1 || len(header.Get("x-ratelimit-limit")) != 1 {
		t.Fatalf("in pieces: %v %v %v", first, header, err)
	}
	again, header, err := send(m.Key, head, filler, filler, filler, filler, tail)
	if err != nil || again.GetData().GetId() != first.GetData().GetId() || len(header.Get("x-idempotent-replayed")) != 1 {
		t.Errorf("the same key: %v %v %v", again, header, err)
	}
	many := []*antonv1.UploadDocumentRequest{head}
	for range 21 {
		many = append(many, filler)
	}
	for what, try := range map[string]struct {
		key    string
		pieces []*antonv1.UploadDocumentRequest
		code   codes.Code
	}{
		"a stranger": {"nobody", many[:2], codes.Unauthenticated}, "without the scope": {s.KeyFor(t, m.Merchant, "rfis:read").Key, many[:2], codes.PermissionDenied},
		"too much": {m.Key, many, codes.ResourceExhausted}, "no PDF": {m.Key, []*antonv1.UploadDocumentRequest{head}, codes.InvalidArgument},
		"nothing": {m.Key, nil, codes.InvalidArgument}, "two heads": {m.Key, []*antonv1.UploadDocumentRequest{head, head}, codes.InvalidArgument},
	} {
		if _, _, err := send(try.key, try.pieces...); status.Code(err) != try.code {
			t.Errorf("%s: %v, want %s", what, err, try.code)
		}
	}
	if rows := m.Get(t, "/v1/documents").List(); len(rows) != 1 {
		t.Errorf("%d documents were stored", len(rows))
	}
}
