package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rules"
)

// Unmarshal reads a JSON object into the message v. It replaces what v held. On an error v holds nothing of use.
//
// The error is an *apierr.Error in the chain: invalid_json, or one validation_error that names every unknown or mistyped field.
func (Marshaler) Unmarshal(data []byte, v any) error { return decode(data, v, nil) }

// NewDecoder reads one message from the whole of r. An empty body is an empty object.
func (Marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return carry(bodyError(err))
		}
		var bound map[string]string
		if body, ok := r.(boundBody); ok {
			bound = body.bound
		}
		return decode(data, v, bound)
	})
}

// bodyError says why a body could not be read to its end.
func bodyError(err error) *apierr.Error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return apierr.New(antonv1.ErrorCode_payload_too_large, "The body is larger than the %d bytes that this method takes.", tooLarge.Limit)
	}
	e := apierr.New(antonv1.ErrorCode_invalid_json, "The body ended before it was complete.")
	e.Cause = fmt.Errorf("read body: %w", err)
	return e
}

func decode(data []byte, v any, bound map[string]string) error {
	m, ok := v.(proto.Message)
	if !ok {
		return carry(apierr.Internal(fmt.Errorf("decode into %T: a method takes its fields by body: \"*\" only", v)))
	}
	proto.Reset(m)
	d := &decoder{bound: bound}
	err := d.scan(data, func() error {
		if d.atEnd() {
			return nil
		}
		if c := d.peek(); c != '{' {
			at := d.pos
			if err := d.skip(); err != nil {
				return err
			}
			return failAt(at, "the body must be an object in braces, not %s", formAt(c))
		}
		return d.message(m.ProtoReflect())
	})
	if err == nil && len(d.refused) > 0 {
		err = d.refusal(m, bound)
	}
	if err == nil {
		fillMask(m.ProtoReflect(), d.sent)
	}
	if err != nil {
		return carry(apierr.From(err))
	}
	return nil
}

// A decoder fills a message from a JSON text in one pass, by the message's descriptor. Its methods return an error for a text that
// is not JSON; a field that is wrong is noted, its value passed over, and reading goes on.
type decoder struct {
	scanner
	problems
	bound map[string]string
	sent  []string // the names that the request itself has, those with a null included
}

// message reads an object into m. A null sets nothing; in the mask of a PATCH request its name says that the field is to be cleared.
func (d *decoder) message(m protoreflect.Message) error {
	known := m.Descriptor().Fields()
	return d.object(func(name string) error {
		d.enter(name)
		defer d.leave()
		fd := known.ByName(protoreflect.Name(name))
		switch {
		case fd == nil && d.full():
			return d.skip()
		case fd == nil:
			return d.refuse("is an unknown field%s", didYouMean(name, known, d.inBody))
		case isMask(fd):
			return d.refuse("is an unknown field here: the fields that you send are the ones that change")
		case !d.inBody(fd):
			return d.refuse("is an unknown field here: it is part of the path")
		}
		if d.depth == 1 {
			d.sent = append(d.sent, name)
		}
		if d.peek() == 'n' {
			_, err := d.word()
			return err
		}
		return d.field(m, fd)
	})
}

// inBody tells whether a field of the object at hand is the body's to say. Only the request itself has fields in the path.
func (d *decoder) inBody(fd protoreflect.FieldDescriptor) bool {
	if isMask(fd) {
		return false
	}
	if d.depth > 1 || len(d.bound) == 0 {
		return true
	}
	_, inPath := d.bound[string(fd.Name())]
	return !inPath
}

func (d *decoder) field(m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	switch {
	case fd.IsList():
		if d.peek() != '[' {
			return d.refuse("must be a list, not %s", formAt(d.peek()))
		}
		return d.items(m.Mutable(fd).List(), fd)
	case fd.IsMap():
		if d.peek() != '{' {
			return d.refuse("must be an object, not %s", formAt(d.peek()))
		}
		return d.entries(m.Mutable(fd).Map(), fd.MapValue())
	}
	if other := rival(m, fd); other != nil {
		return d.refuse("must not be sent together with %s", other.Name())
	}
	v, err := d.value(fd, func() protoreflect.Value { return m.NewField(fd) })
	if v.IsValid() {
		m.Set(fd, v)
	}
	return err
}

func (d *decoder) items(list protoreflect.List, fd protoreflect.FieldDescriptor) error {
	return d.list(func(i int) error {
		d.enterItem(i)
		defer d.leave()
		v, err := d.value(fd, list.NewElement)
		if v.IsValid() {
			list.Append(v)
		}
		return err
	})
}

func (d *decoder) entries(entries protoreflect.Map, fd protoreflect.FieldDescriptor) error {
	return d.object(func(key string) error {
		d.enter(key)
		defer d.leave()
		d.checkText(key)
		v, err := d.value(fd, entries.NewValue)
		if v.IsValid() {
			entries.Set(protoreflect.ValueOfString(key).MapKey(), v)
		}
		return err
	})
}

// value reads one value of the field's type; it is not valid when it was refused. Empty makes an empty message of that type.
func (d *decoder) value(fd protoreflect.FieldDescriptor, empty func() protoreflect.Value) (protoreflect.Value, error) {
	want := formOf(fd)
	if want == unreadable {
		return protoreflect.Value{}, fmt.Errorf("the field %s has a type that no request may have", fd.FullName())
	}
	if d.full() {
		return protoreflect.Value{}, d.skip()
	}
	if got := formAt(d.peek()); got != want {
		return protoreflect.Value{}, d.refuse("%s", mismatch(fd, want, got))
	}
	if want == anObject && fd.Message().FullName() == structName {
		fields, err := d.freeObject()
		return protoreflect.ValueOfMessage((&structpb.Struct{Fields: fields}).ProtoReflect()), err
	}
	if want == anObject {
		v := empty()
		return v, d.message(v.Message())
	}
	text, err := d.token(want)
	if err != nil {
		return protoreflect.Value{}, err
	}
	v, problem := fromText(fd, text)
	if problem != "" {
		d.note("%s", problem)
	}
	return v, nil
}

func (d *decoder) token(want form) (string, error) {
	switch want {
	case aString:
		return d.str()
	case aBoolean:
		return d.word()
	default:
		return d.number()
	}
}

// refuse notes a problem with the value at hand and passes over it.
func (d *decoder) refuse(format string, args ...any) error {
	d.note(format, args...)
	return d.skip()
}

func (d *decoder) checkText(text string) {
	if rules.Control(text, true) {
		d.note(noControl)
	}
}

// freeObject reads a google.protobuf.Struct: whatever the caller likes to keep there.
func (d *decoder) freeObject() (map[string]*structpb.Value, error) {
	fields := map[string]*structpb.Value{}
	err := d.object(func(name string) (err error) {
		d.enter(name)
		defer d.leave()
		d.checkText(name)
		fields[name], err = d.free()
		return err
	})
	return fields, err
}

func (d *decoder) free() (*structpb.Value, error) {
	switch formAt(d.peek()) {
	case anObject:
		fields, err := d.freeObject()
		return structpb.NewStructValue(&structpb.Struct{Fields: fields}), err
	case aList:
		list := &structpb.ListValue{}
		err := d.list(func(i int) error {
			d.enterItem(i)
			defer d.leave()
			v, err := d.free()
			list.Values = append(list.Values, v)
			return err
		})
		return structpb.NewListValue(list), err
	case aString:
		text, err := d.str()
		d.checkText(text)
		return structpb.NewStringValue(text), err
	case aBoolean:
		word, err := d.word()
		return structpb.NewBoolValue(word == "true"), err
	case aNull:
		_, err := d.word()
		return structpb.NewNullValue(), err
	default:
		text, err := d.number()
		n, parseErr := strconv.ParseFloat(text, 64)
		if err == nil && parseErr != nil {
			d.note("must be a number that fits into 64 bits")
		}
		return structpb.NewNumberValue(n), err
	}
}
