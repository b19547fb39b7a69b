package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/rules"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// The seeds' payout, and what the server answers to it.
const (
	payoutBody     = `{"beneficiary_id":"ben_cng3q8s6ek9kc5qg1h1g","amount":"2500.00","currency":"USD","description":"Consulting fee - January 2026","reference":"INV-1042"}`
	payoutResponse = `{"data":{"id":"pay_cng3q8s6ek9kc5qg1h2g","status":"created","beneficiary_id":"ben_cng3q8s6ek9kc5qg1h1g","instrument_id":"ins_cng3q8s6ek9kc5qg1h20","amount":"2500.00","currency":"USD","source_amount":"2500.00","source_currency":"USD","dest_amount":"2500.00","dest_currency":"USD","fee":"0.00","fee_currency":"USD","fee_bearer":"merchant","total_debited":"2500.00","method":"us_bank","description":"Consulting fee - January 2026","reference":"INV-1042","purpose":"","metadata":{},"rfi_ids":[],"estimated_arrival":"2026-02-16T10:00:00Z","created_at":"2026-02-14T10:00:00Z","updated_at":"2026-02-14T10:00:00Z"}}`
)

// readable lists the messages that the reader is tried on: every request of the product, its free-form message, and the one with
// everything.
var readable = func() []protoreflect.MessageType {
	all := []protoreflect.MessageType{
		dynamicpb.NewMessageType(everything),
		(&antonv1.Event{}).ProtoReflect().Type(),
	}
	for _, m := range requestTypes() {
		mt, err := protoregistry.GlobalTypes.FindMessageByName(m.FullName())
		if err != nil {
			panic(err)
		}
		all = append(all, mt)
	}
	return all
}()

// plainText draws any text without control characters.
var plainText = rapid.OneOf(
	rapid.StringMatching(`[ -~]{0,20}`),
	rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return !rules.Control(string(r), true) })),
)

// validMessage draws a message that a client may send.
func validMessage(t *rapid.T) proto.Message {
	m := rapid.SampledFrom(readable).Draw(t, "type").New()
	fill(t, m, 4)
	return m.Interface()
}

func fill(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		value := fd
		if fd.IsMap() {
			value = fd.MapValue()
		}
		if formOf(value) == unreadable || formOf(value) == anObject && depth == 0 || !rapid.Bool().Draw(t, string(fd.Name())) {
			continue
		}
		switch {
		case fd.IsList():
			list := m.NewField(fd)
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				list.List().Append(draw(t, fd, list.List().NewElement, depth))
			}
			m.Set(fd, list)
		case fd.IsMap():
			entries := m.NewField(fd)
			for range rapid.IntRange(0, 3).Draw(t, "pairs") {
				key := protoreflect.ValueOfString(plainText.Draw(t, "key")).MapKey()
				entries.Map().Set(key, draw(t, value, entries.Map().NewValue, depth))
			}
			m.Set(fd, entries)
		default:
			m.Set(fd, draw(t, fd, func() protoreflect.Value { return m.NewField(fd) }, depth))
		}
	}
}

func draw(t *rapid.T, fd protoreflect.FieldDescriptor, empty func() protoreflect.Value, depth int) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(plainText.Draw(t, "text"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "number"))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(1, values.Len()-1).Draw(t, "word")).Number())
	}
	switch fd.Message().FullName() {
	case timestampName:
		first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		return protoreflect.ValueOfMessage((&timestamppb.Timestamp{
			Seconds: rapid.Int64Range(first, last).Draw(t, "seconds"),
			Nanos:   rapid.Int32Range(0, 999_999_999).Draw(t, "nanos"),
		}).ProtoReflect())
	case structName:
		return protoreflect.ValueOfMessage(drawFree(t, depth).GetStructValue().ProtoReflect())
	}
	v := empty()
	fill(t, v.Message(), depth-1)
	return v
}

// drawFree draws a free-form object whose values nest no deeper than depth.
func drawFree(t *rapid.T, depth int) *structpb.Value {
	object := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for range rapid.IntRange(0, 3).Draw(t, "names") {
		var v *structpb.Value
		switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
		case kind == 0:
			v = structpb.NewNullValue()
		case kind == 1:
			v = structpb.NewBoolValue(rapid.Bool().Draw(t, "bool"))
		case kind == 2:
			v = structpb.NewNumberValue(rapid.Float64().Draw(t, "number"))
		case kind == 3 && depth > 0:
			v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{drawFree(t, depth-1), structpb.NewNullValue()}})
		case kind == 4 && depth > 0:
			v = drawFree(t, depth-1)
		default:
			v = structpb.NewStringValue(plainText.Draw(t, "text"))
		}
		object.Fields[plainText.Draw(t, "name")] = v
	}
	return structpb.NewStructValue(object)
}

func TestDecodeEqualsProtojsonOnWhatIsValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := validMessage(t)
		form := protojson.MarshalOptions{UseProtoNames: true}
		if rapid.Bool().Draw(t, "lines") {
			form.Multiline, form.Indent = true, "\t"
		}
		text, err := form.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := want.ProtoReflect().New().Interface()
		if err := (Marshaler{}).Unmarshal(text, got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := takeMask(got, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !proto.Equal(got, want) {
			t.Fatalf("%s\n got %v\nwant %v", text, got, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	run := func(name, body string, m proto.Message) {
		data := []byte(body)
		b.Run(name+"/anton", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := (Marshaler{}).Unmarshal(data, m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/protojson", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := protojson.Unmarshal(data, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("payout", payoutBody, &antonv1.CreatePayoutRequest{})
	run("beneficiary", `{"type":"individual","first_name":"Maria","last_name":"Garc\u00eda","email":"maria.garcia@example.com","country":"US","currency":"USD","bank_account":{"account_number":"9876543210","routing_number":"021000021","account_type":"checking"},"metadata":{"crm":"4711","team":"north"},"allow_duplicate":true}`,
		&antonv1.CreateBeneficiaryRequest{})
}

// BenchmarkDecodeHostile reads bodies of a megabyte that were made to be slow. None may cost much more than the honest one, a list of
// short texts.
func BenchmarkDecodeHostile(b *testing.B) {
	const size = 1 << 20
	fillUp := func(before, item, after string) []byte {
		return []byte(before + strings.Repeat(item+",", (size-len(before)-len(after))/(len(item)+1)) + item + after)
	}
	names := func(length int) []byte {
		var out strings.Builder
		out.WriteString("{")
		for i := 0; out.Len() < size; i++ {
			fmt.Fprintf(&out, `"%0*d":1,`, length, i)
		}
		return []byte(out.String() + `"a":1}`)
	}
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"honest", fillUp(`{"tags":[`, `"a tag"`, `]}`)},
		{"wrong items", fillUp(`{"tags":[`, `1`, `]}`)},
		{"wrong words", fillUp(`{"colors":[`, `"x"`, `]}`)},
		{"empty objects", fillUp(`{"parts":[`, `{}`, `]}`)},
		{"nulls", fillUp(`{"parts":[`, `null`, `]}`)},
		{"deep", fillUp(`{"extra":{"a":[`, strings.Repeat("[", 12)+strings.Repeat("]", 12), `]}}`)},
		{"short unknown names", names(5)},
		{"long unknown names", names(60)},
		{"escapes", []byte(`{"text":"` + strings.Repeat(`\u00e9`, size/6) + `"}`)},
		{"line ends before an error", []byte(strings.Repeat("\n", size) + "x")},
		{"one long line before an error", []byte(`{"text":"` + strings.Repeat("é", size/2) + `"x`)},
		{"digits", []byte(`{"count":` + strings.Repeat("9", size) + `}`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := newEverything()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				_ = Marshaler{}.Unmarshal(c.body, m)
			}
		})
	}
}
