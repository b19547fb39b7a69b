package gateway

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

func TestEncodeWritesTheContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		m    proto.Message
		want string
	}{
		{
			"what has presence is absent when unset, all else is there",
			&antonv1.ListPayoutsResponse{Data: []*antonv1.Payout{{Id: "pay_1", Status: antonv1.PayoutStatus_created, FeeBearer: antonv1.FeeBearer_merchant, Method: antonv1.PaymentMethod_us_bank}}},
			`{"data":[{"id":"pay_1","status":"created","beneficiary_id":"","instrument_id":"","amount":"","currency":"","source_amount":"","source_currency":"","dest_amount":"","dest_currency":"","fee":"","fee_currency":"","fee_bearer":"merchant","total_debited":"","method":"us_bank","description":"","reference":"","purpose":"","metadata":{},"rfi_ids":[]}],"has_more":false}`,
		},
		{"an empty list is there", &antonv1.ListBalancesResponse{}, `{"data":[]}`},
		{"optional and empty", &antonv1.ListPayoutsResponse{NextCursor: new("")}, `{"data":[],"has_more":false,"next_cursor":""}`},
		{
			"no text is escaped that need not be",
			&antonv1.StatusReason{Code: "a \"b\" \\ c", Message: "<b> & </b> \u2028 é 😀 / \x7f, \t\n"},
			`{"code":"a \"b\" \\ c","message":"<b> & </b> ` + "\u2028" + ` é 😀 / ` + "\x7f" + `, \t\n"}`,
		},
		{
			"maps are sorted",
			&antonv1.Beneficiary{Metadata: map[string]string{"b": "2", "a": "1", "ab": " , ", "B": "\\"}},
			`{"id":"","type":"unspecified","country":"","currency":"","status":"unspecified","external_ref":"","default_instrument_id":"","metadata":{"B":"\\","a":"1","ab":" , ","b":"2"}}`,
		},
		{
			"times are UTC and as fine as they are",
			&antonv1.PayoutTransition{Sequence: 1, To: antonv1.PayoutStatus_sent, At: &timestamppb.Timestamp{Seconds: 1771063200, Nanos: 120_000_000}},
			`{"sequence":1,"to":"sent","at":"2026-02-14T10:00:00.120Z","actor":"","event_id":""}`,
		},
		{
			"free form",
			&antonv1.Event{Data: &structpb.Struct{Fields: map[string]*structpb.Value{"z": structpb.NewNullValue(), "a": structpb.NewNumberValue(1.5), "m": structpb.NewBoolValue(true)}}},
			`{"id":"","type":"","sequence":0,"object_type":"","object_id":"","data":{"a":1.5,"m":true,"z":null}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Marshaler{}.Marshal(c.m)
			if err != nil || string(got) != c.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, c.want)
			}
			var streamed bytes.Buffer
			if err := (Marshaler{}).NewEncoder(&streamed).Encode(c.m); err != nil || streamed.String() != c.want {
				t.Errorf("the encoder wrote %s, %v", streamed.String(), err)
			}
		})
	}
	if got := (Marshaler{}).ContentType(nil); got != "application/json" {
		t.Errorf("content type %q", got)
	}
}

func TestEncodeRefusesWhatHasNoJSON(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		&antonv1.StatusReason{Code: "\xff"},
		&antonv1.Event{Data: &structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewNumberValue(math.NaN())}}},
		map[string]any{"result": &antonv1.StatusReason{}},
		nil,
	} {
		if text, err := (Marshaler{}).Marshal(v); err == nil {
			t.Errorf("%v became %s", v, text)
		}
	}
}

func TestEqualMessagesHaveEqualBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := validMessage(t)
		once, err := Marshaler{}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		read := m.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(once, read); err != nil || !proto.Equal(read, m) {
			t.Fatalf("%s reads as %v, %v", once, read, err)
		}
		again, err := Marshaler{}.Marshal(read)
		if err != nil || !bytes.Equal(once, again) {
			t.Fatalf("%v\n got %s\nwant %s", err, again, once)
		}
		// No space is left outside of strings, whatever this build's protojson does.
		var compact bytes.Buffer
		if err := json.Compact(&compact, once); err != nil || !bytes.Equal(compact.Bytes(), once) {
			t.Fatalf("%v: %s is not compact", err, once)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	m := &antonv1.CreatePayoutResponse{}
	if err := protojson.Unmarshal([]byte(payoutResponse), m); err != nil {
		b.Fatal(err)
	}
	b.Run("anton", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := (Marshaler{}).Marshal(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protojson", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := jsonForm.Marshal(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
