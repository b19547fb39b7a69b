package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

func TestDecodeNamesTheWrongField(t *testing.T) {
	t.Parallel()
	const timeRule = "a time in RFC 3339 form with its zone, such as 2026-02-14T10:00:00Z, in the years 1 to 9999"
	for _, c := range []struct{ name, body, path, message string }{
		{"unknown", `{"wholly_new":1}`, "wholly_new", `is an unknown field`},
		{"unknown with any value", `{"wholly_new":{"a":[1,{"b":null}],"c":"\u0000"}}`, "wholly_new", `is an unknown field`},
		{"camelCase", `{"sellAmount":"1"}`, "sellAmount", `is an unknown field; did you mean "sell_amount"?`},
		{"begun", `{"metad":{}}`, "metad", `is an unknown field`},
		{"first word", `{"sell":"1"}`, "sell", `is an unknown field; did you mean "sell_amount"?`},
		{"hyphens", `{"by-name":{}}`, "by-name", `is an unknown field; did you mean "by_name"?`},
		{"misspelt", `{"amuont":"1"}`, "amuont", `is an unknown field; did you mean "amount"?`},
		{"extension syntax", `{"[anton.v1.must_be]":"1"}`, "[anton.v1.must_be]", `is an unknown field`},
		{"unknown nested", `{"parts":[{},{},{"idd":"x"}]}`, "parts[2].idd", `is an unknown field; did you mean "id"?`},
		{"null for an unknown field", `{"wholly_new":null}`, "wholly_new", `is an unknown field`},
		{"empty name", `{"":1}`, `""`, `is an unknown field`},
		{"unprintable name", `{"a\u0001\u200bb":1}`, "a\ufffd\ufffdb", `is an unknown field`},
		{"long name", `{"` + strings.Repeat("é", 100) + `":1}`, strings.Repeat("é", 63) + "…", `is an unknown field`},

		{"number for text", `{"text":5}`, "text", `must be a string, not a number`},
		{"number for an amount", `{"amount":2500.00}`, "amount", `must be a string, not a number: a decimal string such as "2500.00"`},
		{"object for text", `{"text":{"a":1}}`, "text", `must be a string, not an object`},
		{"list for text", `{"text":["a"]}`, "text", `must be a string, not a list`},
		{"true for text", `{"text":true}`, "text", `must be a string, not true or false`},
		{"NUL", `{"text":"a\u0000b"}`, "text", noControl},
		{"escape", `{"text":"\u001b[31m"}`, "text", noControl},
		{"backspace", `{"text":"\b"}`, "text", noControl},

		{"text for a number", `{"count":"5"}`, "count", `must be a whole number, such as 20, not a string`},
		{"fraction", `{"count":5.0}`, "count", `must be a whole number, such as 20`},
		{"exponent", `{"count":1e3}`, "count", `must be a whole number, such as 20`},
		{"too large", `{"count":2147483648}`, "count", `must be a whole number from -2147483648 to 2147483647`},
		{"too small", `{"count":-2147483649}`, "count", `must be a whole number from -2147483648 to 2147483647`},
		{"far too large", `{"count":` + strings.Repeat("9", 400) + `}`, "count", `must be a whole number from -2147483648 to 2147483647`},
		{"text for a boolean", `{"flag":"true"}`, "flag", `must be true or false, not a string`},
		{"number for a boolean", `{"flag":1}`, "flag", `must be true or false, not a number`},

		{"another word", `{"color":"blue"}`, "color", `must be one of red, green`},
		{"capitals", `{"color":"RED"}`, "color", `must be one of red, green`},
		{"empty word", `{"color":""}`, "color", `must be one of red, green`},
		{"unspecified", `{"color":"unspecified"}`, "color", `must be one of red, green`},
		{"number for a word", `{"color":1}`, "color", `must be a string, not a number: one of red, green`},

		{"date for a time", `{"at":"2026-02-14"}`, "at", "must be " + timeRule},
		{"no zone", `{"at":"2026-02-14T10:00:00"}`, "at", "must be " + timeRule},
		{"impossible date", `{"at":"2026-02-30T10:00:00Z"}`, "at", "must be " + timeRule},
		{"comma", `{"at":"2026-02-14T10:00:00,5Z"}`, "at", "must be " + timeRule},
		{"short hour", `{"at":"2026-02-14T1:00:00Z"}`, "at", "must be " + timeRule},
		{"finer than nanoseconds", `{"at":"2026-02-14T10:00:00.1234567891Z"}`, "at", "must be " + timeRule},
		{"finer than nanoseconds in a zone", `{"at":"2026-02-14T10:00:00.1234567891+01:00"}`, "at", "must be " + timeRule},
		{"offset of a day", `{"at":"2026-02-14T10:00:00+24:00"}`, "at", "must be " + timeRule},
		{"time on two lines", `{"at":"2026-02-14T10:00:00Z\n"}`, "at", "must be " + timeRule},
		{"year 0", `{"at":"0000-12-31T23:59:59Z"}`, "at", "must be " + timeRule},
		{"before year 1 in UTC", `{"at":"0001-01-01T00:00:00+00:01"}`, "at", "must be " + timeRule},
		{"after year 9999 in UTC", `{"at":"9999-12-31T23:59:59-00:01"}`, "at", "must be " + timeRule},
		{"Unix time", `{"at":1771063200}`, "at", "must be a string, not a number: " + timeRule},
		{"object for a time", `{"at":{"seconds":1}}`, "at", "must be a string, not an object: " + timeRule},

		{"text for an object", `{"part":"x"}`, "part", `must be an object, not a string`},
		{"list for an object", `{"part":[]}`, "part", `must be an object, not a list`},
		{"deep", `{"part":{"child":{"child":{"weight":"1"}}}}`, "part.child.child.weight", `must be a whole number, such as 20, not a string`},
		{"text for a list", `{"tags":"a"}`, "tags", `must be a list, not a string`},
		{"item", `{"tags":["a","b",3]}`, "tags[2]", `must be a string, not a number`},
		{"null item", `{"tags":["a",null]}`, "tags[1]", `must be a string, not null`},
		{"null message item", `{"parts":[null]}`, "parts[0]", `must be an object, not null`},
		{"word item", `{"colors":["red","mauve"]}`, "colors[1]", `must be one of red, green`},
		{"time item", `{"times":["now"]}`, "times[0]", "must be " + timeRule},
		{"list for a map", `{"metadata":[]}`, "metadata", `must be an object, not a list`},
		{"map value", `{"metadata":{"order":1}}`, "metadata.order", `must be a string, not a number`},
		{"null map value", `{"metadata":{"order":null}}`, "metadata.order", `must be a string, not null`},
		{"empty map key", `{"metadata":{"":1}}`, `metadata.""`, `must be a string, not a number`},
		{"map key", `{"metadata":{"a\u0000":"b"}}`, "metadata.a\ufffd", noControl},
		{"map value's text", `{"metadata":{"a":"\u0000"}}`, "metadata.a", noControl},
		{"map of messages", `{"by_name":{"left":{"id":false}}}`, "by_name.left.id", `must be a string, not true or false`},

		{"both of a pair", `{"sell_amount":"1","buy_amount":"2"}`, "buy_amount", `must not be sent together with sell_amount`},
		{"text for free form", `{"extra":"x"}`, "extra", `must be an object, not a string`},
		{"free form text", `{"extra":{"a":[{"b":"\u0000"}]}}`, "extra.a[0].b", noControl},
		{"free form name", `{"extra":{"a\u0000":1}}`, "extra.a\ufffd", noControl},
		{"free form number", `{"extra":{"a":1e999}}`, "extra.a", `must be a number that fits into 64 bits`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := refusal(t, Marshaler{}.Unmarshal([]byte(c.body), newEverything()))
			want := []apierr.Field{{Path: c.path, Message: c.message}}
			if e.Code != antonv1.ErrorCode_validation_error || !slices.Equal(e.Fields, want) {
				t.Errorf("%s\n got %s %q\nwant %q", c.body, e.Code, e.Fields, want)
			}
		})
	}
}

func TestDecodeCollectsEveryWrongField(t *testing.T) {
	t.Parallel()
	e := refusal(t, Marshaler{}.Unmarshal([]byte(`{
		"type": "person", "firstName": "Maria", "country": 840, "metadata": {"order": 17, "ok": "yes"},
		"bank_account": {"account_number": 9876543210, "routing": "021000021", "account_type": "current"}
	}`), &antonv1.CreateBeneficiaryRequest{}))
	want := []apierr.Field{
		{Path: "type", Message: "must be one of individual, business"},
		{Path: "firstName", Message: `is an unknown field; did you mean "first_name"?`},
		{Path: "country", Message: "must be a string, not a number: an ISO 3166-1 alpha-2 code in capitals, such as US"},
		{Path: "metadata.order", Message: "must be a string, not a number"},
		{Path: "bank_account.account_number", Message: "must be a string, not a number: an account number of up to 34 letters and digits"},
		{Path: "bank_account.routing", Message: `is an unknown field; did you mean "routing_number"?`},
		{Path: "bank_account.account_type", Message: "must be one of checking, savings"},
		{Path: "currency", Message: "is required"},
	}
	if !slices.Equal(e.Fields, want) {
		t.Errorf("got  %q\nwant %q", e.Fields, want)
	}
	if want := "type must be one of individual, business, and 7 more fields are wrong"; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
	if strings.Contains(fmt.Sprint(e.Message, e.Fields), "9876543210") {
		t.Error("the error repeats the account number")
	}
}

func TestDecodeNamesAHundredFieldsAtMost(t *testing.T) {
	t.Parallel()
	body := `{"tags":[` + strings.Repeat("1,", 499) + `1]}`
	e := refusal(t, Marshaler{}.Unmarshal([]byte(body), newEverything()))
	if len(e.Fields) != 100 || e.Fields[99].Path != "tags[99]" {
		t.Errorf("%d fields, the last is %q", len(e.Fields), e.Fields[len(e.Fields)-1].Path)
	}
	// What comes after the hundredth is still read: it decides whether the body is JSON at all.
	e = refusal(t, Marshaler{}.Unmarshal([]byte(strings.TrimSuffix(body, "}")), newEverything()))
	if e.Code != antonv1.ErrorCode_invalid_json {
		t.Errorf("got %s, want invalid_json", e.Code)
	}
}

func TestDecodeRefusesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "[]" + strings.Repeat("}", n-1) }
	for _, c := range []struct{ name, body, want string }{
		{"no JSON", `hello`, `line 1, column 1: expected a value, found 'h'`},
		{"unclosed", `{"text":"a"`, `line 1, column 12: expected ',' or '}' after a value, found the end of the body`},
		{"unclosed string", `{"text":"a`, `line 1, column 11: the body ends inside a string`},
		{"ends after a backslash", `{"text":"a\`, `the body ends inside a string`},
		{"trailing comma", "{\n  \"text\": \"é\",\n}", `line 3, column 1: expected a name in double quotes, found '}'`},
		{"column in characters", `{"text":"ééé",}`, `line 1, column 15: expected a name`},
		{"trailing comma in a list", `{"tags":["a",]}`, `column 14: expected a value, found ']'`},
		{"no comma", `{"text":"a" "flag":true}`, `expected ',' or '}' after a value, found '"'`},
		{"no comma in a list", `{"tags":["a" "b"]}`, `expected ',' or ']' after a value, found '"'`},
		{"no colon", `{"text" "a"}`, `expected ':' after a name, found '"'`},
		{"single quotes", `{'text':'a'}`, `expected a name in double quotes, found '''`},
		{"bare name", `{text:"a"}`, `expected a name in double quotes, found 't'`},
		{"leading comma", `{,"text":"a"}`, `expected a name in double quotes, found ','`},
		{"comment", `{"text":"a"} // done`, `nothing may follow the JSON value, found '/'`},
		{"two values", `{"text":"a"}{"text":"b"}`, `line 1, column 13: nothing may follow the JSON value, found '{'`},
		{"NUL after", "{}\x00", `nothing may follow the JSON value, found the character U+0000`},
		{"NUL before", "\x00{}", `expected a value, found the character U+0000`},
		{"NUL in between", "{\x00}", `expected a name in double quotes, found the character U+0000`},
		{"list", `[{"text":"a"}]`, `line 1, column 1: the body must be an object in braces, not a list`},
		{"string", ` "text"`, `line 1, column 2: the body must be an object in braces, not a string`},
		{"null", `null`, `the body must be an object in braces, not null`},
		{"number", `12`, `the body must be an object in braces, not a number`},
		{"capital word", `{"flag":True}`, `expected a value, found 'T'`},
		{"half a word", `{"flag":tru}`, `expected a value, found 't'`},
		{"half a null", `{"flag":nul}`, `expected a value, found 'n'`},
		{"NaN", `{"count":NaN}`, `expected a value, found 'N'`},
		{"leading zero", `{"text":021000021}`, `line 1, column 9: a number cannot begin with 0; if it is a code or an account number, put it in double quotes`},
		{"plus", `{"count":+1}`, `expected a value, found '+'`},
		{"minus alone", `{"count":-}`, `expected a digit, found '}'`},
		{"point alone", `{"count":1.}`, `expected a digit after the point, found '}'`},
		{"point first", `{"count":.5}`, `expected a value, found '.'`},
		{"exponent alone", `{"count":1e+}`, `expected a digit in the exponent, found '}'`},
		{"line end in a string", "{\"text\":\"a\nb\"}", `line 1, column 11: the character U+000A must be escaped inside a string`},
		{"raw NUL in a string", "{\"text\":\"a\x00b\"}", `the character U+0000 must be escaped inside a string`},
		{"unknown escape", `{"text":"a\xb"}`, `column 11: '\' cannot stand before 'x' in a string`},
		{"short escape", `{"text":"\u12"}`, `'\u' must be followed by four hexadecimal digits`},
		{"escape at the end", `{"text":"\u1`, `'\u' must be followed by four hexadecimal digits`},
		{"high half", `{"text":"\ud800"}`, `the escape '\ud800' is only half of a character`},
		{"high half and a letter", `{"text":"\ud83dx"}`, `the escape '\ud83d' is only half of a character`},
		{"low half", `{"text":"\udc00"}`, `the escape '\udc00' is only half of a character`},
		{"two high halves", `{"text":"\ud83d\ud83d"}`, `the escape '\ud83d' is only half of a character`},
		{"half in an unknown field", `{"wholly_new":["\ud800"]}`, `only half of a character`},
		{"Latin-1", "{\"text\":\"caf\xe9\"}", `line 1, column 13: the byte 0xE9 is not UTF-8`},
		{"encoded surrogate", "{\"text\":\"\xed\xa0\x80\"}", `the byte 0xED is not UTF-8`},
		{"UTF-16", "{\x00}\x00", `found the character U+0000`},
		{"byte order mark", "\xef\xbb\xbf{}", `it begins with a byte order mark; send UTF-8 without one`},
		{"name twice", `{"text":"a","text":"b"}`, `line 1, column 13: the name "text" appears twice in one object`},
		{"empty name twice", `{"":1,"":2}`, `the name "" appears twice in one object`},
		{"name twice, escaped", `{"text":"a","\u0074ext":"b"}`, `the name "text" appears twice in one object`},
		{"name twice, null first", `{"text":null,"text":"b"}`, `the name "text" appears twice in one object`},
		{"map key twice", `{"metadata":{"a":"1","a":"2"}}`, `the name "a" appears twice in one object`},
		{"free form name twice", `{"extra":{"a":{"b":1,"b":1}}}`, `the name "b" appears twice in one object`},
		{"unknown name twice", `{"wholly_new":1,"wholly_new":2}`, `the name "wholly_new" appears twice in one object`},
		{"name twice in an unknown field", `{"wholly_new":{"a":1,"a":1}}`, `the name "a" appears twice in one object`},
		{"seventeen levels", nested(17), `it is nested more than 16 levels deep`},
		{"a bomb", strings.Repeat("[", 100_000), `line 1, column 17: it is nested more than 16 levels deep`},
		{"a bomb in free form", `{"extra":` + strings.Repeat(`{"a":`, 100_000), `it is nested more than 16 levels deep`},
		{"after a wrong field", `{"count":"x","text":}`, `expected a value, found '}'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := refusal(t, Marshaler{}.Unmarshal([]byte(c.body), newEverything()))
			if e.Code != antonv1.ErrorCode_invalid_json || !strings.Contains(e.Message, c.want) {
				t.Errorf("%.80q\n got %s: %s\nwant %s", c.body, e.Code, e.Message, c.want)
			}
		})
	}
	e := refusal(t, Marshaler{}.Unmarshal([]byte(nested(16)), newEverything()))
	if e.Code != antonv1.ErrorCode_validation_error {
		t.Errorf("sixteen levels: %s %s", e.Code, e.Message)
	}
}

func TestDecodeFindsANameThatIsTwiceInALargeObject(t *testing.T) {
	t.Parallel()
	var pairs []string
	for i := range 200 {
		pairs = append(pairs, fmt.Sprintf(`"key_%d":"v"`, i))
	}
	body := `{"metadata":{` + strings.Join(pairs, ",") + `}}`
	if err := (Marshaler{}).Unmarshal([]byte(body), newEverything()); err != nil {
		t.Fatal(err)
	}
	for _, again := range []int{0, 11, 12, 199} {
		e := refusal(t, Marshaler{}.Unmarshal([]byte(strings.Replace(body, "}}", fmt.Sprintf(`,"key_%d":"v"}}`, again), 1)), newEverything()))
		if want := fmt.Sprintf("key_%d", again); e.Code != antonv1.ErrorCode_invalid_json || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %s %s", want, e.Code, e.Message)
		}
	}
}

func TestDecodeReadsAsProtobufDoes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`,
		" \t\r\n{ } \n",
		`{"text":"","count":0,"flag":false}`,
		`{"text":"a\"\\\/\n\r\t"}`,
		`{"text":"\u00e9\ud83d\ude00\u20ac \u2028 <b>&amp;</b>"}`,
		`{"text":"é😀€"}`,
		`{"te\u0078t":"escaped name"}`,
		`{"text":null,"count":null,"flag":null,"color":null,"tags":null,"parts":null,"metadata":null,"at":null,"extra":null,"part":null}`,
		`{"sell_amount":null,"buy_amount":"2"}`,
		`{"count":-2147483648}`, `{"count":2147483647}`, `{"count":-0}`, `{"count":7,"flag":true,"color":"green"}`,
		`{"tags":[],"parts":[],"metadata":{},"part":{},"extra":{}}`,
		`{"tags":["a","","a"],"colors":["red","red","green"]}`,
		`{"parts":[{},{"id":"x","weight":-3,"child":{"child":{"id":"y"}}}]}`,
		`{"metadata":{"":"empty key","a.b":"dot","ü":""},"by_name":{"left":{},"right":{"id":"r"}}}`,
		`{"at":"2026-02-14T10:00:00Z"}`, `{"at":"2026-02-14T10:00:00.5+05:30"}`, `{"at":"2026-02-14T10:00:00.123456789-23:59"}`,
		`{"at":"0001-01-01T00:00:00Z"}`, `{"at":"9999-12-31T23:59:59.999999999Z"}`, `{"at":"1969-12-31T23:59:59.25Z"}`,
		`{"times":["2026-02-14T10:00:00Z","2026-02-14T10:00:00.000Z"]}`,
		`{"extra":{"n":null,"b":[true,false],"s":"x","i":12,"f":-1.5e-3,"o":{"":{}},"l":[[],[1,"a",null]],"z":-0,"tiny":1e-999}}`,
	} {
		got := newEverything()
		if err := (Marshaler{}).Unmarshal([]byte(body), got); err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if want := fromProtojson(t, newEverything(), body); !proto.Equal(got, want) {
			t.Errorf("%s\n got %v\nwant %v", body, got, want)
		}
	}
}

func TestDecodeForgetsWhatTheMessageHeld(t *testing.T) {
	t.Parallel()
	m := &antonv1.CreatePayoutRequest{Amount: "1.00", Metadata: map[string]string{"a": "b"}}
	if err := (Marshaler{}).Unmarshal([]byte(`{"currency":"USD"}`), m); err != nil {
		t.Fatal(err)
	}
	if want := (&antonv1.CreatePayoutRequest{Currency: "USD"}); !proto.Equal(m, want) {
		t.Errorf("got %v, want %v", m, want)
	}
}

func TestDecoderReadsTheWholeBody(t *testing.T) {
	t.Parallel()
	decode := func(r io.Reader, m proto.Message) error { return Marshaler{}.NewDecoder(r).Decode(m) }

	m := &antonv1.CancelPayoutRequest{}
	if err := decode(iotest.OneByteReader(strings.NewReader(`{"reason":"twice"}`)), m); err != nil || m.GetReason() != "twice" {
		t.Errorf("%v, %v", m, err)
	}
	for _, empty := range []string{"", " \r\n"} {
		if err := decode(strings.NewReader(empty), m); err != nil || !proto.Equal(m, &antonv1.CancelPayoutRequest{}) {
			t.Errorf("an empty body %q: %v, %v", empty, m, err)
		}
	}

	limited := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader(`{"reason":"far too long"}`)), 10)
	e := refusal(t, decode(limited, m))
	if e.Code != antonv1.ErrorCode_payload_too_large || e.HTTPStatus() != http.StatusRequestEntityTooLarge || !strings.Contains(e.Message, "10 bytes") {
		t.Errorf("a body over the limit: %v", e)
	}

	err := decode(iotest.ErrReader(io.ErrUnexpectedEOF), m)
	if e := refusal(t, err); e.Code != antonv1.ErrorCode_invalid_json || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: %v", e)
	}
	if errors.Is(err, io.EOF) {
		t.Error("generated handlers take io.EOF for an empty body and would go on")
	}
}

func TestDecodeRefusesFieldsOfThePath(t *testing.T) {
	t.Parallel()
	body := func(text string) io.Reader {
		return boundBody{io.NopCloser(strings.NewReader(text)), map[string]string{"text": "pay_1"}}
	}
	e := refusal(t, Marshaler{}.NewDecoder(body(`{"text":"pay_2","parts":[{"id":"x"}],"flag":true}`)).Decode(newEverything()))
	if want := []apierr.Field{{Path: "text", Message: "is an unknown field here: it is part of the path"}}; !slices.Equal(e.Fields, want) {
		t.Errorf("got %q, want %q", e.Fields, want)
	}
	// Only the request itself has path parameters: a field of the same name deeper in the body is another one.
	if err := (Marshaler{}).NewDecoder(boundBody{io.NopCloser(strings.NewReader(`{"parts":[{"id":"x"}]}`)), map[string]string{"id": "1"}}).Decode(newEverything()); err != nil {
		t.Error(err)
	}
}

func TestDecodeOfATypeThatNoRequestMayHaveIsOurFault(t *testing.T) {
	t.Parallel()
	if e := refusal(t, Marshaler{}.Unmarshal([]byte(`{"big":"1"}`), newEverything())); e.Code != antonv1.ErrorCode_internal {
		t.Errorf("a 64-bit integer: %v", e)
	}
	if e := refusal(t, Marshaler{}.Unmarshal([]byte(`{}`), new(string))); e.Code != antonv1.ErrorCode_internal {
		t.Errorf("no message: %v", e)
	}
}

// Every field of every request of the product must be of a type that the reader knows; else a customer would meet a 500.
func TestEveryRequestCanBeRead(t *testing.T) {
	t.Parallel()
	seen := map[protoreflect.FullName]bool{}
	var walk func(m protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || m.FullName() == structName || m.FullName() == timestampName {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			if fd.IsMap() {
				if fd.MapKey().Kind() != protoreflect.StringKind {
					t.Errorf("%s has keys that are no strings", fd.FullName())
				}
				fd = fd.MapValue()
			}
			if isMask(fd) {
				continue // the names in the body fill it
			}
			if formOf(fd) == unreadable {
				t.Errorf("%s is of a type that requests cannot have", fd.FullName())
			}
			if fd.Message() != nil {
				walk(fd.Message())
			}
		}
	}
	for _, m := range requestTypes() {
		walk(m)
	}
	if !seen["anton.v1.BankAccount"] || !seen["anton.ops.v1.CreateMerchantRequest"] {
		t.Errorf("the walk missed requests: %v", seen)
	}
}

// requestTypes lists the requests of all methods that have a REST route.
func requestTypes() (all []protoreflect.MessageDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("anton.v1", func(f protoreflect.FileDescriptor) bool {
		all = append(all, requestsIn(f)...)
		return true
	})
	protoregistry.GlobalFiles.RangeFilesByPackage("anton.ops.v1", func(f protoreflect.FileDescriptor) bool {
		all = append(all, requestsIn(f)...)
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
}

func requestsIn(f protoreflect.FileDescriptor) (all []protoreflect.MessageDescriptor) {
	for i := range f.Services().Len() {
		for j := range f.Services().Get(i).Methods().Len() {
			all = append(all, f.Services().Get(i).Methods().Get(j).Input())
		}
	}
	return all
}
