package gateway

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// FuzzDecode holds the reader against protojson and encoding/json, on any bytes, for each message that it is tried on.
func FuzzDecode(f *testing.F) {
	for i := range readable {
		for _, body := range []string{
			"", "{}", payoutBody, payoutResponse, `{"text":"\ud83d\ude00\u0000","count":-1,"flag":true,"color":"red","at":"2026-02-14T10:00:00.5+01:00"}`,
			`{"parts":[{"id":"x","child":{}},null],"metadata":{"a":"b"},"by_name":{"l":{}},"extra":{"a":[1e3,{"b":null}]},"sell_amount":"1","buy_amount":"2"}`,
			`{"data":{"a":"b"},"created_at":"2026-02-14T10:00:00Z"}`, `{"textt":1,"text":1}`, `{"a":{"a":1,"a":2}}`, `[1]`, "\xef\xbb\xbf{}", `{"text":021}`,
			`{"id":"ben_1","email":null,"metadata":{},"status":null,"update_mask":"email"}`, `{"label":"","address":null,"make_default":true}`,
			`{"limit":5,"status":"sent","unknown":[[[]]]}`, `{"type":"individual","bank_account":{"account_number":5}}`,
		} {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		mt := readable[int(which)%len(readable)]
		got, want := mt.New().Interface(), mt.New().Interface()
		err := Marshaler{}.Unmarshal(body, got)
		theirs := protojson.Unmarshal(body, want)
		if err != nil {
			checkRefusal(t, err, body, theirs == nil)
			return
		}
		if len(bytes.Trim(body, " \t\r\n")) == 0 {
			body, theirs = []byte("{}"), nil
		}
		if theirs != nil || !json.Valid(body) {
			t.Fatalf("accepted %q; protojson: %v", body, theirs)
		}
		checkStable(t, got)
		if err := takeMask(got, body); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if !proto.Equal(got, want) {
			t.Fatalf("%q\n got %v\nwant %v", body, got, want)
		}
	})
}

func checkRefusal(t *testing.T, err error, body []byte, protojsonTakesIt bool) {
	t.Helper()
	switch e := refusal(t, err); e.Code {
	case antonv1.ErrorCode_validation_error:
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%q is no JSON, but was refused with %v", body, e)
		}
	case antonv1.ErrorCode_invalid_json:
		// What protojson takes is JSON. Of JSON only what is nested too deeply cannot be read.
		if protojsonTakesIt && !strings.Contains(e.Message, "nested") {
			t.Fatalf("%q is JSON, but was refused with %v", body, e)
		}
	case antonv1.ErrorCode_internal:
		if !strings.Contains(e.Error(), "gateway.test.Everything.big") {
			t.Fatalf("%q: %v", body, e)
		}
	default:
		t.Fatalf("%q: %v", body, e)
	}
}

// checkStable writes the message, reads what was written, and writes that.
func checkStable(t *testing.T, m proto.Message) {
	t.Helper()
	once, err := Marshaler{}.Marshal(m)
	if err != nil {
		t.Fatalf("%v has no JSON: %v", m, err)
	}
	read := m.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(once, read); err != nil || !proto.Equal(read, m) {
		t.Fatalf("%s reads as %v, %v", once, read, err)
	}
	if again, err := (Marshaler{}).Marshal(read); err != nil || !bytes.Equal(once, again) {
		t.Fatalf("%s was written %s, %v", once, again, err)
	}
}

// FuzzQuery holds the parser against the gateway's own, on any query.
func FuzzQuery(f *testing.F) {
	for i := range readable {
		for _, query := range []string{
			"", "text=a&count=5&flag=true&color=red&tags=a&tags=b&colors=green&at=2026-02-14T10:00:00Z&times=2026-02-14T10:00:00.5%2B01:00",
			"limit=20&cursor=b3BhcXVl&status=sent&created_after=2026-02-14T10:00:00Z", "beneficiary_id=ben_1&beneficiary_id=ben_2", "part.id=1&metadata[a]=b",
			"text=%00&count=1e3&flag=1&color=1", "sell_amount=1&buy_amount=2", "text=%ff&=&a=b;c", "at=2026-02-14T10:00:00+01:00",
		} {
			f.Add(uint8(i), query)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		mt := readable[int(which)%len(readable)]
		got, want := mt.New().Interface(), mt.New().Interface()
		if err := (QueryParser{}).Parse(got, values, nothingBound); err != nil {
			if e := refusal(t, err); e.Code != antonv1.ErrorCode_validation_error {
				t.Fatalf("%q: %v", query, e)
			}
			return
		}
		if err := (&runtime.DefaultQueryParser{}).Parse(want, values, nothingBound); err != nil || !proto.Equal(got, want) {
			t.Fatalf("%q\n got %v\nwant %v, %v", query, got, want, err)
		}
	})
}
