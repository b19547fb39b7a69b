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
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
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

// An upload is a method that also takes its request as a form, the way browsers send files.
type upload struct {
	method  string
	request func() proto.Message
	// maxFile is the most that the file may have; the rest of the form is small.
	maxFile int64
	// busy bounds how many files are held in memory; the others wait.
	busy chan struct{}
	says string // what a form that is too large is told
	// rail is what the path says of the request; empty where it says nothing.
	rail string
}

// maxRest is the most that a form may have beside its file.
const maxRest = 64 << 10

// railFiles is the path of the one upload whose request has a field in it.
const railFiles = "/ops/v1/rails/{rail}/files"

// newUploads are the uploads by their paths.
func newUploads() map[string]upload {
	return map[string]upload{
		"/v1/documents": {
			method: antonv1.DocumentsService_CreateDocument_FullMethodName, request: func() proto.Message { return &antonv1.CreateDocumentRequest{} },
			maxFile: 10 << 20, busy: make(chan struct{}, 8), says: "A document has 10 MiB at most.",
		},
		"/v1/batches": {
			method: antonv1.BatchesService_CreateBatch_FullMethodName, request: func() proto.Message { return &antonv1.CreateBatchRequest{} },
			maxFile: 32 << 20, busy: make(chan struct{}, 2), says: "A batch has 32 MiB at most.",
		},
		railFiles: {
			method: opsv1.RailsService_CreateRailFile_FullMethodName, request: func() proto.Message { return &opsv1.CreateRailFileRequest{} },
			maxFile: 32 << 20, busy: make(chan struct{}, 2), says: "A bank's file has 32 MiB at most.",
		},
	}
}

// uploadAt finds the upload that a path is of.
func uploadAt(all map[string]upload, path string) (up upload, ok bool) {
	before, after, _ := strings.Cut(railFiles, "{rail}")
	if rest, under := strings.CutPrefix(path, before); under {
		rail, isFile := strings.CutSuffix(rest, after)
		up = all[railFiles]
		up.rail = rail
		return up, isFile && rail != "" && !strings.Contains(rail, "/")
	}
	up, ok = all[path]
	return up, ok
}

// uploads takes files that come as multipart/form-data, which the generated routes cannot read; everything else goes on, as JSON and
// within the bound of JSON.
func (g *gateway) uploads(next http.Handler) http.Handler {
	all := newUploads()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		up, ok := uploadAt(all, r.URL.Path)
		if !ok || r.Method != http.MethodPost || kind != "multipart/form-data" {
			r.Header.Set("Content-Type", "application/json") // what it claims to be does not matter: it is read as JSON
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
			return
		}
		if err := g.Doorman.Authorize(call.CallerOf(r.Context()), contract.Lookup(up.method)); err != nil {
			g.fail(w, r, err)
			return
		}
		select {
		case up.busy <- struct{}{}:
			defer func() { <-up.busy }()
		case <-r.Context().Done():
			return
		}
		req, err := up.readForm(multipart.NewReader(http.MaxBytesReader(w, r.Body, up.maxFile+maxRest), params["boundary"]))
		if err != nil {
			g.fail(w, r, err)
			return
		}
		g.callUpload(w, r, up.method, req)
	})
}

func (g *gateway) callUpload(w http.ResponseWriter, r *http.Request, method string, req proto.Message) {
	var md metadata.MD
	resp := contract.Lookup(method).NewReply()
	if err := g.Conn.Invoke(r.Context(), method, req, resp, grpc.Header(&md)); err != nil {
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
func (up upload) readForm(form *multipart.Reader) (proto.Message, error) {
	req, seen := up.request(), map[string]bool{}
	if up.rail != "" {
		m := req.ProtoReflect()
		m.Set(m.Descriptor().Fields().ByName("rail"), protoreflect.ValueOfString(up.rail))
		seen["rail"] = true
	}
	var p problems
	for {
		part, err := form.NextPart()
		if err == io.EOF { // where it is wrapped, the form was cut off after a part
			break
		}
		if err != nil {
			return nil, up.unreadable(err)
		}
		name := part.FormName()
		p.enter(name)
		if seen[name] {
			p.note("was sent more than once")
		} else if err := up.readPart(req.ProtoReflect(), part, &p); err != nil {
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

// readPart puts one part where it belongs: the texts and words of the request by their names, and the file, which is called `content` in
// errors, as it is everywhere else.
func (up upload) readPart(req protoreflect.Message, part *multipart.Part, p *problems) error {
	name, limit := part.FormName(), int64(4096)
	if name == "file" {
		limit = up.maxFile
	}
	content, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return up.unreadable(err)
	}
	if int64(len(content)) > limit {
		return apierr.New(antonv1.ErrorCode_payload_too_large, "The part %q has more than %d bytes.", name, limit)
	}
	fields := req.Descriptor().Fields()
	if name == "file" {
		req.Set(fields.ByName("content"), protoreflect.ValueOfBytes(content))
		if named := fields.ByName("file_name"); req.Get(named).String() == "" {
			req.Set(named, protoreflect.ValueOfString(apierr.Cut(strings.ToValidUTF8(part.FileName(), "\uFFFD"), 200)))
		}
		return nil
	}
	text := strings.ToValidUTF8(string(content), "\uFFFD")
	field := fields.ByName(protoreflect.Name(name))
	switch {
	case field == nil || field.IsList() || (field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.EnumKind):
		p.note("is an unknown part: send %s", parts(fields))
	case field.Kind() == protoreflect.StringKind:
		req.Set(field, protoreflect.ValueOfString(text))
	default:
		word := field.Enum().Values().ByName(protoreflect.Name(text))
		if word == nil || word.Number() == 0 {
			p.note("must be one of %s", words(field.Enum()))
			return nil
		}
		req.Set(field, protoreflect.ValueOfEnum(word.Number()))
	}
	return nil
}

// parts names what a form may have.
func parts(fields protoreflect.FieldDescriptors) string {
	names := []string{"file"}
	for i := range fields.Len() {
		if f := fields.Get(i); !f.IsList() && (f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.EnumKind) {
			names = append(names, string(f.Name()))
		}
	}
	return strings.Join(names, ", ")
}

func (up upload) unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return apierr.New(antonv1.ErrorCode_payload_too_large, "%s", up.says)
	}
	e := apierr.New(antonv1.ErrorCode_invalid_json, "The body is not multipart/form-data as its Content-Type says.")
	e.Cause = fmt.Errorf("read the form: %w", err)
	return e
}
