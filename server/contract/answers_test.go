package contract_test

import (
	"encoding/json"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/raced"
)

// A want is the refusal that a test expects: the code and, if there is one, the field that must be named. A field that ends with a
// star may go on.
type want struct{ code, field string }

// wholeRequest stands for a field where a request could not be read at all: the message says so and no field can be named.
const wholeRequest = "(the whole request)"

// named says whether the refused fields hold the one wanted.
func (w want) named(refused []string) bool {
	begin, more := strings.CutSuffix(w.field, "*")
	return w.field == "" || (w.field == wholeRequest && len(refused) == 0) || slices.ContainsFunc(refused, func(f string) bool {
		return f == w.field || (more && strings.HasPrefix(f, begin))
	})
}

// checkREST holds a refusal over REST to the contract: the envelope and nothing else, the code's own status, the request's id.
func checkREST(t *testing.T, what string, a testserver.Answer, w want) {
	t.Helper()
	if a.Status < 400 || a.Status >= 500 {
		t.Errorf("%s: answered %d %s, want %s", what, a.Status, shortened(a.Raw), w.code)
		return
	}
	body := &antonv1.ErrorResponse{}
	if err := protojson.Unmarshal(a.Raw, body); err != nil {
		t.Errorf("%s: the body of %d is no error envelope: %v: %s", what, a.Status, err, shortened(a.Raw))
		return
	}
	if err := protovalidate.Validate(body); err != nil {
		t.Errorf("%s: the envelope is out of its own bounds: %v", what, err)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: the Content-Type is %q", what, kind)
	}
	e := body.GetError()
	if e.GetCode() != w.code || !w.named(a.Fields()) {
		t.Errorf("%s: answered %s %v %q, want %s %s", what, e.GetCode(), a.Fields(), e.GetMessage(), w.code, w.field)
	}
	if statuses[e.GetCode()].http != a.Status {
		t.Errorf("%s: %s travelled as %d, want %d", what, e.GetCode(), a.Status, statuses[e.GetCode()].http)
	}
	checkText(t, what, w, e.GetMessage(), e.GetDetails())
	if id := e.GetRequestId(); !strings.HasPrefix(id, "req_") || id != a.Header.Get("X-Request-ID") {
		t.Errorf("%s: request_id is %q, the X-Request-ID header is %q", what, id, a.Header.Get("X-Request-ID"))
	}
	if text := string(a.Raw); !strings.Contains(text, `"details":[`) {
		t.Errorf("%s: details are always there, if only empty: %s", what, shortened(a.Raw))
	}
}

// checkText holds what people read to the least they need.
func checkText(t *testing.T, what string, w want, message string, details []*antonv1.FieldError) {
	t.Helper()
	if message == "" {
		t.Errorf("%s: no message", what)
	}
	if (w.code == "validation_error" && w.field != wholeRequest) != (len(details) > 0) {
		t.Errorf("%s: a %s with %d details", what, w.code, len(details))
	}
	for _, d := range details {
		if d.GetField() == "" || d.GetMessage() == "" {
			t.Errorf("%s: a detail says nothing: %v", what, d)
		}
	}
}

func shortened(raw []byte) string {
	if len(raw) > 400 {
		return string(raw[:400]) + "…"
	}
	return string(raw)
}

// A reply is what came of a call over gRPC.
type reply struct {
	message proto.Message
	header  metadata.MD
	err     error
}

// invoke calls the method over gRPC. An empty key sends no credentials. The metadata are names and values in turn.
func invoke(t *testing.T, s *testserver.Server, key string, m *contract.Method, in any, md ...string) reply {
	t.Helper()
	if key != "" {
		md = append(md, "authorization", "Bearer "+key)
	}
	r := reply{message: m.NewReply()}
	ctx := metadata.AppendToOutgoingContext(t.Context(), md...)
	options := []grpc.CallOption{grpc.Header(&r.header)}
	switch text := in.(type) {
	case []byte:
		options = append(options, grpc.ForceCodec(rawCodec{}))
	case gzipped:
		in, options = []byte(text), append(options, grpc.ForceCodec(rawCodec{}), grpc.UseCompressor("gzip"))
	}
	r.err = s.Dial().Invoke(ctx, m.Name, in, r.message, options...)
	return r
}

// gzipped is a message's bytes that are to be compressed on their way.
type gzipped []byte

// rawCodec sends bytes as they are, where a message that a client may not write is what the test sends.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error { return proto.Unmarshal(data, v.(proto.Message)) }

// message makes the method's request message of a request in JSON; nil where gRPC cannot say it.
func message(t *testing.T, m *contract.Method, req fields) proto.Message {
	t.Helper()
	text, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Descriptor.Input().FullName())
	if err != nil {
		t.Fatal(err)
	}
	msg := kind.New().Interface()
	if err := protojson.Unmarshal(text, msg); err != nil {
		return nil
	}
	return msg
}

// checkGRPC holds a refusal over gRPC to the contract: the status of its code, ErrorInfo with the code as reason, BadRequest with the
// fields, RequestInfo with the id that the header has.
func checkGRPC(t *testing.T, what string, r reply, w want) {
	t.Helper()
	st := status.Convert(r.err)
	if r.err == nil {
		t.Errorf("%s: succeeded, want %s", what, w.code)
		return
	}
	var info *errdetails.ErrorInfo
	var request *errdetails.RequestInfo
	var details []*antonv1.FieldError
	var refused []string
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RequestInfo:
			request = d
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				refused = append(refused, v.GetField())
				details = append(details, &antonv1.FieldError{Field: v.GetField(), Message: v.GetDescription()})
			}
		}
	}
	if info.GetReason() != w.code || info.GetDomain() != apierr.Domain || st.Code() != statuses[w.code].grpc || !w.named(refused) {
		t.Errorf("%s: answered %s, %s %v %q, want %s, %s %s", what, st.Code(), info.GetReason(), refused, st.Message(), statuses[w.code].grpc, w.code, w.field)
		return
	}
	checkText(t, what, w, st.Message(), details)
	if ids := r.header.Get("x-request-id"); len(ids) != 1 || request.GetRequestId() != ids[0] {
		t.Errorf("%s: RequestInfo has %q, the header x-request-id %q", what, request.GetRequestId(), ids)
	}
}

// tried are the methods that a test of all methods calls: all of them, and a sample while the race detector watches. What these tests ask
// is answered by the chain, which is the same for all.
func tried(t *testing.T) []*contract.Method {
	t.Helper()
	return sample(t.Name(), 8, contract.Methods())
}

// sample gives every n-th of a test's cases while the race detector watches, and all of them without it. The detector looks for two
// goroutines that meet, not for values: of ten thousand requests that take one way through the server it learns what it learns of the
// first few, at ten times their price. Where a sample begins follows from its name, so that different tests try different cases.
func sample[T any](name string, n int, all []T) []T {
	if !raced.On {
		return all
	}
	var some []T
	for i := int(crc32.ChecksumIEEE([]byte(name)) % uint32(n)); i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// eachMethod runs the test for every RPC of the contract at once, as far as it is tried.
func eachMethod(t *testing.T, test func(t *testing.T, m *contract.Method)) {
	t.Helper()
	for _, m := range tried(t) {
		t.Run(strings.TrimPrefix(m.Name, "/"), func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

// reason is the contract's code of an error over gRPC; empty without an error, and for errors that are not the contract's.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
