package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
)

// offerFile sets the headers of a file that a stranger made: saved and never shown, guessed at by nobody, and powerless where it is
// opened all the same.
func offerFile(header http.Header, md metadata.MD) {
	header.Set("Content-Disposition", "attachment")
	if said := md.Get("content-disposition"); len(said) > 0 {
		header.Set("Content-Disposition", said[0])
	}
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

const (
	// maxFile is the most that a document may have; the rest of its form is small.
	maxFile, maxForm = 10 << 20, 10<<20 + 64<<10
	// uploadsAtOnce bounds how many files are held in memory; the others wait.
	uploadsAtOnce = 8
)

// uploads takes documents that come as multipart/form-data, which the generated routes cannot read; everything else goes on, as JSON
// and within the bound of JSON.
func (g *gateway) uploads(next http.Handler) http.Handler {
	busy := make(chan struct{}, uploadsAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.Method != http.MethodPost || r.URL.Path != "/v1/documents" || kind != "multipart/form-data" {
			r.Header.Set("Content-Type", "application/json") // what it claims to be does not matter: it is read as JSON
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
			return
		}
		method := contract.Lookup(antonv1.DocumentsService_CreateDocument_FullMethodName)
		if err := g.Doorman.Authorize(call.CallerOf(r.Context()), method); err != nil {
			g.fail(w, r, err)
			return
		}
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
		case <-r.Context().Done():
			return
		}
		req, err := readForm(multipart.NewReader(http.MaxBytesReader(w, r.Body, maxForm), params["boundary"]))
		if err != nil {
			g.fail(w, r, err)
			return
		}
		g.createDocument(w, r, req)
	})
}

func (g *gateway) createDocument(w http.ResponseWriter, r *http.Request, req *antonv1.CreateDocumentRequest) {
	var md metadata.MD
	resp, err := antonv1.NewDocumentsServiceClient(g.Conn).CreateDocument(r.Context(), req, grpc.Header(&md))
	if err != nil {
		g.fail(w, r, err)
		return
	}
	text, err := Marshaler{}.Marshal(resp)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", Marshaler{}.ContentType(resp))
	if len(md.Get("x-idempotent-replayed")) > 0 {
		w.Header().Set("X-Idempotent-Replayed", "true")
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(text) // a client that left hears nothing
}

// readForm reads the parts of an upload. Every part that is not one of ours is named.
func readForm(form *multipart.Reader) (*antonv1.CreateDocumentRequest, error) {
	req, seen := &antonv1.CreateDocumentRequest{}, map[string]bool{}
	var p problems
	for {
		part, err := form.NextPart()
		if err == io.EOF { // where it is wrapped, the form was cut off after a part
			break
		}
		if err != nil {
			return nil, unreadableForm(err)
		}
		name := part.FormName()
		p.enter(name)
		if seen[name] {
			p.note("was sent more than once")
		} else if err := readPart(req, part, &p); err != nil {
			return nil, err
		}
		seen[name] = true
		p.leave()
	}
	if len(p.refused) > 0 {
		return nil, apierr.Invalid(p.refused...)
	}
	return req, nil
}

// readPart puts one part where it belongs. The file is called `content` in errors too, as it is everywhere else.
func readPart(req *antonv1.CreateDocumentRequest, part *multipart.Part, p *problems) error {
	limit := 4096
	if part.FormName() == "file" {
		limit = maxFile
	}
	content, err := io.ReadAll(io.LimitReader(part, int64(limit)+1))
	if err != nil {
		return unreadableForm(err)
	}
	if len(content) > limit {
		return apierr.New(antonv1.ErrorCode_payload_too_large, "The part %q has more than %d bytes.", part.FormName(), limit)
	}
	text := strings.ToValidUTF8(string(content[:min(len(content), 4096)]), "\uFFFD")
	switch part.FormName() {
	case "file":
		req.Content = content
		if req.FileName == "" {
			req.FileName = apierr.Cut(strings.ToValidUTF8(part.FileName(), "\uFFFD"), 200)
		}
	case "file_name":
		req.FileName = text
	case "description":
		req.Description = text
	case "category":
		value, ok := antonv1.DocumentCategory_Value_value[text]
		if !ok || value == 0 {
			p.note("must be one of %s", words(req.GetCategory().Descriptor()))
		}
		req.Category = antonv1.DocumentCategory_Value(value)
	default:
		p.note("is an unknown part: send file, category, description, file_name")
	}
	return nil
}

func unreadableForm(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return apierr.New(antonv1.ErrorCode_payload_too_large, "A document has 10 MiB at most.")
	}
	e := apierr.New(antonv1.ErrorCode_invalid_json, "The body is not multipart/form-data as its Content-Type says.")
	e.Cause = fmt.Errorf("read the form: %w", err)
	return e
}
