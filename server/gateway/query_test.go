package gateway

import (
	"net/url"
	"slices"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// nothingBound is the filter that generated code has for a path without parameters.
var nothingBound = &utilities.DoubleArray{Encoding: map[string]int{}}

func parseQuery(t *testing.T, m proto.Message, query string, filter *utilities.DoubleArray) error {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return QueryParser{}.Parse(m, values, filter)
}

func TestQueryNamesTheWrongParameter(t *testing.T) {
	t.Parallel()
	const timeRule = "must be a time in RFC 3339 form with its zone, such as 2026-02-14T10:00:00Z, in the years 1 to 9999"
	for _, c := range []struct{ name, query, path, message string }{
		{"unknown", "wholly_new=1", "wholly_new", "is an unknown parameter"},
		{"camelCase", "sellAmount=1", "sellAmount", `is an unknown parameter; did you mean "sell_amount"?`},
		{"misspelt", "txet=1", "txet", `is an unknown parameter; did you mean "text"?`},
		{"no name", "=1", `""`, "is an unknown parameter"},
		{"unprintable name", "a%00%ff=1", "a\ufffd\ufffd", "is an unknown parameter"},
		{"brackets", "metadata[a]=1", "metadata[a]", "is an unknown parameter"},
		{"a map", "metadata=1", "metadata", "is an unknown parameter"},
		{"an object", "part=1", "part", "is an unknown parameter"},
		{"a field of an object", "part.id=1", "part.id", "is an unknown parameter"},
		{"free form", "extra=1", "extra", "is an unknown parameter"},
		{"a type that no request may have", "big=1", "big", "is an unknown parameter"},
		{"twice", "text=a&text=b", "text", "must be given once only"},
		{"twice the same", "flag=true&flag=true", "flag", "must be given once only"},
		{"empty text", "text=", "text", "must not be empty; leave the parameter out instead"},
		{"name alone", "flag", "flag", "must not be empty; leave the parameter out instead"},
		{"empty word", "color=", "color", "must not be empty; leave the parameter out instead"},
		{"empty item", "tags=a&tags=", "tags[1]", "must not be empty; leave the parameter out instead"},
		{"word item", "colors=red&colors=mauve", "colors[1]", "must be one of red, green"},
		{"NUL", "text=a%00b", "text", noControl},
		{"no UTF-8", "text=caf%e9", "text", "must be percent-encoded UTF-8"},
		{"another word", "color=blue", "color", "must be one of red, green"},
		{"capitals", "color=RED", "color", "must be one of red, green"},
		{"number for a word", "color=1", "color", "must be one of red, green"},
		{"unspecified", "color=unspecified", "color", "must be one of red, green"},
		{"number", "count=ten", "count", "must be a whole number, such as 20"},
		{"hexadecimal", "count=0x10", "count", "must be a whole number, such as 20"},
		{"leading zero", "count=010", "count", "must be a whole number, such as 20"},
		{"fraction", "count=1.0", "count", "must be a whole number, such as 20"},
		{"exponent", "count=1e1", "count", "must be a whole number, such as 20"},
		{"plus", "count=%2B1", "count", "must be a whole number, such as 20"},
		{"minus alone", "count=-", "count", "must be a whole number, such as 20"},
		{"too large", "count=2147483648", "count", "must be a whole number from -2147483648 to 2147483647"},
		{"boolean", "flag=1", "flag", "must be true or false"},
		{"boolean in capitals", "flag=True", "flag", "must be true or false"},
		{"date", "at=2026-02-14", "at", timeRule},
		{"plus not encoded", "at=2026-02-14T10:00:00+01:00", "at", timeRule + "; a + of the zone is written %2B in a query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := refusal(t, parseQuery(t, newEverything(), c.query, nothingBound))
			want := []apierr.Field{{Path: c.path, Message: c.message}}
			if e.Code != antonv1.ErrorCode_validation_error || !slices.Equal(e.Fields, want) {
				t.Errorf("%s\n got %s %q\nwant %q", c.query, e.Code, e.Fields, want)
			}
		})
	}
}

func TestQueryCollectsEveryWrongParameter(t *testing.T) {
	t.Parallel()
	e := refusal(t, parseQuery(t, &antonv1.ListPayoutsRequest{}, "status=done&limit=many&creatd_after=2026-02-14T10:00:00Z&beneficiary_id=", nothingBound))
	want := []apierr.Field{
		{Path: "beneficiary_id", Message: "must not be empty; leave the parameter out instead"},
		{Path: "creatd_after", Message: `is an unknown parameter; did you mean "created_after"?`},
		{Path: "limit", Message: "must be a whole number, such as 20"},
		{Path: "status", Message: "must be one of created, pending_screening, screening_failed, pending_approval, velocity_blocked, manual_review, approved, processing, sent, completed, failed, returned, cancelled"},
	}
	if !slices.Equal(e.Fields, want) {
		t.Errorf("got  %q\nwant %q", e.Fields, want)
	}
}

func TestQueryFillsTheRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, want string }{
		{"", `{}`},
		{"text=%20a%0Ab&count=-5&flag=false&color=green", `{"text":" a\nb","count":-5,"flag":false,"color":"green"}`},
		{"count=0", `{"count":0}`},
		{"tags=a&tags=b&tags=a&colors=red", `{"tags":["a","b","a"],"colors":["red"]}`},
		{"at=2026-02-14T10:00:00%2B01:00&times=2026-02-14T10:00:00Z", `{"at":"2026-02-14T09:00:00Z","times":["2026-02-14T10:00:00Z"]}`},
		{"text=a,b;c%26d", ``},
		{"sell_amount=1", `{"sell_amount":"1"}`},
	} {
		got := newEverything()
		values, err := url.ParseQuery(c.query)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: a semicolon was taken", c.query)
			}
			continue
		}
		if err := (QueryParser{}).Parse(got, values, nothingBound); err != nil {
			t.Errorf("%s: %v", c.query, err)
		} else if want := fromProtojson(t, newEverything(), c.want); !proto.Equal(got, want) {
			t.Errorf("%s\n got %v\nwant %v", c.query, got, want)
		}
	}
}

func TestQueryTakesOneOfAPair(t *testing.T) {
	t.Parallel()
	e := refusal(t, parseQuery(t, newEverything(), "sell_amount=1&buy_amount=2", nothingBound))
	if want := []apierr.Field{{Path: "sell_amount", Message: "must not be sent together with buy_amount"}}; !slices.Equal(e.Fields, want) {
		t.Errorf("got %q, want %q", e.Fields, want)
	}
}

func TestQueryCannotSayWhatThePathSays(t *testing.T) {
	t.Parallel()
	// The filter of /v1/beneficiaries/{beneficiary_id}/instruments, as generated.
	filter := utilities.NewDoubleArray([][]string{{"beneficiary_id"}})
	m := &antonv1.ListBeneficiaryInstrumentsRequest{}
	e := refusal(t, parseQuery(t, m, "beneficiary_id=ben_2&limit=5", filter))
	if want := []apierr.Field{{Path: "beneficiary_id", Message: "is an unknown parameter: it is part of the path"}}; !slices.Equal(e.Fields, want) {
		t.Errorf("got %q, want %q", e.Fields, want)
	}
	if err := parseQuery(t, m, "limit=5", filter); err != nil || m.GetLimit() != 5 {
		t.Errorf("%v, %v", m, err)
	}
}

// Every field that a route's query should carry can be carried by it.
func TestEveryQueryFieldIsAWordOfText(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, m := range requestTypes() {
		bindings := bindingsOf(m)
		for _, b := range bindings {
			if b.GetBody() == "*" {
				continue
			}
			_, template := verbOf(b)
			for i := range m.Fields().Len() {
				fd := m.Fields().Get(i)
				if slices.Contains(pathVariable.FindAllString(template, -1), "{"+string(fd.Name())+"}") {
					// Generated code converts path parameters and words its errors itself; a string has none.
					if fd.Kind() != protoreflect.StringKind {
						t.Errorf("%s: path parameters are strings", fd.FullName())
					}
				} else if !inQuery(fd) {
					t.Errorf("%s cannot be a query parameter of %s", fd.FullName(), template)
				}
				checked++
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d fields were looked at", checked)
	}
}
