package contract_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/antonpayments/anton/server/contract"
)

// encoded is a bad value of a field as only the wire can hold it.
type encoded struct {
	what  string
	bytes []byte
}

// badBytes are values of the field that no JSON can say, with the field's tag.
func badBytes(fd protoreflect.FieldDescriptor) []encoded {
	number := fd.Number()
	moment := func(seconds, nanos uint64) []byte {
		inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), seconds)
		inner = protowire.AppendVarint(protowire.AppendTag(inner, 2, protowire.VarintType), nanos)
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), inner)
	}
	switch {
	case fd.IsMap():
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "k")
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), "\xff")
		return []encoded{{"bytes that are no text as a value", protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), entry)}}
	case fd.Kind() == protoreflect.StringKind:
		return []encoded{
			{"bytes that are no text", protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), "a\xffb")},
			{"half a character", protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), "\xed\xa0\x80")},
			{"a length beyond the end", protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), 1<<20)},
		}
	case fd.Kind() == protoreflect.EnumKind:
		return []encoded{
			{"an unknown number", protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 999)},
			{"a negative number", protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 1<<64-1)},
		}
	case fd.Kind() == protoreflect.MessageKind && fd.Message().FullName() == "google.protobuf.Timestamp":
		return []encoded{
			{"a time after the year 9999", moment(1<<40, 0)},
			{"the last second there is", moment(1<<63-1, 0)},
			{"a time before the year 1", moment(uint64(1<<64-1<<40), 0)},
			{"a billion nanoseconds", moment(0, 1_000_000_000)},
			{"negative nanoseconds", moment(0, 1<<64-1)},
		}
	}
	return nil
}

func TestBytesThatOnlyTheWireCanHoldAreRefusedOverGRPC(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	clients := callers(t, s, tn)
	storesNothing(t, s)
	eachMethod(t, func(t *testing.T, m *contract.Method) {
		good, err := proto.Marshal(message(t, m, fixture(t, m, tn)))
		if err != nil {
			t.Fatal(err)
		}
		// A part of a message that comes again is merged into what came before, so bad bytes can follow a good request.
		var below func(md protoreflect.MessageDescriptor, path string, wrap func([]byte) []byte)
		below = func(md protoreflect.MessageDescriptor, path string, wrap func([]byte) []byte) {
			for i := range md.Fields().Len() {
				fd := md.Fields().Get(i)
				name := path + string(fd.Name())
				for _, bad := range badBytes(fd) {
					text := slices.Concat(good, wrap(bad.bytes))
					w := want{"validation_error", name}
					if fd.IsList() && fd.Kind() == protoreflect.EnumKind {
						w.field += "[1]" // after the one that the fixture has
					}
					if proto.Unmarshal(text, newMessage(t, m.Descriptor.Input())) != nil {
						w.field = wholeRequest
					}
					checkGRPC(t, name+": "+bad.what, invoke(t, s, clients[m.Name].Key, m, text, "idempotency-key", "bytes"), w)
				}
				if fd.Kind() == protoreflect.MessageKind && !fd.IsMap() && !fd.IsList() && fd.Message().FullName().Parent() != "google.protobuf" {
					below(fd.Message(), name+".", func(b []byte) []byte {
						return wrap(protowire.AppendBytes(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), b))
					})
				}
			}
		}
		below(m.Descriptor.Input(), "", func(b []byte) []byte { return b })
		for what, text := range map[string]string{"a tag that ends too soon": "\xff", "noise": "\x00\x01\x02\x03", "a group without an end": "\x0b"} {
			checkGRPC(t, what, invoke(t, s, clients[m.Name].Key, m, []byte(text), "idempotency-key", "noise"), want{"validation_error", wholeRequest})
			checkGRPC(t, what+" of a stranger", invoke(t, s, "", m, []byte(text)), want{code: "unauthenticated"})
		}
	})
}
