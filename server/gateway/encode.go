package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A Marshaler is the JSON of the REST API, both ways: runtime.Marshaler for the generated handlers.
//
// What it writes is canonical: equal messages give equal bytes, in every build of the server, so that a stored response can be
// replayed byte for byte. What it reads it either understands completely or refuses, naming every field that is wrong.
type Marshaler struct{}

var _ runtime.Marshaler = Marshaler{}

// jsonForm is protojson's mapping with our field names. A field with presence is absent when unset; every other one is always there.
var jsonForm = protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}

// ContentType is the media type of what a Marshaler writes: JSON, but for files.
func (Marshaler) ContentType(v any) string {
	if file, ok := v.(*httpbody.HttpBody); ok {
		return file.GetContentType()
	}
	return "application/json"
}

// Marshal writes a protobuf message, and a file as it is. It fails on strings that are not UTF-8 and on numbers that JSON does not have.
func (Marshaler) Marshal(v any) ([]byte, error) {
	if file, ok := v.(*httpbody.HttpBody); ok {
		return file.GetData(), nil
	}
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal %T: only protobuf messages have a JSON form here", v)
	}
	text, err := jsonForm.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("marshal %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	// Whether protojson puts spaces between its tokens differs from build to build, on purpose.
	var canonical bytes.Buffer
	canonical.Grow(len(text))
	if err := json.Compact(&canonical, text); err != nil {
		return nil, fmt.Errorf("compact %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return canonical.Bytes(), nil
}

// NewEncoder writes messages to w as Marshal makes them.
func (j Marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		text, err := j.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write response: %w", err)
		}
		return nil
	})
}
