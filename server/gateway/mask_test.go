package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// takeMask takes the mask off a message that was read from the body, after holding it against the names that the body has.
func takeMask(m proto.Message, body []byte) error {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(body, &names); err != nil {
		return fmt.Errorf("read the names of the body: %w", err)
	}
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !isMask(fd) {
			continue
		}
		mask := m.ProtoReflect().Get(fd).Message()
		paths := mask.Get(mask.Descriptor().Fields().ByName("paths")).List()
		var got []string
		for i := range paths.Len() {
			got = append(got, paths.Get(i).String())
		}
		if want := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) {
			return fmt.Errorf("the mask is %q, the names in the body are %q", got, want)
		}
		m.ProtoReflect().Clear(fd)
	}
	return nil
}

func TestTheNamesInABodyAreTheMask(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		paths      []string
	}{
		{"nothing", `{}`, nil},
		{"no body", ``, nil},
		{"a value", `{"email":"a@example.com"}`, []string{"email"}},
		{"a null", `{"email":null}`, []string{"email"}},
		{"an empty map", `{"metadata":{}}`, []string{"metadata"}},
		{"names of an object inside", `{"address":{"city":"Berlin"}}`, []string{"address"}},
		{"any order", `{"tax_id":null,"email":"a@example.com","address":null}`, []string{"address", "email", "tax_id"}},
		{"an escaped name", `{"e\u006dail":null}`, []string{"email"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &antonv1.UpdateBeneficiaryRequest{}
			body := boundBody{io.NopCloser(strings.NewReader(c.body)), map[string]string{"id": "ben_1"}}
			if err := (Marshaler{}).NewDecoder(body).Decode(m); err != nil {
				t.Fatal(err)
			}
			if got := m.GetUpdateMask().GetPaths(); !slices.Equal(got, c.paths) {
				t.Errorf("%s: the mask is %q, want %q", c.body, got, c.paths)
			}
		})
	}
}

func TestABodyCannotSayTheMask(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"update_mask":"email"}`, `{"update_mask":{"paths":["email"]}}`, `{"update_mask":null}`} {
		e := refusal(t, Marshaler{}.Unmarshal([]byte(body), &antonv1.UpdateBeneficiaryRequest{}))
		want := []apierr.Field{
			{Path: "update_mask", Message: "is an unknown field here: the fields that you send are the ones that change"},
			{Path: "id", Message: "is required"}, // no path says it here
		}
		if !slices.Equal(e.Fields, want) {
			t.Errorf("%s: got %q, want %q", body, e.Fields, want)
		}
	}
	// And nobody is led to it.
	e := refusal(t, Marshaler{}.Unmarshal([]byte(`{"updateMask":"email"}`), &antonv1.UpdateBeneficiaryRequest{}))
	if strings.Contains(e.Message, "did you mean") {
		t.Errorf("%q", e.Message)
	}
	e = refusal(t, Marshaler{}.NewDecoder(boundBody{io.NopCloser(strings.NewReader(`{"id":null}`)), map[string]string{"id": "ben_1"}}).Decode(&antonv1.UpdateBeneficiaryRequest{}))
	if len(e.Fields) != 1 || e.Fields[0].Path != "id" {
		t.Errorf("a null for a field of the path: %q", e.Fields)
	}
}
